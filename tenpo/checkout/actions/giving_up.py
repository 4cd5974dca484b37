"""Giving up places of a series, or of a party, in one act: this one, this and the following, or all to come."""

from collections.abc import Sequence
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction

from tenpo.access.actions.idempotency import Call
from tenpo.checkout.queries.series import Scope, effects_in_turn, places_in_series
from tenpo.core.errors import RuleError
from tenpo.core.jobs import defer
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.orders.back_queries import given_by_cancelling
from tenpo.orders.policies import GivenBack, parts_left
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User
from tenpo.schedule.actions.cancellations import cancel_booking, effect_changed
from tenpo.schedule.models import Booking

# What becomes of one place meanwhile, and leaves it as it is.
STAYS = ("started", "moved_meanwhile")
# So long after an act began its coaches are told by a job, should it have died before it told them.
TOLD_BY_THEN_SECONDS = 120


def cancel_in_series(
    booking: Booking,
    *,
    scope: Scope,
    by: User,
    whole_party: bool = False,
    agreed: int | None = None,
    call: Call | None = None,
) -> list[Booking]:
    """Give up a participant's places in a series, each by its own policy as `cancel_booking` does; by who booked them.

    Of the `whole_party` those of all whom the same person booked, also in one session alone. One after the other by
    their starts, each in a transaction of its own: a session is locked before sponsors' budgets and accounts, and the
    money of one place would hold those while the next one waits for its session. So one that dies in between has given
    up the first ones, and again gives up the rest; what has begun stays. `agreed` is what comes back of all (minor
    units) as it was seen: anything else is refused before the first is given up, but for a repeat of a `call` that
    died, which goes on. Each coach is told once of all of theirs. Returns those that are given up. Raises RuleError
    effect_changed.
    """
    if booking.booked_by_id != by.pk:
        raise PermissionDenied
    places = places_in_series(booking, scope, whole_party=whole_party)
    goes_on = call is not None and call.is_again
    if agreed is not None and places and not goes_on and agreed != sum(one.back for one in effects_in_turn(places)):
        raise effect_changed()
    is_several = len(places) > 1
    act, ids = new_id(), [place.pk for place in places]
    if is_several:
        defer(
            "checkout.tell_given_up", in_seconds=TOLD_BY_THEN_SECONDS, act=str(act), booking_ids=[str(pk) for pk in ids]
        )
    given_up = []
    for place in places:
        try:
            given_up.append(cancel_booking(place, by=by, is_told_with=is_several))
        except RuleError as refusal:
            if refusal.code not in STAYS:
                raise
    if is_several:
        tell_given_up(act, ids)
    return given_up


@transaction.atomic
def tell_given_up(act: UUID, booking_ids: Sequence[UUID]) -> None:
    """Have each coach told of what was given up of their places in one act; said twice, they are told once."""
    rows = Booking.objects.filter(pk__in=booking_ids, state=Booking.State.CANCELLED)
    places = list(rows.select_related("session", "line").order_by("session__starts_at", "id"))
    if places:
        first, ids = places[0], [str(pk) for pk in booking_ids]
        publish(
            "booking.given_up_together", subject=first, session_id=first.session_id, act=str(act), booking_ids=ids,
            **_came_back(places),
        )  # fmt: skip


def _came_back(places: Sequence[Booking]) -> dict[str, int]:
    """What whoever booked had paid of the places that they had and gave up, and how much of it came back where."""
    lines = [one.line for one in places if one.line and one.confirmed_at and one.ending == Booking.Ending.BY_MEMBER]
    by_line = given_by_cancelling(lines)
    given = [by_line.get(line.pk, GivenBack()) for line in lines]
    return {
        **{to: sum(getattr(one, to) for one in given) for to in RefundTo},
        "paid": sum(parts_left(line).buyers + one.buyers for line, one in zip(lines, given, strict=True)),
        "percent": min((line.refunded_percent or 0 for line in lines), default=100),
    }
