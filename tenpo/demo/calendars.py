"""What coaches have before them elsewhere: calendars that they connected, as if they had just been fetched.

Nobody reaches out from a demo: the addresses lead nowhere, and what would be fetched from there is handed over.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from tenpo.demo.story import Story
from tenpo.schedule.actions.calendar_syncing import take_calendar_file
from tenpo.schedule.actions.calendars import change_connection, connect_feed, switch_connection
from tenpo.schedule.calendar_models import CalendarConnection

# Longer than anybody looks at a demo.
NOT_ASKED = timedelta(days=3_650)
ADDRESS = "https://calendar.northlight.invalid/private/{}.ics"


def calendars_of_today(story: Story) -> None:
    """Two coaches live by other calendars as well; one of them switched one off again."""
    first, second = story.coaches[:2]
    connect_feed(first, address=ADDRESS.format("home"), label="Home", by=first)
    team = connect_feed(first, address=ADDRESS.format("team"), label="Team holidays", by=first)
    change_connection(team, blocks_time=False, by=first)
    old = connect_feed(second, address=ADDRESS.format("old"), label="Old calendar", by=second)
    switch_connection(old, is_on=False, by=second)
    calendars_as_fetched(story)


def calendars_as_fetched(story: Story) -> None:
    """Hand over what those that are followed say; nobody asks again what leads nowhere."""
    monday = story.at(timezone.now() + timedelta(days=7 - timezone.now().weekday()), 7)
    files = {
        "Home": _file(
            _event("school", monday, 45, "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR"),
            _event("choir", monday + timedelta(days=1, hours=12), 120, "RRULE:FREQ=WEEKLY"),
            _event("away", monday + timedelta(days=32), 4 * 24 * 60),
        ),
        "Team holidays": _file(_event("bridge", monday + timedelta(days=18), 24 * 60)),
    }
    for connection in CalendarConnection.objects.filter(user=story.coaches[0]).select_related("user"):
        take_calendar_file(connection, files[connection.label])
        CalendarConnection.objects.filter(pk=connection.pk).update(due_at=timezone.now() + NOT_ASKED)


def _event(uid: str, start: datetime, minutes: int, *lines: str) -> str:
    zone = str(start.tzinfo)
    ends = start + timedelta(minutes=minutes)
    times = [f"DTSTART;TZID={zone}:{start:%Y%m%dT%H%M%S}", f"DTEND;TZID={zone}:{ends:%Y%m%dT%H%M%S}"]
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}@northlight.invalid", *times, *lines, "END:VEVENT", ""])


def _file(*events: str) -> bytes:
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Northlight//Elsewhere//EN\r\n"
    return f"{head}{''.join(events)}END:VCALENDAR\r\n".encode()
