"""What becomes of free seats: offered to those in line, kept for a party, or open to all; see `schedule.waiting`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Coalesce, Least

from tenpo.audit.actions import record_all
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.limits import PASSED_OVER_AT_MOST, PLACES_AT_ONCE
from tenpo.core.outbox import publish_all
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.waiting import Dealt, Waiting, deal, kept_until

# An offer leaves the next in line time to take it as well.
OFFER_PART_OF_REST = 2

# The parties in line, each with its places, the first one first.
type Line = dict[UUID, list[Booking]]


def offer_free_seats(session: Session, came: int = 0) -> None:
    """Offer the free seats of a locked session to those in line; an offer holds all seats of its party.

    `came` of them are free only now. What was kept is dealt anew. Nothing is offered or kept in a session that has
    begun or does not take place.
    """
    now, kept = clock.now(), session.seats_kept
    free = session.seats_left + kept
    if free <= 0:
        return
    if not session.is_planned or session.has_started(now):
        _count(session, offered=0, kept=0)
        return
    line, dealt = _deal(session, free=free, came=came + kept, now=now)
    offered = [booking for party in dealt.offered for booking in line[party]]
    passed = [booking.pk for party in dealt.passed_over for booking in line[party]]
    if passed:
        # Whom nothing can be kept for is passed over without end, and counted no further.
        often = Least(F("passed_over") + 1, PASSED_OVER_AT_MOST)
        Booking.objects.filter(pk__in=passed).update(passed_over=often)
    if offered:
        _offer(session, offered, offer_end(session, now))
    _count(session, offered=len(offered), kept=dealt.kept)


def _deal(session: Session, *, free: int, came: int, now: datetime) -> tuple[Line, Dealt]:
    """Whose turn it is: one statement, and another where those at the front of a long line need more than there are."""
    waiting = Booking.objects.filter(session=session, state=Booking.State.WAITLISTED).select_for_update(no_key=True)
    rows = waiting.order_by("waitlisted_at", Coalesce("party", "pk"), "pk")
    # What is read of a line that goes on may end within a party: that one is not looked at.
    most: int | None = free + PLACES_AT_ONCE
    while True:
        found = list(rows[:most])
        line: Line = {}
        for booking in found:
            line.setdefault(booking.party or booking.pk, []).append(booking)
        if goes_on := len(found) == most:
            line.popitem()
        dealt = deal(
            [Waiting(id_, len(places), places[0].passed_over) for id_, places in line.items()],
            free=free, came=came, capacity=session.capacity, may_keep=now < kept_until(session.starts_at),
        )  # fmt: skip
        if not goes_on or not dealt.left:
            return line, dealt
        most = None


def _offer(session: Session, bookings: Sequence[Booking], until: datetime) -> None:
    for booking in bookings:
        booking.state, booking.held_until = Booking.State.OFFERED, until
    ids = [booking.pk for booking in bookings]
    Booking.objects.filter(pk__in=ids).update(state=Booking.State.OFFERED, held_until=until)
    record_all([("booking.offered", booking, None, {"held_until": until}) for booking in bookings], by=None)
    publish_all([("booking.offered", booking, {"session_id": session.pk}) for booking in bookings])


def _count(session: Session, *, offered: int, kept: int) -> None:
    """Write down how many seats of a locked session are taken and kept, where that changed."""
    more = offered + kept - session.seats_kept
    if more or kept != session.seats_kept:
        Session.objects.filter(pk=session.pk).update(seats_taken=F("seats_taken") + more, seats_kept=kept)
    session.seats_taken += more
    session.seats_kept = kept


def let_go_kept(session: Session) -> int:
    """Let go what a locked session keeps, to whoever fits, where its start is near; returns how many seats."""
    kept = session.seats_kept
    if not kept or clock.now() < kept_until(session.starts_at):
        return 0
    offer_free_seats(session)
    return kept


def let_go_all(session: Session) -> int:
    """Keep no seat in a locked session; returns how many were, for whoever calls to deal."""
    kept = session.seats_kept
    _count(session, offered=0, kept=0)
    return kept


def offer_end(session: Session, now: datetime) -> datetime:
    """Until when an offer made now holds: the business's hours, but at most half of what is left until the start."""
    hours = timedelta(hours=current_business().offer_hours)
    return now + min(hours, (session.starts_at - now) / OFFER_PART_OF_REST)


def lock_party(booking: Booking) -> list[Booking]:
    """A booking that waits or is offered, with those of its party; the caller holds their session."""
    if booking.party is None:
        return [booking]
    same = Booking.objects.filter(party=booking.party, state=booking.state)
    return list(same.select_for_update(of=("self",), no_key=True).select_related("line__order").order_by("id"))
