"""Many coaches at a glance: when anyone could begin, from the weeks that are kept as bits.

It is a hint, for whoever looks at a month or at all coaches: what can be booked is what `find_slots` says of a day.
What is kept of a coach counts only for the version of their time that it was worked out of (`CoachTime`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from psycopg.pq import Format

from tenpo.core import clock
from tenpo.schedule.models import CoachWeek, Service
from tenpo.schedule.slot_bits import (
    GRID,
    WEEK_MINUTES,
    Weeks,
    cut,
    in_a_row,
    of_anyone,
    set_bits,
    side_by_side,
    start_bits,
    week_from,
    week_of,
)
from tenpo.schedule.slot_facts import CLOCK, GIVEN, away_of, facts_between
from tenpo.schedule.slot_queries import SlotSearch, wanted_of
from tenpo.schedule.slots import at_minute, minute_of, openings

# Of each coach one row: their weeks in one piece, where all of them are kept and none is old.
_KEPT = f"""
    SELECT g.coach_id, coalesce(c.version, 0), z.name, w.kept, w.first, w.open, w.there, w.free
    FROM ({GIVEN}) g JOIN people_user u ON u.id = g.coach_id
    LEFT JOIN schedule_workingterms t ON t.coach_id = g.coach_id
    CROSS JOIN LATERAL (SELECT {CLOCK} AS name) z
    LEFT JOIN schedule_coachtime c ON c.coach_id = g.coach_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS kept,
               string_agg(first, '' ORDER BY week) AS first, string_agg(open, '' ORDER BY week) AS open,
               string_agg(there, '' ORDER BY week) AS there, string_agg(free, '' ORDER BY week) AS free
        FROM schedule_coachweek
        WHERE coach_id = g.coach_id AND week BETWEEN %(first)s AND %(last)s
          AND version = coalesce(c.version, 0) AND time_zone = z.name) w"""  # noqa: S608 (our own words)


@dataclass
class _Kept:
    version: int
    time_zone: str
    weeks: Weeks | None = None


def free_starts(service: Service, search: SlotSearch, *, now: datetime | None = None) -> list[datetime]:
    """When anyone of the service could begin, in order: one statement, where nothing must be worked out anew.

    Locations, rooms and whoever takes part are not looked at.
    """
    since, found = _starts(service, search, now or clock.now())
    return [at_minute(since + bit * GRID) for bit in set_bits(found)]


def days_with_slots(service: Service, search: SlotSearch, zone: ZoneInfo, *, now: datetime | None = None) -> list[date]:
    """The days, in a zone, on which somebody could begin."""
    since, found = _starts(service, search, now or clock.now())
    return sorted({at_minute(since + bit * GRID).astimezone(zone).date() for bit in set_bits(found)})


def _starts(service: Service, search: SlotSearch, now: datetime) -> tuple[int, int]:
    """The minute of the first bit, and the starts of anyone."""
    wanted = wanted_of(service, search, now)
    # What begins on the day before may reach into it, and hours that began then go on.
    first = week_of(minute_of(search.since - timedelta(days=1)))
    last = week_of(max(wanted.latest, wanted.earliest) + wanted.minutes + wanted.after)
    since = first * WEEK_MINUTES
    if wanted.earliest > wanted.latest:
        return since, 0
    kept = _read(service, search, first, last)
    numbers = range(first, last + 1)
    if missing := [coach for coach, one in kept.items() if one.weeks is None]:
        _work_out(service, missing, kept, numbers, now)
    rows = [one.weeks for one in kept.values() if one.weeks is not None]
    if not rows:
        return since, 0
    found = start_bits(side_by_side(rows), wanted)
    return since, cut(of_anyone(found, len(rows), len(numbers)), wanted, since)


def _read(service: Service, search: SlotSearch, first: int, last: int) -> dict[UUID, _Kept]:
    kept: dict[UUID, _Kept] = {}
    parameters = {"service": service.pk, "coaches": list(search.coaches) or None, "first": first, "last": last}
    with connection.cursor() as cursor:
        # As text each byte would come as two digits.
        cursor.cursor.format = Format.BINARY
        cursor.execute(_KEPT, parameters)
        for coach, version, time_zone, number, *weeks in cursor.fetchall():
            is_whole = number == last - first + 1
            kept[coach] = _Kept(version, time_zone, Weeks(*weeks) if is_whole else None)
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
        weeks = [week_from(number, hours, said.busy, closed).as_bytes() for number in numbers]
        known = kept[coach]
        known.weeks = in_a_row(weeks)
        about = {"coach_id": coach, "version": known.version, "time_zone": known.time_zone}
        rows += [CoachWeek(week=number, **about, **week._asdict()) for number, week in zip(numbers, weeks, strict=True)]
    CoachWeek.objects.bulk_create(
        sorted(rows, key=lambda row: (row.coach_id, row.week)), update_conflicts=True, unique_fields=["coach", "week"],
        update_fields=["version", "time_zone", "first", "open", "there", "free"],
    )  # fmt: skip


def forget_past_weeks(now: datetime | None = None) -> int:
    """Drop the weeks that are over; returns how many. The nightly job calls it."""
    first = week_of(minute_of((now or clock.now()) - timedelta(days=7)))
    return CoachWeek.objects.filter(week__lt=first).delete()[0]
