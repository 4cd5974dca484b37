"""What was worked out of a coach's time is old once it changes; see `CoachTime`."""

from uuid import UUID

from django.db import connection

from tenpo.core.models import OutboxMessage
from tenpo.people.models import User
from tenpo.schedule.models import Session

_TAKEN = """
    WITH coach AS MATERIALIZED (SELECT id FROM people_user WHERE id = %s FOR NO KEY UPDATE)
    INSERT INTO schedule_coachtime AS t (coach_id, version) SELECT id, 1 FROM coach
    ON CONFLICT (coach_id) DO UPDATE SET version = t.version + 1"""
_FREED = """
    UPDATE schedule_coachtime SET version = version + 1 WHERE coach_id = (
        SELECT coach_id FROM schedule_coachtime WHERE coach_id = %s FOR NO KEY UPDATE SKIP LOCKED)"""

_CHANGED = """
    INSERT INTO schedule_coachtime AS t (coach_id, version) VALUES (%s, 1)
    ON CONFLICT (coach_id) DO UPDATE SET version = t.version + 1"""


def lock_coach(coach: User) -> None:
    """Let one coach's new times be written one after the other, and count that they change; before any session's lock.

    The constraint alone would do; but two that wait for each other's row inside it are a deadlock. One statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, [coach.pk])
        if not cursor.rowcount:
            raise User.DoesNotExist


def count_changed(coach_id: UUID) -> None:
    """Count that a coach's time is another one, as something elsewhere says; last of all, whatever else is locked.

    Whoever holds it waits for nothing that we may have locked, so nobody waits for ever.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [coach_id])


def count_freed(coach_id: UUID) -> None:
    """Count that some of a coach's time is free again, whatever is locked; who calls it publishes `session.cancelled`.

    Nobody waits for whoever holds the coach. They may give up, or be done before we are: then what is free is shown as
    soon as that event is told (`count_told`).
    """
    with connection.cursor() as cursor:
        cursor.execute(_FREED, [coach_id])


def count_told(message: OutboxMessage) -> None:
    """Count once more what was freed, now that all may see it; told twice, it does no harm. Last of a consumer."""
    if message.name == "session.cancelled":
        for coach_id in Session.objects.filter(pk=message.subject_id).values_list("coach_id", flat=True):
            count_changed(coach_id)
