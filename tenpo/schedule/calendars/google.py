"""Google Calendar (v3): read from where one left off, written with what is ours, and told of changes by a channel."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from tenpo.core.outgoing import Answer, Line, NoAnswer, NotAllowed, TooLarge
from tenpo.schedule.calendar_models import MAX_TAG, CalendarConnection
from tenpo.schedule.calendars.base import (
    LINE_SECONDS,
    CalendarLost,
    CalendarTimeout,
    Clash,
    OurEvent,
    Reading,
    Said,
    Seen,
    seconds_of,
    secrets_of,
)
from tenpo.schedule.calendars.busy_reading import MAX_TIMES, BusyTime

Problem = CalendarConnection.Problem
MAX_BYTES = 8_000_000
PER_PAGE = 2_500
MAX_PAGES = 20
# Events alone: neither other calendars, nor whom they are shared with.
SCOPES = ["https://www.googleapis.com/auth/calendar.events"]
SLOW_DOWN = {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "calendarUsageLimitsExceeded"}
# By which what is ours is found again, and told from everything else.
OURS = "tenpo"
CHANNEL_DAYS = 7


class TokenGone(Exception):
    """Google does not know where we left off any more (410): all is read anew."""


@dataclass(frozen=True)
class Journey:
    """Somebody's way to Google and back: what they are sent with, and what stays with their visit."""

    url: str
    state: str
    verifier: str


def begin_journey(back: str) -> Journey:
    """Where somebody lets us into their calendar; whoever comes back must be who was sent (state, PKCE)."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": settings.GOOGLE_CLIENT_ID, "redirect_uri": back, "response_type": "code",
        "scope": " ".join(SCOPES), "access_type": "offline", "prompt": "consent", "state": state,
        "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    return Journey(f"{settings.GOOGLE_SIGN_IN}?{urlencode(asked)}", state, verifier)


def end_journey(code: str, *, verifier: str, back: str) -> tuple[str, str]:
    """What lets us in from now on, and whose calendar it is. Raises CalendarTimeout, CalendarLost."""
    with Line(seconds=LINE_SECONDS, most_bytes=MAX_BYTES) as line:
        asked = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": back}
        answer = _ask_for_token(line, asked)
        scopes = str(answer.get("scope", "")).split()
        if not answer.get("refresh_token") or not set(SCOPES) <= set(scopes):
            raise CalendarLost(Problem.REFUSED)
        known = _Google(line, str(answer["access_token"]))
        whose = known.ask("GET", "calendars/primary/events", {"maxResults": "1"}).get("summary", "Google")
        return str(answer["refresh_token"]), str(whose)


def _ask_for_token(line: Line, asked: Mapping[str, str]) -> dict[str, Any]:
    known = {"client_id": settings.GOOGLE_CLIENT_ID, "client_secret": settings.GOOGLE_CLIENT_SECRET}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = _send(line, "POST", f"{settings.GOOGLE_TOKENS}/token", headers, urlencode({**asked, **known}).encode())
    if answer.status in (400, 401):
        # Whoever let us in has taken it back, or it was not for us.
        raise CalendarLost(Problem.REFUSED)
    return _json(answer)


class _Google:
    """The API, asked on one line with one token."""

    def __init__(self, line: Line, token: str) -> None:
        self.line, self.token = line, token

    def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, *, body: object = None, tag: str = ""
    ) -> dict[str, Any]:
        url = f"{settings.GOOGLE_API}/calendar/v3/{path}{'?' + urlencode(query) if query else ''}"
        headers = {"Authorization": f"Bearer {self.token}", **({"If-Match": tag} if tag else {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = _send(self.line, method, url, headers, json.dumps(body).encode() if body is not None else b"")
        match answer.status:
            case 401:
                raise CalendarLost(Problem.REFUSED)
            case 403:
                if _reasons(answer) & SLOW_DOWN:
                    raise CalendarTimeout("too often", retry_after=_after(answer))
                raise CalendarLost(Problem.REFUSED if method == "GET" else Problem.READ_ONLY)
            case 404:
                raise CalendarLost(Problem.NOT_THERE)
            case 410:
                raise TokenGone
            case 409 | 412:
                raise Clash("")
            case status if status >= 400:
                raise CalendarTimeout(f"it answers {status}")
        return _json(answer) if answer.body else {}


@contextmanager
def _let_in(connection: CalendarConnection) -> Iterator[_Google]:
    """The API, with a fresh token: it lives an hour and is kept nowhere."""
    with Line(seconds=LINE_SECONDS, most_bytes=MAX_BYTES) as line:
        known = secrets_of(connection)
        asked = {"grant_type": "refresh_token", "refresh_token": known["refresh_token"]}
        yield _Google(line, str(_ask_for_token(line, asked).get("access_token", "")))


class Google:
    """Somebody's own calendar at Google."""

    name = CalendarConnection.Kind.GOOGLE
    writes = True

    def read(self, connection: CalendarConnection, *, now: datetime, until: datetime, anew: bool) -> Reading | None:
        with _let_in(connection) as google:
            if connection.sync_token and not anew:
                try:
                    items, token = _list(google, {"syncToken": connection.sync_token})
                except TokenGone:
                    items = None
                if items is not None:
                    times = _times(items, connection.time_zone, now, until)
                    parts = frozenset(str(item["id"]) for item in items)
                    return Reading(times, is_whole=False, sync_token=token, parts=parts)
            items, token = _list(google, {"timeMin": _stamp(now), "timeMax": _stamp(until)})
            times = _times(items, connection.time_zone, now, until)
            return Reading(times, is_whole=True, sync_token=token)

    def put(self, connection: CalendarConnection, event: OurEvent, *, reference: str, tag: str) -> tuple[str, str]:
        name = reference or _name_of(event.uid)
        body = {
            "id": name, "status": "confirmed", "summary": event.said.title, "location": event.said.place,
            "description": event.text, "start": {"dateTime": _stamp(event.said.starts_at)},
            "end": {"dateTime": _stamp(event.said.ends_at)},
            "extendedProperties": {"private": {OURS: "1", "uid": event.uid}},
        }  # fmt: skip
        with _let_in(connection) as google:
            try:
                if reference:
                    answer = google.ask("PUT", f"calendars/primary/events/{name}", body=body, tag=tag)
                else:
                    answer = google.ask("POST", "calendars/primary/events", body=body)
            except (Clash, TokenGone):
                raise Clash(name) from None
            except CalendarLost as lost:
                if reference and lost.problem == Problem.NOT_THERE:
                    raise Clash(name) from None
                raise
        return name, str(answer.get("etag", ""))

    def remove(self, connection: CalendarConnection, *, reference: str, tag: str) -> None:
        with _let_in(connection) as google:
            try:
                google.ask("DELETE", f"calendars/primary/events/{reference}", tag=tag)
            except TokenGone:
                return
            except Clash:
                raise Clash(reference) from None
            except CalendarLost as lost:
                if lost.problem != Problem.NOT_THERE:
                    raise

    def look(self, connection: CalendarConnection, references: list[str]) -> dict[str, Seen | None]:
        found: dict[str, Seen | None] = dict.fromkeys(references)
        with _let_in(connection) as google:
            items, _token = _list(google, {"privateExtendedProperty": f"{OURS}=1"}, is_expanded=False)
        for item in items:
            if item["id"] in found and item.get("status") != "cancelled":
                found[item["id"]] = Seen(str(item.get("etag", ""))[:MAX_TAG], _said(item))
        return found

    def watch(self, connection: CalendarConnection, *, channel_id: UUID, token: str) -> tuple[str, datetime]:
        """Have changes told to our webhook, with this token; what Google calls it, and until when."""
        seconds = timedelta(days=CHANNEL_DAYS) // timedelta(seconds=1)
        body = {
            "id": str(channel_id), "type": "web_hook", "token": token, "params": {"ttl": str(seconds)},
            "address": f"{settings.PUBLIC_URL}/api/v1/calendar-notifications",
        }  # fmt: skip
        with _let_in(connection) as google:
            answer = google.ask("POST", "calendars/primary/events/watch", body=body)
        ends_at = datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)
        return str(answer["resourceId"]), ends_at

    def unwatch(self, connection: CalendarConnection, *, channel_id: UUID, resource: str) -> None:
        """Be told no more; what is over already is over."""
        with _let_in(connection) as google:
            try:
                google.ask("POST", "channels/stop", body={"id": str(channel_id), "resourceId": resource})
            except CalendarLost as lost:
                if lost.problem != Problem.NOT_THERE:
                    raise


def _list(google: _Google, asked: Mapping[str, str], *, is_expanded: bool = True) -> tuple[list[dict[str, Any]], str]:
    """All events that are asked for, page by page, and where to go on next time."""
    items: list[dict[str, Any]] = []
    page: dict[str, str] = {}
    shape = {"maxResults": str(PER_PAGE)} | ({"singleEvents": "true"} if is_expanded else {})
    for _ in range(MAX_PAGES):
        answer = google.ask("GET", "calendars/primary/events", {**shape, **asked, **page})
        items += answer.get("items", [])
        if token := answer.get("nextPageToken"):
            page = {"pageToken": str(token)}
            continue
        return items, str(answer.get("nextSyncToken", ""))
    raise CalendarLost(Problem.TOO_LARGE)


def _times(items: list[dict[str, Any]], zone: str, now: datetime, until: datetime) -> list[BusyTime]:
    times = []
    for item in items:
        starts_at, ends_at = (_moment(item.get(name, {}), zone) for name in ("start", "end"))
        if item.get("status") == "cancelled" or starts_at is None or ends_at is None or ends_at <= starts_at:
            continue
        if ends_at > now and starts_at < until:
            name = str(item["id"])
            ours = item.get("extendedProperties", {}).get("private", {})
            uid = str(ours["uid"]) if ours.get(OURS) and ours.get("uid") else name
            tag = str(item.get("etag", ""))[:MAX_TAG]
            times.append(BusyTime(uid, "", starts_at, ends_at, is_busy=_takes_time(item), href=name, etag=tag))
    if len(times) > MAX_TIMES:
        raise CalendarLost(Problem.TOO_LARGE)
    return times


def _takes_time(item: Mapping[str, Any]) -> bool:
    has_declined = any(one.get("self") and one.get("responseStatus") == "declined" for one in item.get("attendees", []))
    return item.get("transparency") != "transparent" and item.get("eventType") != "workingLocation" and not has_declined


def _said(item: Mapping[str, Any]) -> Said | None:
    starts_at, ends_at = (_moment(item.get(name, {}), "UTC") for name in ("start", "end"))
    if starts_at is None or ends_at is None:
        return None
    title, place = (" ".join(str(item.get(name, "")).split()) for name in ("summary", "location"))
    return Said(title, starts_at, ends_at, place)


def _moment(said: Mapping[str, Any], zone: str) -> datetime | None:
    try:
        if "dateTime" in said:
            return datetime.fromisoformat(str(said["dateTime"])).astimezone(UTC).replace(microsecond=0)
        return datetime.combine(date.fromisoformat(str(said.get("date"))), time.min, ZoneInfo(zone)).astimezone(UTC)
    except ValueError:
        return None


def _name_of(uid: str) -> str:
    """The id that an event of ours has at Google: letters and digits that they allow, the same each time."""
    return hashlib.sha256(uid.encode()).hexdigest()[:40]


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _send(line: Line, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
    try:
        answer = line.ask(method, url, headers=headers, content=content)
    except TooLarge:
        raise CalendarLost(Problem.TOO_LARGE) from None
    except (NoAnswer, NotAllowed) as error:
        raise CalendarTimeout(str(error)) from None
    if answer.status == 429 or answer.status >= 500:
        raise CalendarTimeout(f"it answers {answer.status}", retry_after=_after(answer))
    return answer


def _after(answer: Answer) -> int:
    return seconds_of(answer.headers.get("retry-after", ""))


def _reasons(answer: Answer) -> set[str]:
    found = _json(answer).get("error", {})
    return {str(one.get("reason")) for one in found.get("errors", [])} if isinstance(found, dict) else set()


def _json(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        raise CalendarTimeout("its answer cannot be read") from None
    return found if isinstance(found, dict) else {}
