"""The days of the business: where one ends, which is the last closed one, and which can be closed next."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tenpo.books.models import DayClose
from tenpo.core import clock
from tenpo.core.days import day_here, midnight
from tenpo.ledger.models import Transfer

# After midnight a day is closed this much later at the earliest. A transaction has its time a moment before others can
# see that it runs, and whoever closes must see every one that began before.
GRACE = timedelta(minutes=1)


@dataclass(frozen=True)
class Closed:
    """Up to where the books are closed: the day, and the moment of its end."""

    day: date
    ends_at: datetime


def start_of(day: date) -> datetime:
    """Midnight at the beginning of a day where the business is."""
    return midnight(day).astimezone(UTC)


def end_of(day: date) -> datetime:
    """Midnight at the end of a day where the business is."""
    return start_of(day + timedelta(days=1))


def last_closed(*, until: date | None = None) -> Closed | None:
    """The last closed day, at `until` or before; None where no such day is closed. One statement."""
    rows = DayClose.objects.all() if until is None else DayClose.objects.filter(day__lte=until)
    row = rows.order_by("-day").values_list("day", "ends_at").first()
    return Closed(*row) if row else None


def next_day() -> date | None:
    """The day that is to be closed next: after the last closed one, or the first on which something moved."""
    if closed := last_closed():
        return closed.day + timedelta(days=1)
    first = Transfer.objects.order_by("created_at").values_list("created_at", flat=True).first()
    return day_here(first) if first else None


def is_over(day: date) -> bool:
    """Whether nothing can be posted to a day any more but by what is already under way."""
    return clock.now() >= end_of(day) + GRACE


def days_to_close() -> list[date]:
    """The days that are over and not closed, the oldest first."""
    day = next_day()
    days: list[date] = []
    while day is not None and is_over(day):
        days.append(day)
        day += timedelta(days=1)
    return days
