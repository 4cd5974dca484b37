"""Many coaches at a glance: when anyone could begin, from the weeks that are kept as bits.

It is a hint, for whoever looks at a month or at all coaches: what can be booked is what `find_slots` says of a day.
What is kept of a coach counts only for the version of their time that it was worked out of (`CoachTime`).
"""

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from tenpo.core import clock
from tenpo.schedule.models import CoachWeek, Service
from tenpo.schedule.slot_bits import (
    GRID,
    WEEK_BYTES,
    WEEK_MINUTES,
    Week,
    joined,
    places,
    start_bits,
    week_from,
    week_of,
)
from tenpo.schedule.slot_queries import CLOCK, GIVEN, SlotSearch, away_of, facts_between, wanted_of
from tenpo.schedule.slots import at_minute, minute_of, openings

_KEPT = f"""
    SELECT g.coach_id, coalesce(c.version, 0), z.name, w.week, w.first, w.open, w.there, w.free
    FROM ({GIVEN}) g JOIN people_user u ON u.id = g.coach_id
    LEFT JOIN schedule_workingterms t ON t.coach_id = g.coach_id
    CROSS JOIN LATERAL (SELECT {CLOCK} AS name) z
    LEFT JOIN schedule_coachtime c ON c.coach_id = g.coach_id
    LEFT JOIN schedule_coachweek w ON w.coach_id = g.coach_id AND w.week BETWEEN %(first)s AND %(last)s
        AND w.version = coalesce(c.version, 0) AND w.time_zone = z.name
    ORDER BY g.place, g.id, w.week"""  # noqa: S608 (our own words)


@dataclass
class _Kept:
    version: int
    time_zone: str
    weeks: dict[int, Week] = field(default_factory=dict)


def free_starts(service: Service, search: SlotSearch, *, now: datetime | None = None) -> list[datetime]:
    """When anyone of the service could begin, in order: one statement, where nothing must be worked out anew.

    Locations, rooms and whoever takes part are not looked at.
    """
    since, of_coaches = _starts(service, search, now or clock.now())
    return [at_minute(since + place * GRID) for place in places(_anyone(of_coaches))]


def days_with_slots(service: Service, search: SlotSearch, zone: ZoneInfo, *, now: datetime | None = None) -> list[date]:
    """The days, in a zone, on which somebody could begin."""
    since, of_coaches = _starts(service, search, now or clock.now())
    days = {at_minute(since + place * GRID).astimezone(zone).date() for place in places(_anyone(of_coaches))}
    return sorted(days)


def coaches_at(service: Service, search: SlotSearch, *, now: datetime | None = None) -> list[UUID]:
    """Who could begin at all in the time of the search, in the order of their places: about whom to ask further."""
    _since, of_coaches = _starts(service, search, now or clock.now())
    return [coach for coach, bits in of_coaches.items() if bits]


def _anyone(of_coaches: Mapping[UUID, int]) -> int:
    return functools.reduce(operator.or_, of_coaches.values(), 0)


def _starts(service: Service, search: SlotSearch, now: datetime) -> tuple[int, dict[UUID, int]]:
    """The minute of the first bit, and the starts of each coach."""
    wanted = wanted_of(service, search, now)
    # What begins on the day before may reach into it, and hours that began then go on.
    first = week_of(minute_of(search.since - timedelta(days=1)))
    last = week_of(max(wanted.latest, wanted.earliest) + wanted.minutes + wanted.after)
    since = first * WEEK_MINUTES
    if wanted.earliest > wanted.latest:
        return since, {}
    kept = _read(service, search, first, last)
    numbers = range(first, last + 1)
    missing = [coach for coach, one in kept.items() if any(number not in one.weeks for number in numbers)]
    if missing:
        _work_out(service, missing, kept, numbers, now)
    of_coaches = {}
    for coach, one in kept.items():
        of_coaches[coach] = start_bits(joined([one.weeks[number] for number in numbers]), wanted, since)
    return since, of_coaches


def _read(service: Service, search: SlotSearch, first: int, last: int) -> dict[UUID, _Kept]:
    kept: dict[UUID, _Kept] = {}
    parameters = {"service": service.pk, "coaches": list(search.coaches) or None, "first": first, "last": last}
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, parameters)
        for coach, version, time_zone, week, *bits in cursor.fetchall():
            one = kept.setdefault(coach, _Kept(version, time_zone))
            if week is not None:
                one.weeks[week] = Week(*(int.from_bytes(part, "little") for part in bits))
    return kept


def _work_out(
    service: Service, coaches: Sequence[UUID], kept: dict[UUID, _Kept], numbers: range, now: datetime
) -> None:
    """Work out weeks from what stands in the database now, which is as new as the versions or newer, and keep them."""
    since, until = at_minute(numbers[0] * WEEK_MINUTES), at_minute((numbers[-1] + 1) * WEEK_MINUTES)
    facts = facts_between(service, since, until, coaches=coaches, now=now)
    rows = []
    for coach in coaches:
        said = facts.coaches.get(coach)
        if said is None:
            # Somebody who was disabled in between.
            kept.pop(coach, None)
            continue
        hours = openings(said.hours, minute_of(since) - 1, minute_of(until))
        closed = away_of(said)
        for number in numbers:
            week = week_from(number, hours, said.busy, closed)
            kept[coach].weeks[number] = week
            rows.append(_row(coach, number, kept[coach], week))
    CoachWeek.objects.bulk_create(
        sorted(rows, key=lambda row: (row.coach_id, row.week)), update_conflicts=True, unique_fields=["coach", "week"],
        update_fields=["version", "time_zone", "first", "open", "there", "free"],
    )  # fmt: skip


def _row(coach: UUID, number: int, of: _Kept, week: Week) -> CoachWeek:
    parts = {name: getattr(week, name).to_bytes(WEEK_BYTES, "little") for name in ("first", "open", "there", "free")}
    return CoachWeek(coach_id=coach, week=number, version=of.version, time_zone=of.time_zone, **parts)


def forget_past_weeks(now: datetime | None = None) -> int:
    """Drop the weeks that are over; returns how many. The nightly job calls it."""
    first = week_of(minute_of((now or clock.now()) - timedelta(days=7)))
    return CoachWeek.objects.filter(week__lt=first).delete()[0]
