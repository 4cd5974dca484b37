"""What always holds of sessions, seats and those who wait."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant
from tenpo.schedule.calendar_invariants import CALENDAR_INVARIANTS
from tenpo.schedule.intro_invariants import INTRO_INVARIANTS
from tenpo.schedule.meeting_invariants import MEETING_INVARIANTS
from tenpo.schedule.miss_invariants import MISS_INVARIANTS
from tenpo.schedule.time_invariants import TIME_INVARIANTS
from tenpo.schedule.waiting_invariants import WAITING_INVARIANTS

INVARIANTS = (
    *TIME_INVARIANTS,
    *WAITING_INVARIANTS,
    Invariant(
        "session-counts-its-seats",
        _("A session counts the seats that its bookings take, and those that it keeps."),
        """
        WITH seated AS (
            SELECT session_id, count(*) AS seats FROM (
                SELECT session_id FROM schedule_booking
                WHERE state IN ('offered', 'held', 'confirmed', 'attended', 'no_show')
                UNION ALL SELECT session_id FROM schedule_intro WHERE state <> 'cancelled') taken
            GROUP BY session_id)
        SELECT s.id, s.seats_taken, s.seats_kept, coalesce(b.seats, 0) AS seated
        FROM schedule_session s LEFT JOIN seated b ON b.session_id = s.id
        WHERE s.seats_taken <> s.seats_kept + coalesce(b.seats, 0)""",
    ),
    Invariant(
        "session-has-no-more-people-than-seats",
        _("No session has more people than seats."),
        """
        SELECT s.id, s.capacity, count(*) AS seated
        FROM schedule_session s JOIN schedule_booking b ON b.session_id = s.id
        WHERE b.state IN ('offered', 'held', 'confirmed', 'attended', 'no_show')
        GROUP BY s.id HAVING count(*) > s.capacity""",
    ),
    Invariant(
        "cancelled-session-has-nobody",
        _("Nobody has a place in a session that does not take place."),
        """
        SELECT b.id, b.state, b.session_id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE s.status = 'cancelled' AND b.state <> 'cancelled'""",
    ),
    Invariant(
        "booked-place-is-paid",
        _("A booked place is paid, a held one is to be paid, and one that is over owes nothing."),
        """
        SELECT b.id, b.state, o.state AS order_state FROM schedule_booking b
        LEFT JOIN orders_line l ON l.id = b.line_id LEFT JOIN orders_order o ON o.id = l.order_id
        WHERE (b.state IN ('confirmed', 'attended', 'no_show') AND o.state IS DISTINCT FROM 'paid')
           OR (b.state = 'held' AND NOT b.awaits_approval AND o.state IS DISTINCT FROM 'open')
           OR (b.state = 'cancelled' AND o.state = 'open')""",
    ),
    Invariant(
        "places-of-an-order-are-held-together",
        _("The places of one order are held until one time, and all of them or none."),
        """
        SELECT l.order_id, count(*) AS places, count(*) FILTER (WHERE b.state = 'held') AS held
        FROM schedule_booking b JOIN orders_line l ON l.id = b.line_id
        WHERE l.order_id IN (SELECT h.order_id FROM schedule_booking s JOIN orders_line h ON h.id = s.line_id
                             WHERE s.state = 'held')
        GROUP BY l.order_id
        HAVING count(DISTINCT b.held_until) > 1 OR count(*) <> count(*) FILTER (WHERE b.state = 'held')""",
    ),
    Invariant(
        "guest-comes-with-their-host",
        _("A guest is booked by whoever brings them."),
        """
        SELECT b.id, b.booked_by_id, p.guest_of_id
        FROM schedule_booking b JOIN people_participant p ON p.id = b.participant_id
        WHERE p.guest_of_id <> b.booked_by_id""",
    ),
    Invariant(
        "coach-teaches-one-session-at-a-time",
        _("A coach teaches one session at a time."),
        """
        SELECT id, coach_id, starts_at, taken_until FROM (
            SELECT s.id, s.starts_at, s.busy_from, c.coach_id, max(coalesce(busy_until, ends_at)) OVER (
                PARTITION BY c.coach_id ORDER BY coalesce(busy_from, starts_at), s.id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken_until
            FROM schedule_session s JOIN schedule_sessioncoach c ON c.session_id = s.id
            WHERE status <> 'cancelled') taught
        WHERE coalesce(busy_from, starts_at) < taken_until""",
    ),
    Invariant(
        "session-is-given-by-its-coaches",
        _("Whoever leads a session stands first among its coaches, and all of them are taken while it lasts."),
        """
        SELECT s.id, s.coach_id, g.coaches FROM schedule_session s LEFT JOIN (
            SELECT session_id, array_agg(coach_id ORDER BY place, id) AS coaches,
                count(DISTINCT place) AS places, max(place) AS last, min(lower(claimed)) AS claimed_from,
                max(upper(claimed)) AS claimed_until, count(*) FILTER (WHERE isempty(claimed)) AS free
            FROM schedule_sessioncoach GROUP BY session_id) g ON g.session_id = s.id
        WHERE g.session_id IS NULL OR g.coaches[1] <> s.coach_id OR g.places <> cardinality(g.coaches)
            OR g.last <> g.places - 1 OR s.is_together <> (g.places > 1)
            OR g.free <> CASE s.status WHEN 'cancelled' THEN g.places ELSE 0 END
            OR g.claimed_from <> coalesce(s.busy_from, s.starts_at)
            OR g.claimed_until <> coalesce(s.busy_until, s.ends_at)""",
    ),
    Invariant(
        "room-holds-one-session-at-a-time",
        _("A room holds one session at a time."),
        """
        SELECT id, room_id, starts_at, taken_until FROM (
            SELECT s.*, max(coalesce(busy_until, ends_at)) OVER (
                PARTITION BY room_id ORDER BY coalesce(busy_from, starts_at), id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken_until
            FROM schedule_session s WHERE status <> 'cancelled' AND room_id IS NOT NULL) used
        WHERE coalesce(busy_from, starts_at) < taken_until""",
    ),
    Invariant(
        "participant-is-in-one-place-at-a-time",
        _("A participant is in one place at a time, but where a session was moved to another one of theirs."),
        """
        SELECT id, participant_id, starts_at, taken_until FROM (
            SELECT b.*, max(ends_at) OVER (
                PARTITION BY participant_id ORDER BY starts_at, id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken_until
            FROM schedule_booking b
            WHERE state IN ('held', 'confirmed', 'attended', 'no_show') AND starts_at IS NOT NULL) booked
        WHERE starts_at < taken_until""",
    ),
    Invariant(
        "booking-claims-its-sessions-time",
        _("A booking claims the time of its session, or none."),
        """
        SELECT b.id, b.starts_at, b.ends_at, s.starts_at AS session_starts_at, s.ends_at AS session_ends_at
        FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE b.state IN ('held', 'confirmed', 'attended', 'no_show') AND b.starts_at IS NOT NULL
          AND (b.starts_at, b.ends_at) IS DISTINCT FROM (s.starts_at, s.ends_at)""",
    ),
    Invariant(
        "session-ends-after-it-starts",
        _("A session ends after it starts."),
        "SELECT id, starts_at, ends_at FROM schedule_session WHERE ends_at <= starts_at",
    ),
    Invariant(
        "session-is-cancelled-at-a-time",
        _("A session that does not take place was called off at a time."),
        """
        SELECT id, status, cancelled_at FROM schedule_session
        WHERE (status = 'cancelled') <> (cancelled_at IS NOT NULL)
           OR status NOT IN ('planned', 'cancelled', 'completed')""",
    ),
    Invariant(
        "session-that-took-place-is-earned",
        _("Who earns by a session has earned when it has taken place, and not before."),
        """
        SELECT sp.id, s.id AS session, s.status, sp.earned_at FROM orders_split sp
        JOIN orders_line l ON l.id = sp.line_id AND l.kind = 'session' JOIN orders_order o ON o.id = l.order_id
        JOIN schedule_session s ON s.id = l.subject_id
        WHERE sp.part <> 'business'
          AND (s.status = 'completed' AND o.state = 'paid') <> (sp.earned_at IS NOT NULL)""",
    ),
    Invariant(
        "whoever-earns-gives-it",
        _("Who is to earn by a session gives it."),
        """
        SELECT sp.id, s.id AS session, sp.recipient_id FROM orders_split sp
        JOIN orders_line l ON l.id = sp.line_id AND l.kind = 'session' JOIN orders_order o ON o.id = l.order_id
        JOIN schedule_session s ON s.id = l.subject_id
        WHERE sp.part IN ('creator', 'teacher') AND sp.earned_at IS NULL AND sp.reversed < sp.amount
          AND o.state <> 'void' AND sp.recipient_id <> o.buyer_id AND NOT EXISTS (
            SELECT FROM schedule_sessioncoach c WHERE c.session_id = s.id AND c.coach_id = sp.recipient_id)""",
    ),
    Invariant(
        "royalty-goes-to-who-made-it",
        _("Who is to earn a royalty of a session made it and does not give it; else who gives it earns all."),
        """
        SELECT sp.id, sp.part, sp.recipient_id, s.id AS session, s.creator_id FROM orders_split sp
        JOIN orders_line l ON l.id = sp.line_id AND l.kind = 'session' JOIN orders_order o ON o.id = l.order_id
        JOIN (
            SELECT s.id, s.creator_id, s.creator_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM schedule_sessioncoach c WHERE c.session_id = s.id AND c.coach_id = s.creator_id
            ) AS is_by_other FROM schedule_session s) s ON s.id = l.subject_id
        WHERE sp.earned_at IS NULL AND sp.reversed < sp.amount AND o.state <> 'void' AND CASE sp.part
            WHEN 'royalty' THEN NOT s.is_by_other OR sp.recipient_id <> s.creator_id
            WHEN 'teacher' THEN NOT s.is_by_other WHEN 'creator' THEN s.is_by_other ELSE false END""",
    ),
    Invariant(
        "nobody-earns-of-what-they-bought",
        _("Nobody earns of what they bought, nor of their own place."),
        """
        SELECT sp.id, sp.part, sp.recipient_id FROM orders_split sp
        JOIN orders_line l ON l.id = sp.line_id JOIN orders_order o ON o.id = l.order_id
        LEFT JOIN schedule_booking b ON b.line_id = l.id LEFT JOIN people_participant p ON p.id = b.participant_id
        WHERE sp.recipient_id IN (o.buyer_id, p.user_id)""",
    ),
    Invariant(
        "past-session-is-completed",
        _("A session is completed within some hours of the day after it."),
        """
        SELECT id, ends_at FROM schedule_session
        WHERE status = 'planned' AND ends_at < now() - interval '1 day 4 hours'""",
        is_about_time=True,
    ),
    Invariant(
        "session-of-a-series-is-its-coachs",
        _("A session of a series is taught by the series' coach, or by somebody who stands in for them."),
        """
        SELECT s.id, s.coach_id, r.coach_id AS series_coach
        FROM schedule_session s JOIN schedule_series r ON r.id = s.series_id WHERE s.coach_id <> r.coach_id
          AND NOT EXISTS (SELECT FROM schedule_sessioncoach c
            WHERE c.session_id = s.id AND c.coach_id = s.coach_id AND c.stands_in_for_id = r.coach_id)""",
    ),
    Invariant(
        "session-is-as-last-recorded",
        _("When and for how much a session is, and for how many, is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (a.object_id, key) a.object_id, key, a.after ->> key AS value
            FROM audit_auditlog a, jsonb_object_keys(a.after) key
            WHERE a.action IN ('session.created', 'session.changed')
              AND key IN ('title', 'starts_at', 'ends_at', 'time_zone', 'place', 'capacity', 'price')
            ORDER BY a.object_id, key, a.id DESC)
        SELECT s.id, said.key, said.value AS recorded, to_jsonb(s) ->> said.key AS value
        FROM said JOIN schedule_session s ON s.id = said.object_id
        WHERE CASE WHEN said.key IN ('starts_at', 'ends_at')
            THEN said.value::timestamptz <> (to_jsonb(s) ->> said.key)::timestamptz
            ELSE said.value IS DISTINCT FROM to_jsonb(s) ->> said.key END""",
    ),
    Invariant(
        "session-takes-place-as-last-recorded",
        _("Whether a session takes place is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, action FROM audit_auditlog
            WHERE action IN ('session.cancelled', 'session.completed') ORDER BY object_id, id DESC)
        SELECT s.id, s.status, said.action FROM schedule_session s LEFT JOIN said ON said.object_id = s.id
        WHERE (said.action IS NOT NULL OR s.status <> 'planned')
          AND 'session.' || s.status IS DISTINCT FROM said.action""",
    ),
    Invariant(
        "slot-is-there-for-somebody",
        _("A session that was booked as a slot goes with the last who had booked it."),
        """
        SELECT s.id, s.status FROM schedule_session s
        WHERE s.is_private AND s.status = 'planned' AND NOT EXISTS (
            SELECT FROM schedule_booking b WHERE b.session_id = s.id AND b.state <> 'cancelled')
          AND NOT EXISTS (SELECT FROM schedule_intro i WHERE i.session_id = s.id AND i.state <> 'cancelled')""",
    ),
    Invariant(
        "slot-keeps-its-time-free",
        _("A session that was booked as a slot says from when until when its coach and its room are taken."),
        """
        SELECT id, starts_at, ends_at, busy_from, busy_until FROM schedule_session
        WHERE is_private AND (service_id IS NULL OR busy_from IS NULL OR busy_until IS NULL
            OR busy_from > starts_at OR busy_until < ends_at)""",
    ),
    Invariant(
        "request-of-several-is-one",
        _("Those for whom a time was asked for together wait until one time, all of them or none."),
        """
        SELECT session_id FROM schedule_booking WHERE awaits_approval GROUP BY session_id
        HAVING count(DISTINCT held_until) > 1 OR count(DISTINCT state) > 1 OR count(DISTINCT booked_by_id) > 1""",
    ),
    Invariant(
        "request-is-not-ordered",
        _("What waits for its coach's yes is held, and nothing of it is ordered."),
        """
        SELECT id, state, line_id FROM schedule_booking
        WHERE awaits_approval AND (state NOT IN ('held', 'cancelled') OR line_id IS NOT NULL)""",
    ),
    Invariant(
        "slot-has-no-line",
        _("Nobody stands in line for what somebody booked as a slot."),
        """
        SELECT b.id, b.state, b.session_id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE s.is_private AND b.state = 'waitlisted'""",
    ),
    Invariant(
        "participant-has-one-live-place",
        _("Somebody has one place in a session at a time."),
        """
        SELECT session_id, participant_id, count(*) AS places FROM schedule_booking WHERE state <> 'cancelled'
        GROUP BY session_id, participant_id HAVING count(*) > 1""",
    ),
    Invariant(
        "booking-is-in-a-state-that-holds-together",
        _("A held or offered place has an end, a booked one a time, a cancelled one an ending, one in line its turn."),
        """
        SELECT id, state, held_until, confirmed_at, cancelled_at, ending, waitlisted_at FROM schedule_booking
        WHERE (state IN ('held', 'offered')) <> (held_until IS NOT NULL)
           OR (state IN ('confirmed', 'attended', 'no_show') AND confirmed_at IS NULL)
           OR (state = 'cancelled') <> (cancelled_at IS NOT NULL) OR (state = 'cancelled') <> (ending <> '')
           OR (state = 'waitlisted' AND waitlisted_at IS NULL)
           OR state NOT IN ('waitlisted', 'offered', 'held', 'confirmed', 'attended', 'no_show', 'cancelled')""",
    ),
    Invariant(
        "hold-ends-before-the-session",
        _("No hold and no offer lasts longer than until the session starts."),
        """
        SELECT b.id, b.state, b.held_until, s.starts_at
        FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id WHERE b.held_until > s.starts_at""",
    ),
    Invariant(
        "lapsed-hold-is-let-go",
        _("A hold or an offer that ran out is let go within minutes."),
        """
        SELECT id, state, held_until FROM schedule_booking
        WHERE state IN ('held', 'offered') AND held_until < now() - interval '15 minutes'""",
        is_about_time=True,
    ),
    Invariant(
        "attendance-is-of-a-session-that-began",
        _("Nobody came to, or stayed away from, a session that is still to come."),
        """
        SELECT b.id, b.state, s.starts_at FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE b.state IN ('attended', 'no_show') AND s.starts_at > now() + interval '1 minute'""",
    ),
    Invariant(
        "booking-keeps-its-cancellation-windows",
        _("Whatever was ordered keeps the cancellation windows that held then."),
        """
        SELECT id, state, policy FROM schedule_booking
        WHERE line_id IS NOT NULL AND CASE jsonb_typeof(policy)
            WHEN 'array' THEN jsonb_array_length(policy) = 0 ELSE true END""",
    ),
    Invariant(
        "booking-is-of-what-was-ordered",
        _("What was ordered is a place in this session, for whoever booked it."),
        """
        SELECT b.id, b.session_id, l.subject_id, b.booked_by_id, o.buyer_id FROM schedule_booking b
        JOIN orders_line l ON l.id = b.line_id JOIN orders_order o ON o.id = l.order_id
        WHERE l.kind <> 'session' OR l.subject_id <> b.session_id OR o.buyer_id <> b.booked_by_id""",
    ),
    Invariant(
        "ordered-place-is-booked",
        _("Whoever ordered a place in a session has a booking of it."),
        """
        SELECT l.id, l.order_id, l.subject_id FROM orders_line l
        WHERE l.kind = 'session' AND NOT EXISTS (SELECT FROM schedule_booking b WHERE b.line_id = l.id)""",
    ),
    Invariant(
        "cancelled-booking-is-settled",
        _("Of a paid place that was given up it is decided what comes back, and of no other."),
        """
        SELECT b.id, b.state, l.refunded_percent FROM schedule_booking b
        JOIN orders_line l ON l.id = b.line_id JOIN orders_order o ON o.id = l.order_id
        WHERE (b.state = 'cancelled' AND o.state = 'paid') <> (l.refunded_percent IS NOT NULL)""",
    ),
    Invariant(
        "host-gives-everything-back",
        _("When the host cancels, everything comes back."),
        """
        SELECT b.id, b.ending, l.refunded_percent FROM schedule_booking b JOIN orders_line l ON l.id = b.line_id
        WHERE b.ending = 'host' AND l.refunded_percent < 100""",
    ),
    Invariant(
        "cancellation-follows-the-frozen-windows",
        _("Whoever gives up a place gets back what the policy frozen in their booking says, or all once it was moved."),
        # Of a session that was moved since it was given up, it cannot be said any more.
        """
        SELECT b.id, l.refunded_percent, due.percent FROM schedule_booking b
        JOIN schedule_session s ON s.id = b.session_id JOIN orders_line l ON l.id = b.line_id
        LEFT JOIN schedule_miss m ON m.booking_id = b.id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN b.moved_at IS NOT NULL OR m.outcome IN ('grace', 'waived') THEN 100 ELSE coalesce((
                SELECT least((w."window" ->> 'percent')::int, (b.policy_rules ->> 'most')::int)
                FROM jsonb_array_elements(b.policy) WITH ORDINALITY AS w ("window", place)
                WHERE l.refunded_at <= s.starts_at - make_interval(hours => (w."window" ->> 'hours_before')::int)
                ORDER BY w.place LIMIT 1), 0) END AS percent) due
        WHERE b.ending = 'member' AND (b.moved_at IS NOT NULL OR s.version = 0)
          AND l.refunded_percent <> due.percent""",
    ),
    Invariant(
        "booking-is-as-last-recorded",
        _("The state of a booking is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, CASE action
                WHEN 'booking.attendance_marked' THEN after ->> 'state'
                WHEN 'booking.lapsed' THEN 'cancelled' ELSE split_part(action, '.', 2) END AS state
            FROM audit_auditlog
            WHERE action IN ('booking.waitlisted', 'booking.offered', 'booking.held', 'booking.confirmed',
                'booking.cancelled', 'booking.lapsed', 'booking.attendance_marked')
            ORDER BY object_id, id DESC)
        SELECT b.id, b.state, said.state AS recorded
        FROM schedule_booking b LEFT JOIN said ON said.object_id = b.id WHERE b.state IS DISTINCT FROM said.state""",
    ),
    *INTRO_INVARIANTS,
    *MISS_INVARIANTS,
    *MEETING_INVARIANTS,
    *CALENDAR_INVARIANTS,
)
