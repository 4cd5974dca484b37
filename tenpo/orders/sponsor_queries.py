"""What sponsors fund: what is owed, what it went to, month by month and person by person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Case, F, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce, TruncMonth

from tenpo.ledger.models import Account, Transfer
from tenpo.orders.models import Line, Order
from tenpo.orders.sponsor_models import SponsoredPerson, Sponsorship
from tenpo.payments.slips import Slip, slip_for
from tenpo.people.models import User

# How many sponsors who pay nothing any more somebody is shown.
PAST_SHOWN = 20


def owed_by(sponsorships: Iterable[Sponsorship]) -> dict[UUID, int]:
    """What is to be paid for each budget, in minor units: shares, less what came back, less what was paid.

    Below zero where more came back than is still owed; the next months use it up. One statement.
    """
    ids = [sponsorship.pk for sponsorship in sponsorships]
    change = Case(
        When(debit__source_id__in=ids, debit__kind=Account.Kind.SPONSOR, then=F("amount")), default=-F("amount")
    )
    moved = _moved(ids).annotate(budget=Coalesce("debit__source_id", "credit__source_id"))
    sums = dict(moved.order_by().values_list("budget").annotate(sum=Sum(change)))
    return {pk: sums.get(pk, 0) for pk in ids}


def slip_of(sponsorship: Sponsorship, owed: int) -> Slip | None:
    """How a sponsor pays what they owe (minor units) by bank transfer; None when that is nothing."""
    if owed <= 0:
        return None
    return slip_for(sponsorship.transfer_reference, amount=owed, currency=sponsorship.currency)


def _moved(ids: Iterable[UUID]) -> QuerySet[Transfer]:
    """What moved on the accounts of these budgets. No other end of such a transfer has a source."""
    kind, ids = Account.Kind.SPONSOR, list(ids)
    return Transfer.objects.filter(
        Q(debit__source_id__in=ids, debit__kind=kind) | Q(credit__source_id__in=ids, credit__kind=kind)
    )


@dataclass(frozen=True)
class MonthFunded:
    """What a budget paid in one month, less what came back in it, and what the sponsor paid (minor units)."""

    month: date
    shares: int
    back: int
    paid: int

    @property
    def amount(self) -> int:
        return self.shares - self.back


def funded_by_month(sponsorship: Sponsorship, *, zone: ZoneInfo, since: datetime) -> list[MonthFunded]:
    """What a budget paid in each month since; months without any are left out. One statement."""
    kind = Transfer.Kind

    def total(of: Transfer.Kind) -> Coalesce:
        return Coalesce(Sum("amount", filter=Q(kind=of)), 0, output_field=models.BigIntegerField())

    moved = _moved([sponsorship.pk]).filter(created_at__gte=since)
    months = moved.annotate(month=TruncMonth("created_at", tzinfo=zone)).order_by("month").values("month")
    rows = months.annotate(
        shares=total(kind.SPONSOR_SHARE), back=total(kind.SPONSOR_RELEASE), paid=total(kind.SPONSOR_PAID)
    )
    return [MonthFunded(row["month"].date(), row["shares"], row["back"], row["paid"]) for row in rows]


def uses_of(sponsorship: Sponsorship) -> QuerySet[Line]:
    """What a budget paid for, or holds for an order that waits for its money; the newest last.

    A sponsor is told whom it was for, the amount, the day and the kind of thing; nothing else of it is theirs to know.
    """
    lines = Line.objects.filter(sponsorship=sponsorship, sponsor_share__gt=0)
    return (
        lines.filter(order__state__in=[Order.State.OPEN, Order.State.PAID])
        .select_related("order__buyer")
        .order_by("id")
    )


@dataclass(frozen=True)
class Moved:
    """One line of a sponsor's statement: when, for whom (nobody: a payment), what kind of thing, and how much."""

    at: datetime
    person: str
    kind: str
    amount: int


def moved_in(sponsorship: Sponsorship, *, since: datetime, until: datetime, most: int) -> list[Moved] | None:
    """What moved on a budget's account in a time, oldest first: shares, what came back, payments. Two statements.

    None where it is more than `most`.
    """
    moved = _moved([sponsorship.pk]).filter(created_at__gte=since, created_at__lt=until)
    transfers = list(moved.order_by("id")[: most + 1])
    if len(transfers) > most:
        return None
    lines = Line.objects.select_related("order__buyer").in_bulk({transfer.subject_id for transfer in transfers})
    rows = []
    for transfer in transfers:
        line = lines.get(transfer.subject_id)
        amount = transfer.amount if transfer.kind == Transfer.Kind.SPONSOR_SHARE else -transfer.amount
        who, what = (str(line.order.buyer), line.get_kind_display()) if line else ("", "")
        rows.append(Moved(transfer.created_at, who, what, amount))
    return rows


def owed_at(sponsorship: Sponsorship, at: datetime) -> int:
    """What was to be paid for a budget at a time, in minor units. One statement."""
    plus, minus = Q(kind=Transfer.Kind.SPONSOR_SHARE), ~Q(kind=Transfer.Kind.SPONSOR_SHARE)
    sums = (
        _moved([sponsorship.pk])
        .filter(created_at__lt=at)
        .aggregate(owed=Coalesce(Sum("amount", filter=plus), 0) - Coalesce(Sum("amount", filter=minus), 0))
    )
    owed: int = sums["owed"]
    return owed


def funding_for(user: User, at: datetime) -> list[SponsoredPerson]:
    """Who pays something for somebody now, with what is left for them. One statement."""
    return list(SponsoredPerson.objects.funding(at).filter(user=user).select_related("sponsorship"))


def past_funding_for(user: User, at: datetime) -> list[SponsoredPerson]:
    """Who paid something for somebody and does no more, the newest first; the last ones of many. One statement."""
    past = SponsoredPerson.objects.past(at).filter(user=user).select_related("sponsorship")
    return list(past.order_by("-id")[:PAST_SHOWN])
