"""Giving up places of a series in one act: this one, this and the following, or all that are to come."""

from django.core.exceptions import PermissionDenied

from tenpo.access.actions.idempotency import Call
from tenpo.checkout.queries.series import Scope, effects_in_turn, places_in_series
from tenpo.core.errors import RuleError
from tenpo.people.models import User
from tenpo.schedule.actions.cancellations import cancel_booking, effect_changed
from tenpo.schedule.models import Booking

# What becomes of one place meanwhile, and leaves it as it is.
STAYS = ("started", "moved_meanwhile")


def cancel_in_series(
    booking: Booking, *, scope: Scope, by: User, agreed: int | None = None, call: Call | None = None
) -> list[Booking]:
    """Give up a participant's places in a series, each by its own policy as `cancel_booking` does; by who booked them.

    One after the other by their starts, each in a transaction of its own: a session is locked before sponsors' budgets
    and accounts, and the money of one place would hold those while the next one waits for its session. So one that
    dies in between has given up the first ones, and again gives up the rest; what has begun stays. `agreed` is what
    comes back of all (minor units) as it was seen: anything else is refused before the first is given up, but for a
    repeat of a `call` that died, which goes on. Returns those that are given up. Raises RuleError effect_changed.
    """
    if booking.booked_by_id != by.pk:
        raise PermissionDenied
    places = places_in_series(booking, scope)
    goes_on = call is not None and call.is_again
    if agreed is not None and places and not goes_on and agreed != sum(one.back for one in effects_in_turn(places)):
        raise effect_changed()
    given_up = []
    for place in places:
        try:
            given_up.append(cancel_booking(place, by=by))
        except RuleError as refusal:
            if refusal.code not in STAYS:
                raise
    return given_up
