"""When somebody is taken, out of a calendar file (RFC 5545). Pure; titles are not even looked at."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Event

from tenpo.schedule.calendar_models import MAX_UID
from tenpo.schedule.ical_reading import UnreadableFile, day_of, moment_of, parse_file, refusal_of, repeats, text_of

MAX_BYTES = 5_000_000
MAX_PARTS = 20_000
# What a person has before them in `DAYS_AHEAD` days; a calendar that says more is somebody's mistake.
MAX_TIMES = 3_000
DAYS_AHEAD = 180
MAX_SECONDS = 10.0
# Years of what is over stand in many files, and are not worth a second each. A day for the zones.
LONG_AGO = timedelta(days=2)


class TooMuch(UnreadableFile):
    """More than can be read."""


@dataclass(frozen=True)
class BusyTime:
    """A time that an outside calendar speaks of; `recurrence_id` says which one of many, in UTC."""

    uid: str
    recurrence_id: str
    starts_at: datetime
    ends_at: datetime
    is_busy: bool
    href: str = ""
    etag: str = ""


@dataclass(frozen=True)
class BusyTimes:
    """All that is to come in a file, and how many of its events cannot be told."""

    times: list[BusyTime]
    unread: int


def read_busy(
    content: bytes, *, time_zone: str, now: datetime, until: datetime, href: str = "", etag: str = ""
) -> BusyTimes:
    """The times of a file that end after `now` and begin before `until`; what repeats, day by day.

    Times without a zone, and whole days, are those of `time_zone`. Raises UnreadableFile, TooMuch.
    """
    if len(content) > MAX_BYTES:
        raise TooMuch
    gives_up_at = monotonic() + MAX_SECONDS
    calendar = parse_file(b"\n".join(_without_the_past(content, now)), most_parts=MAX_PARTS)
    if monotonic() > gives_up_at:
        # So it is asked for ever more seldom, and not every quarter of an hour.
        raise TooMuch
    events = [event for event in calendar.walk("VEVENT") if isinstance(event, Event)]
    readable = [event for event in events if not refusal_of(event, now)]
    found: dict[tuple[str, str], BusyTime] = {}
    repeating = {text_of(event.get("UID")) for event in events if repeats(event)}
    for event in _expanded(readable, now.astimezone(ZoneInfo(time_zone)), until):
        time = _time(event, repeating, time_zone, href, etag)
        if time is not None and time.ends_at > now and time.starts_at < until:
            found[time.uid, time.recurrence_id] = time
        if len(found) > MAX_TIMES:
            raise TooMuch
    return BusyTimes(sorted(found.values(), key=lambda one: (one.starts_at, one.uid)), len(events) - len(readable))


def _without_the_past(content: bytes, now: datetime) -> Iterator[bytes]:
    """The lines of a file but those of events that are over and do not repeat: found by their dates alone.

    What is not surely over stays, and is looked at properly.
    """
    last_day = f"{now - LONG_AGO:%Y%m%d}".encode()
    event: list[bytes] = []
    for line in content.replace(b"\r\n", b"\n").split(b"\n"):
        name = line.upper().rstrip()
        if name == b"BEGIN:VEVENT" and not event:
            event = [line]
        elif event:
            event.append(line)
            if name == b"END:VEVENT":
                if not _is_over(event, last_day):
                    yield from event
                event = []
        else:
            yield line
    yield from event


def _is_over(event: list[bytes], last_day: bytes) -> bool:
    days = []
    for line in event:
        name = line.partition(b":")[0].partition(b";")[0].upper()
        if name in (b"RRULE", b"RDATE", b"RECURRENCE-ID", b"DURATION"):
            return False
        if name in (b"DTSTART", b"DTEND"):
            days.append(line.rpartition(b":")[2].strip()[:8])
    return bool(days) and all(len(day) == 8 and day.isdigit() and day < last_day for day in days)


def _expanded(events: list[Event], start: datetime, until: datetime) -> Iterator[Event]:
    """Every event on each of its days, series by series, so that the time it takes can be limited."""
    series: dict[str, list[Event]] = {}
    for number, event in enumerate(events):
        series.setdefault(text_of(event.get("UID")) or f"#{number}", []).append(event)
    gives_up_at = monotonic() + MAX_SECONDS
    for one in series.values():
        calendar = Calendar()
        calendar.subcomponents = [*one]
        try:
            yield from recurring_ical_events.of(calendar, skip_bad_series=True).between(start, until)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            raise UnreadableFile from None
        if monotonic() > gives_up_at:
            raise TooMuch


def _time(event: Event, repeating: set[str], time_zone: str, href: str, etag: str) -> BusyTime | None:
    starts, ends = day_of(event, "DTSTART"), day_of(event, "DTEND")
    if starts is None:
        return None
    starts_at = moment_of(starts, time_zone)
    # A day without an end is that day; a moment without one takes no time.
    ends_at = moment_of(ends or starts, time_zone)
    if ends is None and not isinstance(starts, datetime):
        ends_at = moment_of(starts + timedelta(days=1), time_zone)
    if ends_at <= starts_at:
        return None
    uid = text_of(event.get("UID"))
    which = day_of(event, "RECURRENCE-ID") if uid in repeating else None
    uid = uid or hashlib.sha256(f"{starts_at} {ends_at}".encode()).hexdigest()
    return BusyTime(
        uid=uid if len(uid) <= MAX_UID else hashlib.sha256(uid.encode()).hexdigest(),
        recurrence_id=f"{moment_of(which, time_zone):%Y%m%dT%H%M%SZ}" if which else "",
        starts_at=starts_at,
        ends_at=ends_at,
        is_busy=_takes_time(event),
        href=href,
        etag=etag,
    )


def _takes_time(event: Event) -> bool:
    status, shown = text_of(event.get("STATUS")).upper(), text_of(event.get("TRANSP")).upper()
    # Outlook says "free" in its own words as well.
    free = text_of(event.get("X-MICROSOFT-CDO-BUSYSTATUS")).upper() == "FREE"
    return status != "CANCELLED" and shown != "TRANSPARENT" and not free
