"""Staff books for somebody: a seat or a time is kept for them, or booked in their name.

Whoever it is for pays, never whoever books. What somebody owns is theirs to spend: a coach can only keep a place for
them, which they take and pay as they take any offer, so that no coach learns how, and none earns by booking people
who never asked. An admin, who sees their money anyway, may book at once: with what they own where they asked for it,
and the rest as money that an admin marks; but not in what they teach themselves.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.access.actions.idempotency import Call
from tenpo.audit.actions import record
from tenpo.checkout.actions.buying import Reserved, begun_by, charge_for, order_places, past_what_lapsed
from tenpo.checkout.actions.paying import Paying
from tenpo.checkout.actions.settling import mark_paid
from tenpo.checkout.actions.slots import of_the_first_free, unordered_by
from tenpo.core import clock
from tenpo.core.errors import EXCLUSION, UNIQUE, RuleError, refuse_on
from tenpo.core.outbox import publish
from tenpo.orders.cancelling import Policy
from tenpo.orders.queries import quote
from tenpo.payments.models import Payment
from tenpo.payments.queries import manual_providers
from tenpo.people.models import Participant, User
from tenpo.people.permissions import is_active_admin
from tenpo.schedule.actions.anew import anew_when_changed
from tenpo.schedule.actions.offers import offer_end
from tenpo.schedule.actions.seats import (
    already_booked,
    already_elsewhere,
    take_seats,
)
from tenpo.schedule.actions.session_coaches import write_sessions
from tenpo.schedule.actions.sessions import facts_of
from tenpo.schedule.actions.slots import (
    SlotWish,
    coaches_for,
    past_what_stands_in_the_way,
    slot_taken,
    take_slot,
)
from tenpo.schedule.guest_queries import is_client_of
from tenpo.schedule.models import Booking, Location, Service, Session
from tenpo.schedule.permissions import can_place

# How long a place can be kept for somebody, in hours; without one, as long as an offer holds.
KEPT_HOURS = (24, 72, 168)


@dataclass(frozen=True)
class Terms:
    """How somebody gets the place that staff books for them.

    `is_offer`: it is kept for them, `hours` long, until they take it. Otherwise it is booked in their name: what they
    own pays if `use_wallet`, the rest `provider`, one of those that an admin marks; `is_paid` says that it has come.
    `agreed` is what was shown to be left to pay (minor units).
    """

    is_offer: bool = True
    hours: int | None = None
    provider: str = ""
    use_wallet: bool = False
    is_paid: bool = False
    agreed: int | None = None
    call: Call | None = None


def place_in_session(session: Session, *, participant: Participant, by: User, terms: Terms) -> Booking:
    """Book a seat for somebody: kept for them until they take it, or, by an admin, booked in their name.

    What costs nothing is booked at once, and by an admin what costs them nothing. Raises RuleError full, started,
    not_planned, private_session, already_booked, participant_elsewhere, no_account, not_by_hand, not_so_long,
    own_session, price_changed, sponsor_spent, payment_needed; Http404.
    """
    buyer = _buyer(participant, by, terms)

    def attempt() -> Reserved:
        return _seat(session.pk, participant, buyer, by, terms)

    begun = begun_by(terms.call) or unordered_by(terms.call)
    return _settled(begun or past_what_lapsed(attempt, [session.pk], [participant]), by, terms)


def place_in_slot(
    service: Service,
    *,
    starts_at: datetime,
    minutes: int,
    coach: User | None = None,
    location: Location | None = None,
    participant: Participant,
    by: User,
    answers: dict[str, object] | None = None,
    terms: Terms,
) -> Booking:
    """Book a time for somebody, by whoever gives it or an admin, whatever notice and window; as `place_in_session`.

    Whether its coach would have to say yes is no question: they book it. Raises RuleError slot_taken,
    slot_not_offered, too_many, participant_elsewhere, each with the `nearest` starts; no_account,
    not_by_hand, not_so_long, own_session, price_changed, sponsor_spent, payment_needed; ValidationError for an answer;
    Http404.
    """
    buyer = _buyer(participant, by, terms)
    wish = SlotWish(service.pk, starts_at, minutes, location.pk if location else None, answers or {})

    def attempt() -> Reserved:
        coaches = [coach.pk] if coach else coaches_for(wish, participant=participant, by=by)
        return of_the_first_free(coaches, lambda coach_id: _slot(wish, coach_id, participant, buyer, by, terms))

    begun = begun_by(terms.call) or unordered_by(terms.call)
    asked = [coach.pk] if coach else []
    return _settled(begun or past_what_stands_in_the_way(attempt, wish, asked, [participant], by=by), by, terms)


def _buyer(participant: Participant, by: User, terms: Terms) -> User:
    """Whose booking it will be; who may what is asked again where the place is taken."""
    user = participant.user
    if user is not None and user.pk == by.pk:
        raise PermissionDenied
    if not terms.is_offer:
        if not is_active_admin(by):
            raise PermissionDenied
        if terms.provider and terms.provider not in manual_providers():
            raise RuleError("not_by_hand", _("Only they can pay that way. Keep the place for them instead."))
    if terms.hours is not None and terms.hours not in KEPT_HOURS:
        raise RuleError("not_so_long", _("A place can be kept for a day, three days, or a week."))
    if user is None or user.disabled_at is not None:
        raise RuleError("no_account", _("There is no account that could take it. Please invite them first."))
    return user


@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@refuse_on(UNIQUE, "booking_one_live_per_participant", already_booked)
@transaction.atomic
def _seat(session_id: UUID, participant: Participant, buyer: User, by: User, terms: Terms) -> Reserved:
    [(session, policy)] = take_seats([session_id], participants=[participant], by=by)
    if not can_place(by, session, is_client=is_client_of(by, participant)):
        raise PermissionDenied
    if _is_elsewhere(participant, session):
        raise already_elsewhere()
    return _place(Booking(session=session, participant=participant, booked_by=buyer), policy, by, terms)


@anew_when_changed
@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@refuse_on(EXCLUSION, "session_room_never_in_two", slot_taken)
@refuse_on(EXCLUSION, "session_coach_never_in_two", slot_taken)
@transaction.atomic
def _slot(wish: SlotWish, coach_id: UUID, participant: Participant, buyer: User, by: User, terms: Terms) -> Reserved:
    taken = take_slot(wish, coach_id, participants=[participant], by=by)
    if taken.asks_first:
        raise PermissionDenied
    booking = Booking(session=taken.session, participant=participant, booked_by=buyer, answers=taken.answers)
    return _place(booking, taken.policy, by, terms)


def _place(booking: Booking, policy: Policy, by: User, terms: Terms) -> Reserved:
    """Write a booking whose seat is taken: ordered in its buyer's name, or kept for them."""
    session, buyer = booking.session, booking.booked_by
    pays = Paying(
        by, terms.provider, agreed=terms.agreed, use_wallet=terms.use_wallet, has_come=terms.is_paid, call=terms.call
    )
    is_own = session.is_given_by(by)
    if not terms.is_offer:
        if is_own:
            raise RuleError("own_session", _("You teach this yourself, so they decide: keep the place for them."))
        return order_places([booking], [policy], pays)
    price = quote(
        price=session.price, currency=session.currency, coach_id=session.coach_id, buyer=buyer, use_wallet=False
    )
    if not price.price or (price.company_share == price.price and is_active_admin(by) and not is_own):
        # There is nothing of theirs in it, and nobody earns by their own word.
        return order_places([booking], [policy], replace(pays, provider="", use_wallet=False, agreed=None))
    if session._state.adding:
        write_sessions([session])
        record("session.created", by=by, on=session, after=facts_of(session))
        publish("session.created", subject=session, coach_id=session.coach_id)
    now = clock.now()
    if terms.call:
        booking.pk = terms.call.id
    booking.state = Booking.State.OFFERED
    booking.held_until = kept_until(session, now, terms.hours)
    if session.is_private:
        booking.policy, booking.policy_rules = [window.stored() for window in policy.windows], policy.rules()
    booking.save(force_insert=True)
    record("booking.offered", by=by, on=booking, after={"held_until": booking.held_until})
    publish("booking.offered_by_host", subject=booking, session_id=session.pk)
    return [booking], None


def kept_until(session: Session, now: datetime, hours: int | None) -> datetime:
    """Until when a place is kept that staff keeps now, for so many hours: never past the start."""
    return min(now + timedelta(hours=hours), session.starts_at) if hours else offer_end(session, now)


def _settled(reserved: Reserved, by: User, terms: Terms) -> Booking:
    """Ask for its money where some is missing, and mark it where it has come; the booking as it then is."""
    [booking] = charge_for(*reserved, "")
    if not terms.is_offer and terms.is_paid and booking.line is not None:
        for waiting in Payment.objects.filter(order_id=booking.line.order_id, state=Payment.State.PENDING):
            mark_paid(waiting, by=by)
    return Booking.objects.select_related("session", "line__order", "participant").get(pk=booking.pk)


def _is_elsewhere(participant: Participant, session: Session) -> bool:
    present = Booking.objects.filter(participant=participant, state__in=Booking.PRESENT)
    return present.filter(starts_at__lt=session.ends_at, ends_at__gt=session.starts_at).exists()
