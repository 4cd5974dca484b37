"""Somebody who does not come alone."""

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from tenpo.checkout.actions.buying import book_places
from tenpo.core.errors import RuleError
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import User
from tenpo.schedule.models import Session

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
