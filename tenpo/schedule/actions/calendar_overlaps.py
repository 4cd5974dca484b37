"""Where a calendar elsewhere takes time that is taught: its owner is told once, and decides."""

from django.db import connection as database

from tenpo.core import clock
from tenpo.core.outbox import publish
from tenpo.schedule.calendar_models import CalendarConnection, CalendarOverlap
from tenpo.schedule.calendar_queries import taught_ahead

# One statement says which are new and keeps them, so that two readings at once tell each of them once.
_NEW = """
    INSERT INTO schedule_calendaroverlap (user_id, session_id, uid, recurrence_id)
    SELECT e.user_id, s.id, e.uid, e.recurrence_id
    FROM schedule_session s
    JOIN schedule_outsideevent e ON e.connection_id = %(connection)s AND e.is_busy
        AND e.starts_at < s.ends_at AND e.ends_at > s.starts_at
    WHERE s.id = ANY(%(sessions)s)
    ON CONFLICT (session_id, user_id, uid, recurrence_id) DO NOTHING
    RETURNING session_id
"""


def tell_overlaps(connection: CalendarConnection) -> int:
    """Publish `calendar.overlaps` once for all that a locked calendar takes of what its owner teaches and did not know.

    Returns in how many sessions. Nothing moves and nothing is booked otherwise: only they know which of both holds.
    """
    sessions = [session.pk for session in taught_ahead(connection.user, now=clock.now())]
    if not sessions:
        return 0
    with database.cursor() as cursor:
        cursor.execute(_NEW, {"connection": connection.pk, "sessions": sessions})
        new = {row[0] for row in cursor.fetchall()}
    if new:
        publish("calendar.overlaps", subject=connection, session_ids=sorted(str(one) for one in new))
    return len(new)


def forget_past_overlaps() -> int:
    """Drop what was told of sessions that are over; returns how many."""
    return CalendarOverlap.objects.filter(session__ends_at__lt=clock.now()).delete()[0]
