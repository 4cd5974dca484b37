"""Sessions held by video: their rooms, who goes in, and what is told of it."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from time import monotonic
from uuid import UUID

import structlog
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import Http404
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.jobs import each_by_itself
from tenpo.core.outbox import publish
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.seats import lock_session
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import Booking, Intro, Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.resource_models import SessionResource
from tenpo.schedule.stays import room_stays
from tenpo.schedule.video import offered_video, video_provider_of
from tenpo.schedule.video.base import Person, RoomEvent, RoomRecording, VideoRole, VideoTimeout
from tenpo.schedule.video.links import Link
from tenpo.schedule.video_models import VideoRoom, VideoRoomEvent

# From when before the start people go in, and how long an address lets in, where its provider can tell.
JOIN_OPENS = timedelta(minutes=15)
LINK_LASTS = timedelta(minutes=5)
# So long after the end a room is asked about; then it is over whatever is said.
ASKED_AFTER = timedelta(hours=2)
# Recordings take their time to be made ready, and are looked for each quarter of an hour.
RECORDINGS_FOR = timedelta(days=3)
RECORDINGS_EVERY = timedelta(minutes=15)
REFERENCE_BYTES = 18
SILENT_AFTER_SECONDS = 2.0

log = structlog.get_logger()
LINK_LENGTH = SessionResource._meta.get_field("link").max_length or 0


def no_answer() -> RuleError:
    """What people are told while a provider does not answer."""
    return RuleError("no_answer", _("The video room does not answer just now. Try again in a moment."))


@transaction.atomic
def set_video_room(session: Session, provider: str, *, by: User) -> VideoRoom:
    """Hold a session in a room of this provider; it is opened there when the first one goes in. Again changes nothing.

    Raises RuleError not_offered, over, opened.
    """
    session = _managed(session, by)
    if provider not in offered_video():
        raise RuleError("not_offered", _("This way to meet is not switched on here."))
    room = VideoRoom.objects.filter(session=session).first()
    if room is not None and room.provider == provider:
        return room
    if not session.is_planned or session.has_ended():
        raise RuleError("over", _("This session is over or cancelled."))
    if room is not None:
        _drop(room, by=by)
    room = VideoRoom.objects.create(
        session=session, provider=provider, reference=secrets.token_hex(REFERENCE_BYTES), made_by=by
    )
    record("video_room.set", by=by, on=room, after={"provider": provider})
    return room


@transaction.atomic
def drop_video_room(session: Session, *, by: User) -> None:
    """Hold a session without a video room after all; while nobody was in. Raises RuleError opened."""
    session = _managed(session, by)
    if room := VideoRoom.objects.filter(session=session).first():
        _drop(room, by=by)


def join_session(session: Session, *, by: User) -> str:
    """The address by which `by` goes into the session now: for its coach, and for whoever has a place that is booked.

    The room is opened at its provider where it is not open; nothing is locked while that is asked.
    Raises Http404 for everybody else; RuleError no_room, not_planned, too_early, too_late, no_answer.
    """
    person = _person(session, by)
    if person is None:
        raise Http404
    return _go_in(session, person)


def join_intro(intro: Intro) -> str:
    """The address by which a visitor goes into their session now, as whoever has its link; see `join_session`.

    Raises Http404 for one that is not booked; RuleError no_room, not_planned, too_early, too_late, no_answer.
    """
    if intro.state not in Intro.PLACED:
        raise Http404
    participant = intro.participant
    return _go_in(intro.session, Person(participant.pk.hex, participant.name, VideoRole.GUEST))


def _go_in(session: Session, person: Person) -> str:
    _check_joinable(session)
    room = VideoRoom.objects.filter(session=session).first()
    if room is None and not session.join_link:
        raise RuleError("no_room", _("This session has no video room."))
    room = room or VideoRoom(session=session, provider=Link.name)
    room.session = session
    provider = video_provider_of(room.provider)
    try:
        if not room._state.adding:
            # Whoever was in last may have closed it, and a second one is not made.
            provider.create(room, session)
            _note_opened(room)
        return provider.join_url(room, person, until=min(clock.now() + LINK_LASTS, session.ends_at))
    except VideoTimeout as error:
        log.warning("video_room_does_not_answer", room_id=str(room.pk), provider=room.provider, error=str(error))
        raise no_answer() from None


def end_video_room(session: Session, *, by: User) -> None:
    """Close the room for everybody. Closing again closes nothing. Raises RuleError no_answer."""
    if not can_manage_session(by, session):
        raise PermissionDenied
    room = VideoRoom.objects.filter(session=session, opened_at__isnull=False).first()
    if room is None or room.ended_at is not None:
        return
    try:
        video_provider_of(room.provider).end(room)
    except VideoTimeout:
        raise no_answer() from None
    now = clock.now()
    take_in(room, [RoomEvent(f"ended:{now.isoformat()}", VideoRoomEvent.Kind.ENDED, room.reference, now)], by=by)


def receive_room_event(provider: str, headers: Mapping[str, str], body: bytes) -> int:
    """Take in a provider's webhook; returns how many of its events were new. Raises BadSignature.

    Whichever order they come in, and however often: the stays are worked out of all that was told.
    """
    count = 0
    for event in video_provider_of(provider).read_event(headers, body):
        room = VideoRoom.objects.filter(provider=provider, reference=event.room_ref).first()
        count += take_in(room, [event]) if room else 0
    return count


@transaction.atomic
def take_in(room: VideoRoom, events: Sequence[RoomEvent], *, by: User | None = None) -> int:
    """Keep what was told of a room, each event once, and let the stays follow; returns how many were new."""
    session = lock_session(room.session_id)
    room = VideoRoom.objects.select_for_update(no_key=True).get(pk=room.pk)
    rows = [
        VideoRoomEvent(
            room=room, event_id=one.event_id, kind=one.kind, person_ref=one.person_ref[:64],
            connection=one.connection, at=one.at,
        )
        for one in events
    ]  # fmt: skip
    before = room.events.count()
    VideoRoomEvent.objects.bulk_create(rows, ignore_conflicts=True)
    new = room.events.count() - before
    if not new:
        return 0
    _follow(session, room)
    ended = next((one.at for one in events if one.kind == VideoRoomEvent.Kind.ENDED), None)
    if ended is not None and session.ends_at <= clock.now() and room.ended_at is None:
        _end(room, by=by)
    return new


def reconcile_video_rooms(limit: int = 100) -> int:
    """Ask what webhooks have lost: who is in, who has gone, what was recorded; returns how many rooms were asked.

    A provider that lets us wait is not asked again in this run: all else that is due each minute waits for it.
    """
    now = clock.now()
    due = Q(recordings_at=None) | Q(recordings_at__lt=now - RECORDINGS_EVERY)
    lately = VideoRoom.objects.filter(due, opened_at__isnull=False, session__ends_at__gt=now - RECORDINGS_FOR)
    under_way = list(VideoRoom.objects.under_way().select_related("session").order_by("opened_at")[:limit])
    over = list(lately.filter(session__ends_at__lte=now).select_related("session").order_by("recordings_at")[:limit])
    silent: set[str] = set()
    each_by_itself(under_way, lambda room: _ask_who_is_in(room, silent), failure="video_room_not_asked")
    each_by_itself(over, lambda room: _ask_for_recordings(room, silent), failure="recordings_not_asked")
    return len(under_way) + len(over)


def is_joinable(session: Session) -> bool:
    """Whether the room is open to those who may go in."""
    return session.is_planned and session.starts_at - JOIN_OPENS <= clock.now() < session.ends_at


def _person(session: Session, user: User) -> Person | None:
    """As whom somebody goes in; None for who has no business there, an admin without a place too."""
    if user.disabled_at is not None:
        return None
    if session.is_given_by(user):
        return Person(user.participant.pk.hex, user.name, VideoRole.HOST)
    placed = Booking.objects.concerning(user).filter(session=session, state__in=["confirmed", "attended"])
    own_first = sorted(placed.select_related("participant"), key=lambda one: one.participant.user_id != user.pk)
    if not own_first:
        return None
    return Person(own_first[0].participant_id.hex, own_first[0].participant.name, VideoRole.GUEST)


def _check_joinable(session: Session) -> None:
    if is_joinable(session):
        return
    if not session.is_planned:
        raise RuleError("not_planned", _("This session is over or cancelled."))
    if session.has_ended():
        raise RuleError("too_late", _("This session is over."))
    raise RuleError("too_early", _("The room opens a quarter of an hour before the start."))


def _managed(session: Session, by: User) -> Session:
    session = lock_session(session.pk)
    if not can_manage_session(by, session):
        raise PermissionDenied
    return session


def _drop(room: VideoRoom, *, by: User) -> None:
    if room.opened_at is not None:
        raise RuleError("opened", _("Somebody was in this room already, so it stays."))
    record("video_room.dropped", by=by, on=room, before={"provider": room.provider}, after={"provider": None})
    room.delete()


def _note_opened(room: VideoRoom) -> None:
    now = clock.now()
    if VideoRoom.objects.filter(pk=room.pk, opened_at=None).update(opened_at=now):
        room.opened_at = now


@transaction.atomic
def _close(room: VideoRoom) -> None:
    """Note that a room is over; its session's lock comes first."""
    lock_session(room.session_id)
    fresh = VideoRoom.objects.select_for_update(no_key=True).get(pk=room.pk)
    if fresh.ended_at is None:
        _end(fresh, by=None)


def _end(room: VideoRoom, *, by: User | None) -> None:
    room.ended_at = clock.now()
    room.save(update_fields=["ended_at"])
    record("video_room.ended", by=by, on=room, before={"ended_at": None}, after={"ended_at": room.ended_at})


def _follow(session: Session, room: VideoRoom) -> None:
    """Let the stays in the room be what its events come to. The session's lock is held."""
    known = _who_may_stay(session)
    found = room_stays(room.events.all(), ends_at=session.ends_at, now=clock.now())
    wanted = {
        (known[person], joined, left) for person, stays in found.items() if person in known for joined, left in stays
    }
    rows = Attendance.objects.filter(session=session).in_room()
    there = {(row.participant_id, row.joined_at, row.left_at): row.pk for row in rows}
    rows.filter(pk__in=[pk for stay, pk in there.items() if stay not in wanted]).delete()
    Attendance.objects.bulk_create(
        Attendance(session=session, participant_id=who, source="room", joined_at=joined, left_at=left)
        for who, joined, left in sorted(wanted - there.keys(), key=lambda stay: stay[1])
    )


def _who_may_stay(session: Session) -> dict[str, UUID]:
    """Whose stays count, by the id that the provider was told: whoever booked, and its coaches."""
    booked = Booking.objects.filter(session=session).values_list("participant", flat=True)
    coaches = Participant.objects.filter(user__in=session.coach_ids).values_list("pk", flat=True)
    return {pk.hex: pk for pk in [*booked, *coaches]}


def _ask_who_is_in(room: VideoRoom, silent: set[str]) -> None:
    """Note who came and went without a word; close the room when it is over."""
    provider, now = video_provider_of(room.provider), clock.now()
    people, is_active = None, None
    if room.provider not in silent:
        began_at = monotonic()
        try:
            people = provider.people(room)
            is_active = provider.is_active(room) if now >= room.session.ends_at else True
        except VideoTimeout:
            _note_silence(silent, room, began_at)
            people, is_active = None, None
    if people is not None:
        take_in(room, _missed(room, set(people)))
    is_forgotten = now >= room.session.ends_at + ASKED_AFTER
    if is_forgotten or (now >= room.session.ends_at and is_active is False):
        _close(room)


def _note_silence(silent: set[str], room: VideoRoom, began_at: float) -> None:
    """Take down that a provider lets us wait; an answer that is none costs no time, and speaks of one room alone."""
    if monotonic() - began_at > SILENT_AFTER_SECONDS:
        silent.add(room.provider)


def _missed(room: VideoRoom, people: set[str]) -> list[RoomEvent]:
    """What nobody told: of those who are in and did not come, and of those who came and are in no more."""
    now = clock.now()
    kinds = VideoRoomEvent.Kind
    open_now: dict[tuple[str, str], None] = {}
    for event in room.events.order_by("at", "id"):
        connection = (event.person_ref, event.connection)
        if event.kind == kinds.JOINED:
            open_now[connection] = None
        elif event.kind == kinds.LEFT:
            open_now.pop(connection, None)
        else:
            open_now.clear()
    inside = {person for person, _connection in open_now}
    stamp = now.isoformat()
    came = [
        RoomEvent(f"seen:{person}:{stamp}", kinds.JOINED, room.reference, now, person, "seen")
        for person in sorted(people - inside)
        if person
    ]
    gone = [
        RoomEvent(f"gone:{person}:{one}:{stamp}"[:120], kinds.LEFT, room.reference, now, person, one)
        for person, one in open_now
        if person not in people
    ]
    return came + gone


def _ask_for_recordings(room: VideoRoom, silent: set[str]) -> None:
    if room.provider in silent:
        return
    began_at = monotonic()
    try:
        found = video_provider_of(room.provider).recordings(room)
    except VideoTimeout:
        _note_silence(silent, room, began_at)
        return
    VideoRoom.objects.filter(pk=room.pk).update(recordings_at=clock.now())
    for recording in found:
        _keep_recording(room, recording)


@transaction.atomic
def _keep_recording(room: VideoRoom, recording: RoomRecording) -> None:
    """Keep a recording with the session as a link, for those who have a place in it; once."""
    session = lock_session(room.session_id)
    source_id = f"{room.provider}:{recording.id}"[:200]
    if not recording.link.startswith("https://") or session.resources.filter(source_id=source_id).exists():
        return
    if len(recording.link) > LINK_LENGTH:
        # Half an address leads nowhere.
        log.warning("video_recording_has_too_long_a_link", room_id=str(room.pk), provider=room.provider)
        return
    resource = SessionResource.objects.create(
        session=session, kind=SessionResource.Kind.RECORDING, name=session.title, link=recording.link,
        duration_seconds=recording.seconds, uploaded_by_id=session.coach_id, source_id=source_id,
    )  # fmt: skip
    record("resource.added", by=None, on=resource, after={"name": resource.name, "is_public": False})
    publish("resource.added", subject=resource, session_id=session.pk, kind=resource.kind)
