"""Public holidays by country or region (ISO 3166: "DE", "DE-BE"), as the `holidays` library knows them.

The library is loaded late: it takes a moment, and most installations never ask.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from typing import Any

from tenpo.schedule.availability_models import REGION_LENGTH


def holidays_of(region: str, years: range) -> frozenset[date]:
    """The holidays of a region in some years; none of one that is not known."""
    return frozenset[date]().union(*(_of_year(region, year) for year in years)) if region else frozenset()


def holidays_between(region: str, first: date, last: date, *, language: str = "en") -> dict[date, str]:
    """The holidays of a region on these days, both included, with their names."""
    years = range(first.year, last.year + 1) if region else range(0)
    named = (_of_year(region, year, language).items() for year in years)
    return {day: name for year in named for day, name in sorted(year) if first <= day <= last}


def is_region(region: str) -> bool:
    """Whether holidays of a country, or of a part of it, are known by this name."""
    country, dash, _part = region.partition("-")
    return region in regions_of(country) if dash else country in holiday_countries()


@cache
def holiday_countries() -> tuple[str, ...]:
    """The codes of the countries whose holidays are known."""
    return tuple(sorted(names[1] for names in _library().registry.COUNTRIES.values()))


@cache
def regions_of(country: str) -> tuple[str, ...]:
    """The regions of one country that have holidays of their own ("DE-BE"); none of one that is not known."""
    if country not in holiday_countries():
        return ()
    codes = (f"{country}-{part}" for part in getattr(_library(), country).subdivisions)
    return tuple(sorted(code for code in codes if code.isascii() and " " not in code and len(code) <= REGION_LENGTH))


@lru_cache(maxsize=1_000)
def _of_year(region: str, year: int, language: str = "") -> Mapping[date, str]:
    if not is_region(region):
        return {}
    country, _dash, part = region.partition("-")
    known = getattr(_library(), country).supported_languages
    spoken = next((name for name in known if name.split("_")[0] == language.split("-")[0]), None)
    found: Mapping[date, str] = _library().country_holidays(country, subdiv=part or None, years=year, language=spoken)
    return dict(found)


def _library() -> Any:
    import holidays  # noqa: PLC0415
    import holidays.registry  # noqa: PLC0415

    return holidays
