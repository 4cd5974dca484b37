"""Payments that their payer's bank takes back: what it took or returned, and the refunds that it made needless.

Whoever calls locks what was sold, and the payment, before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import transaction

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.payments.actions.auto_top_ups import DISPUTED, stop_filling
from tenpo.payments.actions.refunds import held_pot
from tenpo.payments.dispute_models import RELIEF
from tenpo.payments.models import Dispute, Payment, Refund
from tenpo.payments.providers.base import DisputeMovement, DisputeOutcome
from tenpo.payments.queries import borne_by_business
from tenpo.payments.refund_models import RefundTo

log = structlog.get_logger()


@transaction.atomic
def note_dispute(payment: Payment) -> None:
    """Its payer's bank wants the money of a payment back: the admins are told, and no card is charged by itself.

    From then on nothing of it goes back by itself but by the way that it came, whose provider knows of the dispute.
    Noting it again changes nothing, also once it is won.
    """
    now = clock.now()
    paid = Payment.objects.filter(pk=payment.pk, state=Payment.State.SUCCEEDED, disputed_at=None)
    if not paid.update(disputed_at=now):
        return
    payment.disputed_at = now
    record("payment.disputed", by=None, on=payment, before={"disputed_at": None}, after={"disputed_at": now})
    publish("payment.disputed", subject=payment)
    stop_filling(payment.payer_id, DISPUTED)


def keep_dispute(payment: Payment, outcome: DisputeOutcome) -> tuple[Dispute, bool]:
    """Write what its provider says of one dispute of a locked payment, and post what it moved, each movement once.

    What is decided stays so: an answer that was on its way longer is older. The dispute, and whether its state is news.
    """
    dispute, is_new = Dispute.objects.get_or_create(
        provider=payment.provider,
        reference=outcome.reference,
        defaults={"id": new_id(), "payment": payment, "amount": outcome.amount, "currency": outcome.currency},
    )
    before = None if is_new else dispute.state
    if dispute.state == Dispute.State.OPEN and outcome.state != Dispute.State.OPEN:
        dispute.state, dispute.decided_at = outcome.state, clock.now()
    moved = [one for one in outcome.moved if _is_of_its_currency(dispute, one)]
    post_transfers([posting for one in moved for posting in _movement_postings(dispute, one)])
    # Of two answers the older one may know less: what was posted counts.
    posted = Transfer.objects.filter(subject_id=dispute.pk).values_list("kind", "amount")
    signs = {Transfer.Kind.DISPUTE: 1, Transfer.Kind.DISPUTE_BACK: -1}
    fees = {Transfer.Kind.FEE: 1, Transfer.Kind.FEE_BACK: -1}
    dispute.taken = sum(signs.get(Transfer.Kind(kind), 0) * amount for kind, amount in posted)
    dispute.fee = sum(fees.get(Transfer.Kind(kind), 0) * amount for kind, amount in posted)
    dispute.save(update_fields=["state", "decided_at", "taken", "fee"])
    if is_news := before != dispute.state:
        record(f"dispute.{'opened' if dispute.state == Dispute.State.OPEN else dispute.state}", by=None, on=dispute,
               before={"state": before}, after={"state": dispute.state, "amount": dispute.amount})  # fmt: skip
    return dispute, is_news


def give_by_dispute(dispute: Dispute, refunds: Sequence[Refund], payment: Payment) -> list[Posting]:
    """New refunds of lines, whose own part the bank has given back itself: done, as nothing is left to be sent.

    Their parts were set aside by the caller, who posts what is returned.
    """
    now = clock.now()
    for refund in refunds:
        refund.state, refund.by_policy = Refund.State.DONE, True
        refund.reviewed_at = refund.ended_at = now
        refund.save(force_insert=True)
        record("refund.done", by=None, on=refund, after={"state": refund.state, "amount": refund.amount})
    payment.refunded += sum(refund.own for refund in refunds)
    payment.save(update_fields=["refunded"])
    return [_leaving_by(dispute, refund, refund.own) for refund in refunds]


def end_held_refunds(dispute: Dispute, payment: Payment, most: int) -> list[Posting]:
    """Refunds that are held, as the provider refused them: the bank gave back as much itself, so they are done.

    Up to `most` (minor units) in all; one that is more than what is left of it stays, for an admin to decide: see
    `keep_back_postings`.
    """
    rows = Refund.objects.select_for_update(no_key=True).filter(payment=payment, to=RefundTo.METHOD)
    postings = []
    for refund in rows.filter(state__in=[Refund.State.APPROVED, Refund.State.FAILED]).order_by("id"):
        if refund.own > most:
            continue
        most -= refund.own
        before = {"state": refund.state}
        # Nobody is asked about it any more: what its provider says of the try that failed is no news.
        refund.state, refund.reference, refund.ended_at = Refund.State.DONE, None, clock.now()
        refund.save(update_fields=["state", "reference", "ended_at"])
        record("refund.done", by=None, on=refund, before=before, after={"state": refund.state})
        postings.append(_leaving_by(dispute, refund, refund.own))
    return postings


def end_by_loss(refund: Refund, payment: Payment) -> bool:
    """A refund that did not arrive is done all the same where the business bears as much of what banks keep of it.

    Its payer has the money from the bank; what was set aside for it covers the loss. False where less is borne.
    """
    borne = borne_by_business(payment)
    if sum(borne.values()) < refund.own:
        return False
    left, postings = refund.own, []
    for dispute, most in borne.items():
        if amount := min(left, most):
            postings += [_leaving_by(dispute, refund, amount), _relief_posting(dispute, amount)]
            left -= amount
    before = {"state": refund.state}
    refund.state, refund.reference, refund.ended_at = Refund.State.DONE, None, clock.now()
    refund.save(update_fields=["state", "reference", "ended_at"])
    post_transfers(postings)
    record("refund.done", by=None, on=refund, before=before, after={"state": refund.state})
    return True


def refund_by_dispute(payment: Payment, *, line_id: UUID, description: str, own: int) -> Refund:
    """What a bank took back of one line, as a refund that is not written yet."""
    return Refund(
        id=new_id(), user_id=payment.payer_id, payment=payment, provider=payment.provider, line_id=line_id,
        description=description, origin=Refund.Origin.DISPUTE, asked=own, amount=own, own=own,
        currency=payment.currency, to=RefundTo.METHOD,
    )  # fmt: skip


@dataclass(frozen=True)
class Loss:
    """What of a loss is taken from where it still is, or from `sales`: borne by the business."""

    pot: Pot
    amount: int


def loss_postings(dispute: Dispute, losses: Sequence[Loss], *, key: str = "") -> list[Posting]:
    """What covers a loss, beside the refunds of lines. How often it moved before tells one time from the next."""
    key = key or f"dispute:{dispute.pk}:lost:{_count(dispute)}"
    return [
        Posting(
            Transfer.Kind.DISPUTE_LOSS, loss.pot, disputes_pot(dispute), loss.amount, f"{key}:{number}", dispute.pk
        )
        for number, loss in enumerate(losses)
        if loss.amount
    ]  # fmt: skip


def keep_back_postings(payment: Payment, there: Sequence[Loss]) -> list[Posting]:
    """What the business bears of what banks keep of a locked payment is taken of what of it is `there` after all.

    Its payer had as much from the bank already.
    """
    left, postings = list(there), []
    for dispute, borne in borne_by_business(payment).items():
        kept = _up_to(borne, left)
        left = [Loss(one.pot, one.amount - part.amount) for one, part in zip(left, kept, strict=True)]
        postings += loss_postings(dispute, kept, key=_relief_key(dispute))
        if amount := sum(part.amount for part in kept):
            postings.append(_relief_posting(dispute, amount))
    return postings


def _up_to(most: int, there: Sequence[Loss]) -> list[Loss]:
    found = []
    for one in there:
        found.append(Loss(one.pot, min(most, one.amount)))
        most -= found[-1].amount
    return found


def _relief_posting(dispute: Dispute, amount: int) -> Posting:
    """What the business does not bear any more of a loss, in minor units."""
    kind, key = Transfer.Kind.DISPUTE_GAIN, _relief_key(dispute)
    return Posting(kind, disputes_pot(dispute), _sales(dispute), amount, key, dispute.pk)


def _relief_key(dispute: Dispute) -> str:
    return f"dispute:{dispute.pk}:{RELIEF}:{_count(dispute)}"


def return_loss(dispute: Dispute) -> int:
    """More came back than is lost by now: it is the business's again. How much it is."""
    surplus = dispute.lost - max(0, dispute.taken)
    key = f"dispute:{dispute.pk}:gain:{_count(dispute)}"
    gain = Posting(Transfer.Kind.DISPUTE_GAIN, disputes_pot(dispute), _sales(dispute), surplus, key, dispute.pk)
    post_transfers([gain])
    return surplus


def disputes_pot(dispute: Dispute) -> Pot:
    """Where what banks took is counted until it is decided who bears it."""
    return Pot(Account.Kind.DISPUTES, dispute.currency)


def _sales(dispute: Dispute) -> Pot:
    return Pot(Account.Kind.SALES, dispute.currency)


def _count(dispute: Dispute) -> int:
    return Transfer.objects.filter(subject_id=dispute.pk).count()


def _is_of_its_currency(dispute: Dispute, moved: DisputeMovement) -> bool:
    if moved.currency == dispute.currency:
        return True
    log.error("dispute_in_another_currency", dispute_id=str(dispute.pk), currency=moved.currency)
    return False


def _movement_postings(dispute: Dispute, moved: DisputeMovement) -> list[Posting]:
    """The money and the fee, each in the direction in which it went."""
    provider, banks = Pot(Account.Kind.PROVIDER, dispute.currency, name=dispute.provider), disputes_pot(dispute)
    fees, key = Pot(Account.Kind.FEES, dispute.currency), f"dispute:{dispute.pk}:{moved.reference}"
    kinds, subject_id = Transfer.Kind, dispute.pk
    found = []
    if moved.amount < 0:
        found.append(Posting(kinds.DISPUTE, banks, provider, -moved.amount, key, subject_id))
    elif moved.amount > 0:
        found.append(Posting(kinds.DISPUTE_BACK, provider, banks, moved.amount, key, subject_id))
    if moved.fee > 0:
        found.append(Posting(kinds.FEE, fees, provider, moved.fee, f"{key}:fee", subject_id))
    elif moved.fee < 0:
        found.append(Posting(kinds.FEE_BACK, provider, fees, -moved.fee, f"{key}:fee", subject_id))
    return found


def _leaving_by(dispute: Dispute, refund: Refund, amount: int) -> Posting:
    key = f"refund:{refund.pk}:dispute:{dispute.pk}"
    return Posting(Transfer.Kind.REFUND, held_pot(refund), disputes_pot(dispute), amount, key, refund.pk)
