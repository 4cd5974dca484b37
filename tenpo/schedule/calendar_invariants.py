"""What always holds of calendars that people keep elsewhere."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

CALENDAR_INVARIANTS = (
    Invariant(
        "outside-time-is-of-whose-calendar-it-is",
        _("A time that is taken elsewhere is taken of whoever connected that calendar."),
        """
        SELECT e.id, e.user_id, c.user_id AS calendar_of FROM schedule_outsideevent e
        JOIN schedule_calendarconnection c ON c.id = e.connection_id WHERE c.user_id <> e.user_id""",
    ),
    Invariant(
        "outside-time-is-kept-once",
        _("Each event of a calendar elsewhere is kept once, and ends after it starts."),
        """
        SELECT min(id::text) AS id, connection_id, uid FROM schedule_outsideevent
        GROUP BY connection_id, uid, recurrence_id HAVING count(*) > 1 OR bool_or(ends_at <= starts_at)""",
    ),
    Invariant(
        "calendar-that-is-off-takes-no-time",
        _("A calendar that is switched off keeps nobody's time."),
        """
        SELECT e.id, e.connection_id FROM schedule_outsideevent e
        JOIN schedule_calendarconnection c ON c.id = e.connection_id WHERE c.state = 'off'""",
    ),
    Invariant(
        "calendar-says-what-it-needs",
        _("A calendar that needs its owner says why, and every other one needs nothing."),
        """
        SELECT id, state, problem FROM schedule_calendarconnection
        WHERE (state = 'attention') <> (problem <> '') OR state NOT IN ('active', 'attention', 'off')""",
    ),
    Invariant(
        "calendar-is-as-last-recorded",
        _("Whether a calendar is followed and takes time is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (a.object_id, key) a.object_id, key, a.after ->> key AS value
            FROM audit_auditlog a, jsonb_object_keys(a.after) key
            WHERE a.action IN ('calendar_connection.created', 'calendar_connection.changed')
              AND key IN ('state', 'blocks_time')
            ORDER BY a.object_id, key, a.id DESC)
        SELECT c.id, said.key, said.value AS recorded, to_jsonb(c) ->> said.key AS value
        FROM schedule_calendarconnection c JOIN said ON said.object_id = c.id
        WHERE to_jsonb(c) ->> said.key IS DISTINCT FROM said.value""",
    ),
    Invariant(
        "calendar-is-asked-when-it-is-due",
        _("A calendar that is followed is asked within an hour of when it is due."),
        """
        SELECT c.id, c.due_at FROM schedule_calendarconnection c JOIN people_user u ON u.id = c.user_id
        WHERE c.state IN ('active', 'attention') AND u.disabled_at IS NULL AND c.due_at < now() - interval '1 hour'""",
        is_about_time=True,
    ),
)
