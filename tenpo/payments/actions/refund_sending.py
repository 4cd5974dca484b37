"""Granted refunds leave by the way that the money came: by themselves, or by an admin's hand; what became of them."""

from datetime import timedelta

import structlog
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.outbox import publish
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.payments.actions.asking import ask_in_turn
from tenpo.payments.actions.disputes import end_by_loss
from tenpo.payments.actions.refunds import held_pot, lock_payments, lock_refund, send_soon
from tenpo.payments.models import Payment, Refund
from tenpo.payments.permissions import can_decide_refund
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import ProviderTimeout, RefundOutcome, RefundState
from tenpo.payments.queries import borne_by_business, manual_providers
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User

# A provider is asked again what became of a refund after so long, and of no more than these at once.
ASK_AGAIN = timedelta(minutes=1)
ASKED_AT_ONCE = 100

log = structlog.get_logger()


def send_waiting_refunds() -> int:
    """Send granted refunds that leave by themselves, and ask what became of those on their way; how many they were."""
    ours = Refund.objects.exclude(provider__in=manual_providers()).select_related("payment")
    fresh, sent = ours.filter(state=Refund.State.APPROVED), ours.filter(state=Refund.State.SENT)
    late = clock.now() - ASK_AGAIN
    asked = ask_in_turn(fresh, send_refund, limit=ASKED_AT_ONCE)
    return asked + ask_in_turn(sent.filter(sent_at__lt=late), ask_about_refund, limit=ASKED_AT_ONCE)


def send_refund(refund: Refund) -> Refund:
    """Send one granted refund by its provider. It is on its way before anybody is asked, so that it leaves once."""
    with transaction.atomic():
        refund = lock_refund(refund)
        if refund.state != Refund.State.APPROVED or provider_of(refund.provider).is_marked_by_hand:
            return refund
        refund.state, refund.sent_at = Refund.State.SENT, clock.now()
        refund.save(update_fields=["state", "sent_at"])
        before, after = {"state": Refund.State.APPROVED}, {"state": Refund.State.SENT}
        record("refund.sent", by=None, on=refund, before=before, after=after)
    return _hear(refund, is_new=True)


def ask_about_refund(refund: Refund) -> Refund:
    """Ask the provider what became of a refund; one that it never heard of is sent again, under the same key."""
    return _hear(refund, is_new=False)


def settle_refunds_of(payment: Payment) -> bool:
    """Ask about all refunds of a payment that left; False when nobody answers. One that had arrived may come back."""
    left = payment.refunds.filter(state__in=[Refund.State.SENT, Refund.State.DONE], reference__isnull=False)
    unheard = payment.refunds.filter(state=Refund.State.SENT, reference=None)
    provider = provider_of(payment.provider)
    if provider.is_marked_by_hand:
        return True
    for refund in [*left.order_by("id"), *unheard.order_by("id")]:
        try:
            outcome = provider.retrieve_refund(payment, key=refund.key)
        except ProviderTimeout:
            return False
        if outcome is not None:
            apply_refund_outcome(refund, outcome, attempt=refund.attempt)
    return True


@transaction.atomic
def apply_refund_outcome(refund: Refund, outcome: RefundOutcome, *, attempt: int) -> Refund:
    """Bring a refund to what its provider says of one attempt. Hearing it twice changes nothing.

    What does not arrive stays held, and an admin sends it again or gives it another way; unless its payer's bank took
    as much for good by now, at the business's cost: then they have it already.
    """
    if outcome.state == RefundState.FAILED and refund.payment_id is not None:
        lock_payments([refund.payment_id])
    refund = lock_refund(refund)
    if refund.attempt != attempt or refund.state not in (Refund.State.SENT, Refund.State.DONE):
        return refund
    if refund.state == Refund.State.DONE and not (_may_fail(refund) and outcome.state == RefundState.FAILED):
        return refund
    refund.reference = outcome.reference or refund.reference
    if outcome.state == RefundState.SUCCEEDED:
        return _arrive(refund, by=None)
    if outcome.state == RefundState.FAILED:
        return _fail(refund, outcome.failure_code)
    refund.save(update_fields=["reference"])
    return refund


@transaction.atomic
def mark_refund_done(refund: Refund, *, by: User) -> Refund:
    """An admin sent the money back by hand, never to themselves. Marking twice changes nothing.

    Raises RuleError "not_granted", "not_by_hand".
    """
    refund = lock_refund(refund)
    if not can_decide_refund(by, refund):
        raise PermissionDenied
    if refund.state == Refund.State.DONE and refund.marked_by_id is not None:
        return refund
    if refund.state != Refund.State.APPROVED:
        raise RuleError("not_granted", _("Only what was granted and waits is sent back."))
    if not provider_of(refund.provider).is_marked_by_hand:
        raise RuleError("not_by_hand", _("This refund leaves by its provider, which says what becomes of it."))
    refund.sent_at, refund.marked_by = clock.now(), by
    return _arrive(refund, by=by)


@transaction.atomic
def send_refund_again(refund: Refund, *, by: User) -> Refund:
    """What did not arrive is sent once more, under another key. Never by who gets it.

    Raises RuleError "not_failed", "bank_took_it".
    """
    payment = lock_payments([refund.payment_id])[refund.payment_id] if refund.payment_id else None
    refund = lock_refund(refund)
    if not can_decide_refund(by, refund):
        raise PermissionDenied
    if refund.state != Refund.State.FAILED:
        raise RuleError("not_failed", _("Only what did not arrive is sent again."))
    if payment is not None and borne_by_business(payment):
        words = _("A bank took back a part of it by itself. Give it another way: what they have already is kept back.")
        raise RuleError("bank_took_it", words)
    # What its provider called the try that failed is found in the audit log from now on.
    before = {"state": refund.state, "reference": refund.reference, "code": refund.failure_code}
    refund.state, refund.attempt, refund.sent_at = Refund.State.APPROVED, refund.attempt + 1, None
    refund.reference, refund.failure_code = None, ""
    refund.save(update_fields=["state", "attempt", "sent_at", "reference", "failure_code"])
    after = {"state": refund.state, "attempt": refund.attempt}
    record("refund.sent_again", by=by, on=refund, before=before, after=after)
    send_soon([refund])
    return refund


def _may_fail(refund: Refund) -> bool:
    """Whether one that is done left by its provider, and may come back.

    One that a bank gave back itself has no reference: what its provider said of the try that failed may come late.
    """
    return refund.to == RefundTo.METHOD and refund.reference is not None


def _hear(refund: Refund, *, is_new: bool) -> Refund:
    assert refund.payment is not None
    provider, attempt = provider_of(refund.provider), refund.attempt
    try:
        outcome = None if is_new else provider.retrieve_refund(refund.payment, key=refund.key)
        if outcome is None:
            # The job read it minutes ago: meanwhile it may have been refused, and given another way.
            on_its_way = Refund.objects.filter(pk=refund.pk, state=Refund.State.SENT, attempt=attempt)
            if not is_new and not on_its_way.exists():
                return refund
            outcome = provider.refund(refund.payment, amount=refund.own, key=refund.key)
    except ProviderTimeout:
        # Nobody knows whether it left: it stays on its way, and is asked about again.
        log.warning("refund_unknown", refund_id=str(refund.pk), provider=refund.provider)
        return refund
    return apply_refund_outcome(refund, outcome, attempt=attempt)


def _arrive(refund: Refund, *, by: User | None) -> Refund:
    """It is back with whoever paid: what was held has left."""
    before = {"state": refund.state}
    refund.state, refund.ended_at = Refund.State.DONE, clock.now()
    refund.save(update_fields=["state", "sent_at", "ended_at", "reference", "marked_by"])
    post_transfers([_leaving(refund)])
    record("refund.done", by=by, on=refund, before=before, after={"state": refund.state})
    publish("refund.done", subject=refund)
    return refund


def _fail(refund: Refund, code: str) -> Refund:
    before = {"state": refund.state}
    if refund.state == Refund.State.DONE:
        leaving = _leaving(refund)
        left = Transfer.objects.get(key=leaving.key)
        post_transfers(
            [
                Posting(
                    Transfer.Kind.REFUND_BACK, leaving.credit, leaving.debit, leaving.amount, f"{leaving.key}:back",
                    refund.pk, reverses_id=left.pk,
                )
            ]
        )  # fmt: skip
    refund.state, refund.failure_code, refund.ended_at = Refund.State.FAILED, code[:60], None
    refund.save(update_fields=["state", "failure_code", "ended_at", "reference"])
    after = {"state": refund.state, "code": refund.failure_code}
    record("refund.failed", by=None, on=refund, before=before, after=after)
    assert refund.payment is not None
    if not end_by_loss(refund, refund.payment):
        publish("refund.failed", subject=refund)
    return refund


def _leaving(refund: Refund) -> Posting:
    provider = Pot(Account.Kind.PROVIDER, refund.currency, name=refund.provider)
    return Posting(Transfer.Kind.REFUND, held_pot(refund), provider, refund.own, f"refund:{refund.key}", refund.pk)
