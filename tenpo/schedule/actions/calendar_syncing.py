"""What calendars elsewhere say, read by a job and kept as the times at which somebody is taken."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.jobs import defer, defer_all
from tenpo.core.limits import CALENDAR_SILENT_HOURS
from tenpo.core.outbox import publish
from tenpo.schedule.actions.calendar_overlaps import tell_overlaps
from tenpo.schedule.actions.calendar_writing import Overtaken, write_calendar
from tenpo.schedule.actions.calendars import end_connection, still_held
from tenpo.schedule.actions.coach_time import count_changed
from tenpo.schedule.availability_queries import zone_of
from tenpo.schedule.calendar_models import MAX_TOKEN, CalendarConnection, OutsideEvent, WrittenEvent
from tenpo.schedule.calendars import kind_of
from tenpo.schedule.calendars.base import CalendarLost, CalendarTimeout, Reading
from tenpo.schedule.calendars.busy_reading import DAYS_AHEAD, BusyTime
from tenpo.schedule.calendars.feed import file_reading
from tenpo.schedule.ical import is_ours

State, Problem = CalendarConnection.State, CalendarConnection.Problem
READ_EVERY = timedelta(minutes=15)
# What repeats is written out so far ahead, and again when so much of that is left.
AHEAD, AT_LEAST = timedelta(days=DAYS_AHEAD), timedelta(days=DAYS_AHEAD - 20)
# Longer than a reading may take. Whoever is asked later asks the same again, which changes nothing.
HELD = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=6)
# After so long without an answer its owner is told.
SILENT = timedelta(hours=CALENDAR_SILENT_HOURS)
FORGOTTEN_AFTER = timedelta(days=1)

log = structlog.get_logger()


def sync_calendar(connection: CalendarConnection) -> bool:
    """Ask one calendar what it says, and keep it; whether something is known now that was not.

    Nothing happens while somebody else asks it, or when it is switched off. It is asked outside of any transaction.
    """
    held = _hold(connection.pk)
    if held is None:
        return False
    now = clock.now()
    until = now + AHEAD
    zone = zone_of(held.user)
    # Its whole days are others where its owner has moved to another clock since.
    anew = held.expanded_until is None or held.expanded_until < now + AT_LEAST or held.time_zone != zone
    held.time_zone = zone
    try:
        has_written_all = not kind_of(held).writes or write_calendar(held)
        if held.state == State.LEAVING and has_written_all:
            return end_connection(held)
        reading = kind_of(held).read(held, now=now, until=until, anew=anew)
    except Overtaken:
        return False
    except CalendarTimeout as error:
        note_failure(held, Problem.NO_ANSWER, retry_after=error.retry_after)
        return False
    except CalendarLost as error:
        note_failure(held, error.problem)
        return False
    return take_reading(held, reading, until=until, began_at=now if has_written_all else None)


@transaction.atomic
def take_reading(
    connection: CalendarConnection, reading: Reading | None, *, until: datetime, began_at: datetime | None = None
) -> bool:
    """Keep what a calendar says (None: the same as before); whether anything changed. Taking it twice changes nothing.

    Left alone when it was switched off, let go or taken over by another since it was asked. What of ours changed since
    `began_at` is still to be written.
    """
    locked = still_held(connection)
    if locked is None:
        return False
    if locked.state == State.LEAVING:
        locked.held_until = None
        locked.save(update_fields=["held_until"])
        defer("schedule.sync_calendar", connection_id=str(locked.pk))
        return False
    now = clock.now()
    changed = _replace_times(locked, reading) if reading is not None else Changed()
    if reading is not None:
        # One that nobody could keep is none: the next reading is a whole one.
        locked.sync_token = reading.sync_token if len(reading.sync_token) <= MAX_TOKEN else ""
        if reading.is_whole:
            locked.expanded_until, locked.unread_events = until, reading.unread
            locked.time_zone = connection.time_zone
    before, locked.state, locked.problem = locked.state, State.ACTIVE, ""
    locked.synced_at, locked.due_at, locked.held_until = now, now + READ_EVERY, None
    locked.failing_at, locked.failures = None, 0
    if locked.wants_writing_at is not None and began_at is not None and locked.wants_writing_at <= began_at:
        locked.wants_writing_at = None
    locked.save(
        update_fields=[
            "sync_token", "expanded_until", "unread_events", "state", "problem", "synced_at", "due_at", "failing_at",
            "failures", "held_until", "wants_writing_at", "time_zone",
        ]
    )  # fmt: skip
    if locked.wants_writing_at is not None:
        defer("schedule.sync_calendar", connection_id=str(locked.pk))
    if before != locked.state:
        record(
            "calendar_connection.changed", by=None, on=locked,
            before={"state": before}, after={"state": locked.state},
        )  # fmt: skip
    if locked.blocks_time:
        tell_overlaps(locked)
        # Last of all, as whoever calls off a session counts after they locked it.
        if changed.is_busy:
            count_changed(locked.user_id)
    return bool(changed.rows)


def take_calendar_file(connection: CalendarConnection, content: bytes) -> bool:
    """Keep what a calendar's file says, however it was fetched; raises CalendarLost when it is none."""
    now = clock.now()
    connection.time_zone = zone_of(connection.user)
    reading = file_reading(content, connection, now=now, until=now + AHEAD)
    return take_reading(connection, reading, until=now + AHEAD)


@transaction.atomic
def note_failure(connection: CalendarConnection, problem: str, *, retry_after: int = 0) -> None:
    """Write down that a calendar could not be read, and when to ask it again: later each time.

    What it said before stays: whom it kept from being booked, it still does. Its owner is told once when it has given
    no answer for long, and at once of what only they can mend; that stays said until it is read again, also where it
    gives no answer meanwhile.
    """
    locked = still_held(connection)
    if locked is None:
        return
    now = clock.now()
    locked.failing_at = locked.failing_at or now
    is_lost = problem != Problem.NO_ANSWER or now - locked.failing_at >= SILENT
    if locked.state == State.LEAVING and is_lost:
        end_connection(connection)
        return
    locked.failures = min(locked.failures + 1, 99)
    wait = min(READ_EVERY * 2 ** min(locked.failures - 1, 8), LONGEST_WAIT)
    locked.due_at = now + max(wait, min(timedelta(seconds=retry_after), LONGEST_WAIT * 4))
    locked.held_until = None
    before, was_silent = locked.state, locked.is_silent
    is_known = locked.state == State.ATTENTION and problem == Problem.NO_ANSWER
    if is_lost and not is_known:
        locked.state, locked.problem = State.ATTENTION, problem
    locked.save(update_fields=["failing_at", "failures", "due_at", "held_until", "state", "problem"])
    log.info("calendar_not_read", connection_id=str(locked.pk), problem=problem, failures=locked.failures)
    if before != locked.state:
        after = {"state": locked.state}
        record("calendar_connection.changed", by=None, on=locked, before={"state": before}, after=after)
    # Who was told that it gives no answer does not know yet that it now lets nobody in.
    if before != locked.state or (was_silent and not locked.is_silent):
        publish("calendar.needs_attention", subject=locked, problem=problem)


def queue_due_calendars(limit: int = 200) -> int:
    """Queue a job for each calendar that is to be asked again, those that wait longest first; returns how many.

    A job that dies leaves its calendar due again after a while.
    """
    now = clock.now()
    due = CalendarConnection.objects.asked().filter(due_at__lte=now, user__disabled_at=None)
    with transaction.atomic():
        ids = list(
            due.order_by("due_at", "id").select_for_update(skip_locked=True, no_key=True, of=("self",))
            .values_list("pk", flat=True)[:limit]
        )  # fmt: skip
        CalendarConnection.objects.filter(pk__in=ids).update(due_at=now + READ_EVERY)
        defer_all("schedule.sync_calendar", [{"connection_id": str(pk)} for pk in ids])
    return len(ids)


def forget_past_events() -> int:
    """Drop the times that are over; returns how many."""
    return OutsideEvent.objects.filter(ends_at__lt=clock.now() - FORGOTTEN_AFTER).delete()[0]


def _hold(connection_id: UUID) -> CalendarConnection | None:
    """Take a connection in hand, for as long as one reading takes: one statement, so only one has it."""
    now = clock.now()
    free = CalendarConnection.objects.asked().filter(Q(held_until=None) | Q(held_until__lt=now))
    taken = free.filter(pk=connection_id, user__disabled_at=None).update(held_until=now + HELD)
    rows = CalendarConnection.objects.select_related("user")
    return rows.filter(pk=connection_id).first() if taken else None


@dataclass
class Changed:
    """How many of the kept times were written or removed, and whether somebody is taken at other times than before."""

    rows: int = 0
    is_busy: bool = False


def _replace_times(connection: CalendarConnection, reading: Reading) -> Changed:
    """Bring the kept times to what was read. What is the same stays as it is."""
    kept = OutsideEvent.objects.filter(connection=connection)
    if not reading.is_whole:
        kept = kept.filter(href__in=reading.parts)
    now = clock.now()
    written = _written_at_google(connection)
    said = {
        (time.uid, time.recurrence_id): time
        for time in reading.times
        # Of ours that come back from there, our own table says more.
        if time.ends_at > now and not is_ours(time.uid) and time.uid not in written
    }
    gone: list[UUID] = []
    was_there: set[tuple[str, str]] = set()
    changed = Changed()
    for event in kept:
        key = (event.uid, event.recurrence_id)
        time = said.get(key)
        changed.is_busy |= _taken(event) != _taken(time)
        if time is None:
            gone.append(event.pk)
        elif _is_same(event, time):
            del said[key]
        else:
            was_there.add(key)
    OutsideEvent.objects.filter(pk__in=gone).delete()
    fields = ("href", "etag", "starts_at", "ends_at", "is_busy")
    OutsideEvent.objects.bulk_create(
        [
            OutsideEvent(
                connection=connection, user=connection.user, uid=uid, recurrence_id=which,
                **{name: getattr(time, name) for name in fields},
            )
            for (uid, which), time in said.items()
        ],
        update_conflicts=True, unique_fields=["connection", "uid", "recurrence_id"], update_fields=[*fields],
    )  # fmt: skip
    changed.rows = len(gone) + len(said)
    changed.is_busy |= any(_taken(time) for key, time in said.items() if key not in was_there)
    return changed


def _taken(time: OutsideEvent | BusyTime | None) -> tuple[datetime, datetime] | None:
    """What of its owner's time it takes."""
    return (time.starts_at, time.ends_at) if time is not None and time.is_busy else None


def _written_at_google(connection: CalendarConnection) -> set[str]:
    """What Google calls our own events where it gives a calendar out as a file."""
    rows = WrittenEvent.objects.filter(connection__user=connection.user_id, connection__kind="google")
    return {f"{name}@google.com" for name in rows.values_list("reference", flat=True)}


def _is_same(event: OutsideEvent, time: BusyTime) -> bool:
    return all(
        getattr(event, name) == getattr(time, name) for name in ("href", "etag", "starts_at", "ends_at", "is_busy")
    )
