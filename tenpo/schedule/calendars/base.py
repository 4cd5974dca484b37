"""What a calendar elsewhere must offer, whoever keeps it.

Each says when somebody is taken, from where one left off; those that can be written take what is ours as well.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from icalendar import Event

from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendars.busy_reading import BusyTime
from tenpo.schedule.ical_reading import UnreadableFile, day_of, moment_of, parse_file, text_of

SECONDS = 30.0
UTC_NAME = "UTC"
MAX_DIGITS = 10
# Of several questions together.
LINE_SECONDS = 60.0


class CalendarTimeout(Exception):
    """It did not answer, or says that it cannot just now. `retry_after` seconds, where it says so."""

    def __init__(self, reason: str = "", *, retry_after: int = 0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class CalendarLost(Exception):
    """It cannot be read until its owner does something about it."""

    def __init__(self, problem: CalendarConnection.Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class LoginRefused(CalendarLost):
    """The name or the password is not the right one."""

    def __init__(self) -> None:
        super().__init__(CalendarConnection.Problem.REFUSED)


class Clash(Exception):
    """What stands there is not what we last wrote: nothing was written. `reference` says where."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference


@dataclass(frozen=True)
class Said:
    """What an event says, as far as it matters to both sides; times in UTC."""

    title: str
    starts_at: datetime
    ends_at: datetime
    place: str

    def plain(self) -> dict[str, str]:
        """As it is stored."""
        return {
            "title": self.title, "starts_at": self.starts_at.isoformat(), "ends_at": self.ends_at.isoformat(),
            "place": self.place,
        }  # fmt: skip

    @classmethod
    def of(cls, plain: Mapping[str, str]) -> "Said":
        """What was stored."""
        starts_at, ends_at = (datetime.fromisoformat(plain[name]) for name in ("starts_at", "ends_at"))
        return cls(plain["title"], starts_at, ends_at, plain["place"])


@dataclass(frozen=True)
class OurEvent:
    """One of ours, as it is written: `content` is the whole file, the same bytes as long as nothing changes."""

    uid: str
    said: Said
    text: str
    content: bytes


@dataclass(frozen=True)
class Seen:
    """What stands there of ours now, and its version; `said` is None for what is no event any more."""

    tag: str
    said: Said | None


@dataclass(frozen=True)
class Reading:
    """What a calendar says since the last time.

    `is_whole`: it says all that it holds, so whatever is not named is gone. Otherwise only the parts in `parts` were
    read anew: their earlier times are replaced by those in `times`, which are none for a part that was removed.
    """

    times: list[BusyTime]
    is_whole: bool
    sync_token: str = ""
    parts: frozenset[str] = field(default_factory=frozenset)
    unread: int = 0


class CalendarKind(Protocol):
    """One way to reach a calendar. None of these may be called inside a transaction: they wait for a network."""

    name: CalendarConnection.Kind
    # Whether our sessions can be written to it; the three below are asked only of those.
    writes: bool

    def read(self, connection: CalendarConnection, *, now: datetime, until: datetime, anew: bool) -> Reading | None:
        """What it says since `sync_token`, or all of it (`anew`); None when nothing has changed.

        Raises CalendarTimeout, CalendarLost.
        """

    def put(self, connection: CalendarConnection, event: OurEvent, *, reference: str, tag: str) -> tuple[str, str]:
        """Write one of ours: a new one (no `tag`), or over the version `tag` of what stands at `reference`.

        Returns where it stands, and its version now. Raises Clash, CalendarTimeout, CalendarLost.
        """

    def remove(self, connection: CalendarConnection, *, reference: str, tag: str) -> None:
        """Take away the version `tag` of one of ours; what is not there is away. Raises as `put` does."""

    def look(self, connection: CalendarConnection, references: list[str]) -> dict[str, Seen | None]:
        """What stands at these places now; None where nothing does. Raises CalendarTimeout, CalendarLost."""


def seconds_of(header: str) -> int:
    """What a `Retry-After` asks us to wait; 0 where it says a day instead, or nothing that anybody would wait."""
    return int(header) if header.isdecimal() and len(header) < MAX_DIGITS else 0


def secrets_of(connection: CalendarConnection) -> dict[str, str]:
    """Where it is and what lets us in; as its adapter keeps it."""
    found: dict[str, str] = json.loads(connection.secrets)
    return found


def read_seen(content: bytes, tag: str) -> Seen:
    """What a file of one event says."""
    try:
        events = [part for part in parse_file(content).walk("VEVENT") if isinstance(part, Event)]
    except UnreadableFile:
        events = []
    return Seen(tag, said_of(events[0]) if events else None)


def said_of(event: Event) -> Said | None:
    """What an event says; None when it is called off there, or has no times."""
    starts, ends = day_of(event, "DTSTART"), day_of(event, "DTEND")
    if starts is None or ends is None or text_of(event.get("STATUS")).upper() == "CANCELLED":
        return None
    title, place = (" ".join(text_of(event.get(name)).split()) for name in ("SUMMARY", "LOCATION"))
    return Said(title, moment_of(starts, UTC_NAME), moment_of(ends, UTC_NAME), place)
