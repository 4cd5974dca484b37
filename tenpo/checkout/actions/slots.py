"""Booking a slot: a session that comes to be with its booking, and the money for it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Unpack
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction

from tenpo.access.actions.idempotency import Call
from tenpo.checkout.actions.buying import (
    Reserved,
    begun_by,
    charge_for,
    check_agreed,
    order_places,
    with_credit_at_hand,
)
from tenpo.checkout.actions.paying import Paying, Pays
from tenpo.checkout.actions.requests import write_request
from tenpo.checkout.actions.unpaid import check_unpaid
from tenpo.core.compiled import Question
from tenpo.core.errors import EXCLUSION, RuleError, refuse_on
from tenpo.orders.queries import quote_question, quotes, together
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.anew import anew_when_changed
from tenpo.schedule.actions.seats import already_elsewhere, check_party
from tenpo.schedule.actions.slots import (
    SlotWish,
    coaches_for,
    past_what_stands_in_the_way,
    slot_taken,
    take_slot,
)
from tenpo.schedule.models import Booking, Location, Service
from tenpo.schedule.permissions import can_book_slot_for


def book_slot(
    service: Service,
    *,
    starts_at: datetime,
    minutes: int,
    coach: User | None = None,
    location: Location | None = None,
    participant: Participant,
    by: User,
    answers: Mapping[str, Any] | None = None,
    **pays: Unpack[Pays],
) -> Booking:
    """Book a time with a coach: a session of its own, which is paid as `book_session` says.

    Without a `coach` it is the only one, or of any coaches who has the least to do; without a `location` the first at
    which it is free. `answers` are by the keys of the service's questions. Whoever gives the service, and an admin, may
    book it for somebody, whatever the notice and the window.

    Where its coach says yes to each, it is only asked for at the price that was agreed to: held, with nothing ordered
    or paid (`requests`). Whoever gives it says yes by booking.

    What `find_slots` shows is what is accepted. Raises RuleError slot_taken, slot_not_offered, too_many,
    participant_elsewhere, each with the `nearest` starts that are free; not_open_to_you, price_changed,
    sponsor_spent, payment_needed, too_many_unpaid, changed_meanwhile; ValidationError for an answer or where a coach
    must be chosen; Http404.
    """
    [booking] = book_slot_places(
        service, starts_at=starts_at, minutes=minutes, coach=coach, location=location, participants=[participant],
        by=by, answers=answers, **pays,
    )  # fmt: skip
    return booking


def book_slot_places(
    service: Service,
    *,
    starts_at: datetime,
    minutes: int,
    coach: User | None = None,
    location: Location | None = None,
    participants: Sequence[Participant],
    by: User,
    answers: Mapping[str, Any] | None = None,
    **pays: Unpack[Pays],
) -> list[Booking]:
    """Book a time for several at the group's price: one session, of which each pays a part; see `book_slot`.

    They are one order, as `book_places` says; the answers stand with the first of them. Where its coach says yes to
    each, it is one request: all of them get one answer. Raises RuleError too_many_people besides; ValidationError for
    nobody, for too many, or for somebody twice.
    """
    # What is never allowed is refused before anything is locked; the rest is asked under the locks.
    if not all(can_book_slot_for(by, one, gives_it=True, is_client=True) for one in participants):
        raise PermissionDenied
    check_party(participants)
    wish = SlotWish(service.pk, starts_at, minutes, location.pk if location else None, answers or {})
    paid = Paying.of(by, pays)
    if begun := begun_by(paid.call) or unordered_by(paid.call):
        return charge_for(*begun, paid.source)

    def attempt() -> Reserved:
        coaches = [coach.pk] if coach else coaches_for(wish, participant=participants[0], by=by)
        return of_the_first_free(coaches, lambda coach_id: _reserve(wish, coach_id, participants, paid))

    reserved = past_what_stands_in_the_way(attempt, wish, [coach.pk] if coach else [], participants, by=by)
    return charge_for(*reserved, paid.source)


@anew_when_changed
@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@refuse_on(EXCLUSION, "session_room_never_in_two", slot_taken)
@refuse_on(EXCLUSION, "session_coach_never_in_two", slot_taken)
@transaction.atomic
def _reserve(wish: SlotWish, coach_id: UUID, participants: Sequence[Participant], pays: Paying) -> Reserved:
    def beside(currency: str) -> Question:
        return quote_question(
            len(participants), currency=currency, coach_id=coach_id, buyer=pays.by, offered_id=wish.service_id
        )

    taken = take_slot(wish, coach_id, participants=participants, by=pays.by, beside=beside)
    bookings = [Booking(session=taken.session, participant=one, booked_by=pays.by) for one in participants]
    booking = bookings[0]
    booking.answers = taken.answers
    if taken.asks_first:
        # The price is frozen with the request, and a yes may spend credit: it is agreed to now.
        found = quotes(
            taken.prices, currency=taken.session.currency, coach_id=taken.session.coach_id, buyer=pays.by,
            use_wallet=pays.use_wallet, asked=taken.beside,
        )  # fmt: skip
        check_agreed(together(found), pays)
        # Nothing is ordered before the yes, so a repeat of the call finds the booking itself.
        booking.pk = pays.call.id if pays.call else taken.booking_id
        write_request(bookings, taken)
        reserved: Reserved = bookings, None
    else:
        reserved = order_places(bookings, [taken.policy] * len(bookings), pays, prices=taken.prices, asked=taken.beside)
    if booking.state == Booking.State.HELD and not taken.is_by_host:
        check_unpaid(pays.by, bookings, pays.provider)
    return reserved


def unordered_by(call: Call | None) -> Reserved | None:
    """What a call that died had written before anything was ordered: a request, or a place that is kept; also where
    there was a yes meanwhile, or it was taken.
    """
    if call is None or not call.is_again:
        return None
    written = Booking.objects.select_related("session").filter(pk=call.id).first()
    if written is None:
        return None
    rows = Booking.objects.select_related("session", "line__order")
    if written.line_id:
        rows = rows.filter(line__order__lines=written.line_id)
    elif written.session.is_private:
        rows = rows.filter(session=written.session_id)
    else:
        # A place that is kept in a session for several has strangers beside it.
        rows = rows.filter(pk=written.pk)
    return sorted(rows, key=lambda one: (one.pk != call.id, one.pk)), None


def of_the_first_free(coaches: Collection[UUID], reserve: Callable[[UUID], Reserved]) -> Reserved:
    """Of coaches who were free a moment ago, the first who still is; each is asked in a transaction of its own."""
    for coach_id in coaches:
        try:
            return with_credit_at_hand(partial(reserve, coach_id))
        except RuleError as refusal:
            if refusal.code != "slot_taken":
                raise
    raise slot_taken()
