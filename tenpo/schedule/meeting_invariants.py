"""What always holds of a session itself: who was there, and what was said and kept of it."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

MEETING_INVARIANTS = (
    Invariant(
        "stay-is-of-somebody-who-has-a-place",
        _("Whoever was in a session had booked it, or teaches it."),
        """
        SELECT a.id, a.session_id, a.participant_id
        FROM schedule_attendance a
        JOIN schedule_session s ON s.id = a.session_id
        LEFT JOIN people_participant p ON p.id = a.participant_id
        LEFT JOIN schedule_booking b ON b.session_id = a.session_id AND b.participant_id = a.participant_id
        WHERE b.id IS NULL AND NOT EXISTS (
            SELECT FROM schedule_sessioncoach c WHERE c.session_id = s.id AND c.coach_id = p.user_id)""",
    ),
    Invariant(
        "nobody-is-there-twice-at-once",
        _("Nobody is in one session twice at once, nor leaves it before they came."),
        """
        SELECT id, session_id, joined_at, left_at FROM (
            SELECT id, session_id, joined_at, left_at, max(coalesce(left_at, 'infinity')) OVER (
                PARTITION BY session_id, participant_id, source ORDER BY joined_at, id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until
            FROM schedule_attendance) stays
        WHERE joined_at < busy_until OR left_at <= joined_at""",
    ),
    Invariant(
        "stay-ends-with-its-session",
        _("Nobody is in a session that is over."),
        """
        SELECT a.id, a.session_id, s.ends_at FROM schedule_attendance a JOIN schedule_session s ON s.id = a.session_id
        WHERE a.left_at IS NULL AND s.ends_at < now() - interval '1 hour'""",
        is_about_time=True,
    ),
    Invariant(
        "who-was-checked-in-did-come",
        _("Whoever was checked in is not marked as one who did not come."),
        """
        SELECT a.id, b.id AS booking_id FROM schedule_attendance a
        JOIN schedule_booking b ON b.session_id = a.session_id AND b.participant_id = a.participant_id
        WHERE a.source = 'hand' AND b.state = 'no_show'""",
    ),
    Invariant(
        "review-is-between-who-was-there",
        _("A review is between the coach who leads a session and whoever had a place in it, each of the other."),
        """
        SELECT r.id, r.side, r.author_id, r.subject_id
        FROM schedule_sessionreview r
        JOIN schedule_session s ON s.id = r.session_id
        LEFT JOIN people_participant p ON p.id = r.participant_id
        LEFT JOIN schedule_booking b ON b.session_id = r.session_id AND b.participant_id = r.participant_id
            AND b.state <> 'cancelled'
        WHERE b.id IS NULL OR r.created_at < s.ends_at
            OR CASE r.side WHEN 'coach' THEN r.author_id ELSE r.subject_id END IS DISTINCT FROM s.coach_id
            OR CASE r.side WHEN 'coach' THEN r.subject_id ELSE r.author_id END
                IS DISTINCT FROM coalesce(p.user_id, b.booked_by_id)""",
    ),
    Invariant(
        "review-is-one-of-each-side",
        _("Each side says something of the other once, from one to five."),
        """
        SELECT session_id, participant_id, side, count(*) AS times FROM schedule_sessionreview
        GROUP BY session_id, participant_id, side
        HAVING count(*) > 1 OR min(rating) < 1 OR max(rating) > 5""",
    ),
    Invariant(
        "review-is-opened-in-time",
        _("Whoever can read what was written about them is told."),
        """
        SELECT r.id, s.ends_at FROM schedule_sessionreview r JOIN schedule_session s ON s.id = r.session_id
        WHERE r.told_at IS NULL AND s.ends_at < now() - interval '7 days 2 hours'""",
        is_about_time=True,
    ),
    Invariant(
        "note-is-its-coachs",
        _("What is noted of a session is of who taught it, and of somebody who had a place in it."),
        """
        SELECT n.id, n.session_id FROM schedule_sessionnote n
        JOIN schedule_session s ON s.id = n.session_id
        LEFT JOIN schedule_booking b ON b.session_id = n.session_id AND b.participant_id = n.participant_id
        WHERE (n.author_id NOT IN (SELECT c.coach_id FROM schedule_sessioncoach c WHERE c.session_id = s.id)
                AND NOT EXISTS (
                    SELECT FROM audit_auditlog a WHERE a.object_id = s.id AND a.action = 'session.changed'
                    AND (a.before ->> 'coach_id' = n.author_id::text
                         OR jsonb_exists(a.before -> 'coach_ids', n.author_id::text))))
            OR (n.participant_id IS NOT NULL AND b.id IS NULL AND NOT EXISTS (
                SELECT FROM schedule_booking moved JOIN audit_auditlog a ON a.object_id = moved.id
                WHERE moved.participant_id = n.participant_id AND a.action = 'booking.rescheduled'
                AND a.before ->> 'session' = s.id::text))""",
    ),
    Invariant(
        "resource-is-a-file-or-a-link",
        _("What is kept with a session is a file or a link, and each file belongs to one."),
        """
        SELECT r.id, r.file_key, r.link FROM schedule_sessionresource r
        LEFT JOIN schedule_sessionresource other
            ON other.file_key = r.file_key AND other.id <> r.id AND r.file_key <> ''
        WHERE (r.link = '') = (r.file_key = '') OR (r.file_key <> '' AND r.size_bytes IS NULL)
            OR other.id IS NOT NULL""",
    ),
    Invariant(
        "stay-in-a-room-was-told",
        _("Whoever was in a video room came in when its provider told so."),
        """
        SELECT a.id, a.session_id, a.joined_at FROM schedule_attendance a
        JOIN schedule_videoroom r ON r.session_id = a.session_id
        LEFT JOIN schedule_videoroomevent e ON e.room_id = r.id AND e.kind = 'joined' AND e.at = a.joined_at
            AND e.person_ref = replace(a.participant_id::text, '-', '')
        WHERE a.source = 'room' AND e.id IS NULL""",
    ),
    Invariant(
        "video-room-is-over-after-its-session",
        _("A video room is over some hours after its session."),
        """
        SELECT r.id, s.ends_at FROM schedule_videoroom r JOIN schedule_session s ON s.id = r.session_id
        WHERE r.opened_at IS NOT NULL AND r.ended_at IS NULL AND s.ends_at < now() - interval '4 hours'""",
        is_about_time=True,
    ),
    Invariant(
        "video-room-event-counts-once",
        _("What was told of a video room counts once."),
        """
        SELECT room_id, event_id, count(*) AS times FROM schedule_videoroomevent
        GROUP BY room_id, event_id HAVING count(*) > 1""",
    ),
)
