"""Pure rules of local time: when a wall clock's hour is, and on which days a weekly series falls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import WEEKLY, rrule, weekdays

from tenpo.core.zones import when_clock_shows

MAX_OCCURRENCES = 104


@dataclass(frozen=True)
class Moment:
    """A point in time, and whether the clock had to be moved on because its hour does not exist that day."""

    at: datetime
    is_shifted: bool = False


@dataclass(frozen=True)
class WeeklyRule:
    """Certain weekdays (Monday is 0) at one wall-clock time, from the first day to the last, both included."""

    weekdays: tuple[int, ...]
    first_day: date
    last_day: date
    at: time
    time_zone: str

    def __str__(self) -> str:
        """As RFC 5545 writes it."""
        names = ",".join(str(weekdays[day]) for day in sorted(self.weekdays))
        return f"FREQ=WEEKLY;BYDAY={names};UNTIL={self.last_day:%Y%m%d}T235959"


def local_moment(day: date, at: time, time_zone: str) -> Moment:
    """When the clock at `time_zone` shows `at` on `day`, as `when_clock_shows` has it."""
    naive = datetime.combine(day, at)
    moment = when_clock_shows(naive, time_zone)
    return Moment(moment, is_shifted=moment.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None) != naive)


def weekly_moments(rule: WeeklyRule) -> list[Moment]:
    """Every moment of the rule in order; one more than `MAX_OCCURRENCES` at most, so that too many can be told."""
    start = datetime.combine(rule.first_day, rule.at)
    days = rrule(
        WEEKLY,
        dtstart=start,
        byweekday=sorted(rule.weekdays),
        until=datetime.combine(rule.last_day, time.max),
    )
    moments = []
    for naive in days:
        moments.append(local_moment(naive.date(), rule.at, rule.time_zone))
        if len(moments) > MAX_OCCURRENCES:
            break
    return moments


def last_day_of_weeks(first_day: date, weeks: int) -> date:
    """The last day of `weeks` weeks that begin on `first_day`."""
    return first_day + timedelta(weeks=weeks) - timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """From when until when something lasts, and what it is called."""

    starts_at: datetime
    ends_at: datetime
    title: str = ""

    def overlaps(self, other: "Span") -> bool:
        """Touching is not overlapping."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


def first_overlap(span: Span, taken: Sequence[Span]) -> Span | None:
    """The first of `taken` that meets `span`."""
    return next((other for other in taken if span.overlaps(other)), None)
