"""Who is told of a booking, of whom else with it, and how often: whoever booked, who comes, and who gives it."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from tenpo.notify.kinds import Kind, Notice
from tenpo.schedule.given_up_notifications import (
    OF_PAYER,
)
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.policy_notifications import (
    session_facts,
)


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


def places_of_each(sessions: Iterable[Session]) -> dict[UUID, list[Booking]]:
    """Who has a place in some sessions, or waits for one, with all of theirs; whoever booked for others too."""
    rows = Booking.objects.filter(session__in=sessions).live().select_related("participant")
    found: dict[UUID, list[Booking]] = {}
    for booking in rows.order_by("session__starts_at", "id"):
        for person in filter(None, {booking.booked_by_id, booking.participant.user_id}):
            found.setdefault(person, []).append(booking)
    return found


def given_with_others(sessions: Iterable[Session]) -> dict[UUID, list[Session]]:
    """Who gives some of them with others, with those."""
    found: dict[UUID, list[Session]] = {}
    for session in sessions:
        for one in session.coach_ids if session.is_together else ():
            found.setdefault(one, []).append(session)
    return found


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


def to_a_party(kind: Kind, booking: Booking, **more: Any) -> list[Notice]:
    """Tell whoever waits, with how many they are; those who wait together once, whatever became of some of them."""
    party, once = ordered_with(booking), f"{booking.party.hex}::" if booking.party else ""
    return to_its_people(kind, booking, party=party, once=once, places=len(party), **more)


def to_its_coach(
    kind: Kind, booking: Booking, *, party: Sequence[Booking] = (), once: str = "", **more: Any
) -> list[Notice]:
    """Tell those who give it, each of them who did not book it and does not come to it themselves."""
    session = booking.session
    told = [one for one in session.coach_ids if one not in (booking.booked_by_id, booking.participant.user_id)]
    payload = booking_facts(booking, seats_taken=session.seats_taken, capacity=session.capacity, **more)
    payload["participant"] = ", ".join(dict.fromkeys(one.participant.name for one in party or [booking]))
    return [Notice(kind, coach_id, payload, once=once) for coach_id in told]
