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
        WHERE (state = 'attention') <> (problem <> '') OR state NOT IN ('active', 'attention', 'off', 'leaving')""",
    ),
    Invariant(
        "calendar-is-as-last-recorded",
        _("Whether a calendar is followed and takes time is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (a.object_id, key) a.object_id, key, a.after ->> key AS value
            FROM audit_auditlog a, jsonb_object_keys(a.after) key
            WHERE a.action IN ('calendar_connection.created', 'calendar_connection.changed')
              AND key IN ('state', 'blocks_time', 'writes_sessions')
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
    Invariant(
        "written-event-is-of-whose-calendar-it-is",
        _("What is written to a calendar is of whoever connected it: taught or booked by them."),
        """
        SELECT w.id, c.user_id FROM schedule_writtenevent w
        JOIN schedule_calendarconnection c ON c.id = w.connection_id JOIN schedule_session s ON s.id = w.session_id
        LEFT JOIN schedule_booking b ON b.id = w.booking_id LEFT JOIN people_participant p ON p.id = b.participant_id
        WHERE CASE WHEN b.id IS NULL THEN c.user_id NOT IN (
                SELECT t.coach_id FROM schedule_sessioncoach t WHERE t.session_id = s.id)
            ELSE b.session_id <> s.id OR c.user_id NOT IN (b.booked_by_id, coalesce(p.user_id, b.booked_by_id)) END""",
    ),
    Invariant(
        "written-event-stands-once",
        _("Each session is written once to a calendar, and says nothing else there unless its owner is asked."),
        """
        SELECT min(id::text) AS id, connection_id, uid FROM schedule_writtenevent GROUP BY connection_id, uid
        HAVING count(*) > 1 OR bool_or(theirs IS NOT NULL AND state <> 'conflict')""",
    ),
    Invariant(
        "what-changed-is-written-within-an-hour",
        _("What changed here is written to people's calendars within an hour."),
        """
        SELECT c.id, c.wants_writing_at FROM schedule_calendarconnection c JOIN people_user u ON u.id = c.user_id
        WHERE c.state = 'active' AND c.failures = 0 AND u.disabled_at IS NULL
          AND c.wants_writing_at < now() - interval '1 hour'""",
        is_about_time=True,
    ),
)
