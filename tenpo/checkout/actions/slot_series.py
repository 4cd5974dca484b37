"""Booking a time that comes back: the same slot every week or second week with one coach, in one order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Unpack
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.checkout.actions.buying import (
    Reserved,
    begun_by,
    charge_for,
    order_places,
    with_credit_at_hand,
)
from tenpo.checkout.actions.paying import Paying, Pays
from tenpo.checkout.actions.unpaid import check_unpaid
from tenpo.core.errors import EXCLUSION, RuleError, refuse_on
from tenpo.core.limits import SERIES_PLACES
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.anew import anew_when_changed
from tenpo.schedule.actions.seats import already_elsewhere, check_party
from tenpo.schedule.actions.slot_series import only_coach, take_series
from tenpo.schedule.actions.slots import IN_THE_WAY, SlotWish, release_lapsed_around, slot_taken
from tenpo.schedule.models import Booking, Location, Service
from tenpo.schedule.permissions import can_book_slot_for


def book_slot_series(
    service: Service,
    *,
    starts: Sequence[datetime],
    minutes: int,
    coach: User | None = None,
    location: Location | None = None,
    participants: Sequence[Participant],
    by: User,
    answers: Mapping[str, Any] | None = None,
    **pays: Unpack[Pays],
) -> list[Booking]:
    """Book the same time with one coach in several weeks, all of the dates or none; see `book_slot_places`.

    `starts` are the dates as they were agreed to: whole weeks apart on the coach's clock, where one may be at another
    time of its day, and some may be left out. Notice and window hold of the first; the others reach as far as the
    service has times in a row. Each is a session of its own, at one price, and they are one `Series`. One order and one
    payment for all; until it is paid they stay together. The bookings come date by date, each with the participants in
    their order; the answers stand with the first of each. Raises RuleError not_in_series, too_many_dates, dates_taken
    (its `dates` are those that are not free, with the `nearest` starts of their day) besides; ValidationError for dates
    that are too few, too many with all who come, or not weeks apart.
    """
    if not all(can_book_slot_for(by, one, gives_it=True, is_client=True) for one in participants):
        raise PermissionDenied
    check_party(participants)
    starts = sorted(starts)
    _check_number(starts, places=len(participants))
    wish = SlotWish(service.pk, starts[0], minutes, location.pk if location else None, answers or {})
    paid = Paying.of(by, pays)
    if begun := begun_by(paid.call):
        return charge_for(*begun, paid.source)
    coach_id = coach.pk if coach else only_coach(service.pk, by=by)
    attempt = partial(with_credit_at_hand, partial(_reserve, wish, starts, coach_id, participants, paid))
    try:
        reserved = attempt()
    except RuleError as refusal:
        if refusal.code not in IN_THE_WAY:
            raise
        # What ran out stands in nobody's way.
        if not release_lapsed_around(wish, [coach_id], participants, until=starts[-1]):
            raise
        reserved = attempt()
    return charge_for(*reserved, paid.source)


def _check_number(starts: Sequence[datetime], *, places: int) -> None:
    """Raise ValidationError unless it is several dates, and no more places than may be booked at once."""
    if len(set(starts)) < max(2, len(starts)):
        raise ValidationError({"starts": _("Choose at least two dates, each of them once.")})
    if len(starts) * places > SERIES_PLACES:
        words = _("At most %(n)s places of a series are booked at once: choose fewer dates.") % {"n": SERIES_PLACES}
        raise ValidationError({"starts": words})


@anew_when_changed
@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@refuse_on(EXCLUSION, "session_room_never_in_two", slot_taken)
@refuse_on(EXCLUSION, "session_coach_never_in_two", slot_taken)
@transaction.atomic
def _reserve(
    wish: SlotWish, starts: Sequence[datetime], coach_id: UUID, participants: Sequence[Participant], pays: Paying
) -> Reserved:
    taken = take_series(wish, starts, coach_id, participants=participants, by=pays.by)
    places = [(session, one) for session in taken.sessions for one in participants]
    bookings = [Booking(session=session, participant=one, booked_by=pays.by) for session, one in places]
    for booking in bookings[:: len(participants)]:
        booking.answers = taken.each.answers
    prices = taken.each.prices * len(taken.sessions)
    reserved = order_places(bookings, [taken.each.policy] * len(bookings), pays, prices=prices)
    if bookings[0].state == Booking.State.HELD and not taken.each.is_by_host:
        check_unpaid(pays.by, bookings, pays.provider)
    return reserved
