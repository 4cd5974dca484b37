from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tenpo.schedule import glance, intro_mails
from tenpo.schedule.actions import (
    calendar_channels,
    calendar_overlaps,
    calendar_syncing,
    calendar_writing,
    check_in,
    intro_memory,
    lapsing,
    reminders,
    resources,
    reviews,
    sessions,
    video_rooms,
)
from tenpo.schedule.calendar_models import CalendarConnection


@app.periodic(cron="* * * * *")
@app.task(name="schedule.release_lapsed", queue="periodic")
def release_lapsed(timestamp: int) -> None:
    """Let go the holds and offers that ran out."""
    lapsing.release_lapsed_everywhere()


@app.periodic(cron="*/5 * * * *")
@app.task(name="schedule.remind_people", queue="periodic")
def remind_people(timestamp: int) -> None:
    """Remind whoever has a session tomorrow."""
    reminders.remind_people()


@app.periodic(cron="7 * * * *")
@app.task(name="schedule.complete_past_sessions", queue="periodic")
def complete_past_sessions(timestamp: int) -> None:
    """Complete what ended a day ago."""
    sessions.complete_past_sessions()


@app.periodic(cron="41 3 * * *")
@app.task(name="schedule.forget_past_weeks", queue="periodic")
def forget_past_weeks(timestamp: int) -> None:
    """Drop what was worked out of weeks that are over."""
    glance.forget_past_weeks()


@app.periodic(cron="*/5 * * * *")
@app.task(name="schedule.settle_attendance", queue="periodic")
def settle_attendance(timestamp: int) -> None:
    """Close the stays of sessions that are over, and mark who was there."""
    check_in.settle_attendance()


@app.periodic(cron="*/15 * * * *")
@app.task(name="schedule.open_reviews", queue="periodic")
def open_reviews(timestamp: int) -> None:
    """Tell people of reviews that they can read now."""
    reviews.open_reviews()


@app.periodic(cron="* * * * *")
@app.task(name="schedule.queue_due_calendars", queue="periodic")
def queue_due_calendars(timestamp: int) -> None:
    """Queue those of people's calendars that are to be asked again."""
    calendar_syncing.queue_due_calendars()


@app.periodic(cron="*/20 * * * *")
@app.task(name="schedule.renew_channels", queue="periodic")
def renew_channels(timestamp: int) -> None:
    """Have Google go on telling us when calendars change."""
    calendar_channels.renew_channels()


@app.task(name="schedule.sync_calendar")
def sync_calendar(connection_id: str) -> None:
    """Ask one calendar elsewhere what it says."""
    calendar_syncing.sync_calendar(CalendarConnection(pk=UUID(connection_id)))


@app.periodic(cron="53 3 * * *")
@app.task(name="schedule.forget_past_events", queue="periodic")
def forget_past_events(timestamp: int) -> None:
    """Drop the times of other calendars that are over, and what we wrote there and told of days that are."""
    calendar_syncing.forget_past_events()
    calendar_overlaps.forget_past_overlaps()
    calendar_writing.forget_past_written()


@app.periodic(cron="23 * * * *")
@app.task(name="schedule.drop_unnamed_files", queue="periodic")
def drop_unnamed_files(timestamp: int) -> None:
    """Let go the files of resources that were taken away."""
    resources.drop_unnamed_files()


@app.periodic(cron="* * * * *")
@app.task(name="schedule.reconcile_video_rooms", queue="periodic")
def reconcile_video_rooms(timestamp: int) -> None:
    """Ask what webhooks of video rooms have lost."""
    video_rooms.reconcile_video_rooms()


# Four tries in all, about 1, 5 and 25 minutes apart.
@app.task(name="schedule.send_intro_mail", retry=RetryStrategy(max_attempts=3, exponential_wait=5, wait=60))
def send_intro_mail(*, intro_id: str, kind: str) -> None:
    """Write to a visitor about their intro."""
    intro_mails.send_intro_mail(UUID(intro_id), kind)


@app.periodic(cron="29 3 * * *")
@app.task(name="schedule.forget_visitors", queue="periodic")
def forget_visitors(timestamp: int) -> None:
    """Let go who came without an account, some time after they did."""
    intro_memory.forget_visitors()
