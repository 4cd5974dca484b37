"""The time zones that we know, by their names, and what their clocks show."""

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone

# Files beside those of zones that are none: the clock of this machine, which PostgreSQL does not know, and one not set.
_NO_ZONES = {"localtime", "Factory", "posixrules"}


@cache
def all_zones() -> frozenset[str]:
    """The names of all time zones; kept, because to find them hundreds of files are looked through."""
    return frozenset(available_timezones() - _NO_ZONES)


def is_zone(name: str) -> bool:
    """Whether `name` is a time zone that we know."""
    return name in all_zones()


def current_zone() -> ZoneInfo:
    """The zone in which times are shown now. The name that Django has for it is none where it knows just one offset."""
    return ZoneInfo(str(timezone.get_current_timezone()))


def when_clock_shows(naive: datetime, time_zone: str, *, fold: int = 0) -> datetime:
    """When the clock of a zone shows `naive`, in UTC.

    An hour that the clock skips in spring counts from before the change, so 02:30 becomes 03:30. Of an hour that comes
    twice in autumn it is the first (`fold` 0) or the second.
    """
    return naive.replace(tzinfo=ZoneInfo(time_zone), fold=fold).astimezone(UTC)
