"""Who was there: stays that meet are one, and how much of a session they come to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tenpo.core import clock
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.video_models import VideoRoomEvent

_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Presence:
    """What is known of one person in one session: how long of it they were there, and whether they are now."""

    length: timedelta
    is_here: bool
    is_by_hand: bool
    first_at: datetime
    # When they last went; None while they are there.
    left_at: datetime | None

    @property
    def minutes(self) -> int:
        """Whole minutes; who was there at all, was there for one."""
        return max(1, round(self.length.total_seconds() / 60)) if self.length else 0


def with_presence(session: Session, bookings: list[Booking]) -> list[Booking]:
    """Bookings of one session, each with the `presence` of its participant, or None: one statement."""
    stays = session.stays.filter(participant__in=[one.participant_id for one in bookings])
    there = presence_in(session, stays, now=clock.now())
    for booking in bookings:
        booking.presence = there.get(booking.participant_id)  # type: ignore[attr-defined]
    return bookings


def presence_in(session: Session, stays: Iterable[Attendance], *, now: datetime) -> dict[UUID, Presence]:
    """By participant. What the coach noted and what the room said counts once where both say it."""
    of: dict[UUID, list[Attendance]] = {}
    for stay in stays:
        of.setdefault(stay.participant_id, []).append(stay)
    return {who: _presence(session, theirs, now) for who, theirs in of.items()}


def _presence(session: Session, stays: list[Attendance], now: datetime) -> Presence:
    end = min(session.ends_at, now)
    spans = merged((stay.joined_at, stay.left_at or max(end, stay.joined_at)) for stay in stays)
    is_here = now < session.ends_at and any(stay.left_at is None for stay in stays)
    inside = (min(until, session.ends_at) - max(since, session.starts_at) for since, until in spans)
    return Presence(
        length=sum((span for span in inside if span > timedelta(0)), timedelta(0)),
        is_here=is_here,
        is_by_hand=any(stay.source == Attendance.Source.HAND for stay in stays),
        first_at=spans[0][0],
        left_at=None if is_here else spans[-1][1],
    )


def merged(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Spans in order, those that meet or overlap as one."""
    found: list[tuple[datetime, datetime]] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((since, until))
    return found


def room_stays(
    events: Iterable[VideoRoomEvent], *, ends_at: datetime, now: datetime
) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """The stays that the events of a room come to, by person; in whichever order they were told, and however often.

    Several connections of one person at once are one stay. What is open when the session is over ends with it; so does
    what is open when the room was closed. An end of which nobody saw the beginning says nothing.
    """
    order = {VideoRoomEvent.Kind.JOINED: 0, VideoRoomEvent.Kind.LEFT: 1, VideoRoomEvent.Kind.ENDED: 2}
    open_since: dict[tuple[str, str], datetime] = {}
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for event in sorted(events, key=lambda one: (one.at, order[VideoRoomEvent.Kind(one.kind)], one.event_id)):
        connection = (event.person_ref, event.connection)
        if event.kind == VideoRoomEvent.Kind.JOINED:
            open_since.setdefault(connection, event.at)
            continue
        closed = list(open_since) if event.kind == VideoRoomEvent.Kind.ENDED else [connection]
        for one in closed:
            if (since := open_since.pop(one, None)) is not None:
                spans.setdefault(one[0], []).append((since, event.at))
    # Open ones last until the end, or for ever as far as is known now.
    for (person, _connection), since in open_since.items():
        spans.setdefault(person, []).append((since, max(since, ends_at) if now >= ends_at else _EVER))
    return {
        person: [(since, None if until == _EVER else until) for since, until in merged(theirs) if until > since]
        for person, theirs in spans.items()
    }
