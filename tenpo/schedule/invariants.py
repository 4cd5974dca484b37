"""What always holds of sessions, seats and those who wait."""

from tenpo.core.invariants import Invariant

INVARIANTS = (
    Invariant(
        "session-counts-its-seats",
        "A session counts the seats that its bookings take.",
        """
        WITH seated AS (
            SELECT session_id, count(*) AS seats FROM schedule_booking
            WHERE state IN ('offered', 'held', 'confirmed', 'attended', 'no_show') GROUP BY session_id)
        SELECT s.id, s.seats_taken, coalesce(b.seats, 0) AS seated
        FROM schedule_session s LEFT JOIN seated b ON b.session_id = s.id
        WHERE s.seats_taken <> coalesce(b.seats, 0)""",
    ),
    Invariant(
        "session-has-no-more-people-than-seats",
        "No session has more people than seats.",
        """
        SELECT s.id, s.capacity, count(*) AS seated
        FROM schedule_session s JOIN schedule_booking b ON b.session_id = s.id
        WHERE b.state IN ('offered', 'held', 'confirmed', 'attended', 'no_show')
        GROUP BY s.id HAVING count(*) > s.capacity""",
    ),
    Invariant(
        "cancelled-session-has-nobody",
        "Nobody has a place in a session that does not take place.",
        """
        SELECT b.id, b.state, b.session_id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE s.status = 'cancelled' AND b.state <> 'cancelled'""",
    ),
    Invariant(
        "nobody-waits-beside-a-free-seat",
        "Nobody waits in line beside a free seat.",
        """
        SELECT b.id, b.session_id, s.seats_taken, s.capacity
        FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE b.state = 'waitlisted' AND s.status = 'planned' AND s.starts_at > now() AND s.seats_taken < s.capacity""",
    ),
    Invariant(
        "booked-place-is-paid",
        "A booked place is paid, a held one is to be paid, and one that is over owes nothing.",
        """
        SELECT b.id, b.state, o.state AS order_state FROM schedule_booking b
        LEFT JOIN orders_line l ON l.id = b.line_id LEFT JOIN orders_order o ON o.id = l.order_id
        WHERE (b.state IN ('confirmed', 'attended', 'no_show') AND o.state IS DISTINCT FROM 'paid')
           OR (b.state = 'held' AND o.state IS DISTINCT FROM 'open') OR (b.state = 'cancelled' AND o.state = 'open')""",
    ),
)
