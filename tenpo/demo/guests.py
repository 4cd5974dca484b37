"""Somebody who does not come alone, and somebody who comes to all of it."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.queries.series import Scope
from tenpo.core.errors import RuleError
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import User
from tenpo.schedule.actions.seats import join_waitlist_together
from tenpo.schedule.models import Series, Session

GUESTS = ("Noa Okafor", "Ben Okafor")


def bring_guests(host: User) -> None:
    """Book the next session with room for them, for somebody and their guests."""
    party = [host.participant, *add_guests(GUESTS, by=host)]
    coming = Session.objects.open_to_all().upcoming(timezone.now() + timedelta(days=2))
    for session in coming.filter(capacity__gte=F("seats_taken") + len(party)).order_by("starts_at", "id"):
        try:
            book_places(session, participants=party, by=host, provider="sandbox", source=SUCCEEDS)
        except RuleError:
            continue
        return


def wait_with_guests(host: User, others: Sequence[User]) -> None:
    """Stand in line with one's guests for a session that others have filled."""
    party = [host.participant, *add_guests(GUESTS, by=host)]
    coming = Session.objects.open_to_all().upcoming(timezone.now() + timedelta(days=3)).filter(capacity__gte=len(party))
    left = F("capacity") - F("seats_taken")
    session = coming.exclude(bookings__booked_by=host).order_by(left, "starts_at", "id")[0]
    for other in others:
        session.refresh_from_db(fields=["seats_taken"])
        if session.seats_left < len(party):
            break
        with suppress(RuleError):
            book_places(session, participants=[other.participant], by=other, provider="sandbox", source=SUCCEEDS)
    join_waitlist_together(session, participants=party, by=host)


def book_whole_series(series: Series, people: Sequence[User]) -> None:
    """The first two of these people who are free book all dates of a series; one then gives up the rest."""
    dates = list(Session.objects.filter(series=series).upcoming().order_by("starts_at", "id"))
    booked = []
    for who in people:
        try:
            found = book_places(*dates, participants=[who.participant], by=who, provider="sandbox", source=SUCCEEDS)
        except RuleError:
            continue
        booked.append(found)
        if len(booked) == 2:
            cancel_in_series(found[2], scope=Scope.FOLLOWING, by=who)
            return
