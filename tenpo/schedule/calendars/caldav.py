"""Calendars on a CalDAV server (Nextcloud, iCloud, Fastmail, Radicale …): read, and written with what is ours."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from urllib.parse import urljoin, urlsplit

from tenpo.core.outgoing import Line
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendars import dav
from tenpo.schedule.calendars.base import (
    LINE_SECONDS,
    SECONDS,
    CalendarLost,
    Clash,
    LoginRefused,
    OurEvent,
    Reading,
    Seen,
    read_seen,
    secrets_of,
)
from tenpo.schedule.calendars.busy_reading import MAX_TIMES, BusyTime, TooMuch, read_busy
from tenpo.schedule.calendars.dav import CALDAV, DAV, SERVER, Dav, Multistatus, Part
from tenpo.schedule.ical_reading import UnreadableFile

Problem = CalendarConnection.Problem
AT_ONCE = 50
MAX_FOUND = 50
# Somebody waits for it before a page.
FIND_SECONDS = 15.0


@dataclass(frozen=True)
class FoundCalendar:
    """A calendar that somebody keeps at a server."""

    url: str
    name: str
    is_writable: bool


def find_calendars(address: str, username: str, password: str) -> list[FoundCalendar]:
    """The calendars that a server shows to somebody, found from any of its addresses (RFC 6764).

    Raises CalendarTimeout, CalendarLost.
    """
    with Line(seconds=FIND_SECONDS, most_bytes=dav.MAX_BYTES) as line:
        server = Dav(line, username, password)
        found: list[FoundCalendar] = []
        for start in dict.fromkeys([address, urljoin(address, "/.well-known/caldav"), urljoin(address, "/")]):
            try:
                found = _calendars_from(server, start)
            except CalendarLost as lost:
                # Another address of it may be open to them, but not to another password.
                if isinstance(lost, LoginRefused) or lost.problem == Problem.NOT_ALLOWED:
                    raise
            if found:
                return found[:MAX_FOUND]
        raise CalendarLost(Problem.NOT_THERE)


def _calendars_from(server: Dav, start: str) -> list[FoundCalendar]:
    """From an address to whom it knows, from there to where their calendars lie, and what lies there."""
    asked = "<d:current-user-principal/><c:calendar-home-set/><d:resourcetype/>"
    [first, *_] = server.find(start, asked).parts or [Part(start, None)]
    home = first.href(f"{CALDAV}calendar-home-set")
    if not home and (principal := first.href(f"{DAV}current-user-principal")):
        [known, *_] = server.find(principal, "<c:calendar-home-set/>").parts or [Part(principal, None)]
        home = known.href(f"{CALDAV}calendar-home-set")
    asked = "<d:displayname/><d:resourcetype/><d:current-user-privilege-set/><c:supported-calendar-component-set/>"
    parts = server.find(home or start, asked, depth="1").parts
    return [_found(part) for part in parts if _is_calendar(part)]


def _is_calendar(part: Part) -> bool:
    kinds = (part.properties or {}).get(f"{DAV}resourcetype")
    if kinds is None or kinds.find(f"{CALDAV}calendar") is None:
        return False
    holds = (part.properties or {}).get(f"{CALDAV}supported-calendar-component-set")
    names = {one.get("name") for one in holds} if holds is not None else set()
    return not names or "VEVENT" in names


def _found(part: Part) -> FoundCalendar:
    rights = (part.properties or {}).get(f"{DAV}current-user-privilege-set")
    tags = {one.tag for one in rights.iter()} if rights is not None else set()
    may = not tags or bool(tags & {f"{DAV}write", f"{DAV}write-content", f"{DAV}all", f"{DAV}bind"})
    name = part.text(f"{DAV}displayname") or urlsplit(part.url).path.rstrip("/").rpartition("/")[2]
    return FoundCalendar(part.url, " ".join(name.split())[:80], may)


@contextmanager
def _calendar(connection: CalendarConnection) -> Iterator[tuple[Dav, str]]:
    """The server of a connection on a line of its own, and where the calendar is."""
    known = secrets_of(connection)
    with Line(seconds=LINE_SECONDS, most_bytes=dav.MAX_BYTES) as line:
        yield Dav(line, known["username"], known["password"]), known["calendar"]


class CalDav:
    """A calendar at a CalDAV server."""

    name = CalendarConnection.Kind.CALDAV
    writes = True

    def read(self, connection: CalendarConnection, *, now: datetime, until: datetime, anew: bool) -> Reading | None:
        known = {} if anew or not connection.sync_token else json.loads(connection.sync_token)
        with _calendar(connection) as (server, url):
            if known.get("token") and (since := _changed(server, url, known["token"])) is not None:
                return _part_reading(server, url, since, connection, now, until) if since.parts else None
            # What stands there now is asked before what lies in it: what comes between is read twice, not never.
            [state, *_] = server.find(url, "<d:sync-token/><s:getctag/>").parts or [Part(url, None)]
            token, tag = state.text(f"{DAV}sync-token"), state.text(f"{SERVER}getctag")
            if tag and not anew and not known.get("token") and known.get("tag") == tag:
                return None
            found = server.multistatus("REPORT", url, dav.time_range(now, until), "1")
            times, unread = _times(found.parts, connection, now, until)
            said = json.dumps({"token": token, "tag": tag}) if token or tag else ""
            return Reading(times, is_whole=True, sync_token=said, unread=unread)

    def put(self, connection: CalendarConnection, event: OurEvent, *, reference: str, tag: str) -> tuple[str, str]:
        with _calendar(connection) as (server, url):
            where = reference or urljoin(url, f"{event.uid.partition('@')[0]}.ics")
            sent = {"Content-Type": "text/calendar; charset=utf-8"} | (
                {"If-Match": tag} if tag else {"If-None-Match": "*"}
            )
            _url, answer = server.ask("PUT", where, body=event.content, headers=sent)
            if answer.status in (404, 409, 412):
                raise Clash(where)
            if answer.status >= 300:
                raise CalendarLost(Problem.READ_ONLY)
            # A server that changes what it is given says no tag: then it is asked what it made of it.
            return where, answer.headers.get("etag", "") or self._tag(server, where)

    def remove(self, connection: CalendarConnection, *, reference: str, tag: str) -> None:
        with _calendar(connection) as (server, _url):
            _where, answer = server.ask("DELETE", reference, headers={"If-Match": tag} if tag else {})
            if answer.status == 412:
                raise Clash(reference)
            if answer.status >= 300 and answer.status not in (404, 410):
                raise CalendarLost(Problem.READ_ONLY)

    def look(self, connection: CalendarConnection, references: list[str]) -> dict[str, Seen | None]:
        found: dict[str, Seen | None] = dict.fromkeys(references)
        by_path = {urlsplit(reference).path: reference for reference in references}
        with _calendar(connection) as (server, url):
            for part in _parts(server, url, references):
                content = part.text(f"{CALDAV}calendar-data").encode()
                reference = by_path.get(urlsplit(part.url).path)
                if reference and part.properties and content:
                    found[reference] = read_seen(content, part.text(f"{DAV}getetag"))
        return found

    def _tag(self, server: Dav, where: str) -> str:
        [part, *_] = server.find(where, "<d:getetag/>").parts or [Part(where, None)]
        return part.text(f"{DAV}getetag")


def _changed(server: Dav, url: str, token: str) -> Multistatus | None:
    """What has changed since a token; None when the server does not know it any more, and all is read anew."""
    where, answer = server.ask("REPORT", url, body=dav.since_token(token), depth="0")
    if answer.status == 207:
        return dav.read_multistatus(where, answer.body)
    if answer.status == 404:
        raise CalendarLost(Problem.NOT_THERE)
    return None


def _part_reading(
    server: Dav, url: str, since: Multistatus, connection: CalendarConnection, now: datetime, until: datetime
) -> Reading:
    """What changed, read anew; the calendar itself may be named among it."""
    names = [part for part in since.parts if urlsplit(part.url).path.rstrip("/") != urlsplit(url).path.rstrip("/")]
    there = [part.url for part in names if part.properties is not None]
    times, unread = _times(_parts(server, url, there), connection, now, until)
    return Reading(
        times,
        is_whole=False,
        sync_token=json.dumps({"token": since.sync_token, "tag": ""}),
        parts=frozenset(_name(part.url) for part in names),
        unread=unread,
    )


def _parts(server: Dav, url: str, urls: list[str]) -> Iterator[Part]:
    for first in range(0, len(urls), AT_ONCE):
        yield from server.multistatus("REPORT", url, dav.these(urls[first : first + AT_ONCE]), "1").parts


def _times(
    parts: Iterable[Part], connection: CalendarConnection, now: datetime, until: datetime
) -> tuple[list[BusyTime], int]:
    """What the parts say, each looked at as it comes. Each is bounded for itself, and all of them together."""
    times: list[BusyTime] = []
    unread = 0
    gives_up_at = monotonic() + SECONDS
    for part in parts:
        if monotonic() > gives_up_at:
            raise CalendarLost(Problem.TOO_LARGE)
        content = part.text(f"{CALDAV}calendar-data").encode()
        if not content:
            continue
        try:
            busy = read_busy(
                content, time_zone=connection.time_zone, now=now, until=until, href=_name(part.url),
                etag=part.text(f"{DAV}getetag")[:255],
            )  # fmt: skip
        except TooMuch:
            raise CalendarLost(Problem.TOO_LARGE) from None
        except UnreadableFile:
            unread += 1
            continue
        times, unread = times + busy.times, unread + busy.unread
        if len(times) > MAX_TIMES:
            raise CalendarLost(Problem.TOO_LARGE)
    return times, unread


def _name(url: str) -> str:
    """What a part is called, whatever the server's address is."""
    return urlsplit(url).path[-500:]
