"""Times that somebody asked for, as those see them who say yes or no."""

from datetime import datetime

from tenpo.core import clock
from tenpo.people.models import User
from tenpo.people.permissions import is_active_coach
from tenpo.schedule.models import Booking, BookingQuerySet, Session


def requests_for(user: User, *, now: datetime | None = None) -> BookingQuerySet:
    """What waits for an answer by `user`: what a coach was asked for, or an admin's, whatever any coach was."""
    waiting = Booking.objects.filter(
        state=Booking.State.HELD,
        awaits_approval=True,
        held_until__gt=now or clock.now(),
        session__status=Session.Status.PLANNED,
    )
    if user.is_admin:
        return waiting
    return waiting.filter(session__coaches__coach=user) if is_active_coach(user) else waiting.none()


def is_waiting(booking: Booking) -> bool:
    """Whether its coach can still say yes or no to it."""
    is_held = booking.state == Booking.State.HELD and booking.awaits_approval
    return is_held and booking.held_until is not None and booking.held_until > clock.now()
