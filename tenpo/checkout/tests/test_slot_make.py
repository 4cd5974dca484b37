"""What tests make by themselves stays out of each other's way, whatever day and hour it is."""

from datetime import datetime, timedelta

import pytest

from tenpo.checkout.tests.slot_make import BERLIN, DAY, HOUR, week_of_slots
from tenpo.people.tests.make import make_coach
from tenpo.schedule.tests.make import ALL_OVER, APART, make_session


@pytest.mark.parametrize("month", [3, 6, 10])
def test_slots_have_a_week_of_their_own(month):
    """Also where clocks change."""
    for hour in range(5 * 7 * 24):
        now = datetime(2027, month, 1, tzinfo=BERLIN) + hour * HOUR

        day = week_of_slots(now)

        assert (day.weekday(), day.hour) == (0, 0)
        assert now + ALL_OVER < day < now + ALL_OVER + timedelta(days=9)


@pytest.mark.django_db
def test_no_session_is_in_it_by_itself():
    coach = make_coach()

    sessions = [make_session(coach) for _ in range(APART)]

    assert len({session.starts_at.replace(second=0, microsecond=0) for session in sessions}) == APART
    assert max(session.ends_at for session in sessions) < DAY
