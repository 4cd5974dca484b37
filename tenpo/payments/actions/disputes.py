"""Payments that their payer's bank takes back."""

from django.db import transaction

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.outbox import publish
from tenpo.payments.actions.auto_top_ups import DISPUTED, stop_filling
from tenpo.payments.models import Payment


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
