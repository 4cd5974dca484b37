"""The live stream, as a browser hears it, against the real database."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import Client

from tenpo.config import streams
from tenpo.notify.tests.make import make_notification
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.runtime.live import QUEUE_MAX, Hub, Listener, Message
from tenpo.runtime.tests.loops import run
from tests.installation import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Browser:
    """One client of `GET /stream`, on an event loop of its own thread."""

    def __init__(self, cookies: str, last_id: str = "") -> None:
        headers = {"cookie": cookies, "last-event-id": last_id}
        self.scope = SimpleNamespace(method="GET", path="/stream", headers=headers)
        self.status = 0
        self.said = ""
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._gone = asyncio.Event()
        try:
            self._loop.run_until_complete(streams.live_stream(self.scope, self))  # type: ignore[arg-type]
        finally:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._gone.set)
        self._thread.join(10)

    def wait_for(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self.said, 15), f"{text!r} not in {self.said!r}"

    def response_empty(self, status: int, headers: Any) -> None:
        self.status = status

    def response_stream(self, status: int, headers: Any) -> "Browser":
        self.status = status
        return self

    async def send_bytes(self, data: bytes) -> None:
        with self._news:
            self.said += data.decode()
            self._news.notify_all()

    async def client_disconnect(self) -> None:
        await self._gone.wait()


@pytest.fixture
def member() -> User:
    return make_member()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(streams, "hub", Hub(streams._conninfo))
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.2)
    yield
    threads, streams._threads = streams._threads, None
    if threads is not None:
        run(threads.run(connections.close_all))


@contextlib.contextmanager
def stream_of(user: User, last_id: str = "") -> Iterator[Browser]:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    browser = Browser(f"theme=dark; {name}={client.cookies[name].value}", last_id)
    try:
        yield browser
    finally:
        browser.close()


def test_a_notification_arrives_with_the_unread_count(member):
    with stream_of(member) as browser:
        browser.wait_for('event: unread\ndata: {"id": null, "unread": 0}')
        first = make_notification(member)
        browser.wait_for(f'id: {first.pk}\nevent: notification\ndata: {{"id": "{first.pk}", "unread": 1, "title": "')
        browser.wait_for(f'"You are booked: Yoga", "url": "/notifications/{first.pk}/"}}')
        make_notification(member)
        browser.wait_for('"unread": 2')


def test_a_stranger_hears_nothing_of_it(member):
    stranger = make_member()
    with stream_of(stranger) as browser:
        browser.wait_for("event: unread")
        notification = make_notification(member)
        browser.wait_for(": still here")

    assert str(notification.pk) not in browser.said


def test_who_comes_back_is_told_what_came_since(member):
    seen, missed, also_missed = (make_notification(member) for _ in range(3))

    with stream_of(member, str(seen.pk)) as browser:
        browser.wait_for(f"id: {also_missed.pk}")

    # What came while nobody was there is counted, and not said one by one.
    assert f"id: {seen.pk}" not in browser.said
    assert "title" not in browser.said
    assert browser.said.index(f"id: {missed.pk}") < browser.said.index(f"id: {also_missed.pk}")


def cut_live_connections() -> int:
    """End the connections by which processes hear what is new, as a database does that goes away."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
        )
        return int(cursor.fetchone()[0])


def test_a_stream_goes_on_after_the_database_was_away(member):
    with stream_of(member) as browser:
        browser.wait_for("event: unread")
        wait_until(streams.hub.is_connected.is_set)

        # One that an earlier stream had may still be going.
        assert cut_live_connections() >= 1
        missed = make_notification(member)
        browser.wait_for(f'"url": "/notifications/{missed.pk}/"}}\n')
        wait_until(streams.hub.is_connected.is_set)
        heard = make_notification(member)
        browser.wait_for(f"id: {heard.pk}\n")

    assert browser.said.count(f"id: {missed.pk}\n") == browser.said.count(f"id: {heard.pk}\n") == 1


def test_nobody_in_particular_gets_no_stream(member):
    browser = Browser("tenpo_session=made-up")
    browser.close()

    assert browser.status == 401


def test_a_stream_ends_when_its_device_is_signed_out(member, monkeypatch):
    monkeypatch.setattr(streams, "CHECK_SIGNED_IN_SECONDS", 0.1)
    with stream_of(member) as browser:
        browser.wait_for("event: unread")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM people_visit")
        browser._thread.join(15)

        assert not browser._thread.is_alive()


def test_one_person_may_not_take_every_stream(member, monkeypatch):
    monkeypatch.setattr(streams, "STREAMS_PER_USER", 1)
    with stream_of(member) as first:
        first.wait_for("event: unread")
        with stream_of(member) as second:
            second._thread.join(15)

    assert (first.status, second.status) == (200, 429)


def test_a_listener_that_does_not_read_is_too_slow():
    listener = Listener("somebody")

    for number in range(QUEUE_MAX):
        listener.put(Message("notification", str(number)))
    assert not listener.is_too_slow
    listener.put(Message("notification", "one more"))

    assert listener.is_too_slow
