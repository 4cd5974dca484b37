"""How many times one person holds with a coach that are neither paid nor answered."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.limits import SLOTS_UNPAID
from tenpo.payments.queries import manual_providers
from tenpo.people.models import User
from tenpo.schedule.models import Booking
from tenpo.schedule.permissions import comes_with


def check_unpaid(by: User, bookings: Sequence[Booking], provider: str) -> None:
    """Refuse one more time, or series of times, that costs nothing yet, beyond `SLOTS_UNPAID`.

    What waits for an admin to mark it is held for days: each of its dates counts. A card holds for minutes: a series of
    any length counts as one when it is booked, and by its dates from then on, so that one long series is held at once.
    What one person books comes one after the other: their participant is locked, also where it is for others.
    """
    own = {one.session_id for one in bookings}
    unpaid = Booking.objects.of(by).filter(session__is_private=True, state__in=["held", "offered"])
    others = unpaid.exclude(session__in=own).filter(held_until__gt=clock.now()).values("session").distinct().count()
    if others + (len(own) if provider in manual_providers() else 1) > SLOTS_UNPAID:
        words = _("At most %(n)s times can wait to be paid, or answered: choose fewer, or finish one first.")
        raise RuleError("too_many_unpaid", words % {"n": SLOTS_UNPAID})


def check_longer(by: User, bookings: Sequence[Booking], provider: str) -> None:
    """The same where what a card holds for minutes is to be held for days; of all places of an order."""
    service = bookings[0].session.service
    if not bookings[0].session.is_private or service is None:
        return
    is_staff = by.is_admin or service.given_by.filter(coach=by).exists()
    if not is_staff or all(comes_with(by, one.participant) for one in bookings):
        check_unpaid(by, bookings, provider)
