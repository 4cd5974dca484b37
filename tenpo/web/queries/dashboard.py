"""The operator's numbers: four figures, spend by month, seats by week. Constant in statements, whatever the size."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django.db import models
from django.db.models import Case, Count, F, Q, Sum, When
from django.db.models.functions import TruncWeek
from django.utils import timezone

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.ledger.models import Transfer
from tenpo.ledger.queries import spend_by_month
from tenpo.people.models import User
from tenpo.schedule.models import Session

PERIOD = timedelta(days=30)
MONTHS = 12
WEEKS = 12


@dataclass(frozen=True)
class Figure:
    """A number now, and what it was thirty days before."""

    value: int
    before: int

    @property
    def change(self) -> int:
        return self.value - self.before


@dataclass(frozen=True)
class Spend:
    """What was paid in one month, in minor units, less what went back: by the company, by people, and by sponsors.

    What people pay with credit is theirs.
    """

    month: date
    company: int
    people: int
    sponsors: int = 0


@dataclass(frozen=True)
class Week:
    """Seats of one week's sessions, by the Monday."""

    monday: date
    taken: int
    seats: int

    @property
    def percent(self) -> int:
        return percent_filled(self.taken, self.seats)


@dataclass(frozen=True)
class Dashboard:
    """What the operator sees first."""

    people: Figure
    sessions: Figure
    filled: Figure
    spend: Figure
    months: Sequence[Spend]
    weeks: Sequence[Week]
    currency: str


def dashboard(*, now: datetime | None = None) -> Dashboard:
    """The figures and charts for admins. Five statements."""
    now = now or clock.now()
    business = current_business()
    zone = ZoneInfo(business.time_zone)
    sessions, filled = _session_figures(now)
    return Dashboard(
        people=_people(now),
        sessions=sessions,
        filled=filled,
        spend=_company_spend(now, business.currency),
        months=_months(now, business.currency, zone),
        weeks=_weeks(now, zone),
        currency=business.currency,
    )


def percent_filled(taken: int, seats: int) -> int:
    """Whole percent; 0 where there are no seats."""
    return round(100 * taken / seats) if seats else 0


def _people(now: datetime) -> Figure:
    was_there = Q(created_at__lte=now - PERIOD) & (Q(disabled_at=None) | Q(disabled_at__gt=now - PERIOD))
    counted = User.objects.aggregate(
        value=Count("pk", filter=Q(disabled_at=None)), before=Count("pk", filter=was_there)
    )
    return Figure(counted["value"], counted["before"])


def _session_figures(now: datetime) -> tuple[Figure, Figure]:
    """Sessions of the next period beside the last one, and how full the last one was beside the one before it."""
    coming = Q(starts_at__gt=now, starts_at__lte=now + PERIOD)
    last = Q(starts_at__gt=now - PERIOD, starts_at__lte=now)
    earlier = Q(starts_at__gt=now - 2 * PERIOD, starts_at__lte=now - PERIOD)
    live = Session.objects.exclude(status=Session.Status.CANCELLED)
    live = live.filter(starts_at__gt=now - 2 * PERIOD, starts_at__lte=now + PERIOD)
    found = live.aggregate(
        coming=Count("pk", filter=coming),
        last=Count("pk", filter=last),
        taken=Sum("seats_taken", filter=last, default=0),
        seats=Sum("capacity", filter=last, default=0),
        taken_before=Sum("seats_taken", filter=earlier, default=0),
        seats_before=Sum("capacity", filter=earlier, default=0),
    )
    filled = Figure(
        percent_filled(found["taken"], found["seats"]), percent_filled(found["taken_before"], found["seats_before"])
    )
    return Figure(found["coming"], found["last"]), filled


# What a transfer adds to a payer's spend: a released share was not spent after all.
_COMPANY = Case(
    When(kind=Transfer.Kind.COMPANY_SHARE, then=F("amount")),
    When(kind=Transfer.Kind.COMPANY_RELEASE, then=-F("amount")),
    default=0,
    output_field=models.BigIntegerField(),
)
_COMPANY_KINDS = [Transfer.Kind.COMPANY_SHARE, Transfer.Kind.COMPANY_RELEASE]


def _company_spend(now: datetime, currency: str) -> Figure:
    transfers = Transfer.objects.filter(kind__in=_COMPANY_KINDS, currency=currency, created_at__gt=now - 2 * PERIOD)
    is_last = Q(created_at__gt=now - PERIOD)
    found = transfers.aggregate(
        value=Sum(_COMPANY, filter=is_last, default=0), before=Sum(_COMPANY, filter=~is_last, default=0)
    )
    return Figure(found["value"], found["before"])


def _months(now: datetime, currency: str, zone: ZoneInfo) -> list[Spend]:
    this_month = timezone.localtime(now, zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    first = this_month - relativedelta(months=MONTHS - 1)
    found = {spend.month: spend for spend in spend_by_month(since=first, currency=currency, zone=zone)}
    months = [(first + relativedelta(months=n)).date() for n in range(MONTHS)]
    return [
        Spend(m, found[m].company, found[m].users + found[m].credits, found[m].sponsors)
        if m in found
        else Spend(m, 0, 0)
        for m in months
    ]


def _weeks(now: datetime, zone: ZoneInfo) -> list[Week]:
    today = timezone.localtime(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    first = monday - timedelta(weeks=WEEKS - 1)
    live = Session.objects.exclude(status=Session.Status.CANCELLED)
    live = live.filter(starts_at__gte=first, starts_at__lt=monday + timedelta(weeks=1))
    by_week = live.annotate(week=TruncWeek("starts_at", tzinfo=zone)).values("week").order_by()
    found = {row["week"].date(): row for row in by_week.annotate(taken=Sum("seats_taken"), seats=Sum("capacity"))}
    mondays = [(first + timedelta(weeks=n)).date() for n in range(WEEKS)]
    return [Week(m, found[m]["taken"], found[m]["seats"]) if m in found else Week(m, 0, 0) for m in mondays]
