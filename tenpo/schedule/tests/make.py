"""Sessions and bookings for tests."""

from datetime import datetime, timedelta
from itertools import count

from django.utils import timezone

from tenpo.orders.models import CancellationPolicy
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.models import Session

_numbers = count(1)


def make_session(
    coach: User | None = None,
    *,
    starts_in: timedelta = timedelta(days=7),
    starts_at: datetime | None = None,
    minutes: int = 60,
    capacity: int = 10,
    price: int = 10_000,
    policy: CancellationPolicy | None = None,
    title: str = "",
) -> Session:
    """A planned session. Two of the same coach must not overlap: give them other times."""
    start = starts_at or timezone.now() + starts_in
    return Session.objects.create(
        coach=coach or make_coach(),
        title=title or f"Session {next(_numbers)}",
        starts_at=start,
        ends_at=start + timedelta(minutes=minutes),
        time_zone="Europe/Berlin",
        place="Room 1",
        capacity=capacity,
        price=price,
        currency="EUR",
        cancellation_policy=policy or make_cancellation_policy(),
    )
