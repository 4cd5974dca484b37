"""Calendars at an address, asked of a real server that does what such servers do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Facts
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions.calendar_syncing import (
    HELD,
    READ_EVERY,
    SILENT,
    forget_past_events,
    queue_due_calendars,
    sync_calendar,
)
from tenpo.schedule.actions.calendars import connect_feed, switch_connection
from tenpo.schedule.calendar_models import CalendarConnection, OutsideEvent
from tenpo.schedule.calendar_notifications import NEEDS_ATTENTION, on_calendar_needs_attention
from tenpo.schedule.calendars import kind_of
from tenpo.schedule.tests.feed_server import FeedServer, event, feed_server

pytestmark = pytest.mark.django_db

TOMORROW = (timezone.now() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)


@pytest.fixture
def server(settings) -> Iterator[FeedServer]:
    with feed_server() as running:
        settings.OUTGOING_HOSTS = [f"127.0.0.1:{running.port}"]
        yield running


@pytest.fixture
def made(server) -> CalendarConnection:
    coach = make_coach()
    return connect_feed(coach, address=server.address, by=coach)


def fresh(connection: CalendarConnection) -> CalendarConnection:
    return CalendarConnection.objects.select_related("user").get(pk=connection.pk)


def told() -> int:
    return OutboxMessage.objects.filter(name="calendar.needs_attention").count()


def test_a_calendar_is_read_and_asked_only_for_what_is_new(server, made):
    server.say(event("a", TOMORROW))

    first = sync_calendar(made)
    again = sync_calendar(made)
    server.say(event("b", TOMORROW))
    changed = sync_calendar(made)

    assert (first, again, changed) == (True, False, True)
    assert ["if-none-match" in asked for asked in server.asked] == [False, True, True]
    assert [one.uid for one in OutsideEvent.objects.all()] == ["b"]
    now = fresh(made)
    assert (now.state, now.held_until, now.failures) == ("active", None, 0)
    assert now.synced_at is not None
    assert now.due_at - now.synced_at == READ_EVERY


def test_what_repeats_is_written_out_further_as_time_goes_on(server, made):
    server.say(event("a", TOMORROW, 60, "RRULE:FREQ=DAILY"))
    sync_calendar(made)

    with time_machine.travel(timezone.now() + timedelta(days=21), tick=False):
        assert sync_calendar(made)
        ahead = max(OutsideEvent.objects.values_list("starts_at", flat=True)) - timezone.now()

    assert "if-none-match" not in server.asked[-1]
    assert ahead > timedelta(days=178)


@pytest.mark.parametrize(
    ("status", "problem"),
    [(401, "refused"), (403, "refused"), (404, "not_there"), (410, "not_there"), (302, "not_there")],
)
def test_what_only_its_owner_can_mend_is_told_at_once_and_once(server, made, status, problem):
    server.say(event("a", TOMORROW))
    sync_calendar(made)
    server.status = status

    for _ in range(3):
        assert not sync_calendar(made)

    now = fresh(made)
    assert (now.state, now.problem, now.failures) == ("attention", problem, 3)
    assert told() == 1
    assert OutsideEvent.objects.count() == 1, "what it said before still holds"

    server.status = 200
    sync_calendar(made)
    assert (fresh(made).state, fresh(made).problem, fresh(made).failures) == ("active", "", 0)
    states = (
        AuditLog.objects.filter(action="calendar_connection.changed").order_by("id").values_list("after", flat=True)
    )
    assert list(states) == [{"state": "attention"}, {"state": "active"}]


def test_a_server_that_is_down_is_asked_later_each_time_and_told_of_after_a_while(server, made):
    server.status = 500
    began_at = at = timezone.now()
    waits, needed = [], []
    for _ in range(7):
        with time_machine.travel(at, tick=False):
            sync_calendar(made)
            now = fresh(made)
        waits.append(round((now.due_at - at) / timedelta(minutes=1)))
        needed.append((now.state == "attention", at - began_at >= SILENT))
        assert (now.failing_at, now.is_silent) == (began_at, True)
        at = now.due_at

    assert waits == [15, 30, 60, 120, 240, 360, 360]
    assert needed == [(False, False)] * 4 + [(True, True)] * 3
    assert told() == 1


def test_whoever_tries_again_and_again_is_not_told_sooner_and_it_is_not_called_well(server, made):
    sync_calendar(made)
    server.status = 500
    for _ in range(8):
        sync_calendar(made)
        switch_connection(made, is_on=True, by=made.user)

    now = fresh(made)
    assert (now.state, now.failures, now.is_silent, told()) == ("active", 8, True, 0)
    assert now.is_asked(timezone.now())

    with time_machine.travel(timezone.now() + SILENT):
        sync_calendar(made)
        switch_connection(made, is_on=True, by=made.user)
        sync_calendar(made)
    assert (fresh(made).state, fresh(made).problem, told()) == ("attention", "no_answer", 1)

    server.status = 200
    sync_calendar(made)
    now = fresh(made)
    assert (now.state, now.failing_at, now.failures, now.is_silent) == ("active", None, 0, False)


def test_what_lets_nobody_in_after_it_gave_no_answer_is_told_as_well(server, made):
    server.status = 500
    sync_calendar(made)
    with time_machine.travel(timezone.now() + SILENT):
        sync_calendar(made)
        server.status = 401
        sync_calendar(made)
        sync_calendar(made)

    assert (fresh(made).problem, told()) == ("refused", 2)


def test_what_lets_nobody_in_and_gives_no_answer_in_turn_is_told_once(server, made):
    sync_calendar(made)
    at = timezone.now()
    for number in range(6):
        server.status = (401, 500)[number % 2]
        with time_machine.travel(at + number * SILENT):
            sync_calendar(made)

        # It did answer in between: what its owner can mend is what is said of it.
        assert (fresh(made).problem, fresh(made).is_silent, told()) == ("refused", False, 1)
    server.status = 200
    sync_calendar(made)
    server.status = 401
    sync_calendar(made)

    assert told() == 2


def test_its_owner_reads_since_when_it_gives_no_answer_and_whether_it_ever_did(server, made):
    server.status = 500
    at = datetime(2027, 6, 7, 9, tzinfo=UTC)
    with time_machine.travel(at, tick=False):
        sync_calendar(made)
    with time_machine.travel(at + SILENT, tick=False):
        sync_calendar(made)
        message = OutboxMessage.objects.get(name="calendar.needs_attention")
        (never,) = on_calendar_needs_attention(message)
        CalendarConnection.objects.filter(pk=made.pk).update(synced_at=at - timedelta(hours=1))
        (before,) = on_calendar_needs_attention(message)

    said = [NEEDS_ATTENTION.say(Facts(one.payload)).text for one in (never, before)]
    assert all("not answered since Mon 7 Jun 2027, 09:00" in text for text in said)
    assert "nothing that stands in it takes your time" in said[0]
    assert "your time stays taken as it said last" in said[1]
    # As it was written down before it was known since when.
    assert (
        "It does not answer. Until it can, your time stays taken"
        in NEEDS_ATTENTION.say(Facts({"calendar": "Home", "problem": "no_answer"})).text
    )


def test_a_server_says_when_to_come_again(server, made):
    server.status, server.headers = 503, {"Retry-After": "7200"}

    sync_calendar(made)

    assert round((fresh(made).due_at - timezone.now()) / timedelta(minutes=1)) == 120


def test_a_page_instead_of_a_calendar_needs_its_owner(server, made):
    server.content = b"<html>Please sign in</html>"

    sync_calendar(made)

    assert fresh(made).problem == "unreadable"


def test_an_address_that_leads_inwards_is_not_asked(server, made, settings):
    settings.OUTGOING_HOSTS = []

    sync_calendar(made)

    assert server.asked == []
    assert fresh(made).problem == "not_allowed"


def test_only_one_asks_at_a_time_and_who_died_keeps_nobody_waiting(server, made):
    CalendarConnection.objects.filter(pk=made.pk).update(held_until=timezone.now() + HELD)

    assert not sync_calendar(made)
    assert server.asked == []

    CalendarConnection.objects.filter(pk=made.pk).update(held_until=timezone.now() - timedelta(seconds=1))
    sync_calendar(made)
    assert len(server.asked) == 1


def test_who_was_overtaken_writes_nothing(server, made, monkeypatch):
    """Slower than its hold: meanwhile another has taken it in hand."""
    server.say(event("a", TOMORROW))
    kind = kind_of(made)
    ask = kind.read

    def slowly(connection: CalendarConnection, **more: object) -> object:
        found = ask(connection, **more)  # type: ignore[arg-type]
        CalendarConnection.objects.filter(pk=made.pk).update(held_until=timezone.now() + HELD * 2)
        return found

    monkeypatch.setattr(type(kind), "read", lambda self, connection, **more: slowly(connection, **more))

    assert not sync_calendar(made)
    assert not OutsideEvent.objects.exists()


def test_whose_account_is_shut_is_not_followed(server, made):
    User.objects.filter(pk=made.user_id).update(disabled_at=timezone.now())

    assert queue_due_calendars() == 0
    assert not sync_calendar(made)
    assert server.asked == []


def test_what_is_due_is_queued_once():
    coach = make_coach()
    connections = [connect_feed(coach, address="https://example.com/a.ics", by=coach) for _ in range(3)]
    switch_connection(connections[0], is_on=False, by=coach)

    assert (queue_due_calendars(), queue_due_calendars()) == (2, 0)
    with time_machine.travel(timezone.now() + READ_EVERY + timedelta(seconds=1)):
        assert queue_due_calendars() == 2


def test_what_is_over_is_forgotten_after_a_day(server, made):
    server.say(event("a", TOMORROW), event("b", TOMORROW + timedelta(hours=3)))
    sync_calendar(made)

    with time_machine.travel(TOMORROW + timedelta(hours=25, seconds=1)):
        assert forget_past_events() == 1

    assert [one.uid for one in OutsideEvent.objects.all()] == ["b"]
