"""Calendar files (RFC 5545): sessions written so that calendar programs follow their changes.

Times are written in UTC: the moment is then right whatever the reader's program knows about time zones, also in the
hour that comes twice in autumn.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from icalendar import Calendar, Event, vCalAddress, vText

from tenpo.core.business import current_business
from tenpo.schedule.models import Booking, Intro, Session

PRODUCT = "-//Tenpo//Tenpo//EN"
_OURS = re.compile(r"(booking|intro|session)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# When something became of a booking that its calendar event says.
CHANGED_BY = ("created_at", "confirmed_at", "cancelled_at", "rescheduled_at")


def dates_file(bookings: Sequence[Booking]) -> bytes:
    """One booking, or those of several dates that were booked at once, to be taken into a calendar program."""
    return calendar_file(map(booking_event, bookings), name=bookings[0].session.title)


def mailed_file(events: Sequence[Event]) -> tuple[bytes, str]:
    """What comes with a mail, and its type, which names the method too (RFC 6047).

    One that is off is taken out of the calendar in which it stands. Several are told as they are: a CANCEL is of one
    UID alone (RFC 5546, 3.2.5), and STATUS says which of them are off.
    """
    is_gone = len(events) == 1 and events[0]["status"] == "CANCELLED"
    method = "CANCEL" if is_gone else "PUBLISH"
    content = calendar_file(events, name=str(events[0]["summary"]), method=method)
    return content, f"text/calendar; method={method}"


def intro_file(intro: Intro) -> bytes:
    """A visitor's intro, to be taken into a calendar program."""
    return calendar_file([intro_event(intro)], name=intro.session.title)


def intro_event(intro: Intro) -> Event:
    """The event of a visitor's intro; the link in it is theirs."""
    session = intro.session
    is_off = intro.state == Intro.State.CANCELLED or session.status == Session.Status.CANCELLED
    moments = (intro.created_at, intro.confirmed_at, intro.cancelled_at, session.changed_at)
    return _event(
        session,
        uid=f"intro-{intro.pk}",
        path=reverse("schedule:intro", args=[intro.link]),
        status="CANCELLED" if is_off else "CONFIRMED",
        changed=max(moment for moment in moments if moment),
        sequence=session.version + is_off,
        join_link="",
    )


def feed_file(bookings: Iterable[Booking], taught: Iterable[Session]) -> bytes:
    """Everything of one person, for a calendar program that reads it again and again."""
    events = [*map(booking_event, bookings), *map(taught_event, taught)]
    return calendar_file(events, name=current_business().name, refresh=True)


def stored_file(event: Event) -> bytes:
    """One event as it lies in a calendar elsewhere: whoever stores it there publishes nothing (RFC 4791)."""
    return calendar_file([event], name="", method="")


def calendar_file(events: Iterable[Event], *, name: str, refresh: bool = False, method: str = "PUBLISH") -> bytes:
    """A whole file. With the same events it is the same bytes.

    What is sent by a method names who organizes it, which is whoever our mails come from (RFC 5546, 3.2).
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    if method:
        calendar.add("method", method)
        calendar.add("x-wr-calname", _line(name))
    if refresh:
        calendar.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
        calendar.add("x-published-ttl", "PT1H")
    for event in events:
        if method:
            event.add("organizer", _organizer())
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def booking_event(booking: Booking) -> Event:
    """The event of a booking: its UID stays, its SEQUENCE grows with every change that matters to a calendar."""
    session = booking.session
    is_off = booking.state == Booking.State.CANCELLED or session.status == Session.Status.CANCELLED
    is_sure = booking.state in (Booking.State.CONFIRMED, Booking.State.ATTENDED, Booking.State.NO_SHOW)
    status = "CANCELLED" if is_off else "CONFIRMED" if is_sure else "TENTATIVE"
    changed = max(moment for moment in (*(getattr(booking, name) for name in CHANGED_BY), session.changed_at) if moment)
    sequence = booking.sequence + session.version + (booking.confirmed_at is not None) + is_off
    path = reverse("schedule:booking-detail", args=[booking.pk])
    return _event(
        session,
        uid=f"booking-{booking.pk}",
        path=path,
        status=status,
        changed=changed,
        sequence=sequence,
        join_link=session.join_link if is_sure else "",
    )


def taught_event(session: Session) -> Event:
    """The event of a session for whoever teaches it."""
    is_off = session.status == Session.Status.CANCELLED
    changed = max(moment for moment in (session.changed_at, session.cancelled_at) if moment)
    return _event(
        session,
        uid=f"session-{session.pk}",
        path=reverse("schedule:session-roster", args=[session.pk]),
        status="CANCELLED" if is_off else "CONFIRMED",
        changed=changed,
        sequence=session.version + is_off,
        join_link=session.join_link,
    )


def is_ours(uid: str) -> bool:
    """Whether an event that stands in somebody's calendar came from here."""
    return bool(_OURS.fullmatch(uid.removesuffix(f"@{_host()}"))) and uid.endswith(f"@{_host()}")


def _host() -> str:
    return urlsplit(settings.PUBLIC_URL).hostname or "tenpo"


def _organizer() -> vCalAddress:
    organizer = vCalAddress(f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}")
    organizer.params["cn"] = vText(_line(current_business().name).replace('"', "'"))
    return organizer


def _event(
    session: Session, *, uid: str, path: str, status: str, changed: datetime, sequence: int, join_link: str
) -> Event:
    url = settings.PUBLIC_URL + path
    event = Event()
    event.add("uid", f"{uid}@{_host()}")
    event.add("sequence", sequence)
    event.add("dtstamp", changed.astimezone(UTC))
    event.add("last-modified", changed.astimezone(UTC))
    event.add("dtstart", session.starts_at.astimezone(UTC))
    event.add("dtend", session.ends_at.astimezone(UTC))
    event.add("summary", _line(session.title))
    event.add("status", status)
    event.add("transp", "TRANSPARENT" if status == "CANCELLED" else "OPAQUE")
    if where := session.place or join_link:
        event.add("location", _line(where))
    parts = [_text(session.description), _line(session.coach_names), join_link, url]
    event.add("description", "\n".join(part for part in parts if part))
    event.add("url", url)
    event.add("categories", [current_business().name])
    return event


def _text(words: str) -> str:
    """Without control characters, which no calendar file may hold; lines stay lines."""
    return "".join(c for c in "\n".join(words.splitlines()) if c == "\n" or unicodedata.category(c) != "Cc")


def _line(words: str) -> str:
    return _text(words).replace("\n", " ")
