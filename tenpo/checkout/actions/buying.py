"""Booking and paying, from the seats to the money: one place, or those of a party or of a series, in one order.

Seats are held in one transaction, the provider is asked outside of any, and what it says is applied in another. The
sessions are locked first, and a sponsor's budget before the ledger's accounts; the whole order is in ARCHITECTURE.md.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Unpack
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from tenpo.access.actions.idempotency import Call
from tenpo.audit.actions import Entry, records_of
from tenpo.checkout.actions.paying import Paying, Pays
from tenpo.checkout.actions.settling import charge
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.compiled import Question
from tenpo.core.errors import EXCLUSION, UNIQUE, RuleError, refuse_on
from tenpo.core.limits import SERIES_PLACES
from tenpo.core.outbox import messages_of
from tenpo.ledger.actions import post_transfers
from tenpo.orders.actions.orders import Bought, new_order
from tenpo.orders.actions.sponsor_shares import take_from_budget
from tenpo.orders.cancelling import Policy
from tenpo.orders.models import Line, Split
from tenpo.orders.policies import split_line, taught_by_whom
from tenpo.orders.queries import Quote, quotes, together
from tenpo.payments.actions.auto_top_ups import look_after_wallet_soon
from tenpo.payments.models import Payment
from tenpo.payments.providers import offered_providers, provider_of
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.lapsing import release_lapsed_for, release_lapsed_of
from tenpo.schedule.actions.offers import lock_party
from tenpo.schedule.actions.seats import (
    already_booked,
    already_elsewhere,
    check_open,
    check_party,
    lock_participants,
    lock_session,
    take_seats,
)
from tenpo.schedule.actions.sessions import facts_of
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_book_for
from tenpo.schedule.queries import waiting_with
from tenpo.schedule.series_queries import name_dates
from tenpo.schedule.session_coach_models import coaches_of_new

# How often one booking is priced anew because others spent the same credit, or the same sponsor's budget, meanwhile.
CREDIT_RACES = 3
SPENT_MEANWHILE = ("insufficient_funds", "sponsor_spent")

# The places of an order, the first one first, and its payment where something is left to pay.
type Reserved = tuple[list[Booking], Payment | None]


def book_session(
    session: Session,
    *,
    participant: Participant,
    by: User,
    **pays: Unpack[Pays],
) -> Booking:
    """Book a seat: the company and a sponsor pay their share, then credits and wallet, the rest as `Pays` says.

    Returns the booking confirmed when nothing is left to pay or the money came at once, otherwise held; its payment
    says what is missing. Raises RuleError full, started, not_planned, already_booked, participant_elsewhere,
    price_changed, sponsor_spent, payment_needed; Http404.
    """
    [booking] = book_places(session, participants=[participant], by=by, **pays)
    return booking


def book_places(
    *sessions: Session,
    participants: Sequence[Participant],
    by: User,
    **pays: Unpack[Pays],
) -> list[Booking]:
    """Book a seat for each of a party in each of several sessions of a series, or none; see `book_session`.

    One order, one payment for what is left of all. Company and sponsor pay their share of each place in turn, and what
    one takes is not there for the next. Until it is paid the places stay together: they are paid, given up and let go
    as a whole. The bookings come session by session, each with the participants in their order. Raises RuleError
    dates_taken, which names those of several sessions that cannot be booked, and why; ValidationError for nobody, for
    too many, for somebody twice, or for sessions that are not of one series.
    """
    if not all(can_book_for(by, participant) for participant in participants):
        raise PermissionDenied
    check_party(participants)
    session_ids = [session.pk for session in sessions]
    check_dates(session_ids, places=len(participants))
    paying = Paying.of(by, pays)

    def attempt() -> Reserved:
        return _reserve(session_ids, participants, paying)

    if begun := begun_by(paying.call):
        return charge_for(*begun, paying.source)
    try:
        reserved = past_what_lapsed(attempt, session_ids, participants)
    except RuleError as refusal:
        if len(sessions) > 1 and (named := name_dates(refusal, session_ids, participants=participants, by=by)):
            raise named from refusal
        raise
    return charge_for(*reserved, paying.source)


def check_dates(session_ids: Sequence[UUID], *, places: int) -> None:
    """Raise ValidationError unless it is some sessions, each of them once, and no more places than may be at once."""
    if not session_ids or len(set(session_ids)) < len(session_ids):
        raise ValidationError({"session_ids": _("Choose the dates, each of them once.")})
    if len(session_ids) > 1 and len(session_ids) * places > SERIES_PLACES:
        words = _("At most %(n)s places of a series are booked at once: choose fewer dates.") % {"n": SERIES_PLACES}
        raise ValidationError({"session_ids": words})


def take_offer(
    booking: Booking,
    *,
    by: User,
    **pays: Unpack[Pays],
) -> Booking:
    """Take the seat that the waitlist offers, with all that are offered to its party, as one order; see `book_places`.

    Raises RuleError offer_over besides.
    """
    paying = Paying.of(by, pays)

    def attempt() -> Reserved:
        return _reserve_offered(booking, paying)

    together = [one.participant for one in waiting_with(booking)]
    reserved = begun_by(paying.call) or past_what_lapsed(attempt, [booking.session_id], together)
    return next(one for one in charge_for(*reserved, paying.source) if one.pk == booking.pk)


@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@refuse_on(UNIQUE, "booking_one_live_per_participant", already_booked)
@transaction.atomic
def _reserve(session_ids: Sequence[UUID], participants: Sequence[Participant], paying: Paying) -> Reserved:
    taken = sorted(take_seats(session_ids, participants=participants, by=paying.by), key=lambda one: one[0].starts_at)
    if len(taken) > 1 and (taken[0][0].series_id is None or len({session.series_id for session, _policy in taken}) > 1):
        raise ValidationError({"session_ids": _("These are not of one series.")})
    places = [(session, policy, one) for session, policy in taken for one in participants]
    bookings = [Booking(session=session, participant=one, booked_by=paying.by) for session, _policy, one in places]
    return order_places(bookings, [policy for _session, policy, _one in places], paying)


@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@transaction.atomic
def _reserve_offered(booking: Booking, paying: Paying) -> Reserved:
    session = lock_session(booking.session_id)
    # Who it is for does not change while the session is held.
    lock_participants([one.participant_id for one in waiting_with(booking)])
    booking = Booking.objects.select_for_update(no_key=True).get(pk=booking.pk)
    if booking.booked_by_id != paying.by.pk:
        raise PermissionDenied
    check_open(session)
    if booking.state != Booking.State.OFFERED or booking.held_until is None or booking.held_until <= clock.now():
        raise RuleError("offer_over", _("This offer is over. The seat went to the next in line."))
    bookings = lock_party(booking)
    for one in bookings:
        one.session, one.booked_by = session, paying.by
    return order_places(bookings, [session.cancellation_policy.terms] * len(bookings), paying)


def order_places(
    bookings: list[Booking],
    policies: Sequence[Policy],
    paying: Paying,
    *,
    prices: Sequence[int] | None = None,
    asked: Question | None = None,
    unpaid_until: datetime | None = None,
) -> Reserved:
    """Price, order and write bookings whose seats are taken, each with its policy; and a payment when one is needed.

    Each is priced and divided by whoever leads its own session: a date of a series may be handed over. `prices` are
    what each of them costs, where that is not the session's price; `asked` is what prices are made of, where that was
    asked before. `unpaid_until` is how long they are held where whoever pays is not here: without a payment yet.
    """
    session = bookings[0].session
    found = quotes(
        prices or [booking.session.price for booking in bookings],
        currency=session.currency,
        coach_id=session.coach_id,
        coach_ids=[booking.session.coach_id for booking in bookings],
        offered_id=session.service_id,
        buyer=bookings[0].booked_by,
        use_wallet=paying.use_wallet,
        asked=asked,
    )
    found = [
        one.taught_by(taught_by_whom(booking.session.made_by_id, booking.session.coach_ids))
        for booking, one in zip(bookings, found, strict=True)
    ]
    price = together(found)
    check_agreed(price, paying)
    if price.own_share and not unpaid_until:
        check_way(paying.provider, () if paying.has_come else bookings)
    now = clock.now()
    held_until = (unpaid_until or hold_end(bookings, paying.provider, now)) if price.own_share else None
    if held_until:
        # An offer that is taken holds its seat for as long as it would have: a declined card costs nobody that.
        held_until = max(held_until, *(booking.held_until or now for booking in bookings))
    for booking, policy in zip(bookings, policies, strict=True):
        booking.starts_at, booking.ends_at = booking.session.starts_at, booking.session.ends_at
        booking.policy, booking.policy_rules = [window.stored() for window in policy.windows], policy.rules()
        booking.held_until = held_until
        if held_until:
            booking.state = Booking.State.HELD
        else:
            booking.state = Booking.State.CONFIRMED
            booking.confirmed_at = now
    payment = _write(bookings, found, paying)
    if price.wallet_spent:
        look_after_wallet_soon(bookings[0].booked_by)
    return bookings, payment


def check_agreed(price: Quote, paying: Paying) -> None:
    """Raise RuleError price_changed where another own share was agreed to."""
    if paying.agreed is not None and paying.agreed != price.own_share:
        raise RuleError("price_changed", _("The price has changed. Please look at it again before you book."))


def _write(bookings: Sequence[Booking], found: Sequence[Quote], paying: Paying) -> Payment | None:
    """Write priced bookings, with all that belongs to them, in one statement; return their payment if there is one.

    What a sponsor pays of them is taken from the budget first, with one statement more.
    """
    sponsor_news = take_from_budget(found)
    buyer, own_share = bookings[0].booked_by, together(found).own_share
    order_id, *_of_line, payment_id = found[0].ids
    if paying.call:
        order_id = payment_id = paying.call.id
    splits = [_splits_of(booking, price) for booking, price in zip(bookings, found, strict=True)]
    bought = [
        Bought(price, Line.Kind.SESSION, one.session.pk, one.session.title, is_split=bool(of_it))
        for one, price, of_it in zip(bookings, found, splits, strict=True)
    ]
    lines, postings = new_order(order_id, bought, buyer=buyer)
    rows: list[Model] = [lines[0].order, *lines]
    entries: list[Entry] = []
    news: list[tuple[str, Model, Mapping[str, object]]] = []
    for slot in dict.fromkeys(one.session for one in bookings if one.session._state.adding):
        # A slot: its session comes to be with its booking.
        rows[:0] = [slot, *coaches_of_new(slot)]
        entries.append(("session.created", slot, None, facts_of(slot)))
        news.append(("session.created", slot, {"coach_id": slot.coach_id}))
    event = "booking.held" if own_share else "booking.confirmed"
    for booking, line, price, of_it in zip(bookings, lines, found, splits, strict=True):
        booking.line = line
        for split in of_it:
            split.line = line
        rows += of_it
        if booking._state.adding:
            booking.pk = price.ids[2]
            rows.append(booking)
        else:
            # Its foreign key to the line is asked about when the transaction ends.
            booking.save()
        entries.append((event, booking, None, _shares(price)))
        news.append((event, booking, {"session_id": booking.session_id, "line_id": line.pk}))
    payment = payment_of(bookings, own_share, paying) if own_share and paying.provider else None
    if payment:
        payment.pk = payment_id
        rows.append(payment)
    rows += records_of(entries, by=paying.by)
    rows += messages_of([*news, *sponsor_news])
    post_transfers(postings, rows=rows)
    return payment


def _splits_of(booking: Booking, price: Quote) -> list[Split]:
    """Who earns of a place, and what."""
    session = booking.session
    sponsor_id = price.sponsorship.sponsor_id if price.sponsorship else None
    return split_line(
        price.price, price.split_rule, creator_id=session.made_by_id, taught_by=session.coach_ids,
        bought_by=(booking.booked_by_id, booking.participant.user_id, sponsor_id),
    )  # fmt: skip


def check_way(provider: str, bookings: Sequence[Booking]) -> None:
    """Raise RuleError payment_needed unless it can be paid that way, with the money there before it starts."""
    starts = min((one.session.starts_at for one in bookings), default=None)
    if provider in offered_providers(before=starts):
        return
    words = _("Choose how you want to pay.")
    if provider in offered_providers():
        words = _("A bank transfer would not be there before it starts. Choose another way to pay.")
    raise RuleError("payment_needed", words)


def begun_by(call: Call | None) -> Reserved | None:
    """What a call had made when it died: its bookings, and their payment where the provider must still be asked."""
    if call is None or not call.is_again:
        return None
    payment = Payment.objects.filter(pk=call.id).first()
    bookings = bookings_of_order((payment and payment.order_id) or call.id)
    if not bookings:
        return None
    is_asked = payment is None or payment.state != Payment.State.CREATED
    has_lapsed = any(one.held_until is None or one.held_until <= clock.now() for one in bookings)
    return bookings, None if is_asked or has_lapsed else payment


def bookings_of_order(order_id: UUID) -> list[Booking]:
    """The places that were ordered together, in the order in which they were said."""
    rows = Booking.objects.select_related("session", "line__order").filter(line__order_id=order_id)
    return list(rows.order_by("id"))


def with_credit_at_hand[T](attempt: Callable[[], T]) -> T:
    """Try again when what the price counted on was spent elsewhere at the same moment: the price is another."""
    for _again in range(CREDIT_RACES):
        try:
            return attempt()
        except RuleError as refusal:
            if refusal.code not in SPENT_MEANWHILE:
                raise
    return attempt()


def past_what_lapsed[T](
    attempt: Callable[[], T], session_ids: Sequence[UUID], participants: Sequence[Participant]
) -> T:
    """What ran out stands in nobody's way, also not in the way of whoever it belonged to.

    It is let go in a transaction of its own: it touches other people's credit.
    """
    try:
        return with_credit_at_hand(attempt)
    except RuleError as refusal:
        if refusal.code in ("full", "already_booked"):
            released = sum(release_lapsed_of(session_id) for session_id in session_ids)
        else:
            released = release_lapsed_for(*participants) if refusal.code == "participant_elsewhere" else 0
        if not released:
            raise
    return with_credit_at_hand(attempt)


def hold_end(bookings: Sequence[Booking], provider: str, now: datetime) -> datetime:
    """Until when seats wait for their money: minutes for a card, days for what an admin marks, never past a start."""
    business = current_business()
    by_hand = provider_of(provider).is_marked_by_hand
    wait = timedelta(days=business.manual_hold_days) if by_hand else timedelta(minutes=business.hold_minutes)
    return min(now + wait, *(booking.session.starts_at for booking in bookings))


def payment_of(bookings: Sequence[Booking], amount: int, paying: Paying) -> Payment:
    """What pays the rest of bookings that were ordered at once, not written yet."""
    booking = bookings[0]
    assert booking.line is not None
    title, number = booking.session.title, len(bookings)
    return Payment(
        payer=booking.booked_by,
        order_id=booking.line.order_id,
        provider=paying.provider,
        keeps_method=paying.keeps,
        amount=amount,
        currency=booking.session.currency,
        description=f"{number} × {title}" if number > 1 else title,
    )


def charge_for(bookings: list[Booking], payment: Payment | None, source: str) -> list[Booking]:
    """Ask for the money of bookings that are written, outside of any transaction; the bookings as they then are."""
    if payment is None:
        return bookings
    assert bookings[0].line is not None, "what is paid was ordered"
    charge(payment, source)
    return bookings_of_order(bookings[0].line.order_id)


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
