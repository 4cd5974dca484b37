"""Times that somebody asked for, as those see them who say yes or no."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from tenpo.core import clock
from tenpo.people.models import User
from tenpo.people.permissions import is_active_coach
from tenpo.schedule.models import Booking, BookingQuerySet, Session


def requests_for(user: User, *, now: datetime | None = None) -> BookingQuerySet:
    """What waits for an answer by `user`: what a coach was asked for, or an admin's, whatever any coach was.

    Of several who were asked for together it is the first one.
    """
    waiting = Booking.objects.filter(
        state=Booking.State.HELD,
        awaits_approval=True,
        held_until__gt=now or clock.now(),
        session__status=Session.Status.PLANNED,
    )
    before = Booking.objects.filter(session=OuterRef("session"), awaits_approval=True, state=Booking.State.HELD)
    waiting = waiting.exclude(Exists(before.filter(pk__lt=OuterRef("pk"))))
    if user.is_admin:
        return waiting
    return waiting.filter(session__coaches__coach=user) if is_active_coach(user) else waiting.none()


def is_waiting(booking: Booking) -> bool:
    """Whether its coach can still say yes or no to it."""
    is_held = booking.state == Booking.State.HELD and booking.awaits_approval
    return is_held and booking.held_until is not None and booking.held_until > clock.now()


def asked_together(bookings: Iterable[Booking]) -> dict[UUID, list[Booking]]:
    """Who was asked for together, for each of these requests by its session: one statement."""
    found: dict[UUID, list[Booking]] = {}
    rows = Booking.objects.filter(session__in=[one.session_id for one in bookings], awaits_approval=True)
    for one in rows.select_related("participant", "session").order_by("id"):
        found.setdefault(one.session_id, []).append(one)
    return found
