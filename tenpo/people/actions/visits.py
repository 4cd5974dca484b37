"""Visits that ended by themselves."""

from datetime import timedelta

from allauth.usersessions.models import UserSession

from tenpo.core import clock
from tenpo.people.models import Visit

# A device is listed when somebody signs in, a moment before their visit is stored.
LISTED_BEFORE = timedelta(days=1)


def forget_ended_visits() -> int:
    """Drop the visits whose time is over, and the devices that are signed in nowhere any more; how many visits."""
    now = clock.now()
    count, _ = Visit.objects.filter(expire_date__lt=now).delete()
    gone = UserSession.objects.filter(last_seen_at__lt=now - LISTED_BEFORE)
    gone.exclude(session_key__in=Visit.objects.values("session_key")).delete()
    return count
