"""Sessions that have begun or are over, and who was there, for tests."""

from datetime import datetime, timedelta
from itertools import count

import time_machine
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.core.tokens import new_token
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.actions.reviews import write_review
from tenpo.schedule.actions.video_rooms import take_in
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.review_models import SessionReview
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.video.base import RoomEvent
from tenpo.schedule.video_models import VideoRoom, VideoRoomEvent

# Where nobody else is, until a session is moved to where it shall be.
_days = count(400)


def make_begun(
    *,
    begun_ago: timedelta = timedelta(minutes=1),
    minutes: int = 60,
    coach: User | None = None,
    member: User | None = None,
) -> Booking:
    """A booking of a session that began so long ago; below zero, it will."""
    booking = make_booking(make_session(coach, starts_in=timedelta(days=next(_days))), member or make_member())
    move(booking.session, begun_ago=begun_ago, minutes=minutes)
    return Booking.objects.select_related("session__coach", "participant", "booked_by").get(pk=booking.pk)


def make_attended(
    *, ended_ago: timedelta = timedelta(minutes=1), coach: User | None = None, member: User | None = None
) -> Booking:
    """The place of somebody who came to a session that ended so long ago."""
    booking = make_begun(begun_ago=ended_ago + timedelta(hours=1), coach=coach, member=member)
    with time_machine.travel(booking.session.ends_at):
        mark_attendance(booking, state=Booking.State.ATTENDED, by=booking.session.coach)
    booking.refresh_from_db(fields=["state"])
    return booking


def make_video_room(booking: Booking, *, provider: str = "jitsi") -> VideoRoom:
    """The room of a session, opened, which whoever has this place came into and left."""
    session = booking.session
    room = VideoRoom.objects.create(
        session=session, provider=provider, reference=new_token(), made_by=session.coach, opened_at=timezone.now()
    )
    now, who = timezone.now(), booking.participant_id.hex
    came = RoomEvent("1", VideoRoomEvent.Kind.JOINED, room.reference, now - timedelta(minutes=2), who, "1")
    left = RoomEvent("2", VideoRoomEvent.Kind.LEFT, room.reference, now - timedelta(minutes=1), who, "1")
    take_in(room, [came, left])
    return room


def review(booking: Booking, *, by: User, rating: int = 4, comment: str = "") -> SessionReview:
    """What one side says of the other, whichever `by` is."""
    side = SessionReview.Side.COACH if by.pk == booking.session.coach_id else SessionReview.Side.PARTICIPANT
    return write_review(booking, side=side, rating=rating, comment=comment, by=by)


def move(session: Session, *, begun_ago: timedelta, minutes: int = 60) -> None:
    """Let a session have begun so long ago, as only a test can."""
    start = timezone.now() - begun_ago
    set_times(Session.objects.filter(pk=session.pk), starts_at=start, ends_at=start + timedelta(minutes=minutes))


def make_stay(
    session: Session, member: User, *, joined_at: datetime | None = None, left_at: datetime | None = None
) -> Attendance:
    """A stay of which the video room told."""
    return Attendance.objects.create(
        session=session,
        participant=member.participant,
        source=Attendance.Source.ROOM,
        joined_at=joined_at or timezone.now(),
        left_at=left_at,
    )
