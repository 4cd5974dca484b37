"""Calendar files (RFC 5545), read: every coming occurrence, each with what speaks against it. Pure."""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from time import monotonic
from zoneinfo import ZoneInfo

import recurring_ical_events
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vBroken, vRecur

from tenpo.core.zones import is_zone
from tenpo.schedule.models import MAX_SESSION_MINUTES, Session

MAX_BYTES = 1_000_000
MAX_EVENTS = 500
DAYS_AHEAD = 180
MIN_MINUTES = 5
# A rule that begins earlier, or repeats within a day, takes too long to expand, and no coach means it.
OLDEST_RULE = timedelta(days=365 * 20)
DAILY_OR_RARER = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
MAX_INTERVAL = 366
# The parts that a rule may have. Others can ask for a date that never comes, and be searched for until the year 9999.
KNOWN_PARTS = {
    "DAILY": {"BYDAY"},
    "WEEKLY": {"BYDAY"},
    "MONTHLY": {"BYDAY", "BYMONTHDAY", "BYSETPOS"},
    "YEARLY": {"BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS"},
}
MAX_ZONE_RULES = 200
# A calendar holds events, an event its alarms; an event with ten alarms is a rare one.
MAX_DEPTH = 4
MAX_PARTS = MAX_EVENTS * 10
# Of one line, between its parameters or values; each costs as much as a line.
MAX_SEMICOLONS = 1_000
# Beyond this, a file is given up between two of its series.
MAX_SECONDS = 10.0
MAX_UID = 255
READ = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


class UnreadableFile(ValueError):
    """The file as a whole cannot be read; the text says why."""


@dataclass(frozen=True)
class Occurrence:
    """One event on one day. `uid` is the same whenever the file is read again, also after it has moved."""

    uid: str
    title: str
    description: str
    place: str
    join_link: str
    time_zone: str
    starts_at: datetime | None
    minutes: int
    problem: str = ""


def read_calendar(content: bytes, *, time_zone: str, now: datetime) -> list[Occurrence]:
    """The occurrences that start within the next `DAYS_AHEAD` days, the first one first; past ones are left out.

    Times without a zone are those of `time_zone`. Raises UnreadableFile.
    """
    if len(content) > MAX_BYTES:
        raise UnreadableFile(_("The file is larger than 1 MB."))
    calendar = parse_file(content)
    events = [event for event in calendar.walk("VEVENT") if isinstance(event, Event)]
    if len(events) > MAX_EVENTS:
        raise UnreadableFile(_("The file has more than %(n)s events. Split it.") % {"n": MAX_EVENTS})
    refused = [event for event in events if refusal_of(event, now)]
    found = [_problem(event, refusal_of(event, now), time_zone) for event in refused]
    calendar.subcomponents = [part for part in calendar.subcomponents if part not in refused]
    repeating = {text_of(event.get("UID")) for event in events if repeats(event)}
    found += [_occurrence(event, repeating, time_zone) for event in _expanded(calendar, now, time_zone)]
    if len(found) > MAX_EVENTS:
        text = _("The file has more than %(n)s events in the next %(days)s days. Split it.")
        raise UnreadableFile(text % {"n": MAX_EVENTS, "days": DAYS_AHEAD})
    return sorted(found, key=lambda one: (one.starts_at is None, one.starts_at or now, one.uid))


def parse_file(content: bytes, *, most_parts: int = MAX_PARTS) -> Calendar:
    """A calendar file as its parts; raises UnreadableFile, before it costs much."""
    _check_parts(content, most_parts)
    try:
        calendar = Calendar.from_ical(content)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, RecursionError):
        raise UnreadableFile(_("This is not a calendar file (.ics).")) from None
    if not isinstance(calendar, Calendar):
        raise UnreadableFile(_("This is not a calendar file (.ics)."))
    return calendar


def _check_parts(content: bytes, most: int) -> None:
    """Refuse what takes the library long to parse: parts within parts within parts, lines of many parameters, and zones
    whose clocks change more than once a year, which it would expand whole.
    """
    parts, rules, inside = 0, 0, []
    for line in content.replace(b"\r", b"").replace(b"\n ", b"").replace(b"\n\t", b"").upper().split(b"\n"):
        if line.count(b";") > MAX_SEMICOLONS:
            raise UnreadableFile(_("The file takes too long to read. Split it."))
        name = line.partition(b":")[0].partition(b";")[0].strip()
        if name == b"BEGIN":
            parts += 1
            inside.append(line.rpartition(b":")[2].strip())
            if len(inside) > MAX_DEPTH or parts > most:
                raise UnreadableFile(_("The file takes too long to read. Split it."))
        elif name == b"END" and inside:
            inside.pop()
        elif b"VTIMEZONE" in inside and b"RRULE" in line:
            rules += 1
            if b"FREQ=YEARLY" not in line or line.count(b"FREQ") != 1 or b"INTERVAL" in line or rules > MAX_ZONE_RULES:
                raise UnreadableFile(_("The file holds dates or rules that cannot be read."))


def _expanded(calendar: Calendar, now: datetime, time_zone: str) -> list[Event]:
    """Every occurrence to come, series by series, so that the time it takes can be limited."""
    # The library cuts all-day events and times without a zone by the clock of the day it is given.
    start = now.astimezone(ZoneInfo(time_zone))
    end = start + timedelta(days=DAYS_AHEAD)
    series: dict[str, list[Event]] = {}
    for number, event in enumerate(part for part in calendar.walk("VEVENT") if isinstance(part, Event)):
        series.setdefault(text_of(event.get("UID")) or f"#{number}", []).append(event)
    found: list[Event] = []
    gives_up_at = monotonic() + MAX_SECONDS
    try:
        for events in series.values():
            one = Calendar()
            one.subcomponents = [*events]
            for event in recurring_ical_events.of(one, skip_bad_series=True).between(start, end):
                begins = day_of(event, "DTSTART")
                if begins is not None and now <= moment_of(begins, time_zone) < end:
                    found.append(event)
            if len(found) > MAX_EVENTS:
                break
            if monotonic() > gives_up_at:
                raise UnreadableFile(_("The file takes too long to read. Split it."))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(_("The file holds dates or rules that cannot be read.")) from None
    return found


def day_of(event: Event, name: str) -> date | None:
    """A date or a moment of an event; None where there is none, or what stands there is neither."""
    found = event.get(name)
    value = getattr(found, "dt", None) if not isinstance(found, vBroken) else None
    return value if isinstance(value, date) else None


def repeats(event: Event) -> bool:
    """Whether it is one of many, or stands for them."""
    return any(name in event for name in ("RRULE", "RDATE", "RECURRENCE-ID"))


def refusal_of(event: Event, now: datetime) -> str:
    """Why an event is not even expanded."""
    if any(isinstance(event.get(name), vBroken) for name in READ):
        return _("It holds a date or a rule that cannot be read.")
    start = day_of(event, "DTSTART")
    if start is None:
        return _("It has no start.")
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        if not isinstance(rule, vRecur) or not rule.get("FREQ"):
            return _("It holds a date or a rule that cannot be read.")
        often = any(name in rule for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
        if often or not set(map(str, rule.get("FREQ", []))) <= DAILY_OR_RARER:
            return _("It repeats more than once a day.")
        if not _can_be_expanded(rule):
            return _("It repeats in a way that cannot be read.")
        if moment_of(start, "UTC") < now - OLDEST_RULE:
            return _("It has repeated for more than 20 years.")
    return ""


def _can_be_expanded(rule: vRecur) -> bool:
    """Whether looking for the next date of a rule always ends soon: an interval of 0 never moves on."""
    intervals, often = rule.get("INTERVAL", [1]), rule.get("FREQ", [])
    if len(often) != 1 or len(intervals) != 1 or not 1 <= int(intervals[0]) <= MAX_INTERVAL:
        return False
    known = KNOWN_PARTS[str(often[0])]
    if str(often[0]) == "DAILY" and intervals[0] != 1:
        # Every second day that is a Monday may never come.
        known = set()
    return set(rule) <= {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"} | known


def _problem(event: Event, problem: str, time_zone: str) -> Occurrence:
    title = _line(event.get("SUMMARY")) or _("Without a title")
    uid = text_of(event.get("UID"))
    return Occurrence(uid, title[:120], "", "", "", time_zone, None, 0, problem)


def _occurrence(event: Event, repeating: set[str], reader_zone: str) -> Occurrence:
    starts, ends = day_of(event, "DTSTART"), day_of(event, "DTEND")
    assert starts is not None, "an event without a start is not expanded"
    is_all_day = not isinstance(starts, datetime)
    start = moment_of(starts, reader_zone)
    length = moment_of(ends, reader_zone) - start if ends is not None else timedelta()
    title = _line(event.get("SUMMARY"))
    location = _line(event.get("LOCATION"))
    link = next((one for one in (_line(event.get("URL")), location) if _is_link(one)), "")
    return Occurrence(
        uid=_uid(event, repeating, reader_zone),
        title=_cut(title, "title") or _("Without a title"),
        description=_cut(text_of(event.get("DESCRIPTION")), "description"),
        place="" if location == link else _cut(location, "place"),
        join_link=link,
        time_zone=_zone(starts, reader_zone),
        starts_at=start,
        minutes=int(length.total_seconds() // 60),
        problem=_what_is_wrong(event, title, length, is_all_day=is_all_day),
    )


def _what_is_wrong(event: Event, title: str, length: timedelta, *, is_all_day: bool) -> str:
    minutes = length.total_seconds() // 60
    if text_of(event.get("STATUS")).upper() == "CANCELLED":
        return _("It is cancelled in the file.")
    if is_all_day:
        return _("It lasts all day; a session has a time.")
    if minutes <= 0:
        return _("It has no end.")
    if not MIN_MINUTES <= minutes <= MAX_SESSION_MINUTES:
        return _("A session lasts from 5 minutes to a day.")
    return "" if title else _("It has no title.")


def moment_of(value: date, time_zone: str) -> datetime:
    """A day's first moment, or a time, in UTC; what bears no zone is of `time_zone`.

    The first and the last year are those beside them, whose moments have a place in every clock.
    """
    value = value.replace(year=min(max(value.year, MINYEAR + 1), MAXYEAR - 1))
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  (its zone comes next)
    if value.tzinfo is None:
        value = value.replace(tzinfo=ZoneInfo(time_zone))
    return value.astimezone(UTC).replace(microsecond=0)


def _zone(value: date, otherwise: str) -> str:
    name = getattr(getattr(value, "tzinfo", None), "key", None) or ""
    # UTC is how programs write moments, not where somebody is.
    return name if name != "UTC" and is_zone(name) else otherwise


def _uid(event: Event, repeating: set[str], time_zone: str) -> str:
    """The event's own id, and for one of many which one it is."""
    uid = text_of(event.get("UID"))
    if not uid:
        uid = hashlib.sha256(repr((text_of(event.get("SUMMARY")), day_of(event, "DTSTART"))).encode()).hexdigest()
    elif uid in repeating and (which := day_of(event, "RECURRENCE-ID")):
        uid = f"{uid}#{moment_of(which, time_zone):%Y%m%dT%H%M%SZ}"
    return uid if len(uid) <= MAX_UID else hashlib.sha256(uid.encode()).hexdigest()


def _is_link(text: str) -> bool:
    try:
        URLValidator(schemes=["https", "http"])(text)
    except ValidationError:
        return False
    return len(text) <= (Session._meta.get_field("join_link").max_length or 0)


def text_of(value: object) -> str:
    """What a property says, without what no text can hold."""
    words = "" if value is None else str(value)
    return "".join(c for c in words.strip() if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs"))


def _line(value: object) -> str:
    return " ".join(text_of(value).split())


def _cut(words: str, field: str) -> str:
    most = getattr(Session._meta.get_field(field), "max_length", None) or 0
    return words if len(words) <= most else words[: most - 1] + "…"
