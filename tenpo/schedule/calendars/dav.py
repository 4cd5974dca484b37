"""CalDAV (RFC 4791, 6578, 6764), as far as it is asked: questions as XML, answers as parts with their properties."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from tenpo.core.outgoing import Answer, Line, NoAnswer, NotAllowed, TooLarge
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendars.base import CalendarLost, CalendarTimeout, LoginRefused, seconds_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Problem = CalendarConnection.Problem
DAV, CALDAV, SERVER = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
SPACES = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:s="http://calendarserver.org/ns/"'
MAX_REDIRECTS = 4
MAX_BYTES = 8_000_000
LEADS_ON = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class Part:
    """One resource of an answer: where it is, and what was found of what was asked. None: it is not there."""

    url: str
    properties: Mapping[str, "Element"] | None

    def text(self, name: str) -> str:
        """A property as text; empty when it is not there."""
        found = (self.properties or {}).get(name)
        return "" if found is None else "".join(found.itertext()).strip()

    def href(self, name: str) -> str:
        """Where a property leads, as a whole address; empty when it is not there."""
        found = (self.properties or {}).get(name)
        inner = None if found is None else found.find(f"{DAV}href")
        return address_at(self.url, inner.text or "") if inner is not None else ""


@dataclass(frozen=True)
class Multistatus:
    """What a server says of many resources at once."""

    parts: list[Part]
    sync_token: str = ""


class Dav:
    """One server, asked on one line under one name."""

    def __init__(self, line: Line, username: str, password: str) -> None:
        self._line = line
        self._login = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def ask(
        self,
        method: str,
        url: str,
        *,
        body: str | bytes = b"",
        depth: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[str, Answer]:
        """A question, led on as far as the server leads to a secure address; returns where it ended as well.

        Raises CalendarTimeout where nobody knows, CalendarLost where its owner has to act.
        """
        sent = {"Authorization": self._login, **({"Depth": depth} if depth else {}), **(headers or {})}
        content = body.encode() if isinstance(body, str) else body
        if isinstance(body, str) and body:
            sent["Content-Type"] = "application/xml; charset=utf-8"
        for _ in range(MAX_REDIRECTS):
            answer = self._send(method, url, sent, content)
            if answer.status in LEADS_ON and (to := answer.headers.get("location")):
                there = address_at(url, to)
                # Never from https to what everybody on the way can read: the password goes along.
                if urlsplit(url).scheme == "https" and urlsplit(there).scheme != "https":
                    raise CalendarLost(Problem.NOT_ALLOWED)
                url = there
                continue
            return url, answer
        raise CalendarLost(Problem.NOT_THERE)

    def _send(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        try:
            answer = self._line.ask(method, url, headers=headers, content=content)
        except NotAllowed:
            raise CalendarLost(Problem.NOT_ALLOWED) from None
        except TooLarge:
            raise CalendarLost(Problem.TOO_LARGE) from None
        except NoAnswer as error:
            raise CalendarTimeout(str(error)) from None
        if answer.status == 401:
            raise LoginRefused
        if answer.status == 429 or answer.status >= 500:
            after = seconds_of(answer.headers.get("retry-after", ""))
            raise CalendarTimeout(f"it answers {answer.status}", retry_after=after)
        return answer

    def find(self, url: str, properties: str, *, depth: str = "0") -> Multistatus:
        """Properties of a resource, and of what lies in it (`depth` 1)."""
        return self.multistatus(
            "PROPFIND", url, f"<d:propfind {SPACES}><d:prop>{properties}</d:prop></d:propfind>", depth
        )

    def multistatus(self, method: str, url: str, body: str, depth: str) -> Multistatus:
        """An answer about many resources; CalendarLost when there is none such."""
        where, answer = self.ask(method, url, body='<?xml version="1.0" encoding="utf-8"?>' + body, depth=depth)
        if answer.status == 207:
            return read_multistatus(where, answer.body)
        raise CalendarLost(Problem.REFUSED if answer.status == 403 else Problem.NOT_THERE)


def read_multistatus(url: str, body: bytes) -> Multistatus:
    """An answer as its parts; CalendarLost for what is none."""
    try:
        root: Any = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        raise CalendarLost(Problem.UNREADABLE) from None
    parts = []
    for response in root.findall(f"{DAV}response"):
        where = address_at(url, response.findtext(f"{DAV}href") or "")
        status = response.findtext(f"{DAV}status") or ""
        found: dict[str, Element] = {}
        for propstat in response.findall(f"{DAV}propstat"):
            if " 200" in (propstat.findtext(f"{DAV}status") or ""):
                found |= {prop.tag: prop for prop in propstat.findall(f"{DAV}prop/*")}
        parts.append(Part(where, None if " 404" in status or " 410" in status else found))
    return Multistatus(parts, (root.findtext(f"{DAV}sync-token") or "").strip())


def address_at(url: str, href: str) -> str:
    """Where a server's word leads from `url`; CalendarLost for what is no address."""
    try:
        there = urljoin(url, href.strip())
        urlsplit(there)
    except ValueError:
        raise CalendarLost(Problem.UNREADABLE) from None
    return there


def time_range(since: datetime, until: datetime) -> str:
    """A question for the events between two moments."""
    moments = [f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}" for moment in (since, until)]
    within = f'<c:time-range start="{moments[0]}" end="{moments[1]}"/>'
    events = f'<c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">{within}</c:comp-filter></c:comp-filter>'
    asked = "<d:prop><d:getetag/><c:calendar-data/></d:prop>"
    return f"<c:calendar-query {SPACES}>{asked}<c:filter>{events}</c:filter></c:calendar-query>"


def these(urls: list[str]) -> str:
    """A question for certain resources."""
    hrefs = "".join(f"<d:href>{escape(urlsplit(url).path)}</d:href>" for url in urls)
    asked = "<d:prop><d:getetag/><c:calendar-data/></d:prop>"
    return f"<c:calendar-multiget {SPACES}>{asked}{hrefs}</c:calendar-multiget>"


def since_token(token: str) -> str:
    """A question for what has changed."""
    asked = "<d:prop><d:getetag/></d:prop>"
    level = "<d:sync-level>1</d:sync-level>"
    return f"<d:sync-collection {SPACES}><d:sync-token>{escape(token)}</d:sync-token>{level}{asked}</d:sync-collection>"
