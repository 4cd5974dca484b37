from procrastinate.contrib.django import app

from tenpo.schedule import glance
from tenpo.schedule.actions import reminders, seats, sessions


@app.periodic(cron="* * * * *")
@app.task(name="schedule.release_lapsed", queue="periodic")
def release_lapsed(timestamp: int) -> None:
    """Let go the holds and offers that ran out."""
    seats.release_lapsed_everywhere()


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
