"""Calendars elsewhere in every state, and what breaks each of their invariants."""

from datetime import timedelta

from django.utils import timezone

from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions.calendar_syncing import note_failure, take_calendar_file
from tenpo.schedule.actions.calendars import change_connection, connect_feed, switch_connection
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.tests.feed_server import calendar, event

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


def make_calendars() -> None:
    """One that is read, one that is free, one that is off, one that its owner has to look after."""
    user = make_calendar().user
    change_connection(make_calendar(user, label="Free"), blocks_time=False, by=user)
    switch_connection(make_calendar(user, label="Off"), is_on=False, by=user)
    note_failure(make_calendar(user, label="Lost"), "refused")
