"""What always holds of places that were given up late, or not taken."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

MISS_INVARIANTS = (
    Invariant(
        "miss-is-of-a-place-that-was-missed",
        _("What counts as missed is a paid place that its participant gave up, or that nobody came to."),
        """
        SELECT m.id, m.kind, b.state, b.booked_by_id FROM schedule_miss m
        JOIN schedule_booking b ON b.id = m.booking_id JOIN orders_line l ON l.id = b.line_id
        WHERE m.user_id <> b.booked_by_id OR l.price = 0
           OR b.state <> CASE m.kind WHEN 'late' THEN 'cancelled' ELSE 'no_show' END""",
    ),
    Invariant(
        "forgiven-miss-costs-nothing",
        _("Of a place that was missed and costs nothing, everything went back."),
        """
        SELECT m.id, m.outcome, l.price FROM schedule_miss m
        JOIN schedule_booking b ON b.id = m.booking_id JOIN orders_line l ON l.id = b.line_id
        WHERE m.outcome IN ('grace', 'waived')
          AND l.price <> l.company_back + l.sponsor_back + l.credit_back + l.wallet_back + l.own_back""",
    ),
    Invariant(
        "grace-is-given-as-often-as-promised",
        _("No more of somebody's late cancellations and no-shows cost nothing than their policy says."),
        """
        SELECT m.id, m.user_id, m.grace, count(*) AS earlier FROM schedule_miss m
        JOIN schedule_booking b ON b.id = m.booking_id
        JOIN schedule_miss e ON e.user_id = m.user_id AND e.outcome = 'grace' AND e.id < m.id
          AND e.at > m.at - make_interval(days => (b.policy_rules ->> 'grace_days')::int)
        WHERE m.outcome = 'grace' GROUP BY m.id HAVING count(*) >= m.grace""",
    ),
    Invariant(
        "no-show-is-settled",
        _("Whoever did not come to a paid session that took place got what their policy says of it."),
        # What was booked before policies spoke of it is left as it was.
        """
        SELECT b.id, b.session_id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        JOIN orders_line l ON l.id = b.line_id
        WHERE b.state = 'no_show' AND s.status = 'completed' AND l.price > 0 AND b.policy_rules <> '{}'
          AND NOT EXISTS (SELECT FROM schedule_miss m WHERE m.booking_id = b.id)""",
    ),
    Invariant(
        "late-cancellation-is-counted",
        _("Whoever gave up a paid place late is counted once."),
        """
        SELECT b.id, l.refunded_percent FROM schedule_booking b JOIN orders_line l ON l.id = b.line_id
        WHERE b.ending = 'member' AND l.refunded_percent < 100 AND l.price > 0 AND b.policy_rules <> '{}'
          AND NOT EXISTS (SELECT FROM schedule_miss m WHERE m.booking_id = b.id AND m.kind = 'late')""",
    ),
)
