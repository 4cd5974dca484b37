"""What goes back of paid lines, as often as there is something left: to each who paid it.

Whoever gives back locks the line first: what is left of it is read under that lock, and `line_gives_back_within` and
`line_sponsor_gets_back_within` stand behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dateutil.relativedelta import relativedelta
from django.db.models import Exists, OuterRef, Q

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.jobs import defer_all
from tenpo.core.money import apportion
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.actions.splits import reverse_splits
from tenpo.orders.actions.sponsor_shares import return_to_budgets, sponsor_pot, sponsors_of
from tenpo.orders.models import Line
from tenpo.orders.policies import GivenBack, PartsBack, parts_back
from tenpo.orders.queries import SPENT_FIRST
from tenpo.payments.actions.refunds import Held, hold_cancelled
from tenpo.payments.models import Dispute, Payment
from tenpo.payments.refund_models import RefundTo

# What is set aside for an open order, and how it goes back.
BACK_UNSPENT = {
    Transfer.Kind.CREDIT_RESERVE: Transfer.Kind.CREDIT_UNRESERVE,
    Transfer.Kind.WALLET_RESERVE: Transfer.Kind.WALLET_UNRESERVE,
}
RESTORES = (Transfer.Kind.CREDIT_RESTORE, Transfer.Kind.WALLET_RESTORE)
COUNTERS = ["company_back", "credit_back", "wallet_back", "own_back", "sponsor_back"]


@dataclass(frozen=True)
class Return:
    """What goes back of one line at once. `cause` (a refund's id) tells it from the others; none: its cancellation."""

    line: Line
    parts: PartsBack
    to: str
    cause: UUID | None = None

    @property
    def suffix(self) -> str:
        """What ends the keys of its transfers."""
        return f":refund:{self.cause}" if self.cause else ""


def lock_lines(line_ids: Sequence[UUID]) -> dict[UUID, Line]:
    """Lock lines in the order of their ids, and read what is left of them."""
    rows = Line.objects.select_for_update(of=("self",), no_key=True).select_related("order")
    return {line.pk: line for line in rows.filter(pk__in=line_ids).order_by("id")}


def give_back(given: Sequence[tuple[Line, int]], *, now: datetime | None = None) -> list[GivenBack]:
    """Cancelled: give back a percentage of what is left of each locked line, to each who paid it; once for each line.

    What was paid from outside goes where the line says now (`back_to`), which is written with it.

    However many lines, it is one posting, so that two who give back many cannot wait for each other's accounts.
    """
    if not given:
        return []
    now = now or clock.now()
    parts = [parts_back(line, percent) for line, percent in given]
    payments = _payments_of([line for (line, _percent), part in zip(given, parts, strict=True) if part.own])
    returns = []
    for (line, percent), part in zip(given, parts, strict=True):
        assert line.refunded_percent is None, "a line is cancelled once"
        line.refunded_percent = percent
        line.refunded_at = now
        if part.own and payments[line.order_id].disputed_at is not None:
            # The bank may have given it back already. The provider knows, and what it refuses waits for an admin.
            line.back_to = RefundTo.METHOD
        returns.append(Return(line, part, line.back_to))
    _return_parts(returns, payments, now=now, changed=["refunded_percent", "refunded_at", "back_to"])
    return [GivenBack.of(each.parts, each.to) for each in returns]


def return_parts(*returns: Return, now: datetime | None = None) -> None:
    """Give so much of each part of locked lines back, at once; again for the same cause is a mistake of ours."""
    payments = _payments_of([each.line for each in returns if each.parts.own])
    _return_parts(returns, payments, now=now or clock.now())


def _return_parts(
    returns: Sequence[Return], payments: Mapping[UUID, Payment], *, now: datetime, changed: Sequence[str] = ()
) -> None:
    """Count, reverse the splits, and post: what company and sponsor paid to them, the rest to the buyer.

    Credits and wallet that were spent come back to themselves (a lapsed credit as a new one with the same source); what
    was paid becomes a credit whose source is that payment, or fills the wallet, or is set aside to be sent.
    """
    for each in returns:
        line, parts = each.line, each.parts
        line.company_back += parts.company
        line.credit_back += parts.credit
        line.wallet_back += parts.wallet
        line.own_back += parts.own
        line.sponsor_back += parts.sponsor
    Line.objects.bulk_update([each.line for each in returns], [*changed, *COUNTERS])
    hold_cancelled([_held(each, payments[each.line.order_id]) for each in returns if _is_held_by_itself(each)])
    return_to_budgets([(each.line, each.parts.sponsor) for each in returns])
    reverse_splits([(each.line, each.parts.whole) for each in returns])
    sponsors = sponsors_of([each.line for each in returns if each.parts.sponsor])
    spent = _spent_on([each.line for each in returns if each.parts.credit or each.parts.wallet])
    postings = []
    for each in returns:
        if each.parts.company:
            postings.append(_release_posting(each))
        if each.parts.sponsor and each.line.sponsorship_id:
            sponsor = sponsor_pot(sponsors[each.line.sponsorship_id])
            postings.append(_sponsor_posting(each, sponsor))
        pots = spent.get(each.line.pk, [])
        postings += _restore_postings(each, [pot for pot in pots if pot.is_credit], each.parts.credit, now)
        postings += _restore_postings(each, [pot for pot in pots if not pot.is_credit], each.parts.wallet, now)
        if each.parts.own:
            postings.append(_own_posting(each, payments[each.line.order_id], now))
    post_transfers(postings)
    _look_whether_twice([pot for pots in spent.values() for pot in pots])


def _look_whether_twice(restored: Sequence["_Spent"]) -> None:
    """What came back may be what a bank has given back before: have the worker look, once this transaction is over."""
    payers = {pot.transfer.debit.owner_id for pot in restored if pot.is_of_loser}
    defer_all("checkout.take_what_came_back", [{"payer_id": str(one)} for one in payers])


def issue_posting(
    payment: Payment, amount: int, *, subject_id: UUID, now: datetime, name: str = "", suffix: str = ""
) -> Posting:
    """Money of a payment becomes credit, which knows where it comes from, and lapses after some months."""
    credit = Pot(
        Account.Kind.CREDIT, payment.currency, payment.payer_id, payment.pk, name=name, expires_at=_credit_expiry(now)
    )
    sales = Pot(Account.Kind.SALES, payment.currency)
    return Posting(Transfer.Kind.CREDIT_ISSUE, sales, credit, amount, f"issue:{subject_id}{suffix}", subject_id)


def _is_held_by_itself(each: Return) -> bool:
    """Whether a cancellation sends something back by the way that it was paid; a refund has its row already."""
    return each.cause is None and each.to == RefundTo.METHOD and each.parts.own > 0


def _held(each: Return, payment: Payment) -> Held:
    return Held(payment, each.line.pk, each.line.description, each.parts.own)


def _own_posting(each: Return, payment: Payment, now: datetime) -> Posting:
    """Where that goes which was paid from outside."""
    line, amount = each.line, each.parts.own
    sales = Pot(Account.Kind.SALES, payment.currency)
    if each.to == RefundTo.WALLET:
        wallet = Pot(Account.Kind.WALLET, payment.currency, payment.payer_id)
        key = f"line:{line.pk}:own:wallet{each.suffix}"
        return Posting(Transfer.Kind.WALLET_REFUND, sales, wallet, amount, key, line.pk)
    if each.to == RefundTo.METHOD:
        held = Pot(Account.Kind.REFUNDS, payment.currency)
        key = f"line:{line.pk}:own:hold{each.suffix}"
        return Posting(Transfer.Kind.REFUND_HOLD, sales, held, amount, key, line.pk)
    # Each time a credit of its own: an earlier one may have lapsed.
    name = str(each.cause) if each.cause else ""
    return issue_posting(payment, amount, subject_id=line.pk, now=now, name=name, suffix=each.suffix)


def _release_posting(each: Return) -> Posting:
    line = each.line
    sales = Pot(Account.Kind.SALES, line.order.currency)
    company = Pot(Account.Kind.COMPANY, line.order.currency)
    key = f"line:{line.pk}:company:back{each.suffix}"
    return Posting(Transfer.Kind.COMPANY_RELEASE, sales, company, each.parts.company, key, line.pk)


def _sponsor_posting(each: Return, sponsor: Pot) -> Posting:
    line = each.line
    sales = Pot(Account.Kind.SALES, line.order.currency)
    key = f"line:{line.pk}:sponsor:back{each.suffix}"
    return Posting(Transfer.Kind.SPONSOR_RELEASE, sales, sponsor, each.parts.sponsor, key, line.pk)


def _payments_of(lines: Sequence[Line]) -> dict[UUID, Payment]:
    if not lines:
        return {}
    paid = Payment.objects.filter(order_id__in=[line.order_id for line in lines], state=Payment.State.SUCCEEDED)
    return {payment.order_id: payment for payment in paid if payment.order_id}


@dataclass(frozen=True)
class _Spent:
    """A transfer that took somebody's credit or wallet for a line, and how much of it has not gone back.

    `is_of_loser`: their bank took back money that they had paid, for good.
    """

    transfer: Transfer
    left: int
    is_of_loser: bool = False

    @property
    def is_credit(self) -> bool:
        return self.transfer.debit.kind == Account.Kind.CREDIT


def _spent_on(lines: Sequence[Line]) -> dict[UUID, list[_Spent]]:
    """What took credit and wallet for each line."""
    if not lines:
        return {}
    took = Q(kind__in=[Transfer.Kind.CREDIT_SPEND, Transfer.Kind.WALLET_SPEND, *BACK_UNSPENT])
    took &= Q(debit__kind__in=SPENT_FIRST)
    moved = Transfer.objects.filter(took | Q(kind__in=RESTORES), subject_id__in=[line.pk for line in lines])
    taken: list[Transfer] = []
    restored: dict[str, int] = {}
    lost = Exists(Dispute.objects.filter(payment__payer=OuterRef("debit__owner"), lost__gt=0))
    for transfer in moved.annotate(is_of_loser=lost).select_related("debit").order_by("id"):
        if transfer.kind in RESTORES:
            key = transfer.key.partition(":restored")[0]
            restored[key] = restored.get(key, 0) + transfer.amount
        else:
            taken.append(transfer)
    spent: dict[UUID, list[_Spent]] = {line.pk: [] for line in lines}
    for transfer in taken:
        left = transfer.amount - restored.get(transfer.key, 0)
        spent[transfer.subject_id].append(_Spent(transfer, left, is_of_loser=vars(transfer)["is_of_loser"]))
    return spent


def _restore_postings(each: Return, spent: Sequence[_Spent], amount: int, now: datetime) -> list[Posting]:
    """Back to what was spent, in proportion to what of it has not gone back: credits, or money given and wallet."""
    sales = Pot(Account.Kind.SALES, each.line.order.currency)
    parts = apportion(amount, [pot.left for pot in spent])
    return [
        Posting(
            Transfer.Kind.CREDIT_RESTORE if pot.is_credit else Transfer.Kind.WALLET_RESTORE, sales,
            _still_open(pot.transfer.debit, each, now), part, f"{pot.transfer.key}:restored{each.suffix}", each.line.pk,
        )
        for pot, part in zip(spent, parts, strict=True)
        if part
    ]  # fmt: skip


def _still_open(account: Account, each: Return, now: datetime) -> Pot:
    if account.expires_at is None or account.expires_at > now:
        return Pot.of(account)
    assert account.owner_id is not None
    return Pot(
        Account.Kind.CREDIT, account.currency, account.owner_id, account.source_id,
        name=f"again:{each.cause or each.line.pk}", expires_at=_credit_expiry(now),
    )  # fmt: skip


def _credit_expiry(now: datetime) -> datetime:
    return now + relativedelta(months=current_business().credit_months)
