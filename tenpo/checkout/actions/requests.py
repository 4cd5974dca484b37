"""Times that wait for their coach's yes or no.

A request holds its time as any hold does (`Booking.awaits_approval`), and has no order yet: what it costs is decided
when there is a yes. Then it is booked where nothing is left to pay, and otherwise offered, to be taken and paid like
the offer of any seat. A request of several is one thing: it gets one answer, and by a yes one order, which is held
until it is paid.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record, record_all, records_of
from tenpo.checkout.actions.buying import order_places, with_credit_at_hand
from tenpo.checkout.actions.paying import Paying
from tenpo.core import clock
from tenpo.core.errors import EXCLUSION, RuleError, refuse_on
from tenpo.core.inserts import insert_together
from tenpo.core.outbox import messages_of, publish
from tenpo.core.tokens import new_id
from tenpo.orders.queries import quote
from tenpo.people.models import User
from tenpo.schedule.actions.offers import offer_end
from tenpo.schedule.actions.seats import (
    already_elsewhere,
    check_open,
    end_bookings,
    free_seats,
    lock_order_of,
    lock_participants,
    lock_session,
)
from tenpo.schedule.actions.sessions import facts_of
from tenpo.schedule.actions.slots import TakenSlot
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.session_coach_models import coaches_of_new

# A request that nobody answers for so long is over.
ANSWERED_WITHIN = timedelta(hours=48)
MAX_WORD = 300


def write_request(bookings: Sequence[Booking], taken: TakenSlot) -> None:
    """Hold a slot for all who come until its coach says yes or no, in the caller's transaction: one statement.

    What each of them pays is frozen with it. The first booking comes with its id.
    """
    session, now = taken.session, clock.now()
    for booking in bookings[1:]:
        booking.pk = new_id()
    for booking, price in zip(bookings, taken.prices, strict=True):
        booking.state = Booking.State.HELD
        booking.awaits_approval = True
        booking.asked_price = price
        booking.held_until = request_end(session, now)
        booking.starts_at, booking.ends_at = session.starts_at, session.ends_at
        booking.policy, booking.policy_rules = (
            [window.stored() for window in taken.policy.windows],
            taken.policy.rules(),
        )
    entries = records_of(
        [
            ("session.created", session, None, facts_of(session)),
            *[("booking.held", one, None, {"is_request": True}) for one in bookings],
        ],
        by=bookings[0].booked_by,
    )
    news = messages_of(
        [
            ("session.created", session, {"coach_id": session.coach_id}),
            ("booking.requested", bookings[0], {"session_id": session.pk}),
        ]
    )
    insert_together([session, *coaches_of_new(session), *bookings, *entries, *news])


def request_end(session: Session, now: datetime) -> datetime:
    """Until when a request waits for its answer; never past the start."""
    return min(now + ANSWERED_WITHIN, session.starts_at)


def approve_request(booking: Booking, *, by: User) -> Booking:
    """Say yes to a time that somebody asked for: it is booked, or offered to them to be paid.

    What was asked for several is booked, or ordered and held for them until it is paid, all of it. Saying yes again
    changes nothing. Raises RuleError not_requested, started, not_planned, participant_elsewhere.
    """
    return with_credit_at_hand(lambda: _approve(booking, by))


@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@transaction.atomic
def _approve(booking: Booking, by: User) -> Booking:
    places = _locked_request(booking, by)
    booking = next(one for one in places if one.pk == booking.pk)
    has_its_yes = booking.state in (Booking.State.OFFERED, Booking.State.CONFIRMED) or booking.line_id is not None
    if not booking.awaits_approval and has_its_yes and booking.state != Booking.State.CANCELLED:
        return booking
    session, buyer, now = booking.session, booking.booked_by, clock.now()
    _check_waits(booking)
    check_open(session)
    for one in places:
        one.awaits_approval = False
    record_all([("booking.approved", one, None, None) for one in places], by=by)
    price = quote(
        price=session.price, currency=session.currency, coach_id=session.coach_id, buyer=buyer, use_wallet=False
    )
    if len(places) > 1 or price.own_share == 0:
        # The wallet is theirs to use or not; nothing of it is needed.
        pays = Paying(buyer, agreed=None if len(places) > 1 else 0, use_wallet=False)
        prices = [session.price if one.asked_price is None else one.asked_price for one in places]
        order_places(places, [one.terms for one in places], pays, prices=prices, unpaid_until=offer_end(session, now))
        if booking.state == Booking.State.HELD:
            publish("booking.approved", subject=places[0], session_id=session.pk)
        return booking
    booking.state = Booking.State.OFFERED
    booking.held_until = offer_end(session, now)
    booking.save(update_fields=["awaits_approval", "state", "held_until"])
    record("booking.offered", by=by, on=booking, after={"held_until": booking.held_until})
    publish("booking.approved", subject=booking, session_id=session.pk)
    return booking


@transaction.atomic
def decline_request(booking: Booking, *, word: str = "", by: User) -> Booking:
    """Say no to a time that somebody asked for, with a word to them, also for all who were to come; it is free again.

    Saying no again changes nothing. Raises RuleError not_requested; ValidationError for a word that is too long.
    """
    word = word.strip()
    if len(word) > MAX_WORD or "\0" in word:
        raise ValidationError({"word": _("At most %(n)s characters.") % {"n": MAX_WORD}})
    places = _locked_request(booking, by)
    booking = next(one for one in places if one.pk == booking.pk)
    if booking.awaits_approval and booking.state == Booking.State.CANCELLED:
        return booking
    _check_waits(booking)
    end_bookings(places, Booking.Ending.BY_HOST)
    after = {"ending": booking.ending, "word": word}
    record_all([("booking.cancelled", one, None, after) for one in places], by=by)
    publish("booking.declined", subject=places[0], session_id=booking.session_id, reason=word)
    free_seats(booking.session, len(places))
    return booking


def _locked_request(booking: Booking, by: User) -> list[Booking]:
    """All places of a request while it waits for its answer, in the order in which they were said; else the booking."""
    session = lock_session(booking.session_id)
    if not can_manage_session(by, session):
        raise PermissionDenied
    lock_participants(session.bookings.live().values_list("participant", flat=True))
    places = lock_order_of(booking)
    for one in places:
        one.session = session
    return places


def _check_waits(booking: Booking) -> None:
    is_held = booking.state == Booking.State.HELD and booking.held_until is not None
    if not is_held or not booking.awaits_approval or booking.held_until <= clock.now():  # type: ignore[operator]
        raise RuleError("not_requested", _("Nobody waits for an answer here any more."))
