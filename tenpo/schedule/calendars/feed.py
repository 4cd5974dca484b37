"""Any calendar that has an address (.ics): read only, all of it each time, unless it says that nothing has changed."""

import json
from datetime import datetime

from tenpo.core import outgoing
from tenpo.core.outgoing import NoAnswer, NotAllowed, TooLarge
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendars.base import (
    SECONDS,
    CalendarLost,
    CalendarTimeout,
    OurEvent,
    Reading,
    Seen,
    seconds_of,
    secrets_of,
)
from tenpo.schedule.calendars.busy_reading import MAX_BYTES, TooMuch, read_busy
from tenpo.schedule.ical_reading import UnreadableFile

Problem = CalendarConnection.Problem
GONE = {404, 410}
# By which it is told next time what we have: its header → ours.
VALIDATORS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
MAX_VALIDATOR = 255


class Feed:
    """A calendar file at an address, as every calendar program gives one out."""

    name = CalendarConnection.Kind.FEED
    writes = False

    def read(self, connection: CalendarConnection, *, now: datetime, until: datetime, anew: bool) -> Reading | None:
        known = {} if anew or not connection.sync_token else json.loads(connection.sync_token)
        answer = _ask(secrets_of(connection)["address"], {VALIDATORS[name]: value for name, value in known.items()})
        if answer is None:
            return None
        validators = {name: answer.headers[name] for name in VALIDATORS if name in answer.headers}
        usable = {name: value for name, value in validators.items() if _is_plain(value)}
        return file_reading(
            answer.body, connection, now=now, until=until, sync_token=json.dumps(usable) if usable else ""
        )

    def put(self, connection: CalendarConnection, event: OurEvent, *, reference: str, tag: str) -> tuple[str, str]:
        raise NotImplementedError

    def remove(self, connection: CalendarConnection, *, reference: str, tag: str) -> None:
        raise NotImplementedError

    def look(self, connection: CalendarConnection, references: list[str]) -> dict[str, Seen | None]:
        raise NotImplementedError


def file_reading(
    content: bytes, connection: CalendarConnection, *, now: datetime, until: datetime, sync_token: str = ""
) -> Reading:
    """What a whole calendar file says; raises CalendarLost when it is none."""
    try:
        busy = read_busy(content, time_zone=connection.time_zone, now=now, until=until)
    except TooMuch:
        raise CalendarLost(Problem.TOO_LARGE) from None
    except UnreadableFile:
        raise CalendarLost(Problem.UNREADABLE) from None
    return Reading(busy.times, is_whole=True, sync_token=sync_token, unread=busy.unread)


def _ask(address: str, validators: dict[str, str]) -> outgoing.Answer | None:
    """The file, or None when it is the one that we have."""
    headers = {"Accept": "text/calendar", **validators}
    try:
        answer = outgoing.ask("GET", address, headers=headers, seconds=SECONDS, most_bytes=MAX_BYTES)
    except NotAllowed:
        raise CalendarLost(Problem.NOT_ALLOWED) from None
    except TooLarge:
        raise CalendarLost(Problem.TOO_LARGE) from None
    except NoAnswer as error:
        raise CalendarTimeout(str(error)) from None
    match answer.status:
        case 200:
            return answer
        case 304 if validators:
            return None
        case 401 | 403:
            raise CalendarLost(Problem.REFUSED)
        case status if status in GONE or 300 <= status < 400:
            raise CalendarLost(Problem.NOT_THERE)
        case status:
            after = seconds_of(answer.headers.get("retry-after", ""))
            raise CalendarTimeout(f"it answers {status}", retry_after=after)


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isprintable() and len(value) <= MAX_VALIDATOR
