"""What always holds of those who stand in line, alone or together, and of the seats that are kept for them."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant
from tenpo.core.limits import PASSED_OVER_AT_MOST, SEATS_KEPT_UNTIL_HOURS

WAITING_INVARIANTS = (
    Invariant(
        "nobody-waits-beside-a-free-seat",
        _("Nobody waits in line beside enough free seats."),
        """
        SELECT coalesce(b.party, b.id) AS party, b.session_id, count(*) AS places, s.seats_taken, s.capacity
        FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE b.state = 'waitlisted' AND s.status = 'planned' AND s.starts_at > now()
        GROUP BY coalesce(b.party, b.id), b.session_id, s.id HAVING count(*) <= s.capacity - s.seats_taken""",
    ),
    Invariant(
        "first-come-first-served",
        _("Nobody in line is passed over for somebody who came later, but a party for which there were too few seats."),
        """
        WITH first_in_line AS (
            SELECT DISTINCT ON (session_id) id, session_id, waitlisted_at, coalesce(party, id) AS party
            FROM schedule_booking WHERE state = 'waitlisted' AND passed_over = 0
            ORDER BY session_id, waitlisted_at, coalesce(party, id))
        SELECT w.id, w.session_id, w.waitlisted_at, b.id AS served, b.waitlisted_at AS came
        FROM first_in_line w JOIN schedule_booking b ON b.session_id = w.session_id
        WHERE b.state IN ('offered', 'held', 'confirmed', 'attended', 'no_show')
          -- Who never waited has no time here: a seat that lay open is anybody's to book, and a host's to give.
          AND (b.waitlisted_at, coalesce(b.party, b.id)) > (w.waitlisted_at, w.party)""",
    ),
    Invariant(
        "party-waits-together",
        _("Those who wait together stand at one place in line, and are offered their seats until one time."),
        """
        SELECT party, count(*) AS places, array_agg(DISTINCT state) AS states FROM schedule_booking
        WHERE party IS NOT NULL AND state <> 'cancelled' GROUP BY party
        HAVING bool_or(state IN ('waitlisted', 'offered'))
           AND count(DISTINCT (session_id, booked_by_id, state, held_until, waitlisted_at, passed_over)) > 1""",
    ),
    Invariant(
        "kept-seats-are-for-a-party",
        _("Seats are kept only for a party that was passed over often enough, and needs more than are kept and open."),
        f"""
        SELECT s.id, s.seats_kept, s.seats_taken, s.capacity FROM schedule_session s
        WHERE s.seats_kept > 0 AND NOT EXISTS (
            SELECT FROM schedule_booking b
            WHERE b.session_id = s.id AND b.state = 'waitlisted' AND b.passed_over >= {PASSED_OVER_AT_MOST}
            GROUP BY b.party HAVING count(*) > s.seats_kept + s.capacity - s.seats_taken AND count(*) <= s.capacity)""",
    ),
    Invariant(
        "kept-seats-are-let-go-in-time",
        _("Seats that are kept for a party are let go some hours before the start."),
        f"""
        SELECT id, seats_kept, starts_at FROM schedule_session
        WHERE seats_kept > 0
          AND starts_at < now() + interval '{SEATS_KEPT_UNTIL_HOURS} hours' - interval '15 minutes'""",
        is_about_time=True,
    ),
)
