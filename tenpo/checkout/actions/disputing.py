"""Payments that their payer's bank takes back: what is lost for good is taken back from whoever had it.

What was bought stays, unless somebody cancels it. No more of it goes back than was paid: what a line, a wallet or a
credit has still is taken first, and the business bears the rest, until more of it comes back.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Sum

from tenpo.audit.actions import record
from tenpo.checkout.queries.disputes import own_parts
from tenpo.core import clock
from tenpo.core.jobs import defer, each_by_itself
from tenpo.core.outbox import publish
from tenpo.ledger.actions import Posting, Pot, post_transfers, post_what_is_there
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import balance_of
from tenpo.orders.actions.giving_back import Return, lock_lines, return_parts
from tenpo.orders.models import Line, Order
from tenpo.orders.policies import PartsBack
from tenpo.payments.actions.asking import ask_in_turn
from tenpo.payments.actions.disputes import (
    Loss,
    end_held_refunds,
    give_by_dispute,
    keep_back_postings,
    keep_dispute,
    loss_postings,
    note_dispute,
    refund_by_dispute,
    return_loss,
)
from tenpo.payments.actions.refunds import lock_payments
from tenpo.payments.dispute_models import RELIEF
from tenpo.payments.models import Dispute, Payment
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import DisputeOutcome, ProviderTimeout
from tenpo.payments.queries import borne_by_business
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User

# What is not decided is asked about so often, as a webhook may get lost, and so many at once.
ASK_AGAIN = timedelta(hours=20)
ASKED_AT_ONCE = 100
SOON_SECONDS = 60
BACK_IN_A_WALLET = (Transfer.Kind.WALLET_RESTORE, Transfer.Kind.WALLET_UNRESERVE)


def settle_disputes_of(payment: Payment) -> bool:
    """Ask about all that a bank wants back of a payment, if it does; False when nobody answers."""
    if not Payment.objects.filter(pk=payment.pk, disputed_at__isnull=False).exists():
        return True
    try:
        outcomes = list(provider_of(payment.provider).disputes(payment))
    except ProviderTimeout:
        return False
    for outcome in outcomes:
        apply_dispute(payment, outcome)
    return True


def ask_about_disputes() -> int:
    """Ask about disputes that nobody decided, or that were won and are not paid back; how many were answered for."""
    asked_long_ago = Q(asked_at=None) | Q(asked_at__lt=clock.now() - ASK_AGAIN)
    won = Dispute.objects.filter(payment=OuterRef("pk"), state=Dispute.State.WON, taken__gt=0)
    waiting = Payment.objects.in_dispute() | Payment.objects.filter(Exists(won))
    return ask_in_turn(waiting.filter(asked_long_ago), settle_disputes_of, limit=ASKED_AT_ONCE)


@transaction.atomic
def apply_dispute(payment: Payment, outcome: DisputeOutcome) -> Dispute:
    """Bring one dispute to what its provider says, with all that follows. Saying it twice changes nothing.

    What the bank took is out of the books' balance there at once. Once it is lost, refunds that were held for it are
    done, who earned of it gives back their part as for a refund, and what is still in the payer's wallet or credit of
    it is taken; the business bears the rest. The admins are told how it ended.
    """
    lines = _lock_lines_of(payment)
    payment = lock_payments([payment.pk])[payment.pk]
    dispute, is_news = keep_dispute(payment, outcome)
    if dispute.state == Dispute.State.LOST and dispute.taken > dispute.lost:
        _lose(dispute, payment, lines)
    elif dispute.lost > max(0, dispute.taken):
        came_back = return_loss(dispute)
        _count_lost(dispute)
        publish("dispute.returned", subject=dispute, amount=came_back)
    elif dispute.state == Dispute.State.WON and is_news:
        publish("dispute.won", subject=dispute)
    # Last, as it locks what fills the payer's wallet.
    note_dispute(payment)
    return dispute


def _lock_lines_of(payment: Payment) -> list[Line]:
    """The lines that a payment paid, locked by their ids; none of one that buys nothing."""
    if payment.order_id is None:
        return []
    paid = Line.objects.filter(order_id=payment.order_id, order__state=Order.State.PAID)
    return list(lock_lines(list(paid.values_list("pk", flat=True))).values())


def _lose(dispute: Dispute, payment: Payment, lines: Sequence[Line]) -> None:
    """What the bank took and keeps: taken back from whoever has it, each amount once."""
    rest = lost = dispute.taken - dispute.lost
    leaving = end_held_refunds(dispute, payment, rest)
    rest -= sum(posting.amount for posting in leaving)
    given = _give_by_lines(dispute, payment, lines, rest)
    rest -= sum(posting.amount for posting in given)
    post_transfers([*leaving, *given])
    taken_here = _take_what_is_here(dispute, payment, lines, rest)
    _count_lost(dispute)
    publish("dispute.lost", subject=dispute, amount=lost, from_payer=taken_here, borne=rest - taken_here)
    if taken_here:
        publish("payment.taken_back", subject=payment, amount=taken_here)
    if rest > taken_here:
        # What comes back to them at this very moment knows of no loss yet.
        defer("checkout.take_what_came_back", in_seconds=SOON_SECONDS, payer_id=str(payment.payer_id))


def _count_lost(dispute: Dispute) -> None:
    before, dispute.lost = dispute.lost, max(0, dispute.taken)
    dispute.save(update_fields=["lost"])
    record("dispute.counted", by=None, on=dispute, before={"lost": before}, after={"lost": dispute.lost})


def _give_by_lines(dispute: Dispute, payment: Payment, lines: Sequence[Line], most: int) -> list[Posting]:
    """What the buyer paid of each line and has not got back, in proportion: a refund of each, with its splits."""
    refunds, returns = [], []
    for line, own in own_parts(lines, most):
        if own:
            refund = refund_by_dispute(payment, line_id=line.pk, description=line.description, own=own)
            refunds.append(refund)
            returns.append(Return(line, PartsBack(0, 0, 0, own), RefundTo.METHOD, refund.pk))
    if not refunds:
        return []
    return_parts(*returns)
    return give_by_dispute(dispute, refunds, payment)


def _take_what_is_here(dispute: Dispute, payment: Payment, lines: Sequence[Line], amount: int) -> int:
    """Take `amount` from what of the payment is in its payer's credit or wallet; the business bears the rest.

    Returns how much was there.
    """
    sales = Pot(Account.Kind.SALES, dispute.currency)

    def postings(here: Sequence[Loss]) -> list[Posting]:
        return loss_postings(dispute, [Loss(sales, amount - _in_all(here)), *here])

    return _in_all(post_what_is_there(lambda: _what_is_here(payment, lines, amount), postings, nothing=[]))


def _in_all(losses: Sequence[Loss]) -> int:
    return sum(loss.amount for loss in losses)


def _what_is_here(payment: Payment, lines: Sequence[Line], most: int) -> list[Loss]:
    """What of a payment its payer could spend now, up to `most`: credit that comes from it, then the wallet."""
    found = _credit_from(payment, most)
    most -= _in_all(found)
    (balance,) = balance_of(payment.payer, payment.currency, [Account.Kind.WALLET]).values()
    wallet = Pot(Account.Kind.WALLET, payment.currency, payment.payer_id)
    found.append(Loss(wallet, max(0, min(most, balance, _filled_by(payment, lines)))))
    return found


def _credit_from(payment: Payment, most: int) -> list[Loss]:
    """What its payer could spend now of the credit that comes from a payment, up to `most`."""
    found = []
    credits = Account.objects.filter(kind=Account.Kind.CREDIT, owner=payment.payer_id, source_id=payment.pk)
    for credit in credits.exclude(expires_at__lte=clock.now()).filter(balance__gt=0).order_by("id"):
        amount = min(most, credit.balance or 0)
        found.append(Loss(Pot.of(credit), amount))
        most -= amount
    return found


def take_what_came_back(payer: User) -> int:
    """Take what somebody got back of what they bought, where a bank had given them the same money back before.

    What was spent of a payment when its dispute was lost is borne by the business, until it comes back to their credit
    or wallet. Returns how much; again takes nothing.
    """
    lost = Payment.objects.filter(payer=payer, disputes__lost__gt=0).distinct()
    return sum(_take_what_came_back(payment) for payment in lost.order_by("id"))


def take_all_that_came_back() -> int:
    """The same of everybody, should something have come back unseen, as what was held for an order; of how many."""
    losers = User.objects.filter(payments__disputes__lost__gt=0).distinct().order_by("id")
    return sum(map(bool, each_by_itself(losers, take_what_came_back, failure="nothing_taken_that_came_back")))


@transaction.atomic
def _take_what_came_back(payment: Payment) -> int:
    payment = lock_payments([payment.pk])[payment.pk]
    lines = [] if payment.order_id is None else list(Line.objects.filter(order_id=payment.order_id))

    def look() -> list[Loss]:
        return _what_came_back(payment, lines, sum(borne_by_business(payment).values()))

    def postings(there: Sequence[Loss]) -> list[Posting]:
        return keep_back_postings(payment, there)

    taken = _in_all(post_what_is_there(look, postings, nothing=[]))
    if taken:
        record("payment.taken_back", by=None, on=payment, after={"amount": taken})
        publish("payment.taken_back", subject=payment, amount=taken)
    return taken


def _what_came_back(payment: Payment, lines: Sequence[Line], most: int) -> list[Loss]:
    """What of a payment is there again, up to `most`: all credit that comes from it, and what fills a wallet that it
    had filled, of what was bought before it was lost.
    """
    if not most:
        return []
    found = _credit_from(payment, most)
    lost_at = payment.disputes.filter(lost__gt=0).aggregate(at=Max("decided_at"))["at"]
    bought = Line.objects.filter(order__buyer=payment.payer_id, created_at__lt=lost_at)
    restored = Transfer.objects.filter(
        kind__in=BACK_IN_A_WALLET, credit__kind=Account.Kind.WALLET, credit__owner=payment.payer_id,
        subject_id__in=bought.values("pk"), created_at__gt=lost_at, currency=payment.currency,
    )  # fmt: skip
    taken = Transfer.objects.filter(
        kind=Transfer.Kind.DISPUTE_LOSS, debit__kind=Account.Kind.WALLET, debit__owner=payment.payer_id,
        key__contains=f":{RELIEF}:", created_at__gt=lost_at, currency=payment.currency,
    )  # fmt: skip
    (balance,) = balance_of(payment.payer, payment.currency, [Account.Kind.WALLET]).values()
    there = min(balance, _filled_by(payment, lines), _all_of(restored) - _all_of(taken))
    wallet = Pot(Account.Kind.WALLET, payment.currency, payment.payer_id)
    return [*found, Loss(wallet, max(0, min(most - _in_all(found), there)))]


def _all_of(transfers: QuerySet[Transfer]) -> int:
    return transfers.aggregate(sum=Sum("amount"))["sum"] or 0


def _filled_by(payment: Payment, lines: Sequence[Line]) -> int:
    """How much of a payment came into its payer's wallet, and was not taken out again for it."""
    taken = _sum(Transfer.Kind.DISPUTE_LOSS, [one.pk for one in payment.disputes.all()])
    if payment.purpose == Payment.Purpose.TOP_UP:
        return payment.left - taken
    subjects = [line.pk for line in lines] + [refund.pk for refund in payment.refunds.all()]
    return _sum(Transfer.Kind.WALLET_REFUND, subjects) - taken


def _sum(kind: Transfer.Kind, subjects: Sequence[UUID]) -> int:
    """What moved into a wallet, or out of it, for some causes."""
    ends = Q(debit__kind=Account.Kind.WALLET) | Q(credit__kind=Account.Kind.WALLET)
    return _all_of(Transfer.objects.filter(ends, kind=kind, subject_id__in=subjects))
