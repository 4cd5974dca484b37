"""Money that comes by another way, and that an admin marks as paid."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers.base import (
    BadSignature,
    DisputeOutcome,
    IncomingEvent,
    MethodOutcome,
    Movement,
    Outcome,
    RefundOutcome,
    RefundState,
)


class Manual:
    """A payment that waits for somebody of ours to see the money."""

    name = ""
    label: Any = ""
    note: Any = ""
    method = ""
    is_marked_by_hand = True
    keeps_methods = False

    def start(self, payment: Payment, source: str, *, is_automatic: bool = False) -> Outcome:
        return Outcome(Payment.State.PENDING, reference=str(payment.pk), method=self.method)

    def retrieve(self, payment: Payment) -> Outcome | None:
        return Outcome(Payment.State(payment.state), reference=str(payment.pk), method=self.method)

    def cancel(self, payment: Payment) -> Outcome | None:
        return Outcome(Payment.State.CANCELLED, reference=str(payment.pk), method=self.method)

    def refund(self, payment: Payment, *, amount: int, key: str) -> RefundOutcome:
        """Somebody of ours sends it back and says so."""
        return RefundOutcome(RefundState.PENDING, reference=key)

    def retrieve_refund(self, payment: Payment, *, key: str) -> RefundOutcome | None:
        return RefundOutcome(RefundState.PENDING, reference=key)

    def disputes(self, payment: Payment) -> Iterable[DisputeOutcome]:
        """No bank takes back what somebody saw."""
        return []

    def start_saving(self, method: PaymentMethod, source: str) -> MethodOutcome:
        return MethodOutcome(PaymentMethod.State.FAILED, failure_code="not_kept")

    def retrieve_method(self, method: PaymentMethod) -> MethodOutcome | None:
        return None

    def forget_method(self, method: PaymentMethod) -> None:
        """There is nothing to let go."""

    def movements(self, since: datetime, until: datetime) -> Iterable[Movement]:
        """Nobody keeps a list but we."""
        return []

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
