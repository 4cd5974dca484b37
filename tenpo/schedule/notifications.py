"""What is told about sessions and bookings, and to whom."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Notice
from tenpo.schedule.booking_notifications import (
    CANCELLED_BY_HOST,
    CONFIRMED,
    HOLD_LAPSED,
    NEW_BOOKING,
    OFFERED_BY_HOST,
    REMINDER,
    SESSION_CANCELLED,
    SESSION_FULL,
)
from tenpo.schedule.calendar_notifications import CALENDAR_KINDS, CALENDAR_TELLS
from tenpo.schedule.called_off_notifications import CALLED_OFF_TELLS
from tenpo.schedule.changed_notifications import CHANGED_TELLS, SESSION_CHANGED
from tenpo.schedule.coaches_notifications import COACHES_KINDS, COACHES_TELLS
from tenpo.schedule.dates_notifications import BOOKING_CANCELLED
from tenpo.schedule.given_up_notifications import BACK, GIVEN_UP, facts_of_money
from tenpo.schedule.intro_notifications import INTRO_KINDS, INTRO_TELLS
from tenpo.schedule.meeting_notifications import MEETING_KINDS, MEETING_TELLS
from tenpo.schedule.models import Booking
from tenpo.schedule.moving_notifications import SLOT_MOVED, confirm_to_who_moved, name_before, tell_its_coaches
from tenpo.schedule.policy_notifications import MISSED, PERSON_MOVED, POLICY_KINDS, RESCHEDULED, WAIVED, terms_of
from tenpo.schedule.request_notifications import APPROVED, DECLINED, NOT_TAKEN, REQUEST_LAPSED, REQUESTED
from tenpo.schedule.stand_in_notifications import STAND_IN_KINDS, STAND_IN_TELLS
from tenpo.schedule.together_notifications import TOGETHER_KINDS, TOGETHER_TELLS, tell_who_is_beside
from tenpo.schedule.told_people import (
    on_dates,
    ordered_with,
    party_of,
    to_a_party,
    to_its_coach,
    to_its_people,
    told_once,
    told_once_of_all,
)
from tenpo.schedule.waiting_notifications import OFFER_LAPSED, OFFERED, WAITLISTED

KINDS = (
    CONFIRMED, REMINDER, SESSION_CHANGED, SESSION_CANCELLED, CANCELLED_BY_HOST, GIVEN_UP, *POLICY_KINDS, WAITLISTED,
    OFFERED, OFFERED_BY_HOST, OFFER_LAPSED, HOLD_LAPSED, APPROVED, DECLINED, REQUEST_LAPSED, REQUESTED, NOT_TAKEN,
    NEW_BOOKING, BOOKING_CANCELLED, SLOT_MOVED, SESSION_FULL, *MEETING_KINDS, *INTRO_KINDS, *CALENDAR_KINDS,
    *TOGETHER_KINDS, *COACHES_KINDS, *STAND_IN_KINDS,
)  # fmt: skip


def _booking_of(message: OutboxMessage) -> Booking:
    rows = Booking.objects.select_related("session__coach", "participant", "line")
    return rows.get(pk=message.subject_id)


def on_booking_confirmed(message: OutboxMessage) -> list[Notice]:
    """Who booked, once for a party and all its dates, and each coach, once for all of those that they give; also that
    a session is full, once for each number of seats.
    """
    booking = _booking_of(message)
    party = ordered_with(booking)
    together: dict[str, Any] = {"party": party, "once": told_once_of_all(booking), **on_dates(party)}
    notices = to_its_people(CONFIRMED, booking, **together, **terms_of(booking, party))
    notices += to_its_coach(NEW_BOOKING, booking, **together)
    # What was booked as a slot is full with whoever booked it.
    if booking.session.is_full and not booking.session.is_private:
        once = f"full:{booking.session_id}:{booking.session.capacity}"
        notices += to_its_coach(SESSION_FULL, booking, once=once)
    return notices


def on_booking_cancelled(message: OutboxMessage) -> list[Notice]:
    """Whoever booked, with what comes back; the coach too when it was not as host, and they had a place.

    What somebody gives up themselves and never had is not told: they have just seen it.
    """
    booking, said = _booking_of(message), message.payload
    if said.get("is_among_several"):
        return []
    notices = []
    more: dict[str, Any] = {name: said[name] for name in ("waiver", "by_grace") if said.get(name)}
    more |= facts_of_money(booking, said)
    if said.get("by_host") or not said.get("by_member", True):
        # What was held was given up with all of its order; what was paid goes place by place.
        party = [booking] if booking.confirmed_at else ordered_with(booking)
        once = "" if booking.confirmed_at else told_once_of_all(booking)
        more |= on_dates(party)
        notices += to_its_people(CANCELLED_BY_HOST, booking, party=party, once=once, **more)
    elif booking.confirmed_at and not said.get("is_told_with"):
        notices += to_its_people(GIVEN_UP, booking, **more)
    if not said.get("by_host") and booking.confirmed_at and not said.get("is_told_with"):
        notices += to_its_coach(BOOKING_CANCELLED, booking)
    return notices + tell_who_is_beside(message, booking.session)


def on_booking_given_up_together(message: OutboxMessage) -> list[Notice]:
    """Whoever booked, and who comes, once with all dates, of several places that were given up and had; and each coach,
    once with all of theirs.
    """
    rows = Booking.objects.select_related("session__coach", "participant", "line")
    gone = rows.filter(
        pk__in=message.payload["booking_ids"], ending=Booking.Ending.BY_MEMBER, confirmed_at__isnull=False
    )
    places = list(gone.order_by("session__starts_at", "id"))
    if not places:
        return []
    once = f"given up:{message.payload['act']}"
    together: dict[str, Any] = {"party": places, "once": once, **on_dates(places)}
    of_all = facts_of_money(places[0], message.payload) | {"places": len(places)}
    of_all["booking_ids"] = [str(place.pk) for place in places]
    firsts = {place.participant_id: place for place in reversed(places)}.values()
    # Whoever booked hears of all of them once.
    notices = {one.user_id: one for place in firsts for one in to_its_people(GIVEN_UP, place, **together, **of_all)}
    return [*notices.values(), *to_its_coach(BOOKING_CANCELLED, places[0], **together)]


def on_booking_no_show_settled(message: OutboxMessage) -> list[Notice]:
    """Whoever did not come, with what the policy says of it."""
    more: dict[str, Any] = {"by_grace": True} if message.payload.get("by_grace") else {}
    return to_its_people(MISSED, _booking_of(message), **_back(message), **more)


def on_booking_rescheduled(message: OutboxMessage) -> list[Notice]:
    """Whoever moved their booking, and the coach."""
    booking, before = _booking_of(message), message.payload.get("before", {})
    return to_its_people(RESCHEDULED, booking, before=before) + to_its_coach(PERSON_MOVED, booking, before=before)


def on_booking_waived(message: OutboxMessage) -> list[Notice]:
    """Whoever did not come and is let off, with the reason."""
    reason = message.payload.get("reason", "")
    return to_its_people(WAIVED, _booking_of(message), reason=reason, **_back(message))


def on_booking_session_cancelled(message: OutboxMessage) -> list[Notice]:
    """Each whose place is gone, with what came back and the reason; a party once, with what came back of all.

    Nobody where several sessions are called off at once: they are told once of all (`called_off_notifications`).
    """
    if message.payload.get("is_among_several"):
        return []
    booking, reason = _booking_of(message), message.payload.get("reason", "")
    by_host = [one for one in party_of(booking) if one.ending == booking.ending]
    party = [one for one in by_host if one.cancelled_at == booking.cancelled_at] or [booking]
    back = _back(message)
    return to_its_people(SESSION_CANCELLED, booking, party=party, once=told_once(booking), reason=reason, **back)


def _back(message: OutboxMessage) -> dict[str, Any]:
    return {name: message.payload.get(name, 0) for name in BACK}


def on_session_changed(message: OutboxMessage) -> list[Notice]:
    """Everybody who has a place in it or waits for one, and its coaches where it was moved by whoever booked.

    Whoever moved it themselves is told what they did, and not that something happened to them. Nobody where it changed
    with other sessions: they are told once of all (`changed_notifications`).
    """
    if message.payload.get("is_among_several"):
        return []
    bookings = Booking.objects.filter(session_id=message.subject_id).live()
    rows = bookings.select_related("session__coach", "participant", "line").order_by("id")
    # The link itself is for those who look at their booking, not for every mailbox on the way.
    before = {**message.payload.get("before", {})}
    if "join_link" in before:
        before["join_link"] = ""
    if message.payload.get("before_coach_id"):
        before["coach"] = name_before(message)
    parties: dict[UUID, list[Booking]] = {}
    for booking in rows:
        together = booking.line.order_id if booking.line else booking.party or booking.pk
        parties.setdefault(together, []).append(booking)
    # Of a party the first one's are told, each of them once.
    notices = [
        notice
        for party in parties.values()
        for booking in party
        for notice in to_its_people(SESSION_CHANGED, booking, party=party, before=before)
    ]
    notices = confirm_to_who_moved(message, notices)
    return notices + tell_its_coaches(message, list(rows)) + tell_who_is_beside(message)


def on_booking_waitlisted(message: OutboxMessage) -> list[Notice]:
    """Whoever joined the line; they have just seen it."""
    return to_a_party(WAITLISTED, _booking_of(message))


def on_booking_offered(message: OutboxMessage) -> list[Notice]:
    """The first in line, unless the offer is over by the time that we speak of it."""
    booking = _booking_of(message)
    if booking.state != Booking.State.OFFERED or booking.held_until is None:
        return []
    return to_a_party(OFFERED, booking, held_until=booking.held_until.isoformat())


def on_booking_offered_by_host(message: OutboxMessage) -> list[Notice]:
    """Whoever a place is kept for, unless that is over by the time that we speak of it."""
    booking = _booking_of(message)
    if booking.state != Booking.State.OFFERED or booking.held_until is None:
        return []
    return to_its_people(OFFERED_BY_HOST, booking, held_until=booking.held_until.isoformat())


def on_booking_lapsed(message: OutboxMessage) -> list[Notice]:
    """Whoever lost the seat that was held for them, and the coach who had given a time that is not paid.

    Of what was booked as a slot there is no line to which it goes.
    """
    booking = _booking_of(message)
    party = ordered_with(booking)
    if message.payload.get("was_request"):
        return to_its_people(REQUEST_LAPSED, booking, party=party, once=told_once_of_all(booking))
    is_from_line = message.payload.get("was_offer") and not booking.session.is_private
    if is_from_line:
        return to_a_party(OFFER_LAPSED, booking)
    once = told_once_of_all(booking)
    notices = to_its_people(HOLD_LAPSED, booking, party=party, once=once, **on_dates(party))
    service = booking.session.service
    if service is not None and (service.needs_approval or message.payload.get("was_offer")):
        notices += to_its_coach(NOT_TAKEN, booking, party=party, once=once)
    return notices


def on_booking_requested(message: OutboxMessage) -> list[Notice]:
    """The coach who is asked, unless it is over by the time that we speak of it."""
    booking = _booking_of(message)
    if booking.state != Booking.State.HELD or booking.held_until is None:
        return []
    return to_its_coach(REQUESTED, booking, party=ordered_with(booking), held_until=booking.held_until.isoformat())


def on_booking_approved(message: OutboxMessage) -> list[Notice]:
    """Whoever asked and has to pay; one that is booked by its yes is told as every booking is."""
    booking = _booking_of(message)
    if booking.state not in (Booking.State.OFFERED, Booking.State.HELD) or booking.held_until is None:
        return []
    return to_its_people(APPROVED, booking, party=ordered_with(booking), held_until=booking.held_until.isoformat())


def on_booking_declined(message: OutboxMessage) -> list[Notice]:
    """Whoever asked, with the coach's word."""
    booking = _booking_of(message)
    return to_its_people(DECLINED, booking, party=ordered_with(booking), reason=message.payload.get("reason", ""))


def on_booking_reminder_due(message: OutboxMessage) -> list[Notice]:
    """Whoever comes tomorrow, unless they have cancelled since."""
    booking = _booking_of(message)
    if booking.state != Booking.State.CONFIRMED:
        return []
    party = party_of(booking)
    # Once for each time: who is left of it may be fewer by then.
    once = told_once(booking, f"{booking.session.starts_at:%y%m%d%H%M}")
    return to_its_people(REMINDER, booking, party=party, once=once)


TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "booking.confirmed": on_booking_confirmed,
    "booking.cancelled": on_booking_cancelled,
    "booking.given_up_together": on_booking_given_up_together,
    "booking.no_show_settled": on_booking_no_show_settled,
    "booking.waived": on_booking_waived,
    "booking.rescheduled": on_booking_rescheduled,
    "booking.session_cancelled": on_booking_session_cancelled,
    "booking.waitlisted": on_booking_waitlisted,
    "booking.offered": on_booking_offered,
    "booking.offered_by_host": on_booking_offered_by_host,
    "booking.lapsed": on_booking_lapsed,
    "booking.requested": on_booking_requested,
    "booking.approved": on_booking_approved,
    "booking.declined": on_booking_declined,
    "booking.reminder_due": on_booking_reminder_due,
    "session.changed": on_session_changed,
    **CALLED_OFF_TELLS,
    **CHANGED_TELLS,
    **MEETING_TELLS,
    **INTRO_TELLS,
    **CALENDAR_TELLS,
    **TOGETHER_TELLS,
    **COACHES_TELLS,
    **STAND_IN_TELLS,
}
