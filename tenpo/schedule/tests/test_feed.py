from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from icalendar import Calendar

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.people.models import User
from tenpo.people.tests.make import freshly_signed_in, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.feeds import end_feed, new_feed_address
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.ical import dates_file
from tenpo.schedule.models import Booking, CalendarFeed
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def read(user: User) -> list[Any]:
    response = Client().get(f"/calendar/feed/{new_feed_address(user, by=user)}.ics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/calendar")
    return Calendar.from_ical(response.content).walk("VEVENT")


def event_of(booking: Booking) -> Any:
    fresh = Booking.objects.select_related("session__coach").get(pk=booking.pk)
    calendar = Calendar.from_ical(dates_file([fresh]))
    assert calendar["METHOD"] == "PUBLISH"
    return calendar.walk("VEVENT")[0]


def test_a_feed_holds_what_one_booked_and_teaches():
    coach = make_coach()
    taught = make_session(coach, title="Taught")
    make_booking(make_session(title="Booked", starts_in=timedelta(days=2)), coach)
    make_session(title="Of somebody else")

    events = read(coach)

    assert {str(event["SUMMARY"]) for event in events} == {"Taught", "Booked"}
    assert {str(event["STATUS"]) for event in events} == {"CONFIRMED"}
    moment = next(event["DTSTART"].dt for event in events if event["SUMMARY"] == "Taught")
    assert moment == taught.starts_at.replace(microsecond=0)


def test_the_uid_stays_and_the_sequence_grows():
    session = make_session()
    booking = make_booking(session, make_member())
    first = event_of(booking)

    edit_session(session, by=session.coach, starts_at=session.starts_at + timedelta(hours=1))
    second = event_of(booking)
    cancel_booking(booking, by=booking.booked_by)
    third = event_of(booking)

    assert first["UID"] == second["UID"] == third["UID"]
    assert first["SEQUENCE"] < second["SEQUENCE"] < third["SEQUENCE"]
    assert [str(e["STATUS"]) for e in (first, second, third)] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert second["DTSTART"].dt - first["DTSTART"].dt == timedelta(hours=1)


@pytest.mark.parametrize(("days", "shown"), [(29, 1), (31, 0)])
def test_a_cancelled_session_stays_for_a_month(days, shown):
    session = make_session()
    booking = make_booking(session, make_member())
    cancel_session(session, reason="Ill", by=session.coach)
    Booking.objects.filter(pk=booking.pk).update(cancelled_at=timezone.now() - timedelta(days=days))

    events = read(booking.booked_by)

    assert [str(event["STATUS"]) for event in events] == ["CANCELLED"] * shown


@pytest.mark.parametrize(
    ("start", "written"),
    [
        # 02:30 in Berlin's spring night does not exist; autumn's comes twice, and New York's on another day.
        (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), b"DTSTART:20270328T003000Z"),
        (datetime(2027, 3, 28, 1, 30, tzinfo=UTC), b"DTSTART:20270328T013000Z"),
        (datetime(2027, 10, 31, 0, 30, tzinfo=UTC), b"DTSTART:20271031T003000Z"),
        (datetime(2027, 10, 31, 1, 30, tzinfo=UTC), b"DTSTART:20271031T013000Z"),
        (datetime(2027, 3, 14, 7, 30, tzinfo=UTC), b"DTSTART:20270314T073000Z"),
    ],
)
def test_the_moment_is_right_in_the_nights_when_clocks_change(start, written):
    booking = make_booking(make_session(starts_at=start, minutes=120), make_member())

    content = dates_file([booking])

    assert written in content
    event: Any = Calendar.from_ical(content).walk("VEVENT")[0]
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(hours=2)


def test_text_cannot_break_out_of_its_property():
    session = make_session(title="A;B,C\\D\r\nATTENDEE:mailto:x@example.com")
    booking = make_booking(session, make_member())

    event = event_of(booking)

    assert "ATTENDEE" not in event
    assert str(event["SUMMARY"]).startswith("A;B,C\\D")


def test_the_same_content_is_not_sent_twice():
    member = make_member()
    session = make_session()
    make_booking(session, member)
    address = f"/calendar/feed/{new_feed_address(member, by=member)}.ics"
    client = Client()

    first = client.get(address)
    again = client.get(address, headers={"If-None-Match": f'W/{first["ETag"]}, "other"'})
    edit_session(session, by=session.coach, place="Room 2")
    changed = client.get(address, headers={"If-None-Match": first["ETag"]})

    assert (first.status_code, again.status_code, changed.status_code) == (200, 304, 200)
    assert again.content == b""


def test_a_new_address_ends_the_old_one():
    member = make_member()
    old = new_feed_address(member, by=member)
    new = new_feed_address(member, by=member)

    assert Client().get(f"/calendar/feed/{old}.ics").status_code == 404
    assert Client().get(f"/calendar/feed/{new}.ics").status_code == 200
    assert old not in CalendarFeed.objects.get().token_hash
    assert AuditLog.objects.filter(action__startswith="calendar_feed.").count() == 2


def test_an_ended_or_disabled_feed_is_not_there():
    member, other = make_member(), make_member()
    ended, disabled = (new_feed_address(user, by=user) for user in (member, other))
    end_feed(member, by=member)
    end_feed(member, by=member)
    User.objects.filter(pk=other.pk).update(disabled_at=timezone.now())

    for token in (ended, disabled, "x", "é" * 20):
        assert Client().get(f"/calendar/feed/{token}.ics").status_code == 404


@pytest.mark.usefixtures("one_window")
def test_guessing_addresses_comes_to_a_limit():
    client = Client()
    statuses = [client.get("/calendar/feed/guess.ics").status_code for _ in range(122)]

    assert statuses.count(404) == 120
    assert statuses[-1] == 429


def test_the_address_is_shown_once():
    client = freshly_signed_in(make_member())

    made = client.post("/calendar/feed/").content.decode()

    assert "/calendar/feed/" in made
    assert ".ics" in made
    assert ".ics" not in client.get("/calendar/").content.decode()
    client.post("/calendar/feed/end/")
    assert not CalendarFeed.objects.exists()
