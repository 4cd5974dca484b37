"""What the pages say of somebody's calendars elsewhere: only what is known of them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, signed_in
from tenpo.schedule.actions.calendar_syncing import take_calendar_file
from tenpo.schedule.actions.calendars import connect_feed
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.tests.feed_server import calendar

pytestmark = pytest.mark.django_db


@pytest.fixture
def coach() -> User:
    return make_coach()


@pytest.fixture
def made(coach: User) -> CalendarConnection:
    return connect_feed(coach, address="https://calendar.example.com/a.ics", by=coach, label="Home")


def pages(client: Client, made: CalendarConnection) -> tuple[str, str]:
    """The list of them, and the page of one."""
    client.force_login(made.user)
    found = [client.get(path).content.decode() for path in ("/me/calendars/", f"/me/calendars/{made.pk}/")]
    return found[0], found[1]


def test_before_the_first_reading_nobody_knows_whether_it_can_be_read(client, made):
    for page in pages(client, made):
        assert "Connecting…" in page
        assert "Connected" not in page


def test_what_was_read_is_connected_and_says_when(client, made):
    take_calendar_file(made, calendar())

    for page in pages(client, made):
        assert "Connected" in page
        assert "data-relative>now</time>" in page
        assert 'hx-trigger="every 3s"' not in page


@pytest.mark.parametrize("state", ["active", "attention"])
def test_what_gives_no_answer_says_since_when_and_when_it_is_tried_again(client, made, state):
    take_calendar_file(made, calendar())
    now = timezone.now()
    CalendarConnection.objects.filter(pk=made.pk).update(
        state=state, problem="no_answer" if state == "attention" else "", failures=2,
        synced_at=now - timedelta(hours=3), failing_at=now - timedelta(days=1), due_at=now + timedelta(days=1),
    )  # fmt: skip

    listed, page = pages(client, made)

    assert "no answer since yesterday" in listed
    assert "we try again tomorrow" in listed
    assert "3 hours ago" in listed
    assert "No answer since yesterday" in page
    assert "We try again tomorrow" in page
    assert "What it said last still counts: nobody can book you then." in page
    for shown in (listed, page):
        assert "Not answering" in shown
        assert "Connected" not in shown
        assert f"/me/calendars/{made.pk}/on/" in shown


def test_what_was_never_read_keeps_no_time_free(client, made):
    CalendarConnection.objects.filter(pk=made.pk).update(failures=1, failing_at=timezone.now())

    listed, page = pages(client, made)

    assert "never read" in listed
    assert "It has never been read, so people can book you whatever stands in it." in page


def test_what_nobody_asks_any_more_is_not_said_to_be_read(client, made):
    """A worker that is down: the page does not wait for ever for what does not come."""
    take_calendar_file(made, calendar())
    CalendarConnection.objects.filter(pk=made.pk).update(due_at=timezone.now() - timedelta(minutes=6))

    _listed, page = pages(client, made)

    assert "We are reading it now." not in page
    assert 'hx-trigger="every 3s"' not in page


def test_while_it_is_read_the_page_waits_for_what_comes(client, made):
    CalendarConnection.objects.filter(pk=made.pk).update(
        failures=1, failing_at=timezone.now(), due_at=timezone.now() + timedelta(hours=1)
    )
    client.force_login(made.user)

    done = client.post(f"/me/calendars/{made.pk}/on/", follow=True).content.decode()

    assert "We are asking it." in done
    assert "We are reading it now." in done
    assert 'hx-trigger="every 3s"' in done
    assert "Not answering" in done


def test_a_server_in_a_private_network_is_refused_with_what_can_be_done():
    client = signed_in(make_coach())
    typed = {"address": "https://127.0.0.1/dav", "username": "maya", "password": "an app password"}

    page = client.post("/me/calendars/caldav/", typed).content.decode()

    assert "whoever runs this installation can allow it" in page
    assert "Type it once more" in page
    assert 'an app password"' not in page
    assert "Type it once more" not in client.get("/me/calendars/caldav/").content.decode()
