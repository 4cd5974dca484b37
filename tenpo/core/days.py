"""The business's days: from midnight to midnight in its own time zone, whoever reads."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from tenpo.core import clock
from tenpo.core.business import current_business

# How many months pages draw.
MONTHS_SHOWN = 12


def business_zone() -> ZoneInfo:
    """The time zone whose midnight ends a day."""
    return ZoneInfo(current_business().time_zone)


def midnight(day: date, *, days_later: int = 0) -> datetime:
    """The start of a day where the business is."""
    return datetime(day.year, day.month, day.day, tzinfo=business_zone()) + timedelta(days=days_later)


def day_here(at: datetime | None = None) -> date:
    """The day on which something is (now), where the business is."""
    return (at or clock.now()).astimezone(business_zone()).date()


def first_month() -> datetime:
    """When the months begin that are drawn."""
    return midnight(day_here().replace(day=1) - relativedelta(months=MONTHS_SHOWN - 1))
