"""Asking for money, whoever it is for."""

import structlog

from tenpo.core.tokens import id_of
from tenpo.payments.actions.methods import note_lost_methods
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import METHOD_GONE, Outcome, ProviderTimeout

log = structlog.get_logger()


def start_payment(payment: Payment, source: str, *, is_automatic: bool = False) -> Outcome:
    """Ask a payment's provider for the money, outside of any transaction; no answer means unknown.

    `source` is what is charged: the id of a method that the payer saved there, or what the provider takes for a card
    that is entered now. `is_automatic` says that the payer is not there to confirm anything.
    """
    if method_id := id_of(source):
        method = PaymentMethod.objects.ready().filter(pk=method_id, user=payment.payer_id, provider=payment.provider)
        payment.saved_method = method.first()
        if payment.saved_method is None:
            return Outcome(Payment.State.FAILED, failure_code="unknown_method")
        Payment.objects.filter(pk=payment.pk).update(saved_method=payment.saved_method)
    try:
        outcome = provider_of(payment.provider).start(payment, source, is_automatic=is_automatic)
    except ProviderTimeout:
        log.warning("provider_timeout", payment_id=str(payment.pk), provider=payment.provider)
        return Outcome(Payment.State.UNKNOWN)
    if outcome.has_lost_all or outcome.failure_code == METHOD_GONE:
        only = None if outcome.has_lost_all else payment.saved_method
        note_lost_methods(payment.payer, provider=payment.provider, only=only)
    return outcome
