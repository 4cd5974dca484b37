"""What a refund does to its own row and its payment, whoever decided it; what it is of is locked by the caller before.

Order of locks: what is sold, then the payment, the refund, and the ledger's accounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record, record_all
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.jobs import defer_all
from tenpo.core.models import check_fields
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.outbox import publish, publish_all
from tenpo.core.tokens import new_id
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import credit_from
from tenpo.payments.actions.terms import keep_terms, lock_terms, set_terms
from tenpo.payments.models import Payment, Refund, RefundTerms
from tenpo.payments.permissions import can_decide_refund, can_withdraw_refund
from tenpo.payments.queries import refund_terms
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User

TERMS = ("ask_days", "automatic_amount", "cancellation_to")
MAX_ASK_DAYS = 730
# What is written of a refund that was asked for, once it is granted.
DECIDED = [
    "state", "amount", "company", "sponsor", "credit", "wallet", "own", "payment", "to", "word", "reviewed_by",
    "reviewed_at", "by_policy", "ended_at",
]  # fmt: skip


@dataclass(frozen=True)
class Held:
    """What a cancellation holds of a payment (minor units), to go back by the way that it came."""

    payment: Payment
    line_id: UUID
    description: str
    amount: int


def lock_payments(payment_ids: Sequence[UUID]) -> dict[UUID, Payment]:
    """Lock payments in the order of their ids, and read what is left of them."""
    rows = Payment.objects.select_for_update(no_key=True).filter(pk__in=payment_ids).order_by("id")
    return {payment.pk: payment for payment in rows}


def lock_refund(refund: Refund) -> Refund:
    """The refund's row, locked until the transaction ends."""
    rows = Refund.objects.select_for_update(no_key=True, of=("self",)).select_related("payment", "user")
    return rows.get(pk=refund.pk)


def hold_cancelled(held: Sequence[Held]) -> None:
    """Refunds by policy, of what cancellations give back by the way that it was paid; whoever calls posts the holds."""
    if not held:
        return
    payments = lock_payments([each.payment.pk for each in held])
    now = clock.now()
    refunds = []
    for each in held:
        payment = payments[each.payment.pk]
        payment.refunded += each.amount
        refunds.append(
            Refund(
                id=new_id(),
                user_id=payment.payer_id,
                payment=payment,
                provider=payment.provider,
                line_id=each.line_id,
                description=each.description,
                origin=Refund.Origin.CANCELLATION,
                asked=each.amount,
                amount=each.amount,
                own=each.amount,
                currency=payment.currency,
                to=RefundTo.METHOD,
                state=Refund.State.APPROVED,
                by_policy=True,
                reviewed_at=now,
            )
        )
    Payment.objects.bulk_update(payments.values(), ["refunded"])
    Refund.objects.bulk_create(refunds)
    said = {"state": Refund.State.APPROVED}
    record_all([("refund.granted", one, None, {**said, "amount": one.amount}) for one in refunds], by=None)
    publish_all([("refund.granted", one, {}) for one in refunds])
    send_soon(refunds)


def settle_decided(refund: Refund, *, by: User | None) -> None:
    """A refund was granted, and its money posted: it is done, or waits to leave. Whoever calls holds all locks.

    One that nobody asked for is written now.
    """
    now = clock.now()
    leaves = refund.own > 0 and refund.to == RefundTo.METHOD
    refund.state = Refund.State.APPROVED if leaves else Refund.State.DONE
    refund.reviewed_by, refund.reviewed_at, refund.by_policy = by, now, by is None
    refund.ended_at = None if leaves else now
    if leaves:
        assert refund.payment is not None
        refund.payment.refunded += refund.own
        refund.payment.save(update_fields=["refunded"])
    is_new = refund._state.adding
    if is_new:
        refund.save(force_insert=True)
    else:
        refund.save(update_fields=DECIDED)
    after = {"state": refund.state, "amount": refund.amount, "to": refund.to}
    before = None if is_new else {"state": Refund.State.ASKED}
    record("refund.granted", by=by, on=refund, before=before, after=after)
    publish("refund.granted", subject=refund)
    if leaves:
        send_soon([refund])


@transaction.atomic
def reject_refund(refund: Refund, *, word: str, by: User) -> Refund:
    """Say no to what was asked for, with a word that the buyer reads. Rejecting twice changes nothing.

    Raises RuleError "not_asked", ValidationError without a word.
    """
    refund = lock_refund(refund)
    if not can_decide_refund(by, refund):
        raise PermissionDenied
    if refund.state == Refund.State.REJECTED:
        return refund
    if refund.state != Refund.State.ASKED:
        raise not_asked(refund)
    refund.word = " ".join(word.split())
    if not refund.word:
        raise ValidationError({"word": _("Say why, in a few words.")})
    check_fields(refund, "word")
    refund.state, refund.reviewed_by, refund.reviewed_at = Refund.State.REJECTED, by, clock.now()
    refund.ended_at = refund.reviewed_at
    refund.save(update_fields=["state", "reviewed_by", "reviewed_at", "ended_at", "word"])
    _say(refund, "rejected", {"state": Refund.State.ASKED}, by=by, word=refund.word)
    return refund


@transaction.atomic
def withdraw_refund(refund: Refund, *, by: User) -> Refund:
    """Take back what one asked for, while nobody decided. Again changes nothing. Raises RuleError "not_asked"."""
    refund = lock_refund(refund)
    if not can_withdraw_refund(by, refund):
        raise PermissionDenied
    if refund.state == Refund.State.WITHDRAWN:
        return refund
    if refund.state != Refund.State.ASKED:
        raise not_asked(refund)
    refund.state, refund.ended_at = Refund.State.WITHDRAWN, clock.now()
    refund.save(update_fields=["state", "ended_at"])
    _say(refund, "withdrawn", {"state": Refund.State.ASKED}, by=by)
    return refund


@transaction.atomic
def update_refund_terms(*, by: User | None, visit: str | None = None, **changes: Any) -> RefundTerms:
    """Change some of `TERMS`, as asked in `visit`. What was sold before keeps where its cancellation goes.

    Raises ValidationError by field.
    """
    terms = lock_terms(RefundTerms, by=by, visit=visit)
    before = set_terms(terms, TERMS, changes)
    problems = {}
    if not 0 <= terms.ask_days <= MAX_ASK_DAYS:
        problems["ask_days"] = _("From 0 to %(n)s days.") % {"n": MAX_ASK_DAYS}
    if terms.automatic_amount is not None and not 0 < terms.automatic_amount <= MAX_AMOUNT:
        problems["automatic_amount"] = _("Give an amount above zero.")
    if terms.cancellation_to not in RefundTo.values:
        problems["cancellation_to"] = _("Choose one of these.")
    if problems:
        raise ValidationError(problems)
    if keep_terms(terms, before, "refund_terms.changed", by=by):
        transaction.on_commit(refund_terms.forget)
    return terms


def release_hold(refund: Refund, *, back_to: Pot) -> Posting:
    """What a refund held does not leave by the way that it was paid."""
    hold = Transfer.objects.get(key=refund.hold_key)
    return Posting(
        Transfer.Kind.REFUND_RELEASE, held_pot(refund), back_to, refund.own, f"{refund.hold_key}:released",
        hold.subject_id, reverses_id=hold.pk,
    )  # fmt: skip


def hold_top_up(refund: Refund) -> None:
    """Take what goes back of a top-up out of its payer's wallet. Raises RuleError "spent" once it is not there."""
    wallet = Pot(Account.Kind.WALLET, refund.currency, refund.user_id)
    hold = Posting(Transfer.Kind.REFUND_HOLD, wallet, held_pot(refund), refund.own, refund.hold_key, refund.pk)
    try:
        post_transfers([hold])
    except RuleError as refusal:
        if refusal.code != "insufficient_funds":
            raise
        raise RuleError("spent", _("So much is not in the wallet any more.")) from refusal


def hold_late_money(refund: Refund) -> None:
    """Take what goes back of money that came late out of the credit that it became.

    Raises RuleError "spent" once so much of it is not there. By way of the sales, as every refund of an order: should
    it not arrive, the credit may have lapsed meanwhile, and its buyer must get it all the same.
    """
    assert refund.payment is not None
    credit = credit_from(refund.payment_id, refund.user, at=clock.now()) if refund.payment_id else None
    if credit is None or (credit.balance or 0) < refund.own:
        raise _spent_credit()
    sales = Pot(Account.Kind.SALES, refund.currency)
    back = f"refund:{refund.pk}:credit"
    try:
        post_transfers(
            [
                Posting(Transfer.Kind.CREDIT_BACK, Pot.of(credit), sales, refund.own, back, refund.pk),
                Posting(Transfer.Kind.REFUND_HOLD, sales, held_pot(refund), refund.own, refund.hold_key, refund.pk),
            ]
        )
    except RuleError as refusal:
        if refusal.code != "insufficient_funds":
            raise
        raise _spent_credit() from refusal


def _spent_credit() -> RuleError:
    return RuleError("spent", _("So much of that credit is not there any more."))


def held_pot(refund: Refund) -> Pot:
    """Where what waits to leave is set aside."""
    return Pot(Account.Kind.REFUNDS, refund.currency)


def send_soon(refunds: Sequence[Refund]) -> None:
    """Have the worker send them, once this transaction is over; the job that asks again would find them as well."""
    defer_all("payments.send_refund", [{"refund_id": str(refund.pk)} for refund in refunds])


def not_asked(refund: Refund) -> RuleError:
    """It waits for something else."""
    state = str(refund.get_state_display()).lower()
    return RuleError("not_asked", _("This refund does not wait for that: it is %(state)s.") % {"state": state})


def _say(refund: Refund, what: str, before: dict[str, Any], *, by: User | None, **said: Any) -> None:
    record(f"refund.{what}", by=by, on=refund, before=before, after={"state": refund.state, **said})
    publish(f"refund.{what}", subject=refund)
