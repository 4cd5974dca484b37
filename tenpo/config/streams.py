"""`GET /stream`: what is new for the signed-in user, as server-sent events.

    id: 0192…                                  (the notification's)
    event: notification
    data: {"id": "0192…", "unread": 3, "title": "You are booked: Yoga", "url": "/notifications/0192…/"}

An action says that something is new with `SELECT pg_notify('tenpo_live', '{"user": …, "kind": …, "id": …}')` in its
transaction. A browser that comes back sends the last id that it saw, and is told what came since.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.http import HttpRequest
from psycopg.conninfo import make_conninfo

from tenpo.notify.models import Notification
from tenpo.notify.queries import Headline, headlines
from tenpo.people.required_factors import is_kept_out
from tenpo.people.visits import SessionStore
from tenpo.runtime import metrics
from tenpo.runtime.front import HttpProtocol, Threads, Transport
from tenpo.runtime.live import Hub, Listener

STREAMS_PER_USER = 6
HEARTBEAT_SECONDS = 15.0
# A stream outlives the sign-out of its device by no more than this.
CHECK_SIGNED_IN_SECONDS = 60.0
MISSED_MAX = 100
HEADLINES_MAX = 3
SEND_SECONDS = 30.0

_HEADERS = [
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-accel-buffering", "no"),
]


def _conninfo() -> str:
    """Where Django's own connection goes, which tests move."""
    parameters = connection.get_connection_params()
    # psycopg's own, and no part of an address.
    parameters.pop("prepare_threshold", None)
    return make_conninfo(**{name: str(value) for name, value in parameters.items() if isinstance(value, str | int)})


hub = Hub(_conninfo)
_threads: Threads | None = None


@dataclass
class News:
    """What a stream says next: new notifications, oldest first, and how many are unread in all."""

    ids: list[str]
    unread: int
    # What the newest of them say; what came while nobody was there is counted, not said one by one.
    headlines: dict[str, Headline]


async def live_stream(scope: Any, protocol: HttpProtocol) -> None:
    """Answer `GET /stream` and stay until the client goes."""
    if scope.method != "GET":
        protocol.response_empty(405, [("allow", "GET")])
        return
    token = _visit_token(scope.headers.get("cookie") or "")
    try:
        user = await _in_thread(partial(_signed_in_user, token))
    except (OperationalError, InterfaceError):
        protocol.response_empty(503, [("retry-after", "5"), ("cache-control", "no-store")])
        return
    if user is None:
        protocol.response_empty(401, [("cache-control", "no-store")])
        return
    if hub.count(user) >= STREAMS_PER_USER:
        protocol.response_empty(429, [("retry-after", "60"), ("cache-control", "no-store")])
        return
    with hub.listening(user) as listener, metrics.STREAMS.track_inprogress():
        transport = protocol.response_stream(200, _HEADERS)
        talk = asyncio.create_task(_talk(transport, listener, token, _uuid(scope.headers.get("last-event-id"))))
        gone = asyncio.ensure_future(protocol.client_disconnect())
        try:
            await asyncio.wait([talk, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (talk, gone):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await talk


async def _talk(transport: Transport, listener: Listener, token: str, last_id: str) -> None:
    clock = asyncio.get_running_loop().time
    # Whatever comes after this is news, even if it comes before somebody listens for it.
    last_id = last_id or await _in_thread(partial(_newest, listener.user))
    news = await _in_thread(partial(_news, listener.user, after=last_id, ids=[], headlines_max=0))
    # Browsers come back after this many milliseconds when the connection breaks.
    await _send(transport, f"retry: 3000\n{_events(news)}")
    last_id = news.ids[-1] if news.ids else last_id
    checked_at = clock()
    while not listener.is_too_slow:
        messages = await listener.take(HEARTBEAT_SECONDS)
        if messages:
            has_missed = any(not message.id for message in messages)
            ids = [message.id for message in messages if message.kind == "notification" and message.id]
            news = await _in_thread(partial(_news, listener.user, after=last_id if has_missed else "", ids=ids))
            last_id = max([last_id, *news.ids])
        await _send(transport, _events(news) if messages else ": still here\n\n")
        if clock() - checked_at > CHECK_SIGNED_IN_SECONDS:
            if await _in_thread(partial(_signed_in_user, token)) != listener.user:
                return
            checked_at = clock()


async def _send(transport: Transport, text: str) -> None:
    if text:
        async with asyncio.timeout(SEND_SECONDS):
            await transport.send_bytes(text.encode())


def _events(news: News) -> str:
    """The events of some news; without a new notification there is still the count, for whoever read elsewhere."""
    events = "".join(_event("notification", id_, news.unread, news.headlines.get(id_)) for id_ in news.ids)
    return events or _event("unread", "", news.unread)


def _event(kind: str, id_: str, unread: int, headline: Headline | None = None) -> str:
    head = f"id: {id_}\n" if id_ else ""
    news: dict[str, Any] = {"id": id_ or None, "unread": unread}
    if headline is not None:
        news |= {"title": headline.title, "url": headline.path}
    return f"{head}event: {kind}\ndata: {json.dumps(news)}\n\n"


def _news(user: str, *, after: str, ids: list[str], headlines_max: int = HEADLINES_MAX) -> News:
    mine = Notification.objects.filter(user_id=user, in_app=True)
    found = set(ids)
    if after:
        newest_first = mine.filter(id__gt=after).order_by("-id").values_list("id", flat=True)
        found |= {str(id_) for id_ in newest_first[:MISSED_MAX]}
    # UUIDv7 sorts by time.
    oldest_first = sorted(found)
    newest = oldest_first[max(len(oldest_first) - headlines_max, 0) :]
    return News(ids=oldest_first, unread=mine.unread().count(), headlines=headlines(UUID(user), newest))


def _newest(user: str) -> str:
    """The last notification that there is; a number before all others when there is none."""
    newest = Notification.objects.filter(user_id=user, in_app=True).order_by("-id").values_list("id", flat=True).first()
    return str(newest or UUID(int=0))


def _signed_in_user(token: str) -> str | None:
    """Whose visit this is, as Django itself decides it for a page; nobody's who must show a second factor first."""
    if not token:
        return None
    request = HttpRequest()
    request.session = SessionStore.of_browser(token)
    request.user = user = get_user(request)
    return str(user.pk) if user.is_authenticated and not is_kept_out(request) else None


def _visit_token(cookies: str) -> str:
    try:
        morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _uuid(text: str | None) -> str:
    try:
        return str(UUID(text or ""))
    except ValueError:
        return ""


async def _in_thread[T](work: partial[T]) -> T:
    """Ask the database on a thread of the streams' own, so that they never keep a page waiting."""
    global _threads
    if _threads is None:
        _threads = Threads(1, "live")

    def ask() -> T:
        close_old_connections()
        return work()

    return await _threads.run(ask)
