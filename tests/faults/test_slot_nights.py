"""Slots in the nights of 2027 in which clocks change: page, API, session and calendar file say the same minute."""

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from icalendar import Calendar

from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.feeds import new_feed_address
from tenpo.schedule.find_queries import START_FORMAT
from tenpo.schedule.glance import free_starts
from tenpo.schedule.models import Service
from tenpo.schedule.slot_queries import SlotSearch
from tenpo.schedule.tests.time_make import make_hours, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

# Where coach and reader are, the day on which the clock changes, and how many minutes it has.
NIGHTS = [
    pytest.param("Europe/Berlin", date(2027, 3, 28), 23 * 60, id="berlin-spring"),
    pytest.param("Europe/Berlin", date(2027, 10, 31), 25 * 60, id="berlin-autumn"),
    pytest.param("America/New_York", date(2027, 3, 14), 23 * 60, id="new-york-spring"),
    pytest.param("America/New_York", date(2027, 11, 7), 25 * 60, id="new-york-autumn"),
    # By half an hour.
    pytest.param("Australia/Lord_Howe", date(2027, 10, 3), 23 * 60 + 30, id="lord-howe-spring"),
    pytest.param("Australia/Lord_Howe", date(2027, 4, 4), 24 * 60 + 30, id="lord-howe-autumn"),
    # At midnight: the day begins at one, or the evening before has an hour more.
    pytest.param("America/Santiago", date(2027, 9, 5), 23 * 60, id="santiago-spring"),
    pytest.param("America/Santiago", date(2027, 4, 3), 25 * 60, id="santiago-autumn"),
]


def at_home(zone: str, *people: User) -> None:
    User.objects.filter(pk__in=[one.pk for one in people]).update(time_zone=zone)
    for one in people:
        one.refresh_from_db()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def on_page(client: Client, service: Service, day: date) -> list[datetime]:
    page = client.get(f"/book/{service.pk}/", {"day": day.isoformat()}).content.decode()
    found = re.findall(rf"{service.pk}/(\d{{8}}T\d{{4}}Z)/", page)
    return [datetime.strptime(name, START_FORMAT).replace(tzinfo=UTC) for name in found]


def by_api(client: Client, service: Service, since: datetime, until: datetime) -> list[datetime]:
    asked = {"since": since.astimezone(UTC).isoformat(), "until": until.astimezone(UTC).isoformat()}
    items: list[dict[str, Any]] = client.get(f"/api/v1/services/{service.pk}/slots", asked).json()["items"]
    return [datetime.fromisoformat(item["starts_at"]).astimezone(UTC) for item in items]


def in_feed(user: User) -> set[datetime]:
    content = Client().get(f"/calendar/feed/{new_feed_address(user, by=user)}.ics").content
    return {event["DTSTART"].dt.astimezone(UTC) for event in Calendar.from_ical(content).walk("VEVENT")}


@pytest.mark.parametrize(("zone", "day", "minutes"), NIGHTS)
def test_a_night_in_which_clocks_change(zone, day, minutes):
    coach, member = make_coach(), make_member()
    at_home(zone, coach, member)
    make_hours(coach, opens=0, closes=24 * 60)
    service = make_service(coach, price=0, durations=[30], window_days=365)
    begins = datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)
    client = signed_in(member)

    ends = begins + timedelta(minutes=minutes)
    shown = by_api(client, service, begins, ends)

    # Every half hour that there is, once.
    assert shown == [begins + number * timedelta(minutes=30) for number in range(minutes // 30)]
    assert ends.astimezone(ZoneInfo(zone)).date() == day + timedelta(days=1)
    assert on_page(client, service, day) == shown
    assert free_starts(service, SlotSearch(since=begins, until=ends, minutes=30)) == shown
    for start in _around_the_change(zone, shown):
        _book_and_look(client, service, start, member, coach)


def _around_the_change(zone: str, shown: list[datetime]) -> list[datetime]:
    """The last start before the clock changes, and the two after it."""
    offsets = [start.astimezone(ZoneInfo(zone)).utcoffset() for start in shown]
    changes = [number for number in range(1, len(shown)) if offsets[number] != offsets[number - 1]]
    # Where it changes at midnight, the day begins with the new one.
    place = changes[0] if changes else 1
    return shown[place - 1 : place + 2]


def _book_and_look(client: Client, service: Service, start: datetime, member: User, coach: User) -> None:
    body = {"service_id": str(service.pk), "starts_at": start.isoformat(), "minutes": 30}
    answer = client.post(
        "/api/v1/slot-bookings", json.dumps(body), content_type="application/json",
        headers={"Idempotency-Key": f"{start}"},
    )  # fmt: skip
    assert answer.status_code == 201, answer.content
    booking = client.get(f"/api/v1/bookings/{answer.json()['id']}").json()
    page = client.get(f"/sessions/{booking['session']['id']}/").content.decode()
    times = {datetime.fromisoformat(found) for found in re.findall(r'<time[^>]* datetime="([^"]+)"', page)}

    assert datetime.fromisoformat(booking["session"]["starts_at"]) == start
    assert datetime.fromisoformat(booking["session"]["ends_at"]) == start + timedelta(minutes=30)
    assert start in times
    assert start in in_feed(member)
    assert start in in_feed(coach)
