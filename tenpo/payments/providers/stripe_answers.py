"""What Stripe's answers mean here."""

from datetime import UTC, datetime
from typing import Any

from tenpo.payments.models import Dispute, Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers.base import (
    DisputeMovement,
    DisputeOutcome,
    MethodOutcome,
    Movement,
    MovementKind,
    Outcome,
    RefundOutcome,
    RefundState,
)
from tenpo.payments.providers.stripe_client import from_stripe

STATES = {
    "succeeded": Payment.State.SUCCEEDED,
    "processing": Payment.State.PENDING,
    "requires_confirmation": Payment.State.PENDING,
    "requires_capture": Payment.State.PENDING,
    "requires_action": Payment.State.NEEDS_ACTION,
    "requires_payment_method": Payment.State.FAILED,
    "canceled": Payment.State.CANCELLED,
}
REFUND_STATES = {
    "succeeded": RefundState.SUCCEEDED,
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}
# What was only asked about took nothing, and what was given back meanwhile is a refund.
DISPUTE_STATES = {
    "lost": Dispute.State.LOST,
    "won": Dispute.State.WON,
    "warning_closed": Dispute.State.WON,
    "charge_refunded": Dispute.State.WON,
}
MOVEMENTS = {
    "charge": MovementKind.PAYMENT,
    "payment": MovementKind.PAYMENT,
    "refund": MovementKind.REFUND,
    "payment_refund": MovementKind.REFUND,
    "refund_failure": MovementKind.REFUND,
    "transfer": MovementKind.TRANSFER,
    "transfer_refund": MovementKind.TRANSFER,
    "payout": MovementKind.PAYOUT,
}
# Why a bank declined, where it helps its customer to know.
DECLINES = {"insufficient_funds", "expired_card", "authentication_required"}


def page_outcome(page: dict[str, Any]) -> Outcome:
    """What a page on which a card is entered says of its payment."""
    if page.get("status") == "open":
        return Outcome(Payment.State.NEEDS_ACTION, reference=page["id"], action_url=page.get("url") or "")
    if page.get("status") == "expired":
        return Outcome(Payment.State.CANCELLED, reference=page["id"])
    intent = page.get("payment_intent")
    if isinstance(intent, dict):
        return intent_outcome(intent)
    return Outcome(Payment.State.PENDING, reference=intent or page["id"])


def intent_outcome(intent: dict[str, Any]) -> Outcome:
    """What Stripe says of a payment."""
    state = STATES.get(intent["status"], Payment.State.PENDING)
    charge = intent.get("latest_charge")
    charge = charge if isinstance(charge, dict) else {}
    action = (intent.get("next_action") or {}).get("redirect_to_url") or {}
    came = intent.get("amount_received") if state == Payment.State.SUCCEEDED else None
    return Outcome(
        state=state,
        reference=intent["id"],
        method=_say_method(charge.get("payment_method_details") or {}),
        fee=_fee(charge, intent) if state == Payment.State.SUCCEEDED else 0,
        failure_code=_failure(intent.get("last_payment_error") or {}) if state == Payment.State.FAILED else "",
        action_url=action.get("url") or "" if state == Payment.State.NEEDS_ACTION else "",
        kept=_kept_by(intent) if state == Payment.State.SUCCEEDED else None,
        amount=None if came is None else from_stripe(came, intent["currency"]),
        currency=intent["currency"].upper(),
        is_disputed=bool(charge.get("disputed")),
    )


def declined(refusal: Any) -> Outcome:
    """A card that was refused at once."""
    error = (refusal.json_body or {}).get("error") or {}
    intent = error.get("payment_intent") or {}
    return Outcome(Payment.State.FAILED, reference=intent.get("id"), failure_code=_failure(error))


def is_missing(refusal: Any, what: str) -> bool:
    """Whether Stripe does not know what was named: a `customer` that somebody deleted there, or what they kept."""
    return bool(refusal.code == "resource_missing" and refusal.param == what)


def is_lost_method(refusal: Any) -> bool:
    """Whether a card that was kept is there no more, or is nobody's any more."""
    return is_missing(refusal, "payment_method") or refusal.code == "payment_method_unexpected_state"


def _failure(error: dict[str, Any]) -> str:
    reason = error.get("decline_code")
    return str(reason if reason in DECLINES else error.get("code") or "card_declined")[:60]


def _fee(charge: dict[str, Any], intent: dict[str, Any]) -> int:
    """What Stripe keeps, in the payment's currency; nothing while it does not say."""
    line = charge.get("balance_transaction")
    if not isinstance(line, dict):
        return 0
    rate = line.get("exchange_rate") or 1
    fee = from_stripe(line["fee"], line["currency"])
    return min(round(fee / rate), from_stripe(intent["amount"], intent["currency"]))


def _say_method(details: dict[str, Any]) -> str:
    card = details.get("card") or {}
    if card:
        return f"{str(card.get('brand') or 'card').capitalize()} •••• {card.get('last4') or ''}"[:60]
    return str(details.get("type") or "").replace("_", " ").capitalize()[:60]


def refund_outcome(refund: dict[str, Any]) -> RefundOutcome:
    """What Stripe says of a refund."""
    state = REFUND_STATES.get(refund.get("status") or "", RefundState.PENDING)
    return RefundOutcome(state, reference=refund["id"], failure_code=str(refund.get("failure_reason") or "")[:60])


def dispute_outcome(dispute: dict[str, Any]) -> DisputeOutcome:
    """What Stripe says of a payment that a bank wants back."""
    moved = (
        DisputeMovement(
            reference=line["id"],
            amount=from_stripe(line["amount"], line["currency"]),
            fee=from_stripe(line["fee"], line["currency"]),
            currency=line["currency"].upper(),
        )
        for line in dispute.get("balance_transactions") or []
    )
    return DisputeOutcome(
        reference=dispute["id"],
        state=DISPUTE_STATES.get(dispute["status"], Dispute.State.OPEN),
        amount=from_stripe(dispute["amount"], dispute["currency"]),
        currency=dispute["currency"].upper(),
        moved=tuple(moved),
    )


def method_outcome(page: dict[str, Any]) -> MethodOutcome:
    """What a page on which a card is entered to be kept says of it."""
    if page.get("status") == "open":
        return MethodOutcome(PaymentMethod.State.ADDING, reference=page["id"], action_url=page.get("url") or "")
    setup = page.get("setup_intent")
    kept = setup.get("payment_method") if isinstance(setup, dict) else None
    if page.get("status") != "complete" or not isinstance(kept, dict):
        return MethodOutcome(PaymentMethod.State.FAILED, reference=page["id"], failure_code="not_entered")
    return _ready(kept)


def _kept_by(intent: dict[str, Any]) -> MethodOutcome | None:
    """What a payment kept for later ones, where that was asked for, and Stripe tells of it."""
    paid_with = intent.get("payment_method")
    is_kept = intent.get("setup_future_usage") and isinstance(paid_with, dict) and paid_with.get("customer")
    return _ready(paid_with) if is_kept and isinstance(paid_with, dict) else None


def _ready(kept: dict[str, Any]) -> MethodOutcome:
    card = kept.get("card") or {}
    return MethodOutcome(
        PaymentMethod.State.READY,
        reference=kept["id"],
        brand=str(card.get("brand") or "")[:30],
        last4=str(card.get("last4") or "")[:4],
        expires_month=card.get("exp_month"),
        expires_year=card.get("exp_year"),
    )


def movement_of(line: dict[str, Any]) -> Movement:
    """One line of Stripe's list."""
    source = line.get("source")
    thing = source if isinstance(source, dict) else {"id": source or line["id"]}
    kind = MOVEMENTS.get(line["type"], MovementKind.OTHER)
    # A charge is known by its payment, what was taken back of a transfer by the transfer.
    known_by = {MovementKind.PAYMENT: "payment_intent", MovementKind.TRANSFER: "transfer"}.get(kind)
    reference = (thing.get(known_by) if known_by else None) or thing["id"]
    currency = line["currency"].upper()
    return Movement(
        reference=str(reference),
        kind=kind,
        amount=from_stripe(line["amount"], currency),
        fee=from_stripe(line["fee"], currency),
        currency=currency,
        at=datetime.fromtimestamp(line["created"], UTC),
    )
