"""What a CalDAV server that means no good may answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenpo.people.models import User
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendars import caldav
from tenpo.schedule.calendars.base import CalendarLost, seconds_of
from tenpo.schedule.calendars.dav import Part, read_multistatus

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
# Looking for its next day takes a second, and there is none.
SLOW = (
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART:20260101T000000Z\nDTEND:20260101T010000Z\n"
    "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31\nEND:VEVENT\nEND:VCALENDAR\n"
)


def answer(href: str, data: str = "") -> bytes:
    found = f"<d:prop><c:calendar-data>{data}</c:calendar-data></d:prop><d:status>HTTP/1.1 200 OK</d:status>"
    return (
        '<d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:response>'
        f"<d:href>{href}</d:href><d:propstat>{found}</d:propstat></d:response></d:multistatus>"
    ).encode()


def test_many_parts_that_each_take_long_are_given_up_together(monkeypatch):
    [slow] = read_multistatus("https://dav.example.com/", answer("/a.ics", SLOW)).parts
    looked_at = []

    def parts() -> Any:
        for number in range(1_000):
            looked_at.append(number)
            yield slow

    monkeypatch.setattr(caldav, "SECONDS", 0.01)
    connection = CalendarConnection(user=User(), time_zone="Europe/Berlin")

    with pytest.raises(CalendarLost) as lost:
        caldav._times(parts(), connection, NOW, NOW + timedelta(days=180))

    assert lost.value.problem == "too_large"
    assert len(looked_at) == 2


@pytest.mark.parametrize("href", ["http://[", "//[::1", "https://dav.example.com:abc[/"])
def test_a_place_that_is_no_address_is_unreadable(href):
    with pytest.raises(CalendarLost) as lost:
        read_multistatus("https://dav.example.com/", answer(href))

    assert lost.value.problem == "unreadable"


def test_what_a_property_leads_to_is_an_address_or_unreadable():
    body = answer("/a/").replace(b"<c:calendar-data></c:calendar-data>", b"<c:home><d:href>http://[</d:href></c:home>")
    [part] = read_multistatus("https://dav.example.com/", body).parts
    assert isinstance(part, Part)

    with pytest.raises(CalendarLost):
        part.href("{urn:ietf:params:xml:ns:caldav}home")


@pytest.mark.parametrize(
    ("header", "seconds"), [("", 0), ("120", 120), ("Wed, 1 Jan", 0), ("-5", 0), ("9" * 5_000, 0), ("9" * 30, 0)]
)
def test_how_long_to_wait_is_a_number_that_somebody_would_wait(header, seconds):
    assert seconds_of(header) == seconds
