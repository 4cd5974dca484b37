"""Payments that their payer's bank takes back, as a provider tells of them."""

from typing import Any

from tenpo.checkout.actions.disputing import apply_dispute
from tenpo.payments.models import Dispute, Payment
from tenpo.payments.providers.base import DisputeMovement, DisputeOutcome
from tenpo.payments.queries import borne_by_business

PRICE, FEE = 10_000, 1_500
OPEN, WON, LOST = Dispute.State


def said(
    state: Dispute.State, *, amount: int = PRICE, is_back: bool = False, reference: str = "dp_1"
) -> DisputeOutcome:
    """What a provider says of one, of which the money was taken, and came back where it `is_back`."""
    moved = [DisputeMovement(f"{reference}_out", -amount, FEE, "EUR")]
    moved += [DisputeMovement(f"{reference}_in", amount, 0, "EUR")] if is_back else []
    return DisputeOutcome(reference, state, amount, "EUR", tuple(moved))


def lose(payment: Payment, amount: int = PRICE, **how: Any) -> Dispute:
    """The bank took it, and keeps it."""
    return apply_dispute(payment, said(LOST, amount=amount, **how))


def borne() -> int:
    """What the business bears of all that banks keep."""
    return sum(sum(borne_by_business(payment).values()) for payment in Payment.objects.all())
