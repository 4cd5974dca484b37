"""A business at work, as a process of its own: `python -m tests.bookings_under_way people|book|visits`."""

import json
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, cycle

import django


def make_people() -> None:
    """Members and a coach; prints their addresses."""
    from tenpo.people.tests.make import make_coach, make_member  # noqa: PLC0415 (Django must be set up)

    coach, members = make_coach(), [make_member() for _ in range(5)]
    print(json.dumps({"coach": coach.email, "members": [member.email for member in members]}))  # noqa: T201


def book() -> None:
    """Book and cancel sessions until stopped; prints a line for each booking."""
    from tenpo.checkout.tests.make import make_booking  # noqa: PLC0415 (as above)
    from tenpo.people.models import User  # noqa: PLC0415 (as above)
    from tenpo.schedule.actions.cancellations import cancel_booking  # noqa: PLC0415 (as above)
    from tenpo.schedule.tests.make import make_session  # noqa: PLC0415 (as above)

    coach = User.objects.coaches().with_roles().get()
    members: Iterator[User] = cycle(User.objects.filter(role_grants=None).with_roles())
    for number in count(1):
        booking = make_booking(make_session(coach, starts_in=timedelta(hours=48 + number * 2)), next(members))
        if number % 3 == 0:
            cancel_booking(booking, by=booking.booked_by)
        print(number, flush=True)  # noqa: T201


def make_visits() -> None:
    """Three hundred sign-ins under way, each with something sealed."""
    from tenpo.people.visits import SessionStore  # noqa: PLC0415 (as above)

    for number in range(300):
        visit = SessionStore()
        visit["number"] = number
        visit.save()


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tenpo.config.settings"
    django.setup()
    {"people": make_people, "book": book, "visits": make_visits}[sys.argv[1]]()
