"""A payment provider for demos and tests: real states, no money. Its own memory is `SandboxCharge`."""

import hmac
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.jobs import defer
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.base import BadSignature, IncomingEvent, Outcome, ProviderTimeout

SUCCEEDS = "4242424242424242"
DECLINED = "4000000000000002"
NEEDS_CONFIRMATION = "4000002500003155"
SUCCEEDS_LATE = "4000000000000077"
NEVER_ANSWERS = "4000000000000119"
TEST_CARDS = (SUCCEEDS, DECLINED, NEEDS_CONFIRMATION, SUCCEEDS_LATE, NEVER_ANSWERS)

LATE_SECONDS = 10
FEE_PERCENT_TENTHS = 15  # 1.5 %
FEE_FIXED = 25
SIGNATURE_WINDOW_SECONDS = 300

STATES = {
    "succeeded": Payment.State.SUCCEEDED,
    "declined": Payment.State.FAILED,
    "needs_action": Payment.State.NEEDS_ACTION,
    "processing": Payment.State.PENDING,
    "cancelled": Payment.State.CANCELLED,
}
_FIRST_STATE = {
    SUCCEEDS: "succeeded",
    DECLINED: "declined",
    NEEDS_CONFIRMATION: "needs_action",
    SUCCEEDS_LATE: "processing",
    NEVER_ANSWERS: "succeeded",
}


class Sandbox:
    """Test cards decide what happens; any other number is declined as unknown."""

    name = "sandbox"
    label = _("Card")
    note = _("Test mode: no money moves. Pick a test card.")
    is_marked_by_hand = False

    def start(self, payment: Payment, source: str) -> Outcome:
        card = "".join(c for c in source if c.isdigit())
        state = _FIRST_STATE.get(card, "declined")
        charge, is_new = SandboxCharge.objects.get_or_create(
            key=str(payment.pk),
            defaults={
                # Should somebody type a real card's number, it is not for us to keep.
                "card": card if card in TEST_CARDS else card[-4:],
                "amount": payment.amount,
                "currency": payment.currency,
                "state": state,
                "failure_code": {DECLINED: "card_declined"}.get(card, "unknown_card") if state == "declined" else "",
            },
        )
        if is_new and state == "processing":
            defer("checkout.succeed_late", in_seconds=LATE_SECONDS, charge_id=str(charge.pk))
        if is_new and card == NEVER_ANSWERS:
            raise ProviderTimeout
        return outcome_of(charge)

    def retrieve(self, payment: Payment) -> Outcome | None:
        charge = SandboxCharge.objects.filter(key=str(payment.pk)).first()
        return outcome_of(charge) if charge else None

    def cancel(self, payment: Payment) -> Outcome | None:
        waiting = SandboxCharge.objects.filter(key=str(payment.pk), state="needs_action")
        waiting.update(state="cancelled")
        return self.retrieve(payment)

    def read_event(self, headers: Mapping[str, str], body: bytes) -> IncomingEvent:
        event_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not re.fullmatch(r"[0-9]{1,12}", timestamp):
            raise BadSignature("no time")
        if abs(clock.now().timestamp() - int(timestamp)) > SIGNATURE_WINDOW_SECONDS:
            raise BadSignature("too old or too new")
        signed, expected = headers.get("webhook-signature", ""), signature(event_id, timestamp, body)
        if not hmac.compare_digest(expected.encode(), signed.encode("utf-8", "surrogatepass")):
            raise BadSignature("wrong signature")
        try:
            payload = json.loads(body)
            return IncomingEvent(event_id=event_id, reference=str(payload["reference"]), payload=payload)
        except (ValueError, TypeError, KeyError) as error:
            raise BadSignature("not an event of ours") from error


def outcome_of(charge: SandboxCharge) -> Outcome:
    """What the sandbox says of a charge."""
    state = STATES[charge.state]
    fee = charge.amount * FEE_PERCENT_TENTHS // 1000 + FEE_FIXED if state == Payment.State.SUCCEEDED else 0
    return Outcome(
        state=state,
        reference=str(charge.pk),
        method=f"Card •••• {charge.card[-4:]}",
        fee=min(fee, charge.amount),
        failure_code=charge.failure_code,
        action_url=f"/sandbox/{charge.pk}/" if state == Payment.State.NEEDS_ACTION else "",
    )


def decide_charge(charge_id: UUID, *, succeeds: bool) -> SandboxCharge | None:
    """The card's bank says yes or no to a charge that waits for it; None when there is none waiting."""
    state = "succeeded" if succeeds else "declined"
    failure = "" if succeeds else "not_confirmed"
    waiting = SandboxCharge.objects.filter(pk=charge_id, state__in=["needs_action", "processing"])
    waiting.update(state=state, failure_code=failure)
    return SandboxCharge.objects.filter(pk=charge_id, state=state).first()


def signed_event(charge: SandboxCharge) -> tuple[dict[str, str], bytes]:
    """The webhook that tells of a charge's new state: headers and body (Standard Webhooks' shape)."""
    body = json.dumps({"type": f"charge.{charge.state}", "reference": str(charge.pk)}).encode()
    event_id, timestamp = f"evt_{charge.pk}_{charge.state}", str(int(clock.now().timestamp()))
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(event_id, timestamp, body),
    }, body


def signature(event_id: str, timestamp: str, body: bytes) -> str:
    """Version 1 of Standard Webhooks: HMAC-SHA256 over id, time and body."""
    key = sha256(b"sandbox-webhooks" + settings.SECRET_KEY.encode()).digest()
    return "v1," + hmac.new(key, f"{event_id}.{timestamp}.".encode("utf-8", "surrogatepass") + body, sha256).hexdigest()
