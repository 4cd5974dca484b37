"""The nights of 2027 in which clocks change: page, API and calendar file say the same minute, and the hour stays."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from icalendar import Calendar

from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions.feeds import new_feed_address
from tenpo.schedule.actions.series import create_series, digest_of, plan_series
from tenpo.schedule.models import Session
from tenpo.schedule.occurrences import WeeklyRule, last_day_of_weeks
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

# Zone, the night, and the first minute of the hour that is left out or comes twice.
NIGHTS = [
    pytest.param("Europe/Berlin", date(2027, 3, 28), time(2), True, id="berlin-spring"),
    pytest.param("Europe/Berlin", date(2027, 10, 31), time(2), False, id="berlin-autumn"),
    pytest.param("America/New_York", date(2027, 3, 14), time(2), True, id="new-york-spring"),
    pytest.param("America/New_York", date(2027, 11, 7), time(1), False, id="new-york-autumn"),
    pytest.param("Europe/London", date(2027, 3, 28), time(1), True, id="london-spring"),
    pytest.param("Europe/London", date(2027, 10, 31), time(1), False, id="london-autumn"),
    pytest.param("Australia/Sydney", date(2027, 10, 3), time(2), True, id="sydney-spring"),
    pytest.param("Australia/Sydney", date(2027, 4, 4), time(2), False, id="sydney-autumn"),
]


def weekly(night: date, at: time, zone: str, coach: User) -> list[Session]:
    """A series around the night, planned, seen and made."""
    first = night - timedelta(days=7)
    rule = WeeklyRule((night.weekday(),), first, last_day_of_weeks(first, 3), at, zone)
    agreed = digest_of(plan_series(coach, rule, minutes=30))
    series = create_series(
        coach, rule=rule, by=coach, agreed=agreed, title=f"At {at}", minutes=30, capacity=5, price=0, place="Studio"
    )
    return list(Session.objects.filter(series=series).order_by("starts_at"))


def agrees(sessions: list[Session], coach: User) -> None:
    """Whether page, API and calendar file name the very same moments."""
    client = Client()
    client.force_login(coach)
    feed = client.get(f"/calendar/feed/{new_feed_address(coach, by=coach)}.ics").content
    in_feed = {event["DTSTART"].dt.astimezone(UTC) for event in Calendar.from_ical(feed).walk("VEVENT")}
    for session in sessions:
        said = client.get(f"/api/v1/sessions/{session.pk}").json()
        page = client.get(f"/sessions/{session.pk}/").content.decode()
        on_page = {datetime.fromisoformat(found) for found in re.findall(r'<time[^>]* datetime="([^"]+)"', page)}
        assert datetime.fromisoformat(said["starts_at"]) == session.starts_at
        assert session.starts_at in on_page
        assert session.starts_at in in_feed


@pytest.mark.parametrize(("zone", "night", "hour", "is_gap"), NIGHTS)
def test_a_night_in_which_clocks_change(zone, night, hour, is_gap):
    there, coach = ZoneInfo(zone), make_coach()

    evenings = weekly(night, time(18), zone, coach)
    inside = weekly(night, time(hour.hour, 30), zone, coach)

    assert [one.starts_at.astimezone(there).time() for one in evenings] == [time(18)] * 3
    wall = [one.starts_at.astimezone(there).replace(tzinfo=None) for one in inside]
    # What does not exist is moved to the hour after it, and that is said; what comes twice is its first time.
    shown = [datetime.combine(night + timedelta(days=7 * n), time(hour.hour, 30)) for n in (-1, 0, 1)]
    assert wall == [shown[0], shown[1] + timedelta(hours=1 if is_gap else 0), shown[2]]
    assert [moment.fold for moment in (one.starts_at.astimezone(there) for one in inside)] == [0, 0, 0]
    agrees([*evenings, *inside], coach)


@pytest.mark.parametrize(("zone", "night", "hour", "is_gap"), [one for one in NIGHTS if not one.values[3]])
def test_the_hour_that_comes_twice_holds_two_sessions(zone, night, hour, is_gap):
    there, coach = ZoneInfo(zone), make_coach()
    first = datetime.combine(night, time(hour.hour, 15), there)
    both = [make_session(coach, starts_at=first.replace(fold=fold).astimezone(UTC), minutes=30) for fold in (0, 1)]

    assert both[1].starts_at - both[0].starts_at == timedelta(hours=1)
    assert len({one.starts_at.astimezone(there).replace(tzinfo=None, fold=0) for one in both}) == 1
    agrees(both, coach)
