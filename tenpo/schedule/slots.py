"""Which starts are free: hours, less what is taken, cut into starts. Pure rules; nothing here asks the database.

Times are whole minutes since 1970 in UTC, so that no hour is missing or doubled where clocks change; spans are half
open, sorted, and apart from each other. What is taken is rounded outward to whole minutes, which changes nothing for
starts that are whole minutes themselves.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from operator import itemgetter
from uuid import UUID
from zoneinfo import ZoneInfo

from tenpo.core.zones import when_clock_shows

MINUTES_OF_DAY = 24 * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.date().toordinal()

type Span = tuple[int, int]
type Spans = list[Span]


def minute_of(at: datetime) -> int:
    """The minute in which `at` is."""
    return (at - _EPOCH) // timedelta(minutes=1)


def minute_after(at: datetime) -> int:
    """The first whole minute that is not before `at`."""
    return -((_EPOCH - at) // timedelta(minutes=1))


def at_minute(minute: int) -> datetime:
    """The moment at which a minute begins, in UTC."""
    return datetime.fromtimestamp(60 * minute, UTC)


def merged(spans: Iterable[Span]) -> Spans:
    """The same times, sorted, with those that touch or overlap made one."""
    found: Spans = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def overlap(one: Sequence[Span], other: Sequence[Span]) -> Spans:
    """The times that are in both of two merged lists."""
    found, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return found


@dataclass(frozen=True)
class Opening:
    """Hours of a day in the coach's own clock, as minutes from midnight; at one location, or wherever (None)."""

    opens: int
    closes: int
    location: UUID | None = None


@dataclass(frozen=True)
class Weekly:
    """An opening that comes back on one weekday (Monday is 0), from one day to another if they are said."""

    weekday: int
    opening: Opening
    starts_on: date | None = None
    ends_on: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it is one of the weeks in which it holds."""
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)


@dataclass
class CoachHours:
    """When one coach can be booked, whatever is taken."""

    time_zone: str = "UTC"
    weekly: list[Weekly] = field(default_factory=list)
    # Days that are not as their weekday; without an opening nothing is open.
    exceptions: dict[date, list[Opening]] = field(default_factory=dict)
    # In another clock from one day to another, both included; of two that meet, the first.
    travels: list[tuple[date, date, str]] = field(default_factory=list)
    holidays: Collection[date] = ()

    def on(self, day: date) -> list[Opening]:
        """The openings of a day: those said for it, none on a holiday, else those of its weekday."""
        if day in self.exceptions:
            return self.exceptions[day]
        if day in self.holidays:
            return []
        weekday = day.weekday()
        return [rule.opening for rule in self.weekly if rule.weekday == weekday and rule.holds_on(day)]

    def zone_on(self, day: date) -> str:
        """Whose clock the hours of a day are read from."""
        return next((zone for first, last, zone in self.travels if first <= day <= last), self.time_zone)


@dataclass(frozen=True)
class Open:
    """A time in which starts are cut: from its beginning on, at one location or wherever."""

    start: int
    end: int
    location: UUID | None


def openings(hours: CoachHours, since: int, until: int) -> list[Open]:
    """The openings that meet [since, until), in the order of their beginnings.

    Of one day and location those that touch are one. Minutes that a clock skips are not there; those that it repeats
    are there twice.
    """
    found: list[Open] = []
    # A day of the easternmost clock begins 14 hours before that of UTC, the westernmost one's ends 12 hours after.
    first, last = _day_of(since - MINUTES_OF_DAY), _day_of(until + MINUTES_OF_DAY)
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        here: dict[UUID | None, Spans] = {}
        zone = hours.zone_on(day)
        for opening in hours.on(day):
            span = (_clock(zone, day, opening.opens, 0), _clock(zone, day, opening.closes, 1))
            here.setdefault(opening.location, []).append(span)
        for location, spans in here.items():
            found += [Open(*span, location) for span in merged(spans) if span[0] < until and span[1] > since]
    return sorted(found, key=lambda one: (one.start, one.end))


@dataclass(frozen=True)
class Wanted:
    """What a start must leave room for, in minutes, and when it may be."""

    minutes: int
    step: int
    earliest: int
    latest: int
    before: int = 0
    after: int = 0

    @property
    def alone(self) -> "Wanted":
        """The same without time before and after it, which only a coach and a room have to keep free."""
        return replace(self, before=0, after=0)


def forbidden(busy: Iterable[Span], wanted: Wanted) -> Spans:
    """Between which starts nothing may begin because something is taken; the time before and after is kept free."""
    return merged(
        (start - wanted.minutes - wanted.after + 1, end + wanted.before) for start, end in busy if start < end
    )


def starts(opened: Open, closed: Sequence[Span], wanted: Wanted) -> list[int]:
    """The starts of one opening: every `step` minutes from its beginning, those outside of `closed`, until it ends.

    `closed` is a merged list of what `forbidden` said.
    """
    last = min(opened.end - wanted.minutes, wanted.latest)
    step = wanted.step
    start = opened.start
    if start < wanted.earliest:
        start += -(-(wanted.earliest - start) // step) * step
    place = max(bisect_right(closed, start, key=itemgetter(0)) - 1, 0)
    found = []
    while start <= last:
        while place < len(closed) and closed[place][1] <= start:
            place += 1
        if place < len(closed) and closed[place][0] <= start:
            # On to the first one of the grid that is past what is closed.
            start += -(-(closed[place][1] - start) // step) * step
            continue
        found.append(start)
        start += step
    return found


def closed_days(counts: Mapping[date, int], most: int | None, zone: ZoneInfo) -> Spans:
    """The days, as spans in a zone, on which there are as many already as there may be."""
    if most is None:
        return []
    full = [day for day, number in counts.items() if number >= most]
    return merged((_clock(zone.key, day, 0, 0), _clock(zone.key, day, MINUTES_OF_DAY, 0)) for day in full)


def _day_of(minute: int) -> date:
    return date.fromordinal(_EPOCH_DAY + minute // MINUTES_OF_DAY)


@lru_cache(maxsize=20_000)
def _midnight(zone: str, day: date) -> tuple[int, bool]:
    """When a day begins, and whether it has 24 hours."""
    begins = _at_clock(zone, day, 0, 0)
    return begins, _at_clock(zone, day + timedelta(days=1), 0, 0) - begins == MINUTES_OF_DAY


def _clock(zone: str, day: date, minute: int, fold: int) -> int:
    """When the clock of a zone shows so many minutes after midnight, see `when_clock_shows`."""
    begins, is_plain = _midnight(zone, day)
    return begins + minute if is_plain else _at_clock(zone, day, minute, fold)


def _at_clock(zone: str, day: date, minute: int, fold: int) -> int:
    naive = datetime.combine(day, time.min) + timedelta(minutes=minute)
    return minute_of(when_clock_shows(naive, zone, fold=fold))
