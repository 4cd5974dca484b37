"""What is told about sessions and bookings, and to whom."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.schedule.calendar_notifications import CALENDAR_KINDS, CALENDAR_TELLS
from tenpo.schedule.changed_notifications import CHANGED_TELLS, SESSION_CHANGED
from tenpo.schedule.coaches_notifications import COACHES_KINDS, COACHES_TELLS
from tenpo.schedule.dates_notifications import BOOKING_CANCELLED, calendar_of_dates
from tenpo.schedule.given_up_notifications import (
    BACK,
    GIVEN_UP,
    OF_PAYER,
    facts_of_all,
    facts_of_one,
    what_came_back,
    why_not_all,
)
from tenpo.schedule.intro_notifications import INTRO_KINDS, INTRO_TELLS
from tenpo.schedule.meeting_notifications import MEETING_KINDS, MEETING_TELLS
from tenpo.schedule.models import Booking
from tenpo.schedule.moving_notifications import SLOT_MOVED, confirm_to_who_moved, name_before, tell_its_coaches
from tenpo.schedule.policy_notifications import (
    MISSED,
    PERSON_MOVED,
    POLICY_KINDS,
    RESCHEDULED,
    WAIVED,
    back_sentence,
    booking_path,
    how_it_was_settled,
    policy_fact,
    roster_path,
    sentences,
    session_facts,
    terms_of,
    where_and_when,
)
from tenpo.schedule.request_notifications import APPROVED, DECLINED, NOT_TAKEN, REQUEST_LAPSED, REQUESTED
from tenpo.schedule.stand_in_notifications import STAND_IN_KINDS, STAND_IN_TELLS
from tenpo.schedule.together_notifications import TOGETHER_KINDS, TOGETHER_TELLS, tell_who_is_beside
from tenpo.schedule.waiting_notifications import OFFER_LAPSED, OFFERED, WAITLISTED


def _session_path(facts: Facts) -> str:
    return path_to("schedule:session-detail", facts["session_id"])


def _say_confirmed(facts: Facts) -> Words:
    if dates := facts.dates():
        return Words(
            title=_("You are booked: %(session)s, %(n)s dates") % {"session": facts["session"], "n": len(dates)},
            text=_("With %(coach)s: %(dates)s.") % {"coach": facts["coach"], "dates": "; ".join(dates)},
            act=_("See your bookings"),
            path=path_to("schedule:booking-list"),
            facts=where_and_when(facts),
        )
    return Words(
        title=_("You are booked: %(session)s") % {"session": facts["session"]},
        text=_("%(when)s with %(coach)s.") % {"when": _capital(facts.when()), "coach": facts["coach"]},
        act=_("See your booking"),
        path=booking_path(facts),
        facts=(*where_and_when(facts), *policy_fact(facts)),
    )


def _say_cancelled_by_host(facts: Facts) -> Words:
    return Words(
        title=_("Your place was cancelled: %(session)s") % {"session": facts["session"]},
        text=sentences(
            _("Your place on %(when)s was cancelled for you.") % {"when": "; ".join(facts.dates()) or facts.when()},
            how_it_was_settled(facts),
            what_came_back(facts),
        ),
        act=_("See your booking"),
        path=booking_path(facts),
        facts=(*where_and_when(facts), *why_not_all(facts)),
    )


def _say_session_cancelled(facts: Facts) -> Words:
    reason = _("The reason: %(reason)s") % {"reason": facts["reason"]} if "reason" in facts else ""
    return Words(
        title=_("Called off: %(session)s") % {"session": facts["session"]},
        text="\n\n".join(
            filter(
                None,
                [
                    sentences(
                        _("The session with %(coach)s on %(when)s does not take place.")
                        % {"coach": facts["coach"], "when": facts.when()},
                        back_sentence(facts),
                    ),
                    reason,
                ],
            )
        ),
        act=_("Find another session"),
        path=path_to("schedule:session-list"),
    )


def _say_offered_by_host(facts: Facts) -> Words:
    return Words(
        title=_("A place is kept for you: %(session)s") % {"session": facts["session"]},
        text=_("%(when)s with %(coach)s. It is yours if you want it; it is kept until %(until)s.")
        % {"when": _capital(facts.when()), "coach": facts["coach"], "until": facts.when("held_until")},
        act=_("Look at it"),
        path=booking_path(facts),
        facts=where_and_when(facts),
    )


def _say_hold_lapsed(facts: Facts) -> Words:
    return Words(
        title=_("Your seat was let go: %(session)s") % {"session": facts["session"]},
        text=sentences(
            _("It was not paid in time, so nothing was booked. If there are seats left, you can book again."),
            _("It was for %(dates)s.") % {"dates": "; ".join(facts.dates())} if facts.dates() else "",
        ),
        act=_("See the session"),
        path=_session_path(facts),
    )


def _say_reminder(facts: Facts) -> Words:
    return Words(
        title=_("Soon: %(session)s") % {"session": facts["session"]},
        text=_("We look forward to seeing you: %(when)s with %(coach)s.")
        % {"when": facts.when(), "coach": facts["coach"]},
        act=_("See your booking"),
        path=booking_path(facts),
        facts=where_and_when(facts),
    )


def _say_new_booking(facts: Facts) -> Words:
    if dates := facts.dates():
        return Words(
            title=_("%(person)s booked %(n)s dates of %(session)s")
            % {"person": facts["participant"], "n": len(dates), "session": facts["session"]},
            text=_capital("; ".join(dates)) + ".",
            act=_("See who comes"),
            path=roster_path(facts),
        )
    return Words(
        title=_("%(person)s booked %(session)s") % {"person": facts["participant"], "session": facts["session"]},
        text=_("%(when)s: %(taken)s of %(capacity)s seats are taken.")
        % {"when": _capital(facts.when()), "taken": facts["seats_taken"], "capacity": facts["capacity"]},
        act=_("See who comes"),
        path=roster_path(facts),
    )


def _say_full(facts: Facts) -> Words:
    return Words(
        title=_("Full: %(session)s") % {"session": facts["session"]},
        text=_("All %(capacity)s seats of your session are taken: %(when)s.")
        % {"capacity": facts["capacity"], "when": facts.when()},
        act=_("See who comes"),
        path=roster_path(facts),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


CONFIRMED = Kind(
    "booking.confirmed", gettext_lazy("A booking is confirmed"), Audience.MEMBER, _say_confirmed, icon="calendar-check",
    attaches=calendar_of_dates,
)  # fmt: skip
REMINDER = Kind(
    "booking.reminder", gettext_lazy("A session is a day away"), Audience.MEMBER, _say_reminder, icon="clock"
)
SESSION_CANCELLED = Kind(
    "session.cancelled", gettext_lazy("A session that you booked is called off"), Audience.MEMBER,
    _say_session_cancelled, email_is_optional=False, icon="calendar-x",
)  # fmt: skip
CANCELLED_BY_HOST = Kind(
    "booking.cancelled_by_host", gettext_lazy("Your place is cancelled for you"), Audience.MEMBER,
    _say_cancelled_by_host, email_is_optional=False, icon="calendar-x",
)  # fmt: skip
OFFERED_BY_HOST = Kind(
    "booking.offered_by_host", gettext_lazy("A place is kept for you by your coach"), Audience.MEMBER,
    _say_offered_by_host, icon="ticket",
)  # fmt: skip
HOLD_LAPSED = Kind(
    "booking.hold_lapsed", gettext_lazy("A seat was let go, as it was not paid"), Audience.MEMBER, _say_hold_lapsed,
    icon="hourglass",
)  # fmt: skip
NEW_BOOKING = Kind(
    "coach.booked", gettext_lazy("Somebody books your session"), Audience.COACH, _say_new_booking, by_email=False,
    icon="user-plus",
)  # fmt: skip
SESSION_FULL = Kind(
    "coach.session_full", gettext_lazy("Your session is full"), Audience.COACH, _say_full, by_email=False, icon="users"
)

KINDS = (
    CONFIRMED, REMINDER, SESSION_CHANGED, SESSION_CANCELLED, CANCELLED_BY_HOST, GIVEN_UP, *POLICY_KINDS, WAITLISTED,
    OFFERED, OFFERED_BY_HOST, OFFER_LAPSED, HOLD_LAPSED, APPROVED, DECLINED, REQUEST_LAPSED, REQUESTED, NOT_TAKEN,
    NEW_BOOKING, BOOKING_CANCELLED, SLOT_MOVED, SESSION_FULL, *MEETING_KINDS, *INTRO_KINDS, *CALENDAR_KINDS,
    *TOGETHER_KINDS, *COACHES_KINDS, *STAND_IN_KINDS,
)  # fmt: skip


def _booking_of(message: OutboxMessage) -> Booking:
    rows = Booking.objects.select_related("session__coach", "participant", "line")
    return rows.get(pk=message.subject_id)


def booking_facts(booking: Booking, **more: Any) -> dict[str, Any]:
    """What a notification says of a booking; the session comes with its coach, the booking with its participant."""
    return {
        **session_facts(booking.session),
        "booking_id": str(booking.pk),
        "participant": booking.participant.name,
        **more,
    }


def party_of(booking: Booking) -> list[Booking]:
    """Who was ordered together with a booking and is where it is, itself among them; one statement, or none."""
    return [one for one in ordered_with(booking) if one.session_id == booking.session_id]


def ordered_with(booking: Booking) -> list[Booking]:
    """What was ordered, asked for or waited together with a booking and is where it is, also on other dates; one
    statement, or none.
    """
    if booking.line is not None:
        same = Booking.objects.filter(line__order_id=booking.line.order_id, state=booking.state)
    elif booking.awaits_approval:
        same = Booking.objects.filter(session=booking.session_id, line=None, state=booking.state)
    elif booking.party:
        # Each may have left the line on its own.
        same = Booking.objects.filter(party=booking.party, state=booking.state, cancelled_at=booking.cancelled_at)
    else:
        return [booking]
    return list(same.select_related("session", "participant").order_by("id")) or [booking]


def for_whom(party: Sequence[Booking]) -> dict[str, str]:
    """Whom a notification concerns, where that is not just whoever booked."""
    people = dict.fromkeys(booking.participant for booking in party)
    if [one.user_id for one in people] == [party[0].booked_by_id]:
        return {}
    return {"for": ", ".join(one.name for one in people)}


def on_dates(places: Sequence[Booking]) -> dict[str, list[str]]:
    """When what was ordered together takes place, where that is on several dates."""
    starts = sorted({place.session.starts_at for place in places})
    return {"dates": [start.isoformat() for start in starts]} if len(starts) > 1 else {}


def told_once(booking: Booking, what: str = "") -> str:
    """What lets be told once of what happens to a party in one session, as often as its events come."""
    together = _asked_or_ordered(booking)
    return f"{together.hex}:{booking.session_id.hex}:{what}" if together else _told_to_party(booking)


def told_once_of_all(booking: Booking) -> str:
    """The same for what happens to all of an order at once, on whatever dates."""
    together = _asked_or_ordered(booking)
    return f"{together.hex}::" if together else _told_to_party(booking)


def _asked_or_ordered(booking: Booking) -> UUID | None:
    """What those bear alike that were ordered, or asked for, together."""
    if booking.line:
        return booking.line.order_id
    return booking.session_id if booking.awaits_approval else None


def _told_to_party(booking: Booking) -> str:
    """The same of those who waited together: once for each time that some of them leave."""
    left_at = f"{booking.cancelled_at:%y%m%d%H%M%S%f}" if booking.cancelled_at else ""
    return f"{booking.party.hex}:{left_at}:" if booking.party else ""


def to_its_people(
    kind: Kind, booking: Booking, *, party: Sequence[Booking] = (), once: str = "", **more: Any
) -> list[Notice]:
    """Tell whoever takes part and whoever booked, once when they are the same person.

    `party` are those who are told of with it: to whoever booked them. Who else takes part is told of their own place,
    and not what came back to whom.
    """
    notices = [Notice(kind, booking.booked_by_id, booking_facts(booking, **for_whom(party or [booking]), **more), once)]
    person = booking.participant.user_id
    if person is not None and person != booking.booked_by_id:
        own = {name: value for name, value in more.items() if name not in (*OF_PAYER, "dates")}
        if "dates" in more:
            own |= on_dates([one for one in party if one.participant_id == booking.participant_id])
        notices.insert(0, Notice(kind, person, booking_facts(booking, **own), once))
    return notices


def _to_a_party(kind: Kind, booking: Booking, **more: Any) -> list[Notice]:
    """Tell whoever waits, with how many they are; those who wait together once, whatever became of some of them."""
    party, once = ordered_with(booking), f"{booking.party.hex}::" if booking.party else ""
    return to_its_people(kind, booking, party=party, once=once, places=len(party), **more)


def _to_its_coach(
    kind: Kind, booking: Booking, *, party: Sequence[Booking] = (), once: str = "", **more: Any
) -> list[Notice]:
    session = booking.session
    told = [one for one in session.coach_ids if one not in (booking.booked_by_id, booking.participant.user_id)]
    payload = booking_facts(booking, seats_taken=session.seats_taken, capacity=session.capacity, **more)
    payload["participant"] = ", ".join(dict.fromkeys(one.participant.name for one in party or [booking]))
    return [Notice(kind, coach_id, payload, once=once) for coach_id in told]


def on_booking_confirmed(message: OutboxMessage) -> list[Notice]:
    """Who booked, and the coach, once for a party and all its dates; also that a session is full, once for each number
    of seats.
    """
    booking = _booking_of(message)
    party = ordered_with(booking)
    together: dict[str, Any] = {"party": party, "once": told_once_of_all(booking), **on_dates(party)}
    notices = to_its_people(CONFIRMED, booking, **together, **terms_of(booking))
    notices += _to_its_coach(NEW_BOOKING, booking, **together)
    # What was booked as a slot is full with whoever booked it.
    if booking.session.is_full and not booking.session.is_private:
        once = f"full:{booking.session_id}:{booking.session.capacity}"
        notices += _to_its_coach(SESSION_FULL, booking, once=once)
    return notices


def on_booking_cancelled(message: OutboxMessage) -> list[Notice]:
    """Whoever booked, with what comes back; the coach too when it was not as host, and they had a place.

    What somebody gives up themselves and never had is not told: they have just seen it.
    """
    booking, said = _booking_of(message), message.payload
    notices = []
    more: dict[str, Any] = {name: said[name] for name in ("waiver", "by_grace") if said.get(name)}
    more |= facts_of_one(booking, said)
    if said.get("by_host") or not said.get("by_member", True):
        # What was held was given up with all of its order; what was paid goes place by place.
        party = [booking] if booking.confirmed_at else ordered_with(booking)
        once = "" if booking.confirmed_at else told_once_of_all(booking)
        more |= on_dates(party)
        notices += to_its_people(CANCELLED_BY_HOST, booking, party=party, once=once, **more)
    elif booking.confirmed_at and not said.get("is_told_with"):
        notices += to_its_people(GIVEN_UP, booking, **more)
    if not said.get("by_host") and booking.confirmed_at and not said.get("is_told_with"):
        notices += _to_its_coach(BOOKING_CANCELLED, booking)
    return notices + tell_who_is_beside(message, booking.session)


def on_booking_given_up_together(message: OutboxMessage) -> list[Notice]:
    """Whoever booked and the coach, once with all dates, of several places of a series that were given up and had."""
    rows = Booking.objects.select_related("session__coach", "participant", "line")
    gone = rows.filter(
        pk__in=message.payload["booking_ids"], ending=Booking.Ending.BY_MEMBER, confirmed_at__isnull=False
    )
    places = list(gone.order_by("session__starts_at", "id"))
    if not places:
        return []
    once = f"given up:{message.payload['act']}"
    together: dict[str, Any] = {"party": places, "once": once, **on_dates(places)}
    notices = to_its_people(GIVEN_UP, places[0], **together, **facts_of_all(places))
    return notices + _to_its_coach(BOOKING_CANCELLED, places[0], **together)


def on_booking_no_show_settled(message: OutboxMessage) -> list[Notice]:
    """Whoever did not come, with what the policy says of it."""
    more: dict[str, Any] = {"by_grace": True} if message.payload.get("by_grace") else {}
    return to_its_people(MISSED, _booking_of(message), **_back(message), **more)


def on_booking_rescheduled(message: OutboxMessage) -> list[Notice]:
    """Whoever moved their booking, and the coach."""
    booking, before = _booking_of(message), message.payload.get("before", {})
    return to_its_people(RESCHEDULED, booking, before=before) + _to_its_coach(PERSON_MOVED, booking, before=before)


def on_booking_waived(message: OutboxMessage) -> list[Notice]:
    """Whoever did not come and is let off, with the reason."""
    reason = message.payload.get("reason", "")
    return to_its_people(WAIVED, _booking_of(message), reason=reason, **_back(message))


def on_booking_session_cancelled(message: OutboxMessage) -> list[Notice]:
    """Each whose place is gone, with what came back and the reason; a party once, with what came back of all."""
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
    if message.payload.get("is_together"):
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
    return _to_a_party(WAITLISTED, _booking_of(message))


def on_booking_offered(message: OutboxMessage) -> list[Notice]:
    """The first in line, unless the offer is over by the time that we speak of it."""
    booking = _booking_of(message)
    if booking.state != Booking.State.OFFERED or booking.held_until is None:
        return []
    return _to_a_party(OFFERED, booking, held_until=booking.held_until.isoformat())


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
        return _to_a_party(OFFER_LAPSED, booking)
    once = told_once_of_all(booking)
    notices = to_its_people(HOLD_LAPSED, booking, party=party, once=once, **on_dates(party))
    service = booking.session.service
    if service is not None and (service.needs_approval or message.payload.get("was_offer")):
        notices += _to_its_coach(NOT_TAKEN, booking, party=party, once=once)
    return notices


def on_booking_requested(message: OutboxMessage) -> list[Notice]:
    """The coach who is asked, unless it is over by the time that we speak of it."""
    booking = _booking_of(message)
    if booking.state != Booking.State.HELD or booking.held_until is None:
        return []
    return _to_its_coach(REQUESTED, booking, party=ordered_with(booking), held_until=booking.held_until.isoformat())


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
    **CHANGED_TELLS,
    **MEETING_TELLS,
    **INTRO_TELLS,
    **CALENDAR_TELLS,
    **TOGETHER_TELLS,
    **COACHES_TELLS,
    **STAND_IN_TELLS,
}
