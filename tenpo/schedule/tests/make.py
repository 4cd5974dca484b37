"""Sessions and bookings for tests."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from tenpo.orders.models import CancellationPolicy
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions.seats import hold_time
from tenpo.schedule.actions.session_coaches import write_sessions
from tenpo.schedule.models import Session, SessionCoach
from tenpo.schedule.session_coach_models import name_who_gives

_numbers = count(1)
WEEK = timedelta(days=7)
# Apart from each other, and from those that start in so many days.
AFTER_ANOTHER, FIRST = timedelta(hours=3), WEEK + timedelta(minutes=90)
APART = 60
# So long from now all of them are over, if they last no longer than usual: a time that none of them takes is later.
ALL_OVER = FIRST + APART * AFTER_ANOTHER


def make_session(
    coach: User | None = None,
    *,
    starts_in: timedelta | None = None,
    starts_at: datetime | None = None,
    minutes: int = 60,
    capacity: int = 10,
    price: int = 10_000,
    policy: CancellationPolicy | None = None,
    title: str = "",
    beside: Sequence[User] = (),
) -> Session:
    """A planned session, each some time after the one before: nobody is in two at once. Say when if it matters.

    Who gives it with its coach stands `beside` them.
    """
    number = next(_numbers)
    start = starts_at or timezone.now() + (starts_in or FIRST + number % APART * AFTER_ANOTHER)
    session = Session(
        coach=coach or make_coach(),
        title=title or f"Session {number}",
        starts_at=start,
        ends_at=start + timedelta(minutes=minutes),
        time_zone="Europe/Berlin",
        place="Room 1",
        capacity=capacity,
        price=price,
        currency="EUR",
        cancellation_policy=policy or make_cancellation_policy(),
    )
    name_who_gives(session, [session.coach_id, *(one.pk for one in beside)])
    [session] = write_sessions([session])
    return session


def give_to(session: Session, coach: User) -> None:
    """Let another coach give what one gives, whatever is booked."""
    with transaction.atomic():
        SessionCoach.objects.filter(session=session).update(coach=coach)
        Session.objects.filter(pk=session.pk).update(coach=coach)


def set_times(sessions: QuerySet[Session], **times: datetime) -> None:
    """Let sessions be at another time, as if they always had been: `starts_at`, `ends_at` or both."""
    changed = list(sessions.values_list("pk", flat=True))
    sessions.update(**times)
    for session in Session.objects.filter(pk__in=changed):
        hold_time(session)
