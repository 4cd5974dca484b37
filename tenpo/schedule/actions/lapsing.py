"""What ran out is let go: holds, offers, intros that nobody confirmed, seats that were kept."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Min, Q, QuerySet

from tenpo.audit.actions import record_all
from tenpo.core import clock
from tenpo.core.jobs import each_by_itself
from tenpo.core.outbox import publish_all
from tenpo.people.models import Participant
from tenpo.schedule.actions.intro_ending import release_intro
from tenpo.schedule.actions.offers import let_go_kept
from tenpo.schedule.actions.seats import end_bookings, free_seats, free_seats_of, lock_with_held, void_orders
from tenpo.schedule.models import Booking, BookingQuerySet, Intro, Session
from tenpo.schedule.waiting import kept_before


def release_lapsed(session: Session, locked: Mapping[UUID, Session]) -> int:
    """Let go the holds and offers of a session that ran out, seats that were kept, an intro not confirmed; how many.

    A hold goes with all of its order, also where that is in other sessions: `locked` are those (`lock_with_held`).
    """
    if session.is_private and (gone := release_intro(session)):
        free_seats(session, gone)
        return gone
    lapsed = _lapsed().filter(session=session)
    found = Q(pk__in=lapsed.values("pk"))
    if len(locked) > 1:
        found |= Q(session__in=locked.keys(), state=Booking.State.HELD, line__order__in=lapsed.values("line__order"))
    rows = Booking.objects.filter(found).select_for_update(of=("self",), no_key=True)
    bookings = list(rows.select_related("line__order").order_by("id"))
    if not bookings:
        return let_go_kept(session)
    was_offer = {booking.pk: booking.state == Booking.State.OFFERED for booking in bookings}
    end_bookings([b for b in bookings if was_offer[b.pk]], Booking.Ending.OFFER_LAPSED)
    end_bookings([b for b in bookings if not was_offer[b.pk]], Booking.Ending.EXPIRED)
    void_orders(bookings)
    record_all([("booking.lapsed", booking, None, {"ending": booking.ending}) for booking in bookings], by=None)
    publish_all(
        [
            (
                "booking.lapsed",
                booking,
                {
                    "session_id": booking.session_id,
                    "was_offer": was_offer[booking.pk],
                    "was_request": booking.awaits_approval,
                },
            )
            for booking in bookings
        ]
    )
    free_seats_of(bookings, locked)
    return len(bookings)


def release_lapsed_for(*participants: Participant) -> int:
    """Let go whatever of these participants ran out, session by session; returns how many."""
    sessions = _sessions_of(_lapsed().filter(participant__in=participants))
    return sum(release_lapsed_of(session_id) for session_id in sessions)


@transaction.atomic
def release_lapsed_of(session_id: UUID) -> int:
    """Let go whatever of one session ran out, in a transaction of its own; returns how many."""
    locked = lock_with_held(session_id)
    return release_lapsed(locked[session_id], locked)


def release_lapsed_everywhere(limit: int = 500) -> int:
    """Let go whatever ran out, session by session; the job for it runs every minute. Returns how many."""
    intros = Intro.objects.lapsed().order_by("held_until").values_list("session", flat=True)[:limit]
    keeping = Session.objects.filter(seats_kept__gt=0, starts_at__lte=kept_before(clock.now()))
    kept = keeping.order_by("starts_at").values_list("pk", flat=True)[:limit]
    sessions = [*_sessions_of(_lapsed())[:limit], *intros, *kept]
    return sum(each_by_itself(sessions, release_lapsed_of, failure="hold_not_released"))


def _lapsed() -> BookingQuerySet:
    """The holds and offers that ran out and are not let go yet."""
    return Booking.objects.filter(state__in=["held", "offered"], held_until__lte=clock.now())


def _sessions_of(lapsed: BookingQuerySet) -> QuerySet[Booking, UUID]:
    """Their sessions, first those in which something ran out first."""
    by_session = lapsed.order_by().values("session").annotate(since=Min("held_until"))
    return by_session.order_by("since", "session").values_list("session", flat=True)
