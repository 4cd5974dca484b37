"""What was worked out of a coach's time is old once it changes; see `CoachTime`."""

from collections.abc import Collection
from uuid import UUID

from django.db import connection

from tenpo.core.models import OutboxMessage
from tenpo.people.models import User
from tenpo.schedule.models import SessionCoach

_TAKEN = """
    WITH coach AS MATERIALIZED (SELECT id FROM people_user WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE)
    INSERT INTO schedule_coachtime AS t (coach_id, version) SELECT id, 1 FROM coach ORDER BY id
    ON CONFLICT (coach_id) DO UPDATE SET version = t.version + 1"""
_FREED = """
    UPDATE schedule_coachtime SET version = version + 1 WHERE coach_id = ANY (ARRAY(
        SELECT coach_id FROM schedule_coachtime
        WHERE coach_id IN (SELECT coach_id FROM schedule_sessioncoach WHERE session_id = %s)
        ORDER BY coach_id FOR NO KEY UPDATE SKIP LOCKED))"""

_CHANGED = """
    INSERT INTO schedule_coachtime AS t (coach_id, version) VALUES (%s, 1)
    ON CONFLICT (coach_id) DO UPDATE SET version = t.version + 1"""


def lock_coach(coach: User) -> None:
    """Let one coach's new times be written one after the other, and count that they change; see `lock_coaches`."""
    if not lock_coaches([coach.pk]):
        raise User.DoesNotExist


def lock_coaches(coach_ids: Collection[UUID]) -> int:
    """Let new times of coaches be written one after the other, and count that they change; before any session's lock.

    The constraint alone would do; but two that wait for each other's row inside it are a deadlock. By their ids, in one
    statement; returns how many of them there are.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, [list(coach_ids)])
        return int(cursor.rowcount)


def count_changed(coach_id: UUID) -> None:
    """Count that a coach's time is another one, as something elsewhere says; last of all, whatever else is locked.

    Whoever holds it waits for nothing that we may have locked, so nobody waits for ever.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [coach_id])


def count_freed(session_id: UUID) -> None:
    """Count that some time of a session's coaches is free again, whatever is locked; who calls it publishes
    `session.cancelled`.

    Nobody waits for whoever holds a coach. They may give up, or be done before we are: then what is free is shown as
    soon as that event is told (`count_told`).
    """
    with connection.cursor() as cursor:
        cursor.execute(_FREED, [session_id])


def count_told(message: OutboxMessage) -> None:
    """Count once more what was freed, now that all may see it; told twice, it does no harm. Last of a consumer."""
    if message.name == "session.cancelled":
        gave_it = SessionCoach.objects.filter(session=message.subject_id).order_by("coach")
        for coach_id in gave_it.values_list("coach_id", flat=True):
            count_changed(coach_id)
