"""Who is told of a booking, of whom else with it, and how often: whoever booked, who comes, and who gives it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from tenpo.core.words import say_names
from tenpo.notify.kinds import Kind, Notice
from tenpo.people.models import User
from tenpo.schedule.given_up_notifications import (
    OF_PAYER,
)
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.policy_notifications import (
    session_facts,
)
from tenpo.schedule.session_coach_queries import name_coaches

# What is told of several dates at once (`on_dates`): who else is told hears of their own.
OF_DATES = ("dates", "coach", "booking_ids")


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
    return list(same.select_related("session__coach", "participant").order_by("id")) or [booking]


def places_of_each(sessions: Iterable[Session]) -> dict[UUID, list[Booking]]:
    """Who has a place in some sessions, or waits for one, with all of theirs; whoever booked for others too."""
    rows = Booking.objects.filter(session__in=sessions).live().select_related("participant")
    return of_each(rows.order_by("session__starts_at", "id"))


def of_each(bookings: Iterable[Booking]) -> dict[UUID, list[Booking]]:
    """Whose some bookings are, with all of theirs; whoever booked for others too."""
    found: dict[UUID, list[Booking]] = {}
    for booking in bookings:
        for person in filter(None, {booking.booked_by_id, booking.participant.user_id}):
            found.setdefault(person, []).append(booking)
    return found


def for_whom_of(person: UUID, places: Sequence[Booking]) -> dict[str, str]:
    """Whom somebody's places are for, themselves first, where that is not just them."""
    if all(one.participant.user_id == person for one in places):
        return {}
    own_first = sorted(places, key=lambda one: one.participant.user_id != person)
    return {"for": ", ".join(dict.fromkeys(one.participant.name for one in own_first))}


def ids_of(places: Sequence[Booking]) -> dict[str, Any]:
    """Which places are told of: the one that its page shows, and all, as the mail's calendar file has them."""
    return {"booking_id": str(places[0].pk), "booking_ids": [str(one.pk) for one in places]}


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


def on_dates(places: Sequence[Booking]) -> dict[str, Any]:
    """When what was ordered together takes place, where that is on several dates; and with whom, where those differ."""
    sessions = sorted({place.session for place in places}, key=lambda session: session.starts_at)
    starts = dict.fromkeys(session.starts_at for session in sessions)
    if len(starts) < 2:
        return {}
    return {"dates": [start.isoformat() for start in starts], **_with_whom(sessions)}


def _with_whom(sessions: Sequence[Session]) -> dict[str, str]:
    """All who give dates that are not given by the same; a statement only where there are such."""
    name_coaches(sessions)
    if len({tuple(session.coach_ids) for session in sessions}) == 1:
        return {}
    coach_ids = dict.fromkeys(coach_id for session in sessions for coach_id in session.coach_ids)
    coaches = User.objects.in_bulk(list(coach_ids))
    return {"coach": say_names(str(coaches[coach_id]) for coach_id in coach_ids)}


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
        own = {name: value for name, value in more.items() if name not in (*OF_PAYER, *OF_DATES)}
        theirs = [one for one in party if one.participant_id == booking.participant_id]
        if "dates" in more:
            own |= on_dates(theirs)
        if "booking_ids" in more:
            own["booking_ids"] = [str(one.pk) for one in theirs]
        notices.insert(0, Notice(kind, person, booking_facts(booking, **own), once))
    return notices


def to_a_party(kind: Kind, booking: Booking, **more: Any) -> list[Notice]:
    """Tell whoever waits, with how many they are; those who wait together once, whatever became of some of them."""
    party, once = ordered_with(booking), f"{booking.party.hex}::" if booking.party else ""
    return to_its_people(kind, booking, party=party, once=once, places=len(party), **more)


def to_its_coach(
    kind: Kind, booking: Booking, *, party: Sequence[Booking] = (), once: str = "", **more: Any
) -> list[Notice]:
    """Tell those who give it, each of them who did not book it and does not come to it themselves.

    Of a `party` on several dates each is told of those that they give, and of who comes to these.
    """
    places = party or [booking]
    name_coaches(place.session for place in places)
    given: dict[UUID, list[Booking]] = {}
    for place in places:
        for coach_id in place.session.coach_ids:
            if coach_id not in (place.booked_by_id, place.participant.user_id):
                given.setdefault(coach_id, []).append(place)
    return [Notice(kind, coach_id, _told_to_coach(theirs, more), once=once) for coach_id, theirs in given.items()]


def _told_to_coach(theirs: Sequence[Booking], said: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of some places to who gives them, by the first of their dates."""
    first = min(theirs, key=lambda place: (place.session.starts_at, place.pk))
    own = {name: value for name, value in said.items() if name not in OF_DATES}
    if "dates" in said:
        own |= on_dates(theirs)
    session = first.session
    payload = booking_facts(first, seats_taken=session.seats_taken, capacity=session.capacity, **own)
    return {**payload, "participant": ", ".join(dict.fromkeys(place.participant.name for place in theirs))}
