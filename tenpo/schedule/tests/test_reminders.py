from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.core.models import OutboxMessage
from tenpo.people.tests.make import make_member
from tenpo.schedule import jobs
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.reminders import remind_people
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

HOUR = timedelta(hours=1)


def booked(*, starts_in: timedelta, booked_ago: timedelta) -> Booking:
    booking = make_booking(make_session(starts_in=starts_in), make_member())
    Booking.objects.filter(pk=booking.pk).update(confirmed_at=timezone.now() - booked_ago)
    return booking


def reminded() -> int:
    return OutboxMessage.objects.filter(name="booking.reminder_due").count()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("starts_in", "booked_ago", "count"),
    [
        (24 * HOUR, 48 * HOUR, 1),
        (24 * HOUR + timedelta(minutes=1), 48 * HOUR, 0),
        (3 * HOUR, 30 * HOUR, 1),
        # Booked on the last day: reminded two hours before, unless that is just after the booking.
        (10 * HOUR, 5 * HOUR, 0),
        (2 * HOUR, 5 * HOUR, 1),
        (2 * HOUR, timedelta(minutes=61), 1),
        (2 * HOUR, timedelta(minutes=59), 0),
        (HOUR, timedelta(minutes=30), 0),
    ],
)
def test_a_day_before_or_shortly_before(starts_in, booked_ago, count):
    booked(starts_in=starts_in, booked_ago=booked_ago)

    assert [remind_people(), remind_people()] == [count, 0]
    assert reminded() == count


@pytest.mark.django_db
def test_a_cancelled_booking_is_not_reminded_of():
    booking = booked(starts_in=20 * HOUR, booked_ago=40 * HOUR)
    cancel_booking(booking, by=booking.booked_by)

    assert remind_people() == 0


@pytest.mark.django_db(transaction=True)
def test_many_at_once_remind_once():
    for _ in range(6):
        booked(starts_in=20 * HOUR, booked_ago=40 * HOUR)

    def remind(_number: int) -> int:
        try:
            return remind_people()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(remind, range(8)))

    assert sum(counts) == 6
    assert reminded() == 6


@pytest.mark.django_db
def test_the_job_reminds():
    booked(starts_in=20 * HOUR, booked_ago=40 * HOUR)

    jobs.remind_people(0)

    assert reminded() == 1
