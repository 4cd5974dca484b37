"""Where a booking stands on its way to being paid, and what cancelling it would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import F, Q
from django.urls import reverse

from tenpo.orders.models import Order
from tenpo.orders.policies import GivenBack, parts_back, parts_left
from tenpo.orders.queries import Quote, frozen_quote, together
from tenpo.payments.models import Payment
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.manual import BankTransfer
from tenpo.payments.slips import Slip, slip_for
from tenpo.people.models import User
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.policy_queries import Misses, comes_back


class Step(StrEnum):
    """What a booking's buyer has to know or do next."""

    CONFIRMED = "confirmed"
    WAITING_FOR_MONEY = "waiting_for_money"
    CONFIRMING = "confirming"
    AT_BANK = "at_bank"
    DECLINED = "declined"
    OFFERED = "offered"
    WAITLISTED = "waitlisted"
    REQUESTED = "requested"
    OVER = "over"


def live_booking(session: Session, user: User) -> Booking | None:
    """The place that a person, or else a guest of theirs, has in a session, waitlisted ones too."""
    return next(iter(live_bookings(session, user)), None)


def live_bookings(session: Session, user: User) -> list[Booking]:
    """The places that a person and their guests have in a session; their own first."""
    whose = Q(participant__user=user) | Q(participant__guest_of=user)
    rows = Booking.objects.live().filter(whose, session=session).select_related("participant")
    return list(rows.order_by(F("participant__user").asc(nulls_last=True), "id"))


def ordered_with(booking: Booking) -> list[Booking]:
    """The places that were ordered, asked for, or wait together with one, itself among them, in their order."""
    rows = Booking.objects.select_related("session", "participant", "line__order", "line__sponsorship")
    same = Q(pk=booking.pk)
    if booking.line:
        same = Q(line__order_id=booking.line.order_id)
    elif booking.awaits_approval:
        same = Q(session=booking.session_id, awaits_approval=True)
    elif booking.party and booking.state != Booking.State.CANCELLED:
        same = Q(party=booking.party, state=booking.state)
    return list(rows.filter(same).order_by("id"))


def ordered_price(bookings: Sequence[Booking]) -> Quote | None:
    """What places that were ordered together cost, and who pays it, as it was frozen then."""
    lines = [booking.line for booking in bookings if booking.line]
    return together([frozen_quote(line) for line in lines]) if lines else None


def say_who(bookings: Sequence[Booking], user: User) -> str:
    """For whom places are, where it is not just for who looks at them."""
    people = dict.fromkeys(booking.participant for booking in bookings)
    if [one.user_id for one in people] == [user.pk]:
        return ""
    return ", ".join(one.name for one in people)


def dates_of(bookings: Sequence[Booking]) -> list[Session]:
    """The sessions of places that were ordered together, where they are several, in the order of their starts."""
    sessions = sorted({booking.session for booking in bookings}, key=lambda session: (session.starts_at, session.pk))
    return sessions if len(sessions) > 1 else []


def last_payment(booking: Booking, *, is_alone: bool = False) -> Payment | None:
    """The newest attempt to pay a booking, with all of its order; not asked for one that is alone and owes nothing."""
    if booking.line is None or (is_alone and not booking.line.own_share):
        return None
    return Payment.objects.filter(order_id=booking.line.order_id).order_by("-created_at", "-id").first()


def action_address(payment: Payment) -> str:
    """Where the payer confirms a payment: the page by which they leave for it, when it is not here."""
    url = payment.action_url
    return url if url.startswith("/") else reverse("checkout:payment-leave", args=[payment.pk])


def is_card_to_enter(payment: Payment) -> bool:
    """Whether the payer still has to enter a card, on Stripe's own page, rather than to confirm at a bank."""
    return (payment.reference or "").startswith("cs_")


def transfer_reference(payment: Payment) -> str:
    """What a payer writes on a bank transfer, so that an admin knows the money."""
    if payment.order_id is None:
        return payment.transfer_reference
    return Order.objects.values_list("number", flat=True).get(pk=payment.order_id)


def slip_of_payment(payment: Payment) -> Slip | None:
    """How to make a payment that waits for its bank transfer; None for every other one."""
    is_waiting = payment.provider == BankTransfer.name and payment.state in Payment.OPEN
    if not is_waiting:
        return None
    return slip_for(transfer_reference(payment), amount=payment.amount, currency=payment.currency)


def checkout_step(booking: Booking, payment: Payment | None) -> Step:
    """What comes next for a booking whose newest payment is `payment`. Pure."""
    if booking.state == Booking.State.CANCELLED:
        return Step.OVER
    if booking.state == Booking.State.WAITLISTED:
        return Step.WAITLISTED
    if booking.state == Booking.State.OFFERED:
        return Step.OFFERED
    if booking.state != Booking.State.HELD:
        return Step.CONFIRMED
    if booking.awaits_approval:
        return Step.REQUESTED
    if payment is None or payment.state in (Payment.State.FAILED, Payment.State.CANCELLED):
        return Step.DECLINED
    if payment.state == Payment.State.NEEDS_ACTION:
        return Step.AT_BANK
    if provider_of(payment.provider).is_marked_by_hand:
        return Step.WAITING_FOR_MONEY
    return Step.CONFIRMING


@dataclass(frozen=True)
class CancellationEffect:
    """What cancelling a booking now would give back (minor units), and to whom."""

    percent: int
    credit: int
    wallet: int
    method: int
    company: int
    sponsor: int
    paid: int
    gives_up_seat: bool
    # Whether it is late, and so counts; and whether it costs nothing all the same.
    is_late: bool = False
    by_grace: bool = False
    # Until when it stays so.
    until: datetime | None = None

    @property
    def back(self) -> int:
        """What comes back to whoever booked, wherever to (minor units)."""
        return self.credit + self.wallet + self.method


def cancellation_effect(
    booking: Booking,
    *,
    by_host: bool,
    is_waived: bool = False,
    now: datetime | None = None,
    misses: Misses | None = None,
) -> CancellationEffect:
    """What `cancel_booking` would do at `now`, in numbers; `misses` are what counts by then, where that is known."""
    takes_seat = booking.state in Booking.SEATED
    if booking.line is None or booking.confirmed_at is None:
        return CancellationEffect(
            percent=0, credit=0, wallet=0, method=0, company=0, sponsor=0, paid=0, gives_up_seat=takes_seat
        )
    rule = comes_back(booking, now=now, misses=misses, by_host=by_host, is_waived=is_waived)
    back = GivenBack.of(parts_back(booking.line, rule.percent), rule.to)
    return CancellationEffect(
        percent=rule.percent,
        credit=back.credit,
        wallet=back.wallet,
        method=back.method,
        company=back.company,
        sponsor=back.sponsor,
        paid=parts_left(booking.line).buyers,
        gives_up_seat=takes_seat,
        is_late=rule.is_late,
        by_grace=rule.by_grace,
        until=rule.until,
    )


def came_late(booking: Booking) -> bool:
    """Whether money for it came when its seat was gone already, and became credit."""
    if booking.line is None:
        return False
    return Payment.objects.filter(payer=booking.booked_by_id, late_for=booking.line.order_id).exists()


def booking_of_payment(payment: Payment) -> UUID | None:
    """The booking that a payment is for, the first one of several."""
    if payment.order_id is None:
        return None
    return Booking.objects.filter(line__order_id=payment.order_id).order_by("id").values_list("pk", flat=True).first()
