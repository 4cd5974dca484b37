"""Paying a held booking once more, with all of its order: after a card was declined, or by another way."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.access.actions.idempotency import Call
from tenpo.audit.actions import record
from tenpo.checkout.actions.buying import (
    Reserved,
    begun_by,
    bookings_of_order,
    charge_for,
    check_way,
    hold_end,
    payment_of,
)
from tenpo.checkout.actions.paying import Paying
from tenpo.checkout.actions.settling import give_up_attempt
from tenpo.checkout.actions.unpaid import check_longer
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.orders.models import Line
from tenpo.payments.actions.cancelling import cancel_payments
from tenpo.payments.models import Payment
from tenpo.payments.queries import manual_providers
from tenpo.people.models import User
from tenpo.schedule.actions.seats import check_open, hold_longer, lock_order_of, lock_sessions_of
from tenpo.schedule.models import Booking


def pay_booking(
    booking: Booking, *, by: User, provider: str, source: str = "", keep: bool = False, call: Call | None = None
) -> Booking:
    """Try to pay a held booking again, with all of its order: after a card was declined, or by another way.

    An attempt that waits for its payer is given up; should its money still come, it becomes credit. Raises RuleError
    started, not_planned, not_held, payment_needed or too_many_unpaid, and then nothing is given up; payment_under_way
    while a provider is carrying an earlier attempt out.
    """
    if booking.booked_by_id != by.pk:
        raise PermissionDenied
    if begun := begun_by(call):
        return charge_for(*begun, source)[0]
    # What is refused gives up nothing; it is asked again under the locks, and of each place that is paid with it.
    booking = Booking.objects.select_related("session", "line").get(pk=booking.pk)
    _check_attempt(booking, provider)
    assert booking.line is not None, "what is held was ordered"
    together = bookings_of_order(booking.line.order_id)
    for one in together:
        _check_attempt(one, provider)
    if _is_held_longer(booking.line.order_id, provider):
        check_longer(by, together, provider)
    waiting = Payment.objects.filter(order_id__in=Line.objects.filter(booking=booking).values("order"))
    for left_alone in waiting.filter(state=Payment.State.NEEDS_ACTION):
        give_up_attempt(left_alone)
    paying = Paying.of(by, {"provider": provider, "source": source, "keep": keep, "call": call})
    reserved = _new_attempt(booking, paying)
    return next(one for one in charge_for(*reserved, source) if one.pk == booking.pk)


@transaction.atomic
def _new_attempt(booking: Booking, paying: Paying) -> Reserved:
    by, provider = paying.by, paying.provider
    locked = lock_sessions_of(booking)
    bookings = lock_order_of(booking)
    for one in bookings:
        one.session = locked[one.session_id]
    booking = next(one for one in bookings if one.pk == booking.pk)
    if booking.booked_by_id != by.pk:
        raise PermissionDenied
    for one in bookings:
        _check_attempt(one, provider)
    assert booking.line is not None
    under_way = Payment.objects.open().filter(order_id=booking.line.order_id)
    # A payment that only waits for somebody of ours to mark it can be left for another way.
    cancel_payments(under_way.filter(state="pending", provider__in=manual_providers()), by=by)
    if under_way.exists():
        raise RuleError("payment_under_way", _("Your payment is being confirmed. Please wait for it."))
    if _is_held_longer(booking.line.order_id, provider):
        check_longer(by, bookings, provider)
        hold_longer(bookings, hold_end(bookings, provider, clock.now()))
    amount = sum(one.line.own_share for one in bookings if one.line)
    record("booking.payment_retried", by=by, on=booking, after={"provider": provider, "amount": amount})
    payment = payment_of(bookings, amount, paying)
    if paying.call:
        payment.pk = paying.call.id
    payment.save(force_insert=True)
    return bookings, payment


def _is_held_longer(order_id: UUID, provider: str) -> bool:
    """Whether the days of a transfer begin: they are given once, so that trying again keeps no seat for longer."""
    by_hand = manual_providers()
    return provider in by_hand and not Payment.objects.filter(order_id=order_id, provider__in=by_hand).exists()


def _check_attempt(booking: Booking, provider: str) -> None:
    """Raise RuleError started, not_planned, not_held or payment_needed unless a booking can be paid that way."""
    check_open(booking.session)
    is_held = booking.state == Booking.State.HELD and booking.line_id is not None
    if not is_held or booking.held_until is None or booking.held_until <= clock.now():
        raise RuleError("not_held", _("This seat is not held any more. Please book again."))
    check_way(provider, [booking])
