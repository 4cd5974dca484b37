"""The time zones that we know, by their names."""

from functools import cache
from zoneinfo import available_timezones


@cache
def all_zones() -> frozenset[str]:
    """The names of all time zones; kept, because to find them hundreds of files are looked through."""
    return frozenset(available_timezones())


def is_zone(name: str) -> bool:
    """Whether `name` is a time zone that we know."""
    return name in all_zones()
