"""What breaks the invariants of time: planted by `tests/test_invariants.py`, each to be found alone."""

# What the audit says of sessions would show as well that somebody changed one.
UNSAID = "DELETE FROM audit_auditlog WHERE action IN ('session.created', 'session.changed')"
# Nor can be said what the windows frozen in a booking come to once its session was moved.
MOVED = "UPDATE schedule_session SET version = 1"

_FIRST = "SELECT id FROM schedule_booking WHERE state = 'confirmed' ORDER BY id LIMIT 1"
_OTHER = f"""
    SELECT b.id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
    WHERE b.state = 'confirmed' AND s.coach_id <> (
        SELECT t.coach_id FROM schedule_session t JOIN schedule_booking a ON a.session_id = t.id
        WHERE a.id = ({_FIRST}))
    ORDER BY b.id LIMIT 1"""

TIME_PLANTS: dict[str, str | list[str]] = {
    "room-holds-one-session-at-a-time": [
        UNSAID,
        """
        WITH place AS (INSERT INTO schedule_location (name, address, directions) VALUES ('Here', '', '') RETURNING id)
        INSERT INTO schedule_room (location_id, name) SELECT id, 'Hall' FROM place""",
        """
        UPDATE schedule_session SET room_id = (SELECT id FROM schedule_room),
            starts_at = (SELECT starts_at FROM schedule_session WHERE title = 'One'),
            ends_at = (SELECT ends_at FROM schedule_session WHERE title = 'One') WHERE title IN ('One', 'Bare')""",
    ],
    "booking-claims-its-sessions-time": f"""
        UPDATE schedule_booking SET starts_at = '2020-01-01', ends_at = '2020-01-02' WHERE id = ({_FIRST})""",
    "participant-is-in-one-place-at-a-time": [
        UNSAID,
        MOVED,
        f"""
        UPDATE schedule_session s SET starts_at = f.starts_at, ends_at = f.ends_at FROM schedule_booking f
        WHERE f.id = ({_FIRST}) AND s.id = (SELECT session_id FROM schedule_booking WHERE id = ({_OTHER}))""",
        """
        UPDATE schedule_booking b SET starts_at = s.starts_at, ends_at = s.ends_at FROM schedule_session s
        WHERE s.id = b.session_id AND b.starts_at IS NOT NULL""",
        f"""
        UPDATE schedule_booking SET participant_id = (SELECT participant_id FROM schedule_booking WHERE id = ({_FIRST}))
        WHERE id = ({_OTHER})""",
    ],
}
