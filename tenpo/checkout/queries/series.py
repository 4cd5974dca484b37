"""Somebody's places in a series: which of them one act gives up, and what that gives back."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from tenpo.checkout.queries.bookings import CancellationEffect, cancellation_effect
from tenpo.core import clock
from tenpo.schedule.models import Booking
from tenpo.schedule.policy_queries import misses_under


class Scope(TextChoices):
    """How much of a series is given up at once."""

    THIS = "this", _("This one")
    FOLLOWING = "following", _("This and the following")
    ALL = "all", _("All that are to come")


@dataclass(frozen=True)
class GivenUp:
    """One place that is given up, and what that does."""

    booking: Booking
    effect: CancellationEffect

    @property
    def back(self) -> int:
        """What comes back to whoever booked (minor units)."""
        return self.effect.back


def places_in_series(booking: Booking, scope: Scope, *, whole_party: bool = False) -> list[Booking]:
    """The places of the same participant, booked by the same person, that are to come; in the order of their starts.

    Of the `whole_party` those of everybody whom that person booked.
    """
    session = booking.session
    rows = Booking.objects.live().filter(booked_by=booking.booked_by_id)
    if not whole_party:
        rows = rows.filter(participant=booking.participant_id)
    if scope == Scope.THIS or session.series_id is None:
        rows = rows.filter(session=session) if whole_party else rows.filter(pk=booking.pk)
    else:
        rows = rows.filter(session__series=session.series_id)
    if scope == Scope.FOLLOWING:
        rows = rows.filter(session__starts_at__gte=session.starts_at)
    to_come = rows.filter(session__status="planned", session__starts_at__gt=clock.now())
    found = to_come.exclude(state__in=[Booking.State.ATTENDED, Booking.State.NO_SHOW])
    found = found.select_related("session__coach", "line__order", "line__sponsorship", "participant", "booked_by")
    return list(found.order_by("session__starts_at", "id"))


def effects_in_turn(places: Sequence[Booking]) -> list[GivenUp]:
    """What giving up these places of one buyer does, one after the other: one that is late counts for the next."""
    if not places:
        return []
    now, buyer = clock.now(), places[0].booked_by_id
    misses = misses_under([place.terms for place in places], [buyer])
    found = []
    for place in places:
        effect = cancellation_effect(place, by_host=False, now=now, misses=misses)
        found.append(GivenUp(place, effect))
        if effect.is_late and place.line and place.line.price and buyer in misses:
            misses[buyer].append(now)
    return found


def back_of(given_up: Sequence[GivenUp]) -> dict[str, int]:
    """What comes back of all, by where it goes (minor units)."""
    return {name: sum(getattr(one.effect, name) for one in given_up) for name in ("credit", "wallet", "method")}
