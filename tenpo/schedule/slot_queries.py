"""Slots: what of a service can be booked when, at one look at the database, however many coaches give it.

What is shown is what the constraints accept. Whoever books one asks the same question, for one start, under the locks.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from tenpo.core import clock
from tenpo.core.compiled import Question
from tenpo.core.days import business_zone
from tenpo.schedule.models import Service
from tenpo.schedule.slot_facts import CoachFacts, Facts, away_of, day_in, facts_between
from tenpo.schedule.slots import (
    Spans,
    Wanted,
    at_minute,
    closed_days,
    forbidden,
    merged,
    minute_after,
    minute_of,
    openings,
    overlap,
    starts,
)

MAX_DAYS = 62
HOSTS_WINDOW_DAYS = 2 * 365


class Slot(NamedTuple):
    """A start that can be booked, and by whom it would be given; of several coaches in the order of their places."""

    starts_at: datetime
    minutes: int
    coaches: tuple[UUID, ...]
    location: UUID | None
    rooms: tuple[UUID, ...] = ()

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(frozen=True)
class SlotSearch:
    """What somebody looks for: from when until when, how long, by whom, where, and for whom.

    Without coaches it is all who give the service; without a location wherever they do. `participant` is whoever would
    take part: where they are elsewhere, or have had as many as one may, nothing is shown. `by_host` leaves the notice
    and the window to whoever books for somebody.
    """

    since: datetime
    until: datetime
    minutes: int
    coaches: Collection[UUID] = ()
    location: UUID | None = None
    participant: UUID | None = None
    by_host: bool = False
    # A session that is to be moved stands in nobody's way.
    moving: UUID | None = None
    # As if nothing were taken yet: what is offered at all.
    is_all_free: bool = False


# By location: the service's rooms there, each with the starts between which it is used.
type _Rooms = dict[UUID | None, dict[UUID, Spans]]
# By location: between which starts the participant cannot, or no room is free.
type _Closed = dict[UUID | None, Spans]


def find_slots(
    service: Service, search: SlotSearch, *, now: datetime | None = None, beside: Question | None = None
) -> list[Slot]:
    """The slots in the order of their starts: one statement, in which something `beside` it is asked as well.

    `since` and `until` are at most `MAX_DAYS` apart; the notice and the window of the service hold besides. What the
    service says of its coaches decides what one slot is: of one coach each that is free then (any or chosen: all of
    them stand in `coaches`), or of all together, whichever of them are asked for.
    """
    now = now or clock.now()
    wanted = wanted_of(service, search, now)
    if wanted.earliest > wanted.latest:
        return []
    is_by_all = service.coaches_rule == Service.Coaches.ALL
    facts = facts_between(
        service, search.since, _end_of(search), coaches=() if is_by_all else search.coaches,
        participant=search.participant, moving=search.moving, now=now, is_all_free=search.is_all_free, beside=beside,
    )  # fmt: skip
    return slots_in(service, search, wanted, facts)


def slots_in(service: Service, search: SlotSearch, wanted: Wanted, facts: Facts) -> list[Slot]:
    """What of all that was found can be booked: pure, so that one look at the database may answer several times."""
    free_rooms = _rooms_of(facts, wanted)
    closed = _closed_at(facts, _closed_to(facts, service, wanted), free_rooms)
    by_start: dict[tuple[int, UUID | None], list[UUID]] = {}
    for coach_id, coach in facts.coaches.items():
        for start, location in _starts_of(coach, facts, search, wanted, closed):
            by_start.setdefault((start, location), []).append(coach_id)
    if service.coaches_rule == Service.Coaches.ALL:
        everybody = len(facts.coaches)
        if not set(search.coaches) <= facts.coaches.keys():
            return []
        by_start = {key: coaches for key, coaches in by_start.items() if len(coaches) == everybody}
    order: dict[UUID | None, int] = {location: number for number, location in enumerate([None, *facts.locations])}
    found = []
    for start, location in sorted(by_start, key=lambda key: (key[0], order[key[1]])):
        here = free_rooms.get(location)
        rooms = tuple(room for room, closed in here.items() if not _is_in(start, closed)) if here else ()
        coaches = tuple(by_start[start, location])
        found.append(Slot(at_minute(start), search.minutes, coaches, location, rooms))
    return found


def wanted_of(service: Service, search: SlotSearch, now: datetime) -> Wanted:
    """What a start of the service must leave room for, and when it may be by the search, the notice and the window.

    Never, where it is withdrawn: then what was booked of it is at most moved.
    """
    is_bookable = service.is_offered or search.moving is not None
    soonest = now if search.by_host else now + timedelta(minutes=service.notice_minutes)
    furthest = now + timedelta(days=HOSTS_WINDOW_DAYS if search.by_host else service.window_days)
    return Wanted(
        minutes=search.minutes,
        step=service.step_minutes,
        before=service.buffer_before,
        after=service.buffer_after,
        earliest=max(minute_after(search.since), minute_after(soonest)),
        latest=min(minute_after(_end_of(search)) - 1, minute_of(furthest)) if is_bookable else -1,
    )


def _end_of(search: SlotSearch) -> datetime:
    return min(search.until, search.since + timedelta(days=MAX_DAYS))


def _starts_of(
    coach: CoachFacts, facts: Facts, search: SlotSearch, wanted: Wanted, closed: _Closed
) -> list[tuple[int, UUID | None]]:
    """When, and where, one coach could begin."""
    cannot = [*forbidden(coach.busy, wanted), *forbidden(away_of(coach), wanted.alone)]
    closed_here = {location: merged([*spans, *cannot]) for location, spans in closed.items()}
    found: dict[tuple[int, UUID | None], None] = {}
    for opened in openings(coach.hours, wanted.earliest, wanted.latest + wanted.minutes):
        for location in _where(opened.location, facts, search.location):
            if location in closed_here:
                for start in starts(opened, closed_here[location], wanted):
                    found[start, location] = None
    return list(found)


def _where(said: UUID | None, facts: Facts, asked: UUID | None) -> Sequence[UUID | None]:
    """At which locations an opening counts: that of the hours, or all at which the service is given."""
    if not facts.is_somewhere:
        # Given nowhere in particular: online, or at a place that is agreed on.
        return () if asked or said else (None,)
    given_at = facts.locations
    possible = [said] if said in given_at else ([] if said else list(given_at))
    return [location for location in possible if asked in (None, location)]


def _closed_to(facts: Facts, service: Service, wanted: Wanted) -> Spans:
    """Between which starts the participant cannot: elsewhere, or with as many on that day or in that week as may be."""
    zone = business_zone()
    days = Counter(day_in(zone.key, start) for start in facts.taken_part)
    closed = [*forbidden(facts.elsewhere, wanted.alone), *closed_days(days, service.most_per_day, zone)]
    if service.most_per_week is not None:
        weeks = Counter(day - timedelta(days=day.weekday()) for day in days.elements())
        full = {
            monday + timedelta(days=number): service.most_per_week
            for monday, count in weeks.items()
            if count >= service.most_per_week
            for number in range(7)
        }
        closed += closed_days(full, service.most_per_week, zone)
    return merged(closed)


def _rooms_of(facts: Facts, wanted: Wanted) -> _Rooms:
    """The service's rooms at each location, each with the starts between which it is used."""
    found: _Rooms = {}
    for room, location in facts.rooms.items():
        found.setdefault(location, {})[room] = forbidden(facts.used.get(room, ()), wanted)
    return found


def _closed_at(facts: Facts, closed_to_all: Spans, free_rooms: _Rooms) -> _Closed:
    """Where it can be given at all, and when not there, whoever gives it: with rooms, where one of them is free."""
    if facts.needs_room:
        return {
            location: merged([*closed_to_all, *_common(list(rooms.values()))]) for location, rooms in free_rooms.items()
        }
    return dict.fromkeys([*facts.locations, None], closed_to_all)


def _common(lists: Sequence[Spans]) -> Spans:
    """The times that are in each of the lists."""
    shared = lists[0]
    for other in lists[1:]:
        shared = overlap(shared, other)
    return shared


def _is_in(start: int, spans: Spans) -> bool:
    return any(first <= start < end for first, end in spans)
