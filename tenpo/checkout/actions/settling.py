"""What becomes of a payment: said by its provider, by webhook or when asked, or by an admin who saw the money."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from tenpo.audit.actions import Entry, record_all
from tenpo.checkout.actions.disputing import settle_disputes_of
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.outbox import publish, publish_all
from tenpo.core.tokens import id_of
from tenpo.orders.actions.orders import credit_payment, settle_lines
from tenpo.payments.actions.asking import ask_in_turn
from tenpo.payments.actions.auto_top_ups import note_top_up
from tenpo.payments.actions.connect import settle_stripe_account
from tenpo.payments.actions.disputes import note_dispute
from tenpo.payments.actions.methods import keep_what_paid, settle_method
from tenpo.payments.actions.payout_sending import ask_about_payout, ask_whether_back
from tenpo.payments.actions.refund_sending import settle_refunds_of
from tenpo.payments.actions.starting import start_payment
from tenpo.payments.actions.wallets import fill_wallet
from tenpo.payments.models import Payment, Payout, ProviderEvent, SandboxCharge
from tenpo.payments.provider_models import PaymentMethod, SandboxRefund, StripeAccount
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import IncomingEvent, Outcome, ProviderTimeout
from tenpo.payments.providers.sandbox import decide_charge, decide_refund, signed_event, take_back
from tenpo.payments.queries import live_payment, manual_providers
from tenpo.people.actions.visits import lock_user
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin
from tenpo.schedule.actions.seats import hold_longer
from tenpo.schedule.models import Booking, Session

# A seat whose money is under way at the provider waits this much longer.
PENDING_HOLD = timedelta(minutes=60)
RECONCILE_AFTER = timedelta(minutes=1)

log = structlog.get_logger()


@transaction.atomic
def apply_outcome(payment: Payment, outcome: Outcome, *, by: User | None = None) -> Payment:
    """Bring a payment to what its provider says, with all that follows. Saying it twice changes nothing.

    Money for held bookings confirms them. Money that comes when the seats are gone becomes credit, in full. A top-up
    fills its payer's wallet, whenever it comes. The card is kept where the payer wished. What came in another amount or
    currency than was asked for buys nothing: the comparison with the provider's list shows it.
    """
    if _is_another_sum(payment, outcome):
        log.error("payment_of_another_sum", payment_id=str(payment.pk), came=outcome.amount, currency=outcome.currency)
        return payment
    if payment.keeps_method:
        # Users' rows come before all others.
        lock_user(payment.payer)
    bookings = _lock_bookings_of(payment)
    # What the caller read of the payment may be old; then the change finds nothing, and the row is read again.
    while not _change_payment(payment, outcome, bookings, by=by):
        before = payment.state
        payment.refresh_from_db()
        if payment.state == before:
            break
    if outcome.is_disputed:
        note_dispute(payment)
    return payment


def _change_payment(payment: Payment, outcome: Outcome, bookings: Sequence[Booking], *, by: User | None) -> bool:
    """Write a payment's new state and let follow what follows; False when the row is not as `payment` says."""
    before = payment.state
    was_given_up = before in (Payment.State.FAILED, Payment.State.CANCELLED)
    has_succeeded = outcome.state == Payment.State.SUCCEEDED
    if before == Payment.State.SUCCEEDED or (was_given_up and not has_succeeded):
        return True
    if _says_nothing_new(payment, outcome):
        return True
    # Nobody earns any more of what has taken place already, or was called off: money for it becomes credit.
    buys = bool(bookings) and all(one.state == Booking.State.HELD and one.session.is_planned for one in bookings)
    if was_given_up and buys and payment.order_id is not None:
        # Another attempt may be under way for the same seats; only one of them buys them.
        buys = live_payment(payment.order_id) is None
    changes: dict[str, Any] = {
        "state": outcome.state,
        "method": outcome.method or payment.method,
        "fee": outcome.fee,
        "failure_code": outcome.failure_code,
        "action_url": outcome.action_url,
    }
    if outcome.reference:
        changes["reference"] = outcome.reference
    if has_succeeded:
        changes |= {"paid_at": clock.now(), "marked_by": by}
    if has_succeeded and not buys:
        changes |= {"order_id": None, "late_for": payment.order_id}
    if not Payment.objects.filter(pk=payment.pk, state=before).update(**changes):
        return False
    for name, value in changes.items():
        setattr(payment, name, value)
    _follow(payment, bookings if buys else [])
    _note(payment, outcome)
    entries: list[Entry] = [("payment.state_changed", payment, {"state": before}, {"state": payment.state})]
    if buys and has_succeeded:
        entries += [("booking.confirmed", one, {"state": "held"}, {"state": one.state}) for one in bookings]
    record_all(entries, by=by)
    return True


def mark_paid(payment: Payment, *, by: User) -> Payment:
    """An admin saw the money of a manual payment, never of their own. Marking twice changes nothing.

    Money that comes after its seat was let go becomes credit, in full. Raises RuleError "not_manual", "own_payment".
    """
    if not is_active_admin(by):
        raise PermissionDenied
    if payment.payer_id == by.pk:
        raise RuleError("own_payment", _("This is your own payment. Another admin marks it."))
    if not provider_of(payment.provider).is_marked_by_hand:
        raise RuleError("not_manual", _("The payment provider says when this is paid."))
    return apply_outcome(payment, Outcome(Payment.State.SUCCEEDED), by=by)


def mark_all_paid(payment_ids: Sequence[UUID], *, by: User) -> tuple[int, int]:
    """Mark many at once, each in a transaction of its own: how many are paid, and how many of those became credit.

    One's own are left out.
    """
    if not is_active_admin(by):
        raise PermissionDenied
    waiting = Payment.objects.filter(pk__in=payment_ids, provider__in=manual_providers())
    waiting = waiting.exclude(payer=by)
    marked = [mark_paid(payment, by=by) for payment in waiting.order_by("id")]
    return len(marked), sum(payment.order_id is None and payment.purpose == Payment.Purpose.ORDER for payment in marked)


def receive_event(provider: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Take in a provider's webhook; returns whether it was new. Raises BadSignature, ProviderTimeout.

    The event only says where to look: the state comes from the provider itself, so order and repeats do not matter.
    Where it does not answer, it has to tell us again: of what had ended here, a refund that comes back, no job asks.
    """
    event = provider_of(provider).read_event(headers, body)
    row, is_new = ProviderEvent.objects.get_or_create(
        provider=provider,
        event_id=event.event_id,
        defaults={"reference": event.reference, "payload": event.payload},
    )
    if row.applied_at is not None:
        return False
    if _settle_what_it_speaks_of(provider, event):
        ProviderEvent.objects.filter(pk=row.pk).update(applied_at=Now())
    return is_new


def _settle_what_it_speaks_of(provider: str, event: IncomingEvent) -> bool:
    """Ask about the payment, saved method, payout or account of an event; False when it is none of ours, or unknown."""
    known = Q(reference=event.reference) | Q(pk=id_of(event.payment_id))
    if payment := Payment.objects.filter(known, provider=provider).select_related("payer", "saved_method").first():
        # What was refunded already is known before what a bank takes is counted.
        is_heard = settle_from_provider(payment) and settle_refunds_of(payment)
        return _answered(is_heard and settle_disputes_of(payment))
    known = Q(reference=event.reference) | Q(pk=id_of(event.method_id))
    if method := PaymentMethod.objects.filter(known, provider=provider).select_related("user").first():
        return settle_method(method).state != PaymentMethod.State.ADDING
    if payout := Payout.objects.filter(Q(pk=id_of(event.payout_id)), method=provider).first():
        if payout.state == Payout.State.DONE:
            return _answered(ask_whether_back(payout))
        return payout.state != Payout.State.SENT or ask_about_payout(payout).state != Payout.State.SENT
    account = StripeAccount.objects.filter(reference=event.reference).first() if provider == "stripe" else None
    return account is not None and _answered(settle_stripe_account(account))


def _answered(is_settled: bool) -> bool:
    if not is_settled:
        raise ProviderTimeout
    return True


def decide_sandbox_charge(charge_id: UUID, *, succeeds: bool) -> bool:
    """Let the sandbox's bank decide a charge that waits, and tell us by webhook as a real provider would.

    Returns whether that was news.
    """
    return _hear_from_sandbox(decide_charge(charge_id, succeeds=succeeds))


def take_back_sandbox_charge(charge_id: UUID) -> bool:
    """Let the sandbox's bank take a charge back, if it is one of those, and tell us by webhook.

    Returns whether that was news.
    """
    return _hear_from_sandbox(take_back(charge_id))


def decide_sandbox_refund(refund_id: UUID) -> bool:
    """Let the sandbox's bank take a refund that it gives back late, or not, and tell us by webhook.

    Returns whether that was news.
    """
    return _hear_from_sandbox(decide_refund(refund_id))


def _hear_from_sandbox(what: SandboxCharge | SandboxRefund | None) -> bool:
    """Its webhook of what it decided, if it did; whether that was news."""
    if what is None:
        return False
    headers, body = signed_event(what)
    return receive_event("sandbox", headers, body)


def charge(payment: Payment, source: str, *, is_automatic: bool = False) -> Payment:
    """Ask the provider for the money, outside of any transaction of ours, and apply what it says."""
    return apply_outcome(payment, start_payment(payment, source, is_automatic=is_automatic))


def settle_from_provider(payment: Payment) -> bool:
    """Ask the provider what became of a payment and apply it; False when it does not answer."""
    try:
        outcome = provider_of(payment.provider).retrieve(payment)
    except ProviderTimeout:
        return False
    if outcome is None:
        # It never reached the provider, so no money can come.
        outcome = Outcome(Payment.State.FAILED, failure_code="never_started")
    apply_outcome(payment, outcome)
    return True


def give_up_attempt(payment: Payment) -> Payment:
    """Give up a payment that waits for its payer, at its provider too, so that no money can come of it any more.

    When the money came just before, it counts.
    """
    try:
        outcome = provider_of(payment.provider).cancel(payment)
    except ProviderTimeout:
        return payment
    return apply_outcome(payment, outcome or Outcome(Payment.State.CANCELLED))


def reconcile_payments(limit: int = 200) -> int:
    """Settle payments that no webhook settled; returns how many the providers answered for.

    One that waits for its payer beyond the hold of its seat was left alone, and is given up. One that is paid by hand
    and was only begun (its process died before it said so) goes on to wait for its money.
    """
    now = clock.now()
    hold = timedelta(minutes=current_business().hold_minutes)

    def settle(payment: Payment) -> bool:
        if provider_of(payment.provider).is_marked_by_hand:
            charge(payment, "")
            return True
        if payment.state == Payment.State.NEEDS_ACTION and payment.created_at < now - hold:
            give_up_attempt(payment)
        return settle_from_provider(payment)

    by_hand = Q(provider__in=manual_providers())
    waiting = Payment.objects.open().filter(~by_hand | Q(state=Payment.State.CREATED))
    return ask_in_turn(waiting.filter(created_at__lt=now - RECONCILE_AFTER), settle, limit=limit)


def _lock_bookings_of(payment: Payment) -> list[Booking]:
    """The bookings that a payment is for, locked after their sessions: two statements."""
    if payment.order_id is None:
        return []
    ordered = Booking.objects.filter(line__order_id=payment.order_id)
    sessions = Session.objects.select_for_update(no_key=True).filter(pk__in=ordered.values("session")).order_by("id")
    locked = {session.pk: session for session in sessions}
    if not locked:
        return []
    rows = ordered.select_for_update(of=("self",), no_key=True).select_related("line__order", "booked_by")
    bookings = list(rows.order_by("id"))
    for booking in bookings:
        if booking.session_id in locked:
            # One that was moved elsewhere meanwhile is paid, and so is no place that this money buys.
            booking.session = locked[booking.session_id]
    return bookings


def _is_another_sum(payment: Payment, outcome: Outcome) -> bool:
    if outcome.state != Payment.State.SUCCEEDED or outcome.amount is None:
        return False
    return (outcome.amount, outcome.currency) != (payment.amount, payment.currency)


def _says_nothing_new(payment: Payment, outcome: Outcome) -> bool:
    same = payment.state == outcome.state and payment.reference == (outcome.reference or payment.reference)
    return same and payment.action_url == outcome.action_url


def _follow(payment: Payment, bookings: Sequence[Booking]) -> None:
    """What a payment's new state means for the bookings that it buys; none: it buys nothing any more."""
    if payment.state == Payment.State.SUCCEEDED:
        if payment.purpose == Payment.Purpose.TOP_UP:
            fill_wallet(payment)
        elif bookings:
            _confirm(bookings, payment)
        else:
            credit_payment(payment)
            publish("payment.came_late", subject=payment, amount=payment.amount)
    elif payment.state == Payment.State.FAILED and not payment.is_automatic:
        publish("payment.failed", subject=payment, failure_code=payment.failure_code)
    elif payment.purpose == Payment.Purpose.TOP_UP:
        if payment.state == Payment.State.PENDING and provider_of(payment.provider).is_marked_by_hand:
            publish("payment.awaited", subject=payment)
    elif bookings and payment.state in (Payment.State.PENDING, Payment.State.UNKNOWN):
        _wait_longer(bookings, payment)
        if provider_of(payment.provider).is_marked_by_hand:
            publish("payment.awaited", subject=payment)


def _note(payment: Payment, outcome: Outcome) -> None:
    """What a payment's end means for what its payer decided: a wallet filled by itself, a card to be kept."""
    if payment.is_automatic and payment.state not in Payment.OPEN:
        note_top_up(payment)
    if payment.state == Payment.State.SUCCEEDED and payment.keeps_method and outcome.kept is not None:
        keep_what_paid(payment, outcome.kept)


def _confirm(bookings: Sequence[Booking], payment: Payment) -> None:
    now = clock.now()
    for booking in bookings:
        booking.state = Booking.State.CONFIRMED
        booking.confirmed_at = now
        booking.held_until = None
    Booking.objects.filter(pk__in=[booking.pk for booking in bookings]).update(
        state=Booking.State.CONFIRMED, confirmed_at=now, held_until=None
    )
    settle_lines([booking.line for booking in bookings if booking.line], payment)
    publish_all(
        [
            ("booking.confirmed", booking, {"session_id": booking.session_id, "line_id": booking.line_id})
            for booking in bookings
        ]
    )


def _wait_longer(bookings: Sequence[Booking], payment: Payment) -> None:
    if not provider_of(payment.provider).is_marked_by_hand:
        hold_longer(bookings, min(clock.now() + PENDING_HOLD, *(one.session.starts_at for one in bookings)))
