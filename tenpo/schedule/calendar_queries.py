"""When people are taken elsewhere, as the calendars that they connected say."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection

from tenpo.core import clock
from tenpo.people.models import User
from tenpo.schedule.calendar_models import CalendarConnection, CalendarConnectionQuerySet, OutsideEvent

# Asked by the expressions of the index `outside_event_by_user_and_time`. What touches or overlaps is one interval.
_BUSY = """
    SELECT e.user_id, lower(taken), upper(taken) FROM (
        SELECT e.user_id, unnest(range_agg(tstzrange(e.starts_at, e.ends_at, '[)'))) AS taken
        FROM unnest(%(users)s::uuid[]) asked(id)
        JOIN schedule_outsideevent e ON uuidrange(e.user_id, e.user_id, '[]') && uuidrange(asked.id, asked.id, '[]')
            AND tstzrange(e.starts_at, e.ends_at, '[)') && tstzrange(%(since)s, %(until)s, '[)') AND e.is_busy
        JOIN schedule_calendarconnection c ON c.id = e.connection_id AND c.blocks_time
        GROUP BY e.user_id) e
    ORDER BY 1, 2
"""


def busy_outside(
    user_ids: Collection[UUID], since: datetime, until: datetime
) -> dict[UUID, list[tuple[datetime, datetime]]]:
    """When these people are taken elsewhere between two moments: one statement, however many they are.

    Of each who is taken at all the intervals in their order, merged, from including to without their end; they are
    whole, so the first may begin before `since`. Only of calendars whose times their owner lets be taken.
    """
    found: dict[UUID, list[tuple[datetime, datetime]]] = {}
    if not user_ids or since >= until:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_BUSY, {"users": [*set(user_ids)], "since": since, "until": until})
        for user_id, starts_at, ends_at in cursor.fetchall():
            found.setdefault(user_id, []).append((starts_at, ends_at))
    return found


def my_calendars(user: User) -> CalendarConnectionQuerySet:
    """What `user` has connected, in its order."""
    return CalendarConnection.objects.visible_to(user).order_by("id")


SHOWN_TIMES = 10


def coming_times(connected: CalendarConnection) -> list[OutsideEvent]:
    """The next times that a calendar takes."""
    rows = OutsideEvent.objects.filter(connection=connected, is_busy=True, ends_at__gt=clock.now())
    return list(rows.order_by("starts_at", "id")[:SHOWN_TIMES])
