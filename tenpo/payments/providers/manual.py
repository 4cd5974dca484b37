"""Money that comes by another way, and that an admin marks as paid."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from tenpo.payments.models import Payment
from tenpo.payments.providers.base import BadSignature, IncomingEvent, Outcome


class Manual:
    """A payment that waits for somebody of ours to see the money."""

    name = ""
    label: Any = ""
    note: Any = ""
    method = ""
    is_marked_by_hand = True

    def start(self, payment: Payment, source: str) -> Outcome:
        return Outcome(Payment.State.PENDING, reference=str(payment.pk), method=self.method)

    def retrieve(self, payment: Payment) -> Outcome | None:
        return Outcome(Payment.State(payment.state), reference=str(payment.pk), method=self.method)

    def cancel(self, payment: Payment) -> Outcome | None:
        return Outcome(Payment.State.CANCELLED, reference=str(payment.pk), method=self.method)

    def read_event(self, headers: Mapping[str, str], body: bytes) -> IncomingEvent:
        raise BadSignature("nobody sends events for manual payments")


class Payroll(Manual):
    """Kept back from the next salary."""

    name = "payroll"
    label = _("Payroll")
    note = _("Kept back from your next salary.")
    method = "Payroll"


class BankTransfer(Manual):
    """Sent to the business's account."""

    name = "transfer"
    label = _("Bank transfer")
    note = _("You send the money; your seat is kept while it is under way.")
    method = "Bank transfer"
