"""What decides on slots, as the database has it at one moment: one statement, however many coaches there are."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from tenpo.core.compiled import Question
from tenpo.schedule.free_days import holidays_of
from tenpo.schedule.models import Service
from tenpo.schedule.service_models import MAX_BUFFER_MINUTES
from tenpo.schedule.slots import CoachHours, Opening, Spans, Weekly, at_minute, closed_days, merged

# How far before a time something may begin that still reaches into it: a session of a day, and the time after it.
REACH = timedelta(days=1, minutes=MAX_BUFFER_MINUTES)
# What is counted on the days at both ends is on them, in whatever clock.
_MARGIN = timedelta(days=2)


@dataclass
class CoachFacts:
    """What decides on the slots of one coach."""

    hours: CoachHours = field(default_factory=CoachHours)
    busy: Spans = field(default_factory=list)
    away: Spans = field(default_factory=list)
    days: Counter[date] = field(default_factory=Counter)
    most_per_day: int | None = None


@dataclass
class Facts:
    """Everything that decides on slots, as it was at one moment."""

    coaches: dict[UUID, CoachFacts] = field(default_factory=dict)
    # The open locations at which the service is given, in the order of their names; its open rooms at each, and what
    # uses them. What was given somewhere, or in a room, is given nowhere when all of them are closed.
    locations: list[UUID] = field(default_factory=list)
    is_somewhere: bool = False
    needs_room: bool = False
    rooms: dict[UUID, UUID] = field(default_factory=dict)
    used: dict[UUID, Spans] = field(default_factory=dict)
    elsewhere: Spans = field(default_factory=list)
    taken_part: list[int] = field(default_factory=list)


# The rows of the database's answer by what they tell; what their columns are is said where they are read.
type _Answer = Mapping[str, Sequence[tuple[Any, ...]]]

_MINUTE = "floor(extract(epoch FROM {}) / 60)::bigint"
_MINUTE_UP = "ceil(extract(epoch FROM {}) / 60)::bigint"


_NEAR = (
    "s.status <> 'cancelled' AND s.starts_at > %(reach)s AND s.starts_at < %(until)s AND s.id <> %(moving)s"
    " AND s.id NOT IN (SELECT session_id FROM lapsed)"
)

# What coaches claim, by where it begins, as the index `session_coach_by_time` has it: what takes no time comes first.
_CLAIMED = (
    "c.claimed > tstzrange(%(reach)s, %(reach)s, '[]') AND c.claimed < tstzrange(%(until)s, %(until)s, '[]')"
    " AND c.session_id <> %(moving)s AND c.session_id NOT IN (SELECT session_id FROM lapsed)"
)

# Who gives a service now, of those asked for; and the clock that a user `u` works by, whose terms are `t`.
GIVEN = """
    SELECT g.coach_id, g.place, g.id FROM schedule_servicecoach g JOIN people_user u ON u.id = g.coach_id
    WHERE g.service_id = %(service)s AND u.disabled_at IS NULL
      AND EXISTS (SELECT FROM people_rolegrant r WHERE r.user_id = u.id AND r.role = 'coach')
      AND (%(coaches)s::uuid[] IS NULL OR g.coach_id = ANY (%(coaches)s::uuid[]))"""
CLOCK = "coalesce(nullif(t.time_zone, ''), u.time_zone)"
# What of a calendar elsewhere `e` takes the time of a coach `g`; asked by the index `outside_event_by_user_and_time`.
OUTSIDE = (
    "uuidrange(e.user_id, e.user_id, '[]') && uuidrange(g.coach_id, g.coach_id, '[]')"
    " AND tstzrange(e.starts_at, e.ends_at, '[)') && tstzrange(%(since)s, %(until)s, '[)') AND e.is_busy"
    " AND EXISTS (SELECT FROM schedule_calendarconnection c WHERE c.id = e.connection_id AND c.blocks_time)"
)


def _facts_sql() -> str:
    # Each kind of row has things of its own in these columns: `_read_hours` and its like name them.
    return f"""
    WITH given AS MATERIALIZED ({GIVEN}),
    lapsed AS MATERIALIZED (
        SELECT b.session_id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id AND s.is_private
        WHERE b.state IN ('held', 'offered') AND b.held_until <= %(now)s
        GROUP BY b.session_id, s.seats_taken HAVING count(*) >= s.seats_taken
        UNION ALL SELECT i.session_id FROM schedule_intro i WHERE i.state = 'held' AND i.held_until <= %(now)s)
    SELECT 'coach' AS kind, u.id AS owner, g.place::bigint AS start, NULL::bigint AS "end",
           t.most_per_day::bigint AS number, NULL::uuid AS location,
           {CLOCK} || ' ' || coalesce(t.holidays_of, '') AS word,
           NULL::date AS first, NULL::date AS last
    FROM given g JOIN people_user u ON u.id = g.coach_id
    LEFT JOIN schedule_workingterms t ON t.coach_id = u.id
    UNION ALL
    SELECT 'weekly', coach_id, opens, closes, weekday, location_id, NULL, starts_on, ends_on
    FROM schedule_availability WHERE coach_id IN (SELECT coach_id FROM given)
    UNION ALL
    SELECT 'day', coach_id, opens, closes, NULL, location_id, NULL, day, NULL
    FROM schedule_availabilityexception
    WHERE coach_id IN (SELECT coach_id FROM given) AND day BETWEEN %(reach)s::date AND %(until)s::date + 1
    UNION ALL
    SELECT 'travel', coach_id, NULL, NULL, NULL, NULL, time_zone, starts_on, ends_on
    FROM schedule_travel WHERE coach_id IN (SELECT coach_id FROM given) AND ends_on >= %(reach)s::date
    UNION ALL
    SELECT 'away', coach_id, {_MINUTE.format("starts_at")}, {_MINUTE_UP.format("ends_at")}, NULL, NULL, NULL, NULL, NULL
    FROM schedule_timeoff
    WHERE coach_id IN (SELECT coach_id FROM given) AND ends_at > %(since)s AND starts_at < %(until)s
    UNION ALL
    SELECT 'outside', g.coach_id, {_MINUTE.format("e.starts_at")}, {_MINUTE_UP.format("e.ends_at")},
           NULL, NULL, NULL, NULL, NULL
    FROM given g JOIN schedule_outsideevent e ON {OUTSIDE}
    UNION ALL
    SELECT 'busy', c.coach_id, {_MINUTE.format("lower(c.claimed)")}, {_MINUTE_UP.format("upper(c.claimed)")},
           CASE WHEN t.most_per_day IS NOT NULL THEN
             (SELECT {_MINUTE.format("s.starts_at")} FROM schedule_session s WHERE s.id = c.session_id) END,
           NULL::uuid, NULL, NULL::date, NULL::date
    FROM given g JOIN schedule_sessioncoach c ON c.coach_id = g.coach_id AND {_CLAIMED}
    LEFT JOIN schedule_workingterms t ON t.coach_id = g.coach_id
    UNION ALL
    SELECT 'location', l.id, row_number() OVER (ORDER BY l.name, l.id), NULL, (l.closed_at IS NULL)::int, NULL, NULL,
           NULL, NULL
    FROM schedule_service_locations sl JOIN schedule_location l ON l.id = sl.location_id
    WHERE sl.service_id = %(service)s
    UNION ALL
    SELECT 'room', r.id, NULL, NULL, (r.closed_at IS NULL)::int, r.location_id, NULL, NULL, NULL
    FROM schedule_service_rooms sr JOIN schedule_room r ON r.id = sr.room_id
    WHERE sr.service_id = %(service)s
    UNION ALL
    SELECT 'used', s.room_id, {_MINUTE.format("coalesce(s.busy_from, s.starts_at)")},
           {_MINUTE_UP.format("coalesce(s.busy_until, s.ends_at)")}, NULL, NULL, NULL, NULL, NULL
    FROM schedule_service_rooms sr JOIN schedule_session s ON s.room_id = sr.room_id
    WHERE sr.service_id = %(service)s AND {_NEAR}
    UNION ALL
    SELECT 'elsewhere', b.participant_id, {_MINUTE.format("b.starts_at")}, {_MINUTE_UP.format("b.ends_at")},
           NULL, NULL, NULL, NULL, NULL
    FROM schedule_booking b
    WHERE b.participant_id = %(participant)s AND b.state IN ('held', 'confirmed', 'attended', 'no_show')
      AND b.starts_at > %(reach)s AND b.starts_at < %(until)s AND b.session_id <> %(moving)s
      AND (b.state <> 'held' OR b.held_until > %(now)s)
    UNION ALL
    SELECT 'took', b.participant_id, {_MINUTE.format("s.starts_at")}, NULL, NULL, NULL, NULL, NULL, NULL
    FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
    WHERE b.participant_id = %(participant)s AND s.service_id = %(service)s
      AND b.state IN ('held', 'confirmed', 'attended', 'no_show')
      AND s.starts_at > %(since)s - interval '8 days' AND s.starts_at < %(until)s + interval '8 days'
      AND b.session_id <> %(moving)s AND (b.state <> 'held' OR b.held_until > %(now)s)"""  # noqa: S608 (our own words)


# In one line: psycopg keeps what it made of a statement only as long as that is not too long.
_SQL = " ".join(_facts_sql().split())
_NOBODY = UUID(int=0)


def facts_between(
    service: Service,
    since: datetime,
    until: datetime,
    *,
    coaches: Collection[UUID] = (),
    participant: UUID | None = None,
    moving: UUID | None = None,
    now: datetime,
    is_all_free: bool = False,
    beside: Question | None = None,
) -> Facts:
    """What decides on slots between two times, of some or of all who give a service: one statement."""
    parameters = {
        "service": service.pk,
        "coaches": list(coaches) or None,
        "since": since - _MARGIN,
        "until": until + _MARGIN,
        "reach": since - _MARGIN - REACH,
        "participant": participant,
        "moving": moving or _NOBODY,
        # What ran out stands in nobody's way; whoever books lets it go.
        "now": now,
    }
    sql = _SQL
    if beside is not None:
        asked, values = beside.json_sql()
        sql = f"{_SQL} UNION ALL SELECT 'beside', NULL, NULL, NULL, NULL, NULL, {asked}::text, NULL, NULL"
        parameters |= values
    answer: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        # By their starts, or in the order in which they are named where they have none.
        for kind, *columns in sorted(cursor.fetchall(), key=lambda row: row[2] or 0):
            answer[kind].append(tuple(columns))
    if beside is not None:
        [(*_, word, _, _)] = answer["beside"]
        beside.answer = json.loads(word or "null")
    facts = Facts()
    _read_hours(facts, answer, range((since - REACH).year, (until + REACH).year + 1))
    _read_locations(facts, answer)
    if not is_all_free:
        _read_taken(facts, answer)
    return facts


def _read_hours(facts: Facts, answer: _Answer, years: range) -> None:
    """Who gives it, and what they say of their time."""
    for coach, _order, _, most_per_day, _, word, _, _ in answer["coach"]:
        zone, _, region = word.partition(" ")
        hours = CoachHours(zone, holidays=holidays_of(region, years))
        facts.coaches[coach] = CoachFacts(hours, most_per_day=most_per_day)
    for coach, opens, closes, weekday, location, _, since, until in answer["weekly"]:
        weekly = Weekly(weekday, Opening(opens, closes, location), since, until)
        facts.coaches[coach].hours.weekly.append(weekly)
    for coach, opens, closes, _, location, _, day, _ in answer["day"]:
        # Without a time it is closed on that day.
        here = facts.coaches[coach].hours.exceptions.setdefault(day, [])
        if opens is not None:
            here.append(Opening(opens, closes, location))
    for coach, _, _, _, _, zone, first, last in answer["travel"]:
        facts.coaches[coach].hours.travels.append((first, last, zone))
    for coach, start, end, *_ in answer["away"]:
        facts.coaches[coach].away.append((start, end))


def _read_locations(facts: Facts, answer: _Answer) -> None:
    """Where it is given, in what."""
    for location, _order, _, is_open, *_ in answer["location"]:
        facts.is_somewhere = True
        if is_open:
            facts.locations.append(location)
    for room, _, _, is_open, location, *_ in answer["room"]:
        facts.needs_room = True
        if is_open:
            facts.rooms[room] = location


def _read_taken(facts: Facts, answer: _Answer) -> None:
    """What takes the time of its coaches, of its rooms, and of whoever would take part."""
    # What is elsewhere takes time, and is no session on that day.
    for coach, start, end, *_ in answer["outside"]:
        facts.coaches[coach].busy.append((start, end))
    for coach, start, end, began, *_ in answer["busy"]:
        facts.coaches[coach].busy.append((start, end))
        if began is not None:
            facts.coaches[coach].days[day_in(facts.coaches[coach].hours.time_zone, began)] += 1
    for room, start, end, *_ in answer["used"]:
        facts.used.setdefault(room, []).append((start, end))
    for _participant, start, end, *_ in answer["elsewhere"]:
        facts.elsewhere.append((start, end))
    for _participant, start, *_ in answer["took"]:
        facts.taken_part.append(start)


def away_of(coach: CoachFacts) -> Spans:
    """When a coach is away, or has as much to do on a day as they want."""
    full = closed_days(coach.days, coach.most_per_day, ZoneInfo(coach.hours.time_zone))
    return merged([*coach.away, *full])


@lru_cache(maxsize=10_000)
def day_in(zone: str, minute: int) -> date:
    """The day on which a minute is in a zone."""
    return at_minute(minute).astimezone(ZoneInfo(zone)).date()
