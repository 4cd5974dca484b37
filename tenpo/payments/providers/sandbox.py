"""A payment provider for demos and tests: real states, no money.

Its own memory is `SandboxCharge`, `SandboxCard` and `SandboxRefund`, which nobody else writes.
"""

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.jobs import defer
from tenpo.core.tokens import id_of
from tenpo.payments.models import Dispute, Payment, SandboxCharge
from tenpo.payments.provider_models import PaymentMethod, SandboxCard, SandboxRefund
from tenpo.payments.providers.base import (
    BadSignature,
    DisputeMovement,
    DisputeOutcome,
    IncomingEvent,
    MethodOutcome,
    Movement,
    MovementKind,
    Outcome,
    ProviderTimeout,
    RefundOutcome,
    RefundState,
)

SUCCEEDS = "4242424242424242"
DECLINED = "4000000000000002"
NEEDS_CONFIRMATION = "4000002500003155"
SUCCEEDS_LATE = "4000000000000077"
NEVER_ANSWERS = "4000000000000119"
# These pay at once; what differs is how the money goes back. What never answers does not answer then either.
REFUNDS_LATE = "4000000000007726"
REFUND_FAILS = "4000000000005126"
# This one is kept, and then pays nothing: what a card that was blocked since looks like.
KEPT_DECLINED = "4000000000000341"
# This one pays at once, and a little later its bank takes the money back: a week after that, for good.
TAKEN_BACK = "4000000000000259"
TEST_CARDS = (
    SUCCEEDS, DECLINED, KEPT_DECLINED, NEEDS_CONFIRMATION, SUCCEEDS_LATE, NEVER_ANSWERS, REFUNDS_LATE, REFUND_FAILS,
    TAKEN_BACK,
)  # fmt: skip

LATE_SECONDS = 10
SANDBOX_EXPIRES_YEAR = 2045
FEE_PERCENT_TENTHS = 15  # 1.5 %
FEE_FIXED = 25
SIGNATURE_WINDOW_SECONDS = 300
LOST_AFTER = timedelta(days=7)
DISPUTE_FEE = 1_500

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
    KEPT_DECLINED: "declined",
    NEEDS_CONFIRMATION: "needs_action",
    SUCCEEDS_LATE: "processing",
    NEVER_ANSWERS: "succeeded",
    REFUNDS_LATE: "succeeded",
    REFUND_FAILS: "succeeded",
    TAKEN_BACK: "succeeded",
}


class Sandbox:
    """Test cards decide what happens; any other number is declined as unknown."""

    name = "sandbox"
    label = _("Card")
    note = _("Test mode: no money moves. Pick a test card.")
    is_marked_by_hand = False
    keeps_methods = True

    def start(self, payment: Payment, source: str, *, is_automatic: bool = False) -> Outcome:
        card = "".join(c for c in source if c.isdigit())
        if payment.saved_method is not None:
            saved = _cards_of(payment.saved_method).filter(state="saved").first()
            card = saved.card if saved else ""
        state, failure = _FIRST_STATE.get(card, "declined"), ""
        if state == "declined":
            failure = "card_declined" if card in (DECLINED, KEPT_DECLINED) else "unknown_card"
        elif state == "needs_action" and is_automatic:
            state, failure = "declined", "authentication_required"
        charge, is_new = SandboxCharge.objects.get_or_create(
            key=str(payment.pk),
            defaults={
                "card": _kept_number(card),
                "amount": payment.amount,
                "currency": payment.currency,
                "state": state,
                "succeeded_at": clock.now() if state == "succeeded" else None,
                "failure_code": failure,
            },
        )
        if is_new and state == "processing":
            defer("checkout.succeed_late", in_seconds=LATE_SECONDS, charge_id=str(charge.pk))
        if is_new and card == TAKEN_BACK:
            defer("checkout.take_back_late", in_seconds=LATE_SECONDS, charge_id=str(charge.pk))
        if is_new and card == NEVER_ANSWERS:
            raise ProviderTimeout
        return _outcome_for(payment, charge)

    def retrieve(self, payment: Payment) -> Outcome | None:
        charge = SandboxCharge.objects.filter(key=str(payment.pk)).first()
        return _outcome_for(payment, charge) if charge else None

    def cancel(self, payment: Payment) -> Outcome | None:
        waiting = SandboxCharge.objects.filter(key=str(payment.pk), state="needs_action")
        waiting.update(state="cancelled")
        return self.retrieve(payment)

    def refund(self, payment: Payment, *, amount: int, key: str) -> RefundOutcome:
        refund, is_new = _refund(payment, amount=amount, key=key)
        if refund is None:
            return RefundOutcome(RefundState.FAILED, failure_code="nothing_left")
        if is_new and refund.charge.card == NEVER_ANSWERS:
            raise ProviderTimeout
        return _refund_outcome(refund)

    def retrieve_refund(self, payment: Payment, *, key: str) -> RefundOutcome | None:
        # What goes back late is decided after its time, at the latest when somebody asks.
        refunds = SandboxRefund.objects.filter(key=key)
        _decide_refunds(refunds.filter(created_at__lte=clock.now() - timedelta(seconds=LATE_SECONDS)))
        refund = refunds.first()
        return _refund_outcome(refund) if refund else None

    def disputes(self, payment: Payment) -> Iterable[DisputeOutcome]:
        charge = SandboxCharge.objects.filter(key=str(payment.pk)).first()
        taken = _taken_back(charge) if charge else None
        if taken is None:
            return []
        state = Dispute.State.LOST if clock.now() >= taken.at + LOST_AFTER else Dispute.State.OPEN
        moved = DisputeMovement(taken.reference, -taken.amount, DISPUTE_FEE, taken.currency)
        return [DisputeOutcome(taken.reference, state, taken.amount, taken.currency, (moved,))]

    def start_saving(self, method: PaymentMethod, source: str) -> MethodOutcome:
        card = "".join(c for c in source if c.isdigit())
        is_good = card in TEST_CARDS and card != DECLINED
        saved, is_new = SandboxCard.objects.get_or_create(
            key=str(method.pk),
            defaults={"card": _kept_number(card), "state": "saved" if is_good else "declined"},
        )
        if is_new and card == NEVER_ANSWERS:
            raise ProviderTimeout
        return _method_outcome(saved)

    def retrieve_method(self, method: PaymentMethod) -> MethodOutcome | None:
        saved = SandboxCard.objects.filter(key=str(method.pk)).first()
        return _method_outcome(saved) if saved else None

    def forget_method(self, method: PaymentMethod) -> None:
        _cards_of(method).filter(state="saved").update(state="forgotten")

    def movements(self, since: datetime, until: datetime) -> Iterable[Movement]:
        charges = SandboxCharge.objects.filter(state="succeeded").annotate(at=Coalesce("succeeded_at", "created_at"))
        found = charges.filter(at__gte=since, at__lt=until).order_by("at", "id")
        for charge_id, amount, currency, at in found.values_list("id", "amount", "currency", "at"):
            yield Movement(str(charge_id), MovementKind.PAYMENT, amount, fee_of(amount), currency, at)
        refunds = SandboxRefund.objects.filter(state="succeeded", created_at__gte=since, created_at__lt=until)
        for refund in refunds.select_related("charge").order_by("created_at", "id"):
            currency, at = refund.charge.currency, refund.created_at
            yield Movement(str(refund.pk), MovementKind.REFUND, -refund.amount, 0, currency, at)
        for charge in SandboxCharge.objects.filter(card=TAKEN_BACK, state="succeeded").order_by("id"):
            taken = _taken_back(charge)
            if taken and since <= taken.at < until:
                kind, change = MovementKind.OTHER, -taken.amount
                yield Movement(taken.reference, kind, change, DISPUTE_FEE, taken.currency, taken.at)

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
    return Outcome(
        state=state,
        reference=str(charge.pk),
        method=f"Card •••• {charge.card[-4:]}",
        fee=fee_of(charge.amount) if state == Payment.State.SUCCEEDED else 0,
        failure_code=charge.failure_code,
        action_url=f"/sandbox/{charge.pk}/" if state == Payment.State.NEEDS_ACTION else "",
        is_disputed=_taken_back(charge) is not None,
    )


def _cards_of(method: PaymentMethod) -> QuerySet[SandboxCard]:
    """The card of a saved method: kept for it, or while it paid, and then it bears the payment's name."""
    return SandboxCard.objects.filter(Q(key=str(method.pk)) | Q(pk=id_of(method.reference or "")))


def _outcome_for(payment: Payment, charge: SandboxCharge) -> Outcome:
    """The same for whoever asks about a payment: with the card, which is kept from now on, if they wished so."""
    outcome = outcome_of(charge)
    if not payment.keeps_method or outcome.state != Payment.State.SUCCEEDED:
        return outcome
    kept, _is_new = SandboxCard.objects.get_or_create(
        key=str(payment.pk), defaults={"card": charge.card, "state": "saved"}
    )
    return replace(outcome, kept=_method_outcome(kept)) if kept.state == "saved" else outcome


@dataclass(frozen=True)
class _TakenBack:
    """What a bank has taken back of a charge, in minor units."""

    reference: str
    amount: int
    currency: str
    at: datetime


def _taken_back(charge: SandboxCharge) -> _TakenBack | None:
    """What its bank has taken back by now: all that was not refunded until then, if anything."""
    if charge.card != TAKEN_BACK or charge.succeeded_at is None:
        return None
    at = charge.succeeded_at + timedelta(seconds=LATE_SECONDS)
    if clock.now() < at:
        return None
    amount = charge.amount - _refunded(charge.refunds.filter(created_at__lt=at))
    return _TakenBack(f"dispute-{charge.pk}", amount, charge.currency, at) if amount else None


def _refunded(refunds: QuerySet[SandboxRefund]) -> int:
    return refunds.exclude(state="failed").aggregate(total=Sum("amount"))["total"] or 0


def fee_of(amount: int) -> int:
    """What the sandbox keeps of a charge, in minor units; it does not give it back with a refund."""
    return min(amount * FEE_PERCENT_TENTHS // 1000 + FEE_FIXED, amount)


@transaction.atomic
def _refund(payment: Payment, *, amount: int, key: str) -> tuple[SandboxRefund | None, bool]:
    """The refund of that key, and whether it is new; None when the charge has not so much left."""
    assert amount > 0
    charge = SandboxCharge.objects.select_for_update(no_key=True).filter(key=str(payment.pk)).first()
    if charge is None:
        return None, False
    if again := SandboxRefund.objects.select_related("charge").filter(key=key).first():
        return again, False
    taken = _taken_back(charge)
    left = charge.amount - _refunded(charge.refunds.all()) - (taken.amount if taken else 0)
    if charge.state != "succeeded" or amount > left:
        return None, False
    waits = charge.card in (REFUNDS_LATE, REFUND_FAILS)
    refund = SandboxRefund(key=key, charge=charge, amount=amount, state="pending" if waits else "succeeded")
    refund.save(force_insert=True)
    if waits:
        defer("checkout.refund_late", in_seconds=LATE_SECONDS, refund_id=str(refund.pk))
    return refund, True


def _kept_number(card: str) -> str:
    """Should somebody type a real card's number, it is not for us to keep."""
    return card if card in TEST_CARDS else card[-4:]


def _method_outcome(saved: SandboxCard) -> MethodOutcome:
    if saved.state != "saved":
        code = "card_declined" if saved.card == DECLINED else "unknown_card"
        return MethodOutcome(PaymentMethod.State.FAILED, reference=str(saved.pk), failure_code=code)
    return MethodOutcome(
        state=PaymentMethod.State.READY,
        reference=str(saved.pk),
        brand="visa",
        last4=saved.card[-4:],
        expires_month=12,
        expires_year=SANDBOX_EXPIRES_YEAR,
    )


def _refund_outcome(refund: SandboxRefund) -> RefundOutcome:
    return RefundOutcome(RefundState(refund.state), reference=str(refund.pk), failure_code=refund.failure_code)


def decide_charge(charge_id: UUID, *, succeeds: bool) -> SandboxCharge | None:
    """The card's bank says yes or no to a charge that waits for it; None when there is none waiting."""
    state = "succeeded" if succeeds else "declined"
    failure = "" if succeeds else "not_confirmed"
    waiting = SandboxCharge.objects.filter(pk=charge_id, state__in=["needs_action", "processing"])
    waiting.update(state=state, failure_code=failure, succeeded_at=clock.now() if succeeds else None)
    return SandboxCharge.objects.filter(pk=charge_id, state=state).first()


def take_back(charge_id: UUID) -> SandboxCharge | None:
    """The charge of which its bank has taken something back by now; None when it has not."""
    charge = SandboxCharge.objects.filter(pk=charge_id).first()
    return charge if charge and _taken_back(charge) else None


def decide_refund(refund_id: UUID) -> SandboxRefund | None:
    """The card's bank takes what goes back late, or does not, as its number says; None when it knows of no such."""
    _decide_refunds(SandboxRefund.objects.filter(pk=refund_id))
    return SandboxRefund.objects.select_related("charge").filter(pk=refund_id).first()


def _decide_refunds(refunds: QuerySet[SandboxRefund]) -> None:
    waiting = refunds.filter(state="pending")
    waiting.filter(charge__card=REFUND_FAILS).update(state="failed", failure_code="lost_or_stolen_card")
    waiting.update(state="succeeded")


def signed_event(what: SandboxCharge | SandboxRefund) -> tuple[dict[str, str], bytes]:
    """The webhook that tells of the new state of a charge, or of a refund of one (Standard Webhooks' shape).

    Headers and body. A refund says of which charge it is, as that is where to look.
    """
    kind, charge = ("refund", what.charge) if isinstance(what, SandboxRefund) else ("charge", what)
    state = "taken_back" if isinstance(what, SandboxCharge) and _taken_back(what) else what.state
    body = json.dumps({"type": f"{kind}.{state}", "reference": str(charge.pk)}).encode()
    event_id, timestamp = f"evt_{what.pk}_{state}", str(int(clock.now().timestamp()))
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(event_id, timestamp, body),
    }, body


def signature(event_id: str, timestamp: str, body: bytes) -> str:
    """Version 1 of Standard Webhooks: HMAC-SHA256 over id, time and body."""
    key = sha256(b"sandbox-webhooks" + settings.SECRET_KEY.encode()).digest()
    return "v1," + hmac.new(key, f"{event_id}.{timestamp}.".encode("utf-8", "surrogatepass") + body, sha256).hexdigest()
