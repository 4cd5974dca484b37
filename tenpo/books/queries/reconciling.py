"""A provider's own list beside the books: what only one of them knows, and where their amounts differ."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Max, Min, Q
from django.db.models.functions import Coalesce

from tenpo.books.models import Difference, Reconciliation
from tenpo.books.queries.days import end_of, start_of
from tenpo.books.subjects import subjects_of
from tenpo.core import clock
from tenpo.core.days import day_here
from tenpo.ledger.models import Account, Transfer
from tenpo.payments.models import Payment, Payout, Refund
from tenpo.payments.providers import offered_providers
from tenpo.payments.providers.base import Movement, MovementKind

# The provider's clock is not ours, and a webhook may come after midnight: this much around a period is looked at too.
AROUND = timedelta(days=1)
# When a provider was not compared for long, the night catches up at most so many days.
CATCH_UP_DAYS = 31
# A refund that did not arrive is looked for at most so long after it was sent.
FAILED_WITHIN = timedelta(days=45)


@dataclass(frozen=True)
class Side:
    """What one side says of a reference: how our money at the provider changed, before the fee that was kept."""

    amount: int
    fee: int
    currency: str
    at: datetime
    transfer_id: UUID | None = None


@dataclass(frozen=True)
class Pair:
    """One reference with what both sides say of it."""

    reference: str
    theirs: Side | None
    ours: Side | None

    @property
    def what(self) -> Difference.What | None:
        """In which way they differ; None when they say the same, or that it went and came back."""
        sides = [side for side in (self.theirs, self.ours) if side is not None]
        if len(sides) == 1 and (sides[0].amount, sides[0].fee) == (0, 0):
            return None
        if self.ours is None:
            return Difference.What.ONLY_THEIRS
        if self.theirs is None:
            return Difference.What.ONLY_OURS
        same = (self.theirs.amount, self.theirs.fee, self.theirs.currency)
        return None if same == (self.ours.amount, self.ours.fee, self.ours.currency) else Difference.What.DIFFERENT

    @property
    def at(self) -> datetime:
        side = self.ours or self.theirs
        assert side is not None
        return side.at

    def is_within(self, since: datetime, until: datetime) -> bool:
        """Whether one of the sides has it in that time."""
        return any(side is not None and since <= side.at < until for side in (self.theirs, self.ours))


def listing_providers() -> list[str]:
    """The providers in use here that keep a list of their own."""
    return [name for name, provider in offered_providers().items() if not provider.is_marked_by_hand]


def next_period(provider: str) -> tuple[date, date] | None:
    """The days that the night compares: those since the last comparison, up to yesterday. None: there are none."""
    yesterday = day_here() - timedelta(days=1)
    last = Reconciliation.objects.filter(provider=provider).order_by("-until").values_list("until", flat=True).first()
    since = max(last + timedelta(days=1), yesterday - timedelta(days=CATCH_UP_DAYS)) if last else yesterday
    return (since, yesterday) if since <= yesterday else None


def looked_at(provider: str, since: date, until: date) -> tuple[datetime, datetime]:
    """Between which moments both sides are read to compare some business days. Two statements.

    A bank takes days: of what left or ended in them, their list has the one moment and the books the other.
    """
    begins, ends = start_of(since) - AROUND, end_of(until) + AROUND
    was_there = Q(ended_at__gte=begins, ended_at__lt=ends) | Q(sent_at__gte=begins, sent_at__lt=ends)
    # One that did not arrive has no end of its own: it may be sent again.
    failed = Q(state=Refund.State.FAILED, sent_at__gte=begins - FAILED_WITHIN, sent_at__lt=ends)
    wanted = (
        Payout.objects.filter(was_there, method=provider).exclude(state=Payout.State.SENT),
        Refund.objects.filter(was_there | failed, provider=provider).exclude(state=Refund.State.SENT),
    )
    for rows in wanted:
        found = rows.aggregate(left=Min("sent_at"), ended=Max(Coalesce("ended_at", clock.now())))
        if found["left"]:
            begins, ends = min(begins, found["left"] - AROUND), max(ends, found["ended"] + AROUND)
    return begins, ends


def pairs_of(provider: str, since: date, until: date, theirs: Iterable[Movement]) -> list[Pair]:
    """Every reference that either side has on some business days, in the order of their time. Nine statements.

    What left, and is still on its way, stands in their list alone: it is compared once it arrived.
    """
    their_sides = _theirs(theirs)
    our_sides = _ours(provider, *looked_at(provider, since, until))
    on_its_way = _on_its_way(provider)
    pairs = [
        Pair(reference, their_sides.get(reference), our_sides.get(reference))
        for reference in (their_sides.keys() - on_its_way) | our_sides.keys()
    ]
    within = [pair for pair in pairs if pair.is_within(start_of(since), end_of(until))]
    return sorted(within, key=lambda pair: (pair.at, pair.reference))


def _on_its_way(provider: str) -> set[str | None]:
    payouts = Payout.objects.filter(method=provider, state=Payout.State.SENT)
    refunds = Refund.objects.filter(provider=provider, state=Refund.State.SENT)
    return {reference for rows in (payouts, refunds) for reference in rows.values_list("reference", flat=True)}


def _theirs(movements: Iterable[Movement]) -> dict[str, Side]:
    found: dict[str, Side] = {}
    for one in movements:
        # What the provider sends on to the business's bank leaves these books at its bank, not here.
        if one.kind == MovementKind.PAYOUT:
            continue
        found[one.reference] = _sum(found.get(one.reference), Side(one.amount, one.fee, one.currency, one.at))
    return found


def _ours(provider: str, since: datetime, until: datetime) -> dict[str, Side]:
    """What moved on the provider's accounts, by the reference that the provider knows; by our key where it has none."""
    at_provider = Account.objects.filter(kind=Account.Kind.PROVIDER, name=provider).values_list("pk", flat=True)
    accounts = set(at_provider)
    moved = Transfer.objects.filter(Q(debit__in=accounts) | Q(credit__in=accounts))
    transfers = list(moved.filter(created_at__gte=since, created_at__lt=until).order_by("id"))
    paid = {transfer.pk: payment for transfer in transfers if (payment := _payment_of(transfer))}
    payments = dict(Payment.objects.filter(pk__in=set(paid.values())).values_list("pk", "reference"))
    subjects = subjects_of(transfer for transfer in transfers if transfer.pk not in paid)
    found: dict[str, Side] = {}
    for transfer in transfers:
        subject = subjects.get(transfer.subject_id)
        named = payments.get(paid[transfer.pk]) if transfer.pk in paid else subject.reference if subject else None
        reference = named or transfer.key
        change = transfer.amount if transfer.debit_id in accounts else -transfer.amount
        is_fee = transfer.kind in (Transfer.Kind.FEE, Transfer.Kind.FEE_BACK)
        side = Side(
            0 if is_fee else change, -change if is_fee else 0, transfer.currency, transfer.created_at, transfer.pk
        )
        found[reference] = _sum(found.get(reference), side)
    return found


def _payment_of(transfer: Transfer) -> UUID | None:
    """The payment that moved at the provider: its id stands in the key, as the subject may be what it paid for."""
    kind, _colon, rest = transfer.key.partition(":")
    try:
        return UUID(rest.partition(":")[0]) if kind == "payment" else None
    except ValueError:
        return None


def _sum(before: Side | None, side: Side) -> Side:
    if before is None:
        return side
    return Side(
        before.amount + side.amount, before.fee + side.fee, before.currency, before.at, before.transfer_id
    )  # fmt: skip
