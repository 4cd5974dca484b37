"""Where a calendar elsewhere takes time that is taught: its owner is told once, and decides."""

from django.db import connection as database

from tenpo.core import clock
from tenpo.core.outbox import publish
from tenpo.schedule.calendar_models import CalendarConnection, CalendarOverlap
from tenpo.schedule.calendar_queries import taught_ahead

# One statement says which are new and keeps them, so that two readings at once tell each of them once. One row for each
# session, whatever a calendar says and however it calls it: what is elsewhere can say other things with each reading.
_NEW = """
    INSERT INTO schedule_calendaroverlap AS told (user_id, session_id, starts_at)
    SELECT %(user)s, s.id, s.starts_at
    FROM schedule_session s
    WHERE s.id = ANY(%(sessions)s) AND EXISTS (
        SELECT FROM schedule_outsideevent e WHERE e.connection_id = %(connection)s AND e.is_busy
          AND e.starts_at < s.ends_at AND e.ends_at > s.starts_at)
    ORDER BY s.id
    ON CONFLICT (session_id, user_id) DO UPDATE SET starts_at = EXCLUDED.starts_at
      WHERE told.starts_at <> EXCLUDED.starts_at
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
        cursor.execute(_NEW, {"connection": connection.pk, "user": connection.user_id, "sessions": sessions})
        new = {row[0] for row in cursor.fetchall()}
    if new:
        publish("calendar.overlaps", subject=connection, session_ids=sorted(str(one) for one in new))
    return len(new)


def forget_past_overlaps() -> int:
    """Drop what was told of sessions that are over; returns how many."""
    return CalendarOverlap.objects.filter(session__ends_at__lt=clock.now()).delete()[0]
