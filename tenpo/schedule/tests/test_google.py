"""Google Calendar, asked of a double that is held to Google's description of its API."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from tenpo.core.errors import RuleError
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions import calendar_channels
from tenpo.schedule.actions.calendar_channels import renew_channels
from tenpo.schedule.actions.calendar_conflicts import keep_ours
from tenpo.schedule.actions.calendar_syncing import queue_due_calendars, sync_calendar
from tenpo.schedule.actions.calendars import change_connection, connect_google
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.calendar_models import CalendarChannel, CalendarConnection, OutsideEvent, WrittenEvent
from tenpo.schedule.calendars.base import secrets_of
from tenpo.schedule.tests.google_double import GoogleDouble, google_double
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db

SOON = (timezone.now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)
NOTIFIED = "/api/v1/calendar-notifications"


@pytest.fixture
def google(settings: Any) -> Iterator[GoogleDouble]:
    with google_double() as double:
        settings.OUTGOING_HOSTS = [f"127.0.0.1:{double.port}"]
        settings.GOOGLE_API = settings.GOOGLE_TOKENS = double.url
        settings.GOOGLE_CLIENT_ID, settings.GOOGLE_CLIENT_SECRET = "an-app", "its-secret"
        settings.PUBLIC_URL = "https://coaching.example.com"
        yield double


def connected(google: GoogleDouble, user: User | None = None, *, writes: bool = True) -> CalendarConnection:
    user = user or make_coach()
    google.codes["a-code"] = "a-verifier"
    made = connect_google(user, code="a-code", verifier="a-verifier", back="https://coaching.example.com/back", by=user)
    return change_connection(made, by=user, writes_sessions=True) if writes else made


def at(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.isoformat()}


def event(google: GoogleDouble, name: str, start: datetime = SOON, **more: Any) -> None:
    google.put(name, summary="Dentist", start=at(start), end=at(start + HOUR), **more)


def fresh(made: CalendarConnection) -> CalendarConnection:
    return CalendarConnection.objects.get(pk=made.pk)


def test_somebody_lets_us_in_and_comes_back_in_the_same_visit(google):
    client, coach = Client(), make_coach()
    client.force_login(coach)

    leaves = urlsplit(client.get("/me/calendars/google/")["Location"])
    asked = {name: values[0] for name, values in parse_qs(leaves.query).items()}
    google.codes["c0de"] = client.session["google_journey"]["verifier"]
    back = client.get("/me/calendars/google/back/", {"state": asked["state"], "code": "c0de"})

    made = CalendarConnection.objects.get()
    assert (leaves.netloc, asked["code_challenge_method"], asked["access_type"]) == (
        "accounts.google.com",
        "S256",
        "offline",
    )
    assert asked["redirect_uri"] == "https://coaching.example.com/me/calendars/google/back/"
    assert client.session.get("google_journey") is None
    assert back["Location"] == f"/me/calendars/{made.pk}/"
    assert (made.account, made.writes_sessions) == ("maya@example.com", False)
    assert secrets_of(made) == {"refresh_token": "1//a-refresh-token"}
    # A second time the same address leads nowhere.
    client.get("/me/calendars/google/back/", {"state": asked["state"], "code": "c0de"})
    assert CalendarConnection.objects.count() == 1


@pytest.mark.parametrize("sent", [{"state": "another", "code": "c0de"}, {"code": "c0de"}, {"error": "access_denied"}])
def test_who_was_not_sent_from_here_connects_nothing(google, sent):
    client = Client()
    client.force_login(make_coach())
    client.get("/me/calendars/google/")
    google.codes["c0de"] = client.session["google_journey"]["verifier"]

    client.get("/me/calendars/google/back/", sent)

    assert not CalendarConnection.objects.exists()


def test_a_code_of_another_visit_does_not_fit(google):
    google.codes["c0de"] = "the verifier of another"
    coach = make_coach()

    with pytest.raises(RuleError) as refused:
        connect_google(coach, code="c0de", verifier="mine", back="https://x/", by=coach)

    assert refused.value.code == "not_let_in"


def test_who_lets_us_in_without_their_events_is_told(google):
    google.granted, google.codes["c0de"] = "openid", "mine"
    coach = make_coach()

    with pytest.raises(RuleError):
        connect_google(coach, code="c0de", verifier="mine", back="https://x/", by=coach)


def test_without_an_app_there_is_no_google(settings):
    client = Client()
    client.force_login(make_coach())

    assert client.get("/me/calendars/google/").status_code == 404
    assert "google" not in client.get("/me/calendars/").content.decode().lower()


def test_all_is_read_page_by_page_and_then_only_what_changed(google):
    made = connected(google, writes=False)
    for number in range(5):
        event(google, f"e{number}", SOON + HOUR * 2 * number)

    first, same = sync_calendar(made), sync_calendar(made)
    event(google, "e1", SOON + HOUR * 20)
    google.remove("e2")
    google.asked.clear()
    changed = sync_calendar(made)

    assert (first, same, changed) == (True, False, True)
    assert google.asked == ["events.list"]
    found = {one.uid: one.starts_at for one in OutsideEvent.objects.all()}
    assert found.keys() == {"e0", "e1", "e3", "e4"}
    assert found["e1"] == SOON + HOUR * 20


@pytest.mark.parametrize(
    ("more", "busy"),
    [
        ({}, True),
        ({"transparency": "transparent"}, False),
        ({"eventType": "workingLocation"}, False),
        ({"attendees": [{"self": True, "responseStatus": "declined"}]}, False),
        ({"attendees": [{"responseStatus": "declined"}]}, True),
    ],
)
def test_what_takes_time(google, more, busy):
    made = connected(google, writes=False)
    event(google, "e", **more)

    sync_calendar(made)

    assert OutsideEvent.objects.get().is_busy == busy


def test_a_whole_day_is_one_of_the_readers_zone(google):
    made = connected(google, writes=False)
    google.put("e", start={"date": f"{SOON:%Y-%m-%d}"}, end={"date": f"{SOON + timedelta(days=1):%Y-%m-%d}"})

    sync_calendar(made)

    assert OutsideEvent.objects.get().starts_at.astimezone(UTC).hour in (22, 23)


def test_a_token_that_is_gone_leads_to_all_of_it(google):
    made = connected(google, writes=False)
    event(google, "a")
    sync_calendar(made)
    google.remove("a")
    event(google, "b")
    google.forgets = True

    assert sync_calendar(made)

    assert [one.uid for one in OutsideEvent.objects.all()] == ["b"]
    assert fresh(made).state == "active"


RATE = {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}
DENIED = {"error": {"errors": [{"reason": "forbidden"}]}}


@pytest.mark.parametrize(
    ("status", "answer", "state", "problem"),
    [
        (0, {}, "active", ""),
        (503, {}, "active", ""),
        (429, RATE, "active", ""),
        (403, RATE, "active", ""),
        (401, {}, "attention", "refused"),
        (403, DENIED, "attention", "refused"),
    ],
)
def test_what_goes_wrong(google, status, answer, state, problem):
    made = connected(google, writes=False)
    event(google, "a")
    sync_calendar(made)
    google.faults = [(status, answer)]

    sync_calendar(made)

    now = fresh(made)
    assert (now.state, now.problem, now.failures) == (state, problem, 1)
    assert OutsideEvent.objects.count() == 1
    sync_calendar(made)
    assert (fresh(made).state, fresh(made).failures) == ("active", 0)


def test_who_takes_back_what_they_let_us_in_by_needs_to_act(google):
    made = connected(google, writes=False)
    google.is_let_in = False

    sync_calendar(made)

    assert (fresh(made).state, fresh(made).problem) == ("attention", "refused")


def test_a_session_is_written_moved_and_taken_away_and_takes_no_time(google):
    made = connected(google)
    session = make_session(made.user, starts_at=SOON, title="Yoga")

    sync_calendar(made)
    [one] = google.events.values()
    first = dict(one)
    edit_session(session, by=made.user, starts_at=SOON + HOUR)
    sync_calendar(made)
    second = dict(one)
    sync_calendar(made)
    cancel_session(session, reason="Ill", by=made.user)
    sync_calendar(made)

    assert first["summary"] == "Yoga"
    assert datetime.fromisoformat(second["start"]["dateTime"]) == SOON + HOUR
    assert one["status"] == "cancelled"
    assert google.asked.count("events.insert") == 1
    assert google.asked.count("events.update") == 1
    assert not WrittenEvent.objects.exists()
    assert not OutsideEvent.objects.exists()


def test_what_was_written_by_a_worker_that_died_is_not_written_twice(google):
    made = connected(google)
    make_session(made.user, starts_at=SOON)
    sync_calendar(made)
    WrittenEvent.objects.all().delete()

    sync_calendar(made)

    assert WrittenEvent.objects.get().state == "written"
    assert len(google.events) == 1


@pytest.mark.parametrize("is_removed", [True, False])
def test_what_was_changed_there_is_shown_and_ours_can_be_kept(google, is_removed):
    made = connected(google)
    make_session(made.user, starts_at=SOON, title="Yoga")
    sync_calendar(made)
    [name] = google.events
    if is_removed:
        google.remove(name)
    else:
        google.put(name, start=at(SOON - HOUR))
    sync_calendar(made)
    found = WrittenEvent.objects.get()
    assert found.state == "conflict"
    assert (found.theirs is None) == is_removed

    keep_ours(found, by=made.user)
    sync_calendar(made)

    one = google.events[name]
    assert one["status"] == "confirmed"
    assert datetime.fromisoformat(one["start"]["dateTime"]) == SOON
    assert WrittenEvent.objects.get().state == "written"


def test_google_tells_of_changes_with_our_secret_and_twice_does_no_harm(google):
    made = connected(google, writes=False)
    sync_calendar(made)

    assert (renew_channels(), renew_channels()) == (1, 0)
    [[name, channel]] = google.channels.items()
    told = {"X-Goog-Channel-ID": name, "X-Goog-Channel-Token": channel["token"], "X-Goog-Resource-State": "exists"}
    wrong = [{**told, "X-Goog-Channel-Token": "guess"}, {**told, "X-Goog-Channel-ID": str(made.pk)}, {}]

    assert channel["address"] == f"https://coaching.example.com{NOTIFIED}"
    assert channel["token"] not in CalendarChannel.objects.get().token_hash
    assert [Client().post(NOTIFIED, headers=one).status_code for one in wrong] == [400, 400, 400]
    assert fresh(made).due_at > timezone.now()
    assert [Client().post(NOTIFIED, headers=told).status_code for _ in range(2)] == [200, 200]
    assert fresh(made).due_at <= timezone.now()


def test_channels_are_opened_for_so_long_and_the_rest_the_next_time(google, monkeypatch):
    connected(google, writes=False)
    monkeypatch.setattr(calendar_channels, "MAX_SECONDS", -1.0)

    assert (renew_channels(), google.channels) == (0, {})


def test_a_notification_that_was_lost_is_made_up_for_by_the_poll(google):
    made = connected(google, writes=False)
    sync_calendar(made)
    event(google, "a")

    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert queue_due_calendars() == 1
        sync_calendar(made)

    assert OutsideEvent.objects.count() == 1


def test_a_channel_is_renewed_before_it_ends_and_the_old_one_closed(google):
    made = connected(google, writes=False)
    renew_channels()
    [old] = google.channels

    with time_machine.travel(timezone.now() + timedelta(days=6, minutes=1)):
        assert renew_channels() == 1

    [new] = google.channels
    assert new != old
    assert str(CalendarChannel.objects.get(connection=made).pk) == new


def test_without_a_public_address_there_is_no_channel(google, settings):
    connected(google, writes=False)
    settings.PUBLIC_URL = "http://localhost:8000"

    assert renew_channels() == 0
