"""Booking and paying, from the seat to the money.

A seat is held in one transaction, the provider is asked outside of any, and what it says is applied in another. The
session is locked first, and a sponsor's budget before the ledger's accounts; the whole order is in ARCHITECTURE.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from tenpo.access.actions.idempotency import Call
from tenpo.audit.actions import Entry, record, records_of
from tenpo.checkout.actions.settling import charge, give_up_attempt
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.compiled import Question
from tenpo.core.errors import EXCLUSION, UNIQUE, RuleError, refuse_on
from tenpo.core.outbox import messages_of
from tenpo.ledger.actions import post_transfers
from tenpo.orders.actions.orders import new_order
from tenpo.orders.actions.sponsor_shares import take_from_budget
from tenpo.orders.cancelling import Policy
from tenpo.orders.models import Line
from tenpo.orders.policies import split_line
from tenpo.orders.queries import Quote, quote
from tenpo.payments.actions.auto_top_ups import look_after_wallet_soon
from tenpo.payments.actions.cancelling import cancel_payments
from tenpo.payments.actions.methods import can_be_kept
from tenpo.payments.models import Payment
from tenpo.payments.providers import offered_providers, provider_of
from tenpo.payments.queries import manual_providers
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.seats import (
    already_booked,
    already_elsewhere,
    check_open,
    lock_participants,
    lock_session,
    release_lapsed_for,
    release_lapsed_of,
    take_seat,
)
from tenpo.schedule.actions.sessions import facts_of
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_book_for

# How often one booking is priced anew because others spent the same credit, or the same sponsor's budget, meanwhile.
CREDIT_RACES = 3
SPENT_MEANWHILE = ("insufficient_funds", "sponsor_spent")


@dataclass(frozen=True)
class Wish:
    """How something is to be paid, what was seen of it, and by whom it is booked; see `book_session`.

    Who pays is who the booking is `booked_by`: staff books in somebody's name (`placing`).
    """

    by: User
    provider: str
    agreed: int | None
    use_wallet: bool
    keeps: bool
    call: Call | None


def book_session(
    session: Session,
    *,
    participant: Participant,
    by: User,
    provider: str = "",
    source: str = "",
    agreed: int | None = None,
    use_wallet: bool = True,
    keep: bool = False,
    call: Call | None = None,
) -> Booking:
    """Book a seat: the company and a sponsor pay their share, then credits and wallet, the rest through `provider`.

    A `source` is what `start_payment` takes: a card that is entered now, or the id of a saved method. `keep` says that
    a card that is entered now is kept for later, once it has paid.

    Returns the booking confirmed when nothing is left to pay or the money came at once, otherwise held; its payment
    says what is missing. `agreed` is the own share (minor units) that the buyer saw: another one is refused, so nobody
    pays a price that changed under them. A repeat of a `call` that died goes on with what that one had made. Raises
    RuleError full, started, not_planned, already_booked, participant_elsewhere, price_changed, sponsor_spent,
    payment_needed; Http404.
    """
    if not can_book_for(by, participant):
        raise PermissionDenied
    keeps = keep and can_be_kept(by, provider=provider, source=source)
    wish = Wish(by, provider, agreed, use_wallet, keeps, call)

    def attempt() -> tuple[Booking, Payment | None]:
        return _reserve(session, participant, wish)

    if begun := begun_by(call):
        return charge_for(*begun, source)
    booking, payment = _past_what_lapsed(attempt, session.pk, participant)
    return charge_for(booking, payment, source)


def take_offer(
    booking: Booking,
    *,
    by: User,
    provider: str = "",
    source: str = "",
    agreed: int | None = None,
    use_wallet: bool = True,
    keep: bool = False,
    call: Call | None = None,
) -> Booking:
    """Take the seat that the waitlist offers; see `book_session`. Raises RuleError offer_over besides."""
    keeps = keep and can_be_kept(by, provider=provider, source=source)
    wish = Wish(by, provider, agreed, use_wallet, keeps, call)

    def attempt() -> tuple[Booking, Payment | None]:
        return _reserve_offered(booking, wish)

    taken, payment = begun_by(call) or _past_what_lapsed(attempt, booking.session_id, booking.participant)
    return charge_for(taken, payment, source)


def pay_booking(
    booking: Booking, *, by: User, provider: str, source: str = "", keep: bool = False, call: Call | None = None
) -> Booking:
    """Try to pay a held booking again: after a card was declined, or by another way than was chosen first.

    An attempt that waits for its payer is given up; should its money still come, it becomes credit. Raises RuleError
    not_held, or payment_under_way while a provider is carrying an earlier attempt out.
    """
    if booking.booked_by_id != by.pk:
        raise PermissionDenied
    if begun := begun_by(call):
        return charge_for(*begun, source)
    if booking.line is not None:
        waiting = Payment.objects.filter(order_id=booking.line.order_id, state=Payment.State.NEEDS_ACTION)
        for left_alone in waiting:
            give_up_attempt(left_alone)
    keeps = keep and can_be_kept(by, provider=provider, source=source)
    booking, payment = _new_attempt(booking, Wish(by, provider, None, False, keeps, call))
    return charge_for(booking, payment, source)


@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@refuse_on(UNIQUE, "booking_one_live_per_participant", already_booked)
@transaction.atomic
def _reserve(session: Session, participant: Participant, wish: Wish) -> tuple[Booking, Payment | None]:
    session, policy = take_seat(session.pk, participant=participant, by=wish.by)
    booking = Booking(session=session, participant=participant, booked_by=wish.by)
    return order_place(booking, policy, wish)


@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@transaction.atomic
def _reserve_offered(booking: Booking, wish: Wish) -> tuple[Booking, Payment | None]:
    session = lock_session(booking.session_id)
    lock_participants([booking.participant_id])
    booking = Booking.objects.select_for_update(no_key=True).get(pk=booking.pk)
    booking.session = session
    if booking.booked_by_id != wish.by.pk:
        raise PermissionDenied
    check_open(session)
    if booking.state != Booking.State.OFFERED or booking.held_until is None or booking.held_until <= clock.now():
        raise RuleError("offer_over", _("This offer is over. The seat went to the next in line."))
    booking.booked_by = wish.by
    return order_place(booking, session.cancellation_policy.terms, wish)


def order_place(
    booking: Booking, policy: Policy, wish: Wish, *, asked: Question | None = None
) -> tuple[Booking, Payment | None]:
    """Price, order and write a booking whose seat is taken; also its payment when something is left to pay.

    `asked` is what its price is made of, where that was asked before.
    """
    session = booking.session
    price = quote(
        price=session.price,
        currency=session.currency,
        coach_id=session.coach_id,
        buyer=booking.booked_by,
        use_wallet=wish.use_wallet,
        asked=asked,
    )
    if wish.agreed is not None and wish.agreed != price.own_share:
        raise RuleError("price_changed", _("The price has changed. Please look at it again before you book."))
    if price.own_share and wish.provider not in offered_providers():
        raise RuleError("payment_needed", _("Choose how you want to pay."))
    now = clock.now()
    booking.starts_at, booking.ends_at = session.starts_at, session.ends_at
    booking.policy, booking.policy_rules = [window.stored() for window in policy.windows], policy.rules()
    if price.own_share:
        booking.state = Booking.State.HELD
        booking.held_until = hold_end(session, wish.provider, now)
    else:
        booking.state = Booking.State.CONFIRMED
        booking.held_until = None
        booking.confirmed_at = now
    payment = _write(booking, price, wish)
    if price.wallet_spent:
        look_after_wallet_soon(booking.booked_by)
    return booking, payment


def _write(booking: Booking, price: Quote, wish: Wish) -> Payment | None:
    """Write a priced booking, with all that belongs to it, in one statement; return its payment if there is one.

    What a sponsor pays of it is taken from their budget first, with one statement more.
    """
    sponsor_news = take_from_budget(price)
    session, buyer = booking.session, booking.booked_by
    order_id, line_id, booking_id, payment_id = price.ids
    if wish.call:
        order_id = payment_id = wish.call.id
    sponsor_id = price.sponsorship.sponsor_id if price.sponsorship else None
    splits = split_line(
        price.price, price.split_rule, creator_id=session.coach_id, teacher_id=session.coach_id,
        bought_by=(buyer.pk, booking.participant.user_id, sponsor_id),
    )  # fmt: skip
    line, postings = new_order(
        (order_id, line_id), buyer=buyer, quote=price, kind=Line.Kind.SESSION, subject_id=session.pk,
        description=session.title, is_split=bool(splits),
    )  # fmt: skip
    booking.line = line
    rows: list[Model] = [line.order, line]
    entries: list[Entry] = []
    news: list[tuple[str, Model, dict[str, object]]] = []
    if session._state.adding:
        # A slot: its session comes to be with its booking.
        rows.insert(0, session)
        entries.append(("session.created", session, None, facts_of(session)))
        news.append(("session.created", session, {"coach_id": session.coach_id}))
    for split in splits:
        split.line = line
        rows.append(split)
    if booking._state.adding:
        booking.pk = booking_id
        rows.append(booking)
    else:
        # Its foreign key to the line is asked about when the transaction ends.
        booking.save()
    payment = None
    if price.own_share:
        payment = _payment_of(booking, price.own_share, wish)
        payment.pk = payment_id
        rows.append(payment)
    event = "booking.held" if payment else "booking.confirmed"
    rows += records_of([*entries, (event, booking, None, _shares(price))], by=wish.by)
    rows += messages_of([*news, (event, booking, {"session_id": session.pk, "line_id": line.pk}), *sponsor_news])
    post_transfers(postings, rows=rows)
    return payment


@transaction.atomic
def _new_attempt(booking: Booking, wish: Wish) -> tuple[Booking, Payment]:
    by, provider = wish.by, wish.provider
    session = lock_session(booking.session_id)
    rows = Booking.objects.select_for_update(of=("self",), no_key=True).select_related("line__order", "booked_by")
    booking = rows.get(pk=booking.pk)
    booking.session = session
    if booking.booked_by_id != by.pk:
        raise PermissionDenied
    check_open(session)
    now = clock.now()
    if (
        booking.state != Booking.State.HELD
        or booking.held_until is None
        or booking.held_until <= now
        or not booking.line
    ):
        raise RuleError("not_held", _("This seat is not held any more. Please book again."))
    if provider not in offered_providers():
        raise RuleError("payment_needed", _("Choose how you want to pay."))
    under_way = Payment.objects.open().filter(order_id=booking.line.order_id)
    # A payment that only waits for somebody of ours to mark it can be left for another way.
    cancel_payments(under_way.filter(state="pending", provider__in=manual_providers()), by=by)
    if under_way.exists():
        raise RuleError("payment_under_way", _("Your payment is being confirmed. Please wait for it."))
    has_waited = Payment.objects.filter(order_id=booking.line.order_id, provider__in=manual_providers()).exists()
    if provider_of(provider).is_marked_by_hand and not has_waited:
        # The days of a transfer are given once: what is tried again and again does not keep the seat for longer.
        booking.held_until = max(booking.held_until, hold_end(session, provider, now))
        booking.save(update_fields=["held_until"])
    record("booking.payment_retried", by=by, on=booking, after={"provider": provider, "amount": booking.line.own_share})
    payment = _payment_of(booking, booking.line.own_share, wish)
    if wish.call:
        payment.pk = wish.call.id
    payment.save(force_insert=True)
    return booking, payment


def begun_by(call: Call | None) -> tuple[Booking, Payment | None] | None:
    """What a call had made when it died: its booking, and its payment where the provider must still be asked."""
    if call is None or not call.is_again:
        return None
    payment = Payment.objects.filter(pk=call.id).first()
    order_id = (payment and payment.order_id) or call.id
    booking = Booking.objects.select_related("session", "line__order").filter(line__order_id=order_id).first()
    if booking is None:
        return None
    is_asked = payment is None or payment.state != Payment.State.CREATED
    has_lapsed = booking.held_until is None or booking.held_until <= clock.now()
    return booking, None if is_asked or has_lapsed else payment


def with_credit_at_hand[T](attempt: Callable[[], T]) -> T:
    """Try again when what the price counted on was spent elsewhere at the same moment: the price is another."""
    for _again in range(CREDIT_RACES):
        try:
            return attempt()
        except RuleError as refusal:
            if refusal.code not in SPENT_MEANWHILE:
                raise
    return attempt()


def _past_what_lapsed[T](attempt: Callable[[], T], session_id: UUID, participant: Participant) -> T:
    """What ran out stands in nobody's way, also not in the way of whoever it belonged to.

    It is let go in a transaction of its own: it touches other people's credit.
    """
    try:
        return with_credit_at_hand(attempt)
    except RuleError as refusal:
        if refusal.code in ("full", "already_booked"):
            released = release_lapsed_of(session_id)
        else:
            released = release_lapsed_for(participant) if refusal.code == "participant_elsewhere" else 0
        if not released:
            raise
    return with_credit_at_hand(attempt)


def hold_end(session: Session, provider: str, now: datetime) -> datetime:
    """Until when a seat waits for its money: minutes for a card, days for what an admin marks, never past the start."""
    business = current_business()
    by_hand = provider_of(provider).is_marked_by_hand
    wait = timedelta(days=business.manual_hold_days) if by_hand else timedelta(minutes=business.hold_minutes)
    return min(now + wait, session.starts_at)


def _payment_of(booking: Booking, amount: int, wish: Wish) -> Payment:
    assert booking.line is not None
    return Payment(
        payer=booking.booked_by,
        order_id=booking.line.order_id,
        provider=wish.provider,
        keeps_method=wish.keeps,
        amount=amount,
        currency=booking.session.currency,
        description=booking.session.title,
    )


def charge_for(booking: Booking, payment: Payment | None, source: str) -> Booking:
    """Ask for the money of a booking that is written, outside of any transaction; the booking as it then is."""
    if payment is None:
        return booking
    charge(payment, source)
    return Booking.objects.select_related("session", "line__order").get(pk=booking.pk)


def _shares(price: Quote) -> dict[str, object]:
    return {
        "price": price.price,
        "company": price.company_share,
        **({"sponsor": price.sponsor_share} if price.sponsor_share else {}),
        "credit": price.credit_spent,
        "wallet": price.wallet_spent,
        "own": price.own_share,
        "currency": price.currency,
    }
