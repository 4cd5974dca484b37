"""What somebody earns: what is theirs, what is to come, month by month and sale by sale."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncMonth

from tenpo.ledger.models import Transfer
from tenpo.orders.models import Order, Split
from tenpo.people.models import User
from tenpo.schedule.models import Session


@dataclass(frozen=True)
class MonthEarned:
    """What somebody earned in one month, less what went back of it since (minor units)."""

    month: date
    amount: int


def splits_of(user: User, currency: str) -> QuerySet[Split]:
    """What somebody earns of what was paid for, the newest last."""
    paid = Split.objects.filter(recipient=user, line__order__state=Order.State.PAID, line__order__currency=currency)
    return paid.select_related("line__order").order_by("id")


def coming(user: User, currency: str) -> int:
    """What will be somebody's once it has taken place, in minor units; what was called off never does."""
    called_off = Session.objects.filter(pk=OuterRef("line__subject_id"), status=Session.Status.CANCELLED)
    waiting = splits_of(user, currency).filter(~Exists(called_off), earned_at=None)
    left: int = waiting.aggregate(sum=Coalesce(Sum(F("amount") - F("reversed")), 0))["sum"]
    return left


def earned_by_month(user: User, currency: str, *, since: datetime, zone: ZoneInfo) -> list[MonthEarned]:
    """What somebody earned in each month since; months without any are left out. One statement."""
    earned = splits_of(user, currency).filter(earned_at__gte=since).order_by()
    months = earned.annotate(month=TruncMonth("earned_at", tzinfo=zone)).values("month").order_by("month")
    rows = months.annotate(sum=Sum(F("amount") - F("reversed")))
    return [MonthEarned(row["month"].date(), row["sum"]) for row in rows]


@dataclass(frozen=True)
class TakenBack:
    """What a refund took of somebody's earnings (minor units); `is_owed`: they had it, so a payout gives it back."""

    what: str
    at: datetime
    change: int
    is_owed: bool


def taken_back(user: User, currency: str, *, limit: int = 40) -> list[TakenBack]:
    """What refunds took of somebody's earnings, newest first. Two statements."""
    kinds = [Transfer.Kind.EARNING_BACK, Transfer.Kind.CLAWBACK]
    moved = Transfer.objects.filter(kind__in=kinds, debit__owner=user, currency=currency).order_by("-id")[:limit]
    splits = Split.objects.select_related("line").in_bulk([transfer.subject_id for transfer in moved])
    return [
        TakenBack(
            splits[transfer.subject_id].line.description, transfer.created_at, -transfer.amount,
            transfer.kind == Transfer.Kind.CLAWBACK,
        )
        for transfer in moved
    ]  # fmt: skip
