"""A booking that is moved is written to the calendar of whoever booked it, as soon as it is told."""

from datetime import timedelta

import pytest

from tenpo.checkout.tests.make import make_booking, told
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.rescheduling import reschedule_booking
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.tests.calendar_plants import make_caldav
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def test_whoever_moves_their_booking_finds_it_moved_in_their_calendar():
    coach, member = make_coach(), make_member()
    policy = make_cancellation_policy((48, 100), (0, 50), reschedules=2)
    old, new = (make_session(coach, starts_in=timedelta(days=days), policy=policy) for days in (9, 12))
    booking = make_booking(old, member)
    made = make_caldav(member)
    told(member)
    CalendarConnection.objects.update(wants_writing_at=None)

    reschedule_booking(booking, to=new, by=member)

    assert told(member)[-1] == "booking.rescheduled"
    assert CalendarConnection.objects.get(pk=made.pk).wants_writing_at is not None
