"""What breaks the invariants of time: planted by `tests/test_invariants.py`, each to be found alone."""

from tenpo.people.tests.make import make_coach
from tenpo.schedule.tests.time_make import make_location, make_service, make_working_life

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

# What a session would be had it been booked as a slot.
_SLOT = """
    is_private = true, busy_from = starts_at, busy_until = ends_at, service_id = (
        SELECT id FROM schedule_service ORDER BY id LIMIT 1)"""

TIME_PLANTS: dict[str, str | list[str]] = {
    "slot-is-there-for-somebody": f"UPDATE schedule_session SET {_SLOT} WHERE title = 'Bare'",
    "slot-keeps-its-time-free": f"""
        UPDATE schedule_session SET is_private = true
        WHERE id = (SELECT session_id FROM schedule_booking WHERE id = ({_FIRST}))""",
    "request-is-not-ordered": f"UPDATE schedule_booking SET awaits_approval = true WHERE id = ({_FIRST})",
    "slot-has-no-line": f"""
        UPDATE schedule_session SET {_SLOT} WHERE id = (
            SELECT session_id FROM schedule_booking WHERE state = 'waitlisted' ORDER BY waitlisted_at LIMIT 1)""",
    "room-holds-one-session-at-a-time": [
        UNSAID,
        """
        WITH place AS (INSERT INTO schedule_location (name, address, directions) VALUES ('Here', '', '') RETURNING id)
        INSERT INTO schedule_room (location_id, name) SELECT id, 'Planted' FROM place""",
        """
        UPDATE schedule_session SET room_id = (SELECT id FROM schedule_room WHERE name = 'Planted'),
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
    "service-can-be-given": "DELETE FROM schedule_servicecoach",
    "service-has-a-price-for-one": "DELETE FROM schedule_serviceprice WHERE people = 1",
    "price-is-for-as-many-as-can-come": "UPDATE schedule_serviceprice SET people = 9 WHERE people = 2",
    "time-that-comes-back-is-one-persons": """
        UPDATE schedule_session SET is_private = false WHERE id = (
            SELECT id FROM schedule_session WHERE is_private AND series_id IS NOT NULL ORDER BY starts_at LIMIT 1)""",
    "request-of-several-is-one": """
        UPDATE schedule_booking SET held_until = held_until - interval '1 minute' WHERE id = (
            SELECT id FROM schedule_booking WHERE awaits_approval AND state = 'held' ORDER BY id LIMIT 1)""",
    "service-uses-rooms-of-its-places": "DELETE FROM schedule_service_locations",
    "service-is-offered-as-last-recorded": "UPDATE schedule_service SET is_offered = false",
    "closed-place-has-nothing-to-come": [
        UNSAID,
        """
        UPDATE schedule_session SET location_id = (SELECT id FROM schedule_location ORDER BY id LIMIT 1)
        WHERE title = 'One'""",
        "UPDATE schedule_location SET closed_at = '2020-01-01'",
    ],
    "hours-of-a-day-lie-apart": """
        INSERT INTO schedule_availability (coach_id, weekday, opens, closes)
        SELECT coach_id, weekday, closes, closes + 60 FROM schedule_availability WHERE weekday = 1""",
    "hours-lie-within-a-day": """
        UPDATE schedule_availability SET closes = 1441 WHERE weekday = 3""",
    "day-off-has-no-hours": """
        INSERT INTO schedule_availabilityexception (coach_id, day, opens, closes)
        SELECT coach_id, day, 540, 600 FROM schedule_availabilityexception WHERE opens IS NULL""",
    "coach-is-in-one-zone-on-a-day": """
        INSERT INTO schedule_travel (coach_id, starts_on, ends_on, time_zone)
        SELECT coach_id, ends_on, ends_on, 'UTC' FROM schedule_travel""",
    "time-off-has-an-end-and-another-stand-in": "UPDATE schedule_timeoff SET stand_in_id = coach_id",
}


def make_time() -> None:
    """A service with all that stands beside it, and a coach's week, day off, time off and travel."""
    coach = make_coach()
    location = make_location()
    make_service(coach, capacity=2, prices={1: 6_000, 2: 9_000}, locations=[location], rooms=list(location.rooms.all()))
    make_working_life(coach)
