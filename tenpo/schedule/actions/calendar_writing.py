"""What is ours, written to the calendars of whoever teaches or booked it; what was changed there is never overwritten.

A calendar is brought to what it should say, whatever it says now: a job that dies, comes twice or late does no harm.
"""

from collections.abc import Collection
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import transaction

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.jobs import defer_all
from tenpo.core.models import OutboxMessage
from tenpo.core.outbox import publish
from tenpo.schedule.actions.calendars import still_held
from tenpo.schedule.calendar_models import CalendarConnection, WrittenEvent
from tenpo.schedule.calendar_queries import Ours, our_events_until, standing_after
from tenpo.schedule.calendars import kind_of
from tenpo.schedule.calendars.base import Clash, Said, Seen
from tenpo.schedule.models import Booking, SessionCoach

State = WrittenEvent.State
# Of one run; the rest is written by the next, which begins at once.
MAX_SECONDS = 120.0
FORGOTTEN_AFTER = timedelta(days=1)
WRITTEN_ON = {"session.created", "session.changed", "session.cancelled"}
BOOKED_ON = {
    "booking.confirmed", "booking.cancelled", "booking.session_cancelled", "booking.rescheduled",
    "booking.attendance_marked",
}  # fmt: skip


class Overtaken(Exception):
    """Somebody else has this calendar in hand by now, or it was switched off or let go."""


def write_calendar(held: CalendarConnection) -> bool:
    """Bring what is ours in a calendar to what it should say; False when there is more than one run can write.

    It is asked outside of any transaction, and each answer kept at once. Raises CalendarTimeout, CalendarLost,
    Overtaken.
    """
    now = clock.now()
    wanted, until = our_events_until(held.user, now=now) if held.should_hold_ours else ({}, None)
    rows = {row.uid: row for row in WrittenEvent.objects.filter(connection=held)}
    left = {uid for uid, row in rows.items() if uid not in wanted and row.ends_at > now}
    # What stands there rightly, and is only behind what is written at once: its turn comes.
    later = standing_after(held, left, until) if until and left else set()
    _look_for_changes(held, rows, wanted.keys() | later)
    gives_up_at = monotonic() + MAX_SECONDS
    for uid, row in rows.items():
        if uid in left - later:
            _take_away(held, row)
    for uid, ours in wanted.items():
        found = rows.get(uid)
        if found is None or (found.state == State.WRITTEN and found.content_hash != ours.content_hash):
            _put(held, ours, found)
        if monotonic() > gives_up_at:
            return False
    return True


def _look_for_changes(held: CalendarConnection, rows: dict[str, WrittenEvent], wanted: Collection[str]) -> None:
    """Notice what was changed or removed there since we last looked, and what was changed back."""
    looked_at = {row.reference: row for row in rows.values() if row.state != State.LEFT_OUT}
    if not looked_at:
        return
    for reference, there in kind_of(held).look(held, list(looked_at)).items():
        row = looked_at[reference]
        if there is None and row.uid not in wanted:
            _forget(held, row)
        elif (there.tag if there else "") != row.tag:
            _compare(held, row, there)


def _compare(held: CalendarConnection, row: WrittenEvent, there: Seen | None) -> None:
    """Keep what stands there now: the same as ours under another version, or what its owner has to decide about."""
    said = there.said if there else None
    tag = there.tag if there else ""
    if said == Said.of(row.ours):
        _keep(held, row.uid, state=State.WRITTEN, tag=tag, theirs=None)
    else:
        _keep(held, row.uid, state=State.CONFLICT, tag=tag, theirs=said.plain() if said else None)


def _put(held: CalendarConnection, ours: Ours, row: WrittenEvent | None) -> None:
    values: dict[str, Any] = {
        "session": ours.session, "booking": ours.booking, "ours": ours.event.said.plain(),
        "ends_at": ours.session.ends_at,
    }  # fmt: skip
    try:
        reference, tag = _stand(held, ours, row)
    except Clash as clash:
        there = kind_of(held).look(held, [clash.reference])[clash.reference]
        # Written before, by one that could not say so any more: the same event stands there.
        is_ours = there is not None and there.said == ours.event.said and row is None
        _keep(
            held, ours.event.uid, **values, reference=clash.reference, tag=there.tag if there else "",
            state=State.WRITTEN if is_ours else State.CONFLICT, content_hash="",
            theirs=None if is_ours or there is None or there.said is None else there.said.plain(),
        )  # fmt: skip
    else:
        _keep(
            held, ours.event.uid, **values, reference=reference, tag=tag, content_hash=ours.content_hash,
            state=State.WRITTEN, theirs=None,
        )  # fmt: skip


def _stand(held: CalendarConnection, ours: Ours, row: WrittenEvent | None) -> tuple[str, str]:
    """Have it stand there: what we took away and want again under the name that it had, where that is kept."""
    kind = kind_of(held)
    if row is not None:
        return kind.put(held, ours.event, reference=row.reference, tag=row.tag)
    try:
        return kind.put(held, ours.event, reference="", tag="")
    except Clash as clash:
        if kind.look(held, [clash.reference])[clash.reference] is not None:
            raise
        return kind.put(held, ours.event, reference=clash.reference, tag="")


def _take_away(held: CalendarConnection, row: WrittenEvent) -> None:
    """Remove what does not take place any more, unless somebody changed it there."""
    if row.state == State.CONFLICT:
        return
    if row.state == State.WRITTEN and row.tag:
        try:
            kind_of(held).remove(held, reference=row.reference, tag=row.tag)
        except Clash:
            _compare(held, row, kind_of(held).look(held, [row.reference])[row.reference])
            return
    _forget(held, row)


@transaction.atomic
def _keep(held: CalendarConnection, uid: str, **values: Any) -> None:
    """Write down how one event stands; its owner is told once of what differs."""
    locked = still_held(held)
    if locked is None:
        raise Overtaken
    before = WrittenEvent.objects.filter(connection=locked, uid=uid).values_list("state", flat=True).first()
    row, _is_new = WrittenEvent.objects.update_or_create(connection=locked, uid=uid, defaults=values)
    if row.state == State.CONFLICT and before != State.CONFLICT:
        record("written_event.differs", by=None, on=row, after={"ours": row.ours, "theirs": row.theirs})
        publish("calendar.differs", subject=row)


@transaction.atomic
def _forget(held: CalendarConnection, row: WrittenEvent) -> None:
    locked = still_held(held)
    if locked is None:
        raise Overtaken
    WrittenEvent.objects.filter(pk=row.pk).delete()


def queue_writing(message: OutboxMessage) -> None:
    """Have what happened written to the calendars of whoever it concerns; told twice, it does no harm."""
    if message.name in WRITTEN_ON:
        coaches = SessionCoach.objects.filter(session=message.subject_id).values_list("coach_id", flat=True)
        booked = Booking.objects.filter(session=message.subject_id).values_list("booked_by_id", "participant__user_id")
        gave_it = {message.payload["before_coach_id"]} if message.payload.get("before_coach_id") else set()
        people = {*coaches, *gave_it, *(one for pair in booked for one in pair)}
    elif message.name in BOOKED_ON:
        pairs = Booking.objects.filter(pk=message.subject_id).values_list("booked_by_id", "participant__user_id")
        people = {one for pair in pairs for one in pair}
    elif message.name == "series.created":
        people = {message.payload["coach_id"]}
    else:
        return
    _queue_for(people)


def _queue_for(people: Collection[UUID]) -> None:
    rows = CalendarConnection.objects.followed().filter(user__in=people, writes_sessions=True)
    ids = list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    if ids:
        CalendarConnection.objects.filter(pk__in=ids).update(wants_writing_at=clock.now())
        defer_all("schedule.sync_calendar", [{"connection_id": str(pk)} for pk in ids])


def forget_past_written() -> int:
    """Forget what is over: it stays in their calendar as it is; returns how many."""
    return WrittenEvent.objects.filter(ends_at__lt=clock.now() - FORGOTTEN_AFTER).delete()[0]
