"""Public holidays by country or region, as the `holidays` library knows them."""

from datetime import date
from functools import cache


def holidays_of(region: str, years: range) -> frozenset[date]:
    """The holidays of a region ("DE", "DE-BE") in some years; none of one that is not known."""
    return frozenset[date]().union(*(_of_year(region, year) for year in years)) if region else frozenset()


def is_region(region: str) -> bool:
    """Whether holidays of a country, or of a part of it, are known by this name."""
    # Loaded late: it takes a moment, and most installations never ask.
    from holidays import list_supported_countries  # noqa: PLC0415

    country, _, part = region.partition("-")
    countries = list_supported_countries()
    return country in countries and (not part or part in countries[country])


@cache
def _of_year(region: str, year: int) -> frozenset[date]:
    from holidays import country_holidays  # noqa: PLC0415

    if not is_region(region):
        return frozenset()
    country, _, part = region.partition("-")
    return frozenset(country_holidays(country, subdiv=part or None, years=year))
