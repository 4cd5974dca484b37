"""What always holds of seats: each statement finds the rows that break its sentence."""

SEATS = {
    "a session counts the seats that its bookings take, and no more than it has": """
        SELECT s.id FROM schedule_session s
        LEFT JOIN LATERAL (
            SELECT count(*) AS seated FROM schedule_booking b
            WHERE b.session_id = s.id AND b.state IN ('offered', 'held', 'confirmed', 'attended', 'no_show')
        ) counted ON true
        WHERE s.seats_taken <> counted.seated OR counted.seated > s.capacity""",
    "nobody has a place in a session that is called off": """
        SELECT b.id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE s.status = 'cancelled' AND b.state <> 'cancelled'""",
    "nobody waits in line beside a free seat": """
        SELECT b.id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE b.state = 'waitlisted' AND s.status = 'planned' AND s.starts_at > now() AND s.seats_taken < s.capacity""",
    "a booked place is paid, a held one open, and one that is over owes nothing": """
        SELECT b.id FROM schedule_booking b JOIN orders_line l ON l.id = b.line_id
        JOIN orders_order o ON o.id = l.order_id
        WHERE (b.state IN ('confirmed', 'attended', 'no_show') AND o.state <> 'paid')
           OR (b.state = 'held' AND o.state <> 'open') OR (b.state = 'cancelled' AND o.state = 'open')""",
}
