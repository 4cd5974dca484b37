"""What somebody earns: what is theirs, what is to come, month by month and sale by sale."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, OuterRef, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncMonth

from tenpo.core import clock
from tenpo.core.days import business_zone, day_here
from tenpo.ledger.models import Transfer
from tenpo.orders.models import Order, Split
from tenpo.payments.actions.payout_schedule import next_period_at
from tenpo.payments.models import Payout, PayoutAccount
from tenpo.payments.payout_methods import offered_methods
from tenpo.payments.queries import Payable, payout_terms
from tenpo.people.models import User
from tenpo.schedule.models import Session


@dataclass(frozen=True)
class MonthEarned:
    """What somebody earned in one month by each part that they had, less what went back of it since (minor units)."""

    month: date
    parts: Mapping[str, int]

    @property
    def amount(self) -> int:
        return sum(self.parts.values())


@dataclass(frozen=True)
class SourceEarned:
    """What one thing that is sold brought in by one part, less what went back (minor units), and how often."""

    what: str
    part: Split.Part
    sales: int
    amount: int


@dataclass(frozen=True)
class NextPayout:
    """When somebody's earnings leave by themselves, and how much as things are (minor units).

    `on` is None where they leave when somebody asks. Nothing leaves below `least`, or without an account to go to.
    """

    on: date | None
    amount: int
    least: int
    has_account: bool
    # What was asked for, and has not arrived.
    under_way: int


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
    months = earned.annotate(month=TruncMonth("earned_at", tzinfo=zone)).values("month", "part").order_by("month")
    found: dict[date, dict[str, int]] = {}
    for row in months.annotate(sum=Sum(F("amount") - F("reversed"))):
        found.setdefault(row["month"].date(), {})[row["part"]] = row["sum"]
    return [MonthEarned(month, parts) for month, parts in found.items()]


def earned_by_source(user: User, currency: str, *, since: datetime, limit: int = 20) -> list[SourceEarned]:
    """What brought somebody most since, the most first. One statement."""
    earned = splits_of(user, currency).filter(earned_at__gte=since).order_by()
    sums = earned.values("line__description", "part").annotate(
        sum=Sum(F("amount") - F("reversed")), sales=Count("line", distinct=True)
    )
    rows = sums.filter(sum__gt=0).order_by("-sum", "line__description", "part")[:limit]
    return [SourceEarned(row["line__description"], Split.Part(row["part"]), row["sales"], row["sum"]) for row in rows]


def next_payout(user: User, there: Payable) -> NextPayout:
    """When what is `there` of somebody's earnings leaves, if nothing else moved meanwhile. Three statements."""
    terms = payout_terms()
    at = next_period_at(terms, clock.now(), business_zone())
    usual = PayoutAccount.objects.live().filter(owner=user, is_default=True).first()
    has_account = usual is not None and usual.method in offered_methods(terms, there.currency)
    if at is not None and usual is not None and has_account:
        # To a new account it leaves as soon as it may.
        at = max(at, usual.usable_from)
    leaves = at is not None and has_account
    asked = Payout.objects.under_way().filter(payee=user, source=Payout.Source.EARNINGS, currency=there.currency)
    return NextPayout(
        on=day_here(at) if at else None,
        amount=there.left if leaves and there.left >= terms.minimum else 0,
        least=terms.minimum,
        has_account=has_account,
        under_way=asked.aggregate(sum=Coalesce(Sum("amount"), 0))["sum"],
    )


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
