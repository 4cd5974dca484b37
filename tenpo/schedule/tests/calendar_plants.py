"""Calendars elsewhere in every state, and what breaks each of their invariants."""

from datetime import timedelta

from django.utils import timezone

from tenpo.core.tokens import hash_token
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions.calendar_syncing import note_failure, take_calendar_file
from tenpo.schedule.actions.calendars import change_connection, connect_caldav, connect_feed, switch_connection
from tenpo.schedule.calendar_models import CalendarChannel, CalendarConnection, CalendarOverlap, WrittenEvent
from tenpo.schedule.calendar_queries import Ours, our_events
from tenpo.schedule.calendars.base import Said
from tenpo.schedule.calendars.caldav import FoundCalendar
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.feed_server import calendar, event
from tenpo.schedule.tests.make import make_session

READ = "SELECT id FROM schedule_calendarconnection WHERE label = 'Home' ORDER BY id LIMIT 1"
CALENDAR_PLANTS: dict[str, str | list[str]] = {
    "outside-time-is-of-whose-calendar-it-is": """
        UPDATE schedule_outsideevent SET user_id = (SELECT id FROM people_user ORDER BY id LIMIT 1)
        WHERE id = (SELECT id FROM schedule_outsideevent ORDER BY id LIMIT 1)""",
    "outside-time-is-kept-once": "SELECT pg_temp.copy_row('schedule_outsideevent', 'true', '{}')",
    "calendar-that-is-off-takes-no-time": f"""
        UPDATE schedule_outsideevent SET user_id = c.user_id, connection_id = c.id
        FROM schedule_calendarconnection c WHERE c.state = 'off' AND schedule_outsideevent.id = (
            SELECT id FROM schedule_outsideevent WHERE connection_id = ({READ}) ORDER BY id LIMIT 1)""",
    "calendar-says-what-it-needs": "UPDATE schedule_calendarconnection SET problem = '' WHERE state = 'attention'",
    "calendar-is-as-last-recorded": f"UPDATE schedule_calendarconnection SET blocks_time = false WHERE id = ({READ})",
    "written-event-is-of-whose-calendar-it-is": """
        UPDATE schedule_writtenevent SET session_id = (SELECT id FROM schedule_session ORDER BY id LIMIT 1)""",
    "written-event-stands-once": "UPDATE schedule_writtenevent SET state = 'written'",
    "what-changed-is-written-within-an-hour": """
        UPDATE schedule_calendarconnection SET wants_writing_at = now() - interval '2 hours' WHERE kind = 'caldav'""",
    "calendar-is-asked-when-it-is-due": f"""
        UPDATE schedule_calendarconnection SET due_at = now() - interval '2 hours' WHERE id = ({READ})""",
}


def make_calendar(user: User | None = None, *, label: str = "Home", times: int = 2) -> CalendarConnection:
    """A calendar that was read, with so many times to come, each on another day."""
    user = user or make_coach()
    made = connect_feed(user, address="https://calendar.example.com/k3y/basic.ics", label=label, by=user)
    start = (timezone.now() + timedelta(days=40)).replace(hour=3, minute=0, second=0, microsecond=0)
    take_calendar_file(made, calendar(*(event(f"{label}-{n}", start + timedelta(days=n)) for n in range(times))))
    made.refresh_from_db()
    return made


def make_caldav(user: User | None = None, *, label: str = "Home", writes: bool = True) -> CalendarConnection:
    """A calendar at a server that nobody asks."""
    user = user or make_coach()
    found = FoundCalendar("https://dav.example.com/home/", label, is_writable=True)
    made = connect_caldav(user, calendar=found, username="maya", password="k3y", by=user)
    return change_connection(made, writes_sessions=True, by=user) if writes else made


def make_conflict(session: Session, *, label: str = "Home") -> WrittenEvent:
    """A session that somebody moved by an hour in its coach's calendar."""
    made = make_caldav(session.coach, label=label)
    [ours] = [one for one in our_events(session.coach, now=timezone.now()).values() if one.session == session]
    return _differs(made, ours, moved_by=timedelta(hours=1))


def make_removed(booking: Booking, *, label: str = "Home") -> WrittenEvent:
    """A booking that somebody removed from the calendar of whoever booked it."""
    made = make_caldav(booking.booked_by, label=label)
    [ours] = [one for one in our_events(booking.booked_by, now=timezone.now()).values() if one.booking == booking]
    return _differs(made, ours)


def _differs(made: CalendarConnection, ours: Ours, *, moved_by: timedelta | None = None) -> WrittenEvent:
    said = ours.event.said
    theirs = Said(said.title, said.starts_at + moved_by, said.ends_at + moved_by, said.place) if moved_by else None
    return WrittenEvent.objects.create(
        connection=made, uid=ours.event.uid, session=ours.session, booking=ours.booking, state="conflict",
        reference="https://dav.example.com/1.ics", tag='"2"' if theirs else "", ours=said.plain(),
        theirs=theirs.plain() if theirs else None, ends_at=ours.session.ends_at,
    )  # fmt: skip


def make_overlap(session: Session) -> CalendarOverlap:
    """Its coach was told that they are elsewhere then."""
    return CalendarOverlap.objects.create(user=session.coach, session=session, starts_at=session.starts_at)


CHANNEL_TOKEN = "t0ken-of-a-channel"


def make_channel(connection: CalendarConnection) -> CalendarChannel:
    """Google tells of this calendar, as far as we know."""
    return CalendarChannel.objects.create(
        connection=connection, token_hash=hash_token(CHANNEL_TOKEN), resource="r1",
        ends_at=timezone.now() + timedelta(days=7),
    )  # fmt: skip


def make_calendars() -> None:
    """One that is read, one that is free, one that is off, one that its owner has to look after, one that differs."""
    user = make_calendar().user
    change_connection(make_calendar(user, label="Free"), blocks_time=False, by=user)
    switch_connection(make_calendar(user, label="Off"), is_on=False, by=user)
    note_failure(make_calendar(user, label="Lost"), "refused")
    make_conflict(make_session(starts_in=timedelta(days=50)))
