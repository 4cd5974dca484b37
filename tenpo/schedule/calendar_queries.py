"""When people are taken elsewhere, as the calendars that they connected say."""

import hashlib
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from icalendar import Event

from tenpo.core import clock
from tenpo.people.models import User
from tenpo.people.queries import Standing
from tenpo.schedule.calendar_models import (
    CalendarConnection,
    CalendarConnectionQuerySet,
    OutsideEvent,
    WrittenEvent,
    WrittenEventQuerySet,
)
from tenpo.schedule.calendars.base import OurEvent, Said, said_of
from tenpo.schedule.ical import booking_event, stored_file, taught_event
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.queries import one_for_each_session
from tenpo.schedule.session_coach_queries import name_coaches

# Asked by the expressions of the index `outside_event_by_user_and_time`. What touches or overlaps is one interval.
_BUSY = """
    SELECT e.user_id, lower(taken), upper(taken) FROM (
        SELECT e.user_id, unnest(range_agg(tstzrange(e.starts_at, e.ends_at, '[)'))) AS taken
        FROM unnest(%(users)s::uuid[]) asked(id)
        JOIN schedule_outsideevent e ON uuidrange(e.user_id, e.user_id, '[]') && uuidrange(asked.id, asked.id, '[]')
            AND tstzrange(e.starts_at, e.ends_at, '[)') && tstzrange(%(since)s, %(until)s, '[)') AND e.is_busy
        JOIN schedule_calendarconnection c ON c.id = e.connection_id AND c.blocks_time
        GROUP BY e.user_id) e
    ORDER BY 1, 2
"""


OURS_AHEAD = timedelta(days=180)
# Of what is taught, and of what is booked: more than eight a day, on each of these days.
OURS_MOST = 1_500
FOR_SURE = (Booking.State.CONFIRMED, Booking.State.ATTENDED, Booking.State.NO_SHOW)


def busy_outside(
    user_ids: Collection[UUID], since: datetime, until: datetime
) -> dict[UUID, list[tuple[datetime, datetime]]]:
    """When these people are taken elsewhere between two moments: one statement, however many they are.

    Of each who is taken at all the intervals in their order, merged, from including to without their end; they are
    whole, so the first may begin before `since`. Only of calendars whose times their owner lets be taken.
    """
    found: dict[UUID, list[tuple[datetime, datetime]]] = {}
    if not user_ids or since >= until:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_BUSY, {"users": [*set(user_ids)], "since": since, "until": until})
        for user_id, starts_at, ends_at in cursor.fetchall():
            found.setdefault(user_id, []).append((starts_at, ends_at))
    return found


def taught_ahead(coach: User, *, now: datetime) -> list[Session]:
    """The next that somebody is to teach, in its order: one statement."""
    planned = Session.objects.taught_by(coach).filter(status=Session.Status.PLANNED, ends_at__gt=now)
    return list(planned.order_by("starts_at", "id")[:OURS_MOST])


def taught_while_elsewhere(coach: User, *, now: datetime | None = None) -> list[Session]:
    """What somebody is to teach while a calendar of theirs says that they are elsewhere, in its order: all of it.

    It is shown to them and moves nothing: only they know which of both holds. Two statements, one more where there is
    anything.
    """
    now = now or clock.now()
    planned = Session.objects.taught_by(coach).filter(status=Session.Status.PLANNED, ends_at__gt=now)
    times = list(planned.order_by("starts_at", "id").values_list("pk", "starts_at", "ends_at"))
    if not times:
        return []
    until = max(ends_at for _pk, _starts_at, ends_at in times)
    busy = busy_outside([coach.pk], times[0][1], until).get(coach.pk, [])
    ends = [ends_at for _starts_at, ends_at in busy]
    found = []
    for pk, starts_at, ends_at in times:
        # The first that is not over when it begins; they lie apart.
        place = bisect_right(ends, starts_at)
        if place < len(busy) and busy[place][0] < ends_at:
            found.append(pk)
    return list(Session.objects.filter(pk__in=found).order_by("starts_at", "id")) if found else []


def my_calendars(user: User) -> CalendarConnectionQuerySet:
    """What `user` has connected, in its order."""
    return CalendarConnection.objects.visible_to(user).order_by("id")


SHOWN_TIMES = 10


def coming_times(connected: CalendarConnection) -> list[OutsideEvent]:
    """The next times that a calendar takes."""
    rows = OutsideEvent.objects.filter(connection=connected, is_busy=True, ends_at__gt=clock.now())
    return list(rows.order_by("starts_at", "id")[:SHOWN_TIMES])


@dataclass(frozen=True)
class Ours:
    """A session or booking of somebody's as it is to stand in their calendar elsewhere."""

    event: OurEvent
    session: Session
    booking: Booking | None

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(self.event.content).hexdigest()


def our_events(user: User, *, now: datetime) -> dict[str, Ours]:
    """What `user` teaches and has booked for sure in the next months, by its id there."""
    return our_events_until(user, now=now)[0]


def our_events_until(user: User, *, now: datetime) -> tuple[dict[str, Ours], datetime]:
    """The same, and until when that is all: the end of those months, or of as much as is written at once."""
    taught = Session.objects.taught_by(user).filter(
        status=Session.Status.PLANNED, ends_at__gt=now, starts_at__lt=now + OURS_AHEAD
    )
    mine = Booking.objects.concerning(user).filter(
        state__in=FOR_SURE,
        session__ends_at__gt=now,
        session__starts_at__lt=now + OURS_AHEAD,
    )
    found: dict[str, Ours] = {}
    sessions = list(taught.select_related("coach").order_by("starts_at", "id")[:OURS_MOST])
    name_coaches(sessions)
    for session in sessions:
        ours = _ours(taught_event(session), session, None)
        found[ours.event.uid] = ours
    rows = mine.select_related("session__coach", "participant").order_by("session__starts_at", "id")
    bookings = list(rows[:OURS_MOST])
    name_coaches(booking.session for booking in bookings)
    for booking in one_for_each_session(bookings, user):
        ours = _ours(booking_event(booking), booking.session, booking)
        found[ours.event.uid] = ours
    lasts = [full[-1] for full in (sessions, [one.session for one in bookings]) if len(full) == OURS_MOST]
    return found, min([now + OURS_AHEAD, *(last.starts_at for last in lasts)])


def standing_after(made: CalendarConnection, uids: Collection[str], until: datetime) -> set[str]:
    """Which of these stand in a calendar as they are to, from `until` on: one statement."""
    rows = WrittenEvent.objects.filter(connection=made, uid__in=uids, session__starts_at__gte=until)
    rows = rows.filter(ends_at=F("session__ends_at"), session__status=Session.Status.PLANNED)
    taught = Q(booking=None, session__in=Session.objects.taught_by(made.user))
    return set(rows.filter(taught | Q(booking__state__in=FOR_SURE)).values_list("uid", flat=True))


def _ours(event: Event, session: Session, booking: Booking | None) -> Ours:
    said = said_of(event)
    assert said is not None, "what is called off is not written"
    return Ours(OurEvent(str(event["UID"]), said, str(event["DESCRIPTION"]), stored_file(event)), session, booking)


def conflicts_of(user: User) -> WrittenEventQuerySet:
    """Where a calendar of `user` says something else of what is ours."""
    rows = WrittenEvent.objects.visible_to(user).in_conflict()
    return rows.select_related("connection", "session__coach", "booking").order_by("ends_at", "id")


def takes_place(event: WrittenEvent) -> bool:
    """Whether what we wrote is to take place: planned, and for who booked it still booked."""
    is_off = event.booking is not None and event.booking.state == Booking.State.CANCELLED
    return event.session.is_planned and not is_off


def ours_now(event: WrittenEvent) -> Said:
    """What we would write of it now."""
    session = event.session
    return Said(session.title, session.starts_at, session.ends_at, session.place or event.ours["place"])


def standing_calendars(user: User) -> list[Standing]:
    """The calendars elsewhere that are told when and where `user` is."""
    rows = CalendarConnection.objects.filter(user=user, writes_sessions=True).exclude(state="off").order_by("id")
    url = reverse("schedule:calendar-list")
    return [
        Standing(_("The calendar “%(calendar)s”, to which your sessions are written") % {"calendar": row.label}, url)
        for row in rows
    ]
