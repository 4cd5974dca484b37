from django.db import migrations

from tenpo.core.db import CreateViews

# Of a booking that was only asked for nothing is booked; one that is over never was.
BOOKED = "b.line_id IS NOT NULL AND NOT b.awaits_approval"
FITNESS_COACHING = {
    "Sessions": """
        SELECT s.id,
            CASE
                WHEN s.format = 'class' THEN 'CLASS' WHEN s.format = 'hybrid' THEN 'HYBRID'
                WHEN s.format = 'virtual' THEN 'VIRTUAL' ELSE 'ONE_ON_ONE'
            END AS session_type,
            s.starts_at AS start_time, s.ends_at AS end_time, s.time_zone::text AS timezone,
            nullif(s.place, '')::text AS location, nullif(s.join_link, '')::text AS join_link, s.capacity,
            s.status::text AS status
        FROM schedule_session s
        -- What nobody has said yes to is no session yet.
        WHERE NOT s.is_private OR EXISTS (
            SELECT FROM schedule_booking b WHERE b.session_id = s.id AND NOT b.awaits_approval)
    """,
    # Who stood in line, or still does; promoted since they were offered a seat.
    "WaitlistEntries": """
        SELECT b.id, b.session_id, coalesce(p.user_id, b.booked_by_id) AS customer_id, b.waitlisted_at AS joined_at,
            (SELECT min(a.created_at) FROM audit_auditlog a
             WHERE a.object_id = b.id AND a.action = 'booking.offered') AS promoted_at
        FROM schedule_booking b
        JOIN people_participant p ON p.id = b.participant_id
        JOIN schedule_session s ON s.id = b.session_id
        WHERE b.waitlisted_at IS NOT NULL AND NOT s.is_private
    """,
}
# As before, but for what was only asked for.
SESSION_PARTICIPANTS = {
    "SessionParticipants": """
        SELECT b.session_id, coalesce(p.user_id, b.booked_by_id) AS customer_id,
            CASE b.state WHEN 'waitlisted' THEN 'WAITLIST' ELSE 'PRIMARY' END AS role,
            b.state::text AS attendance_status, r.rating::int AS feedback_score
        FROM schedule_booking b
        JOIN people_participant p ON p.id = b.participant_id
        JOIN schedule_session s ON s.id = b.session_id
        LEFT JOIN schedule_sessionreview r
            ON r.session_id = b.session_id AND r.participant_id = b.participant_id AND r.side = 'participant'
            AND (s.ends_at <= now() - interval '7 days' OR EXISTS (
                SELECT FROM schedule_sessionreview other
                WHERE other.session_id = r.session_id AND other.participant_id = r.participant_id
                    AND other.side = 'coach'))
        WHERE b.state <> 'cancelled' AND NOT b.awaits_approval
    """,
}
PEER_LEARNING = {
    # Between two: of a session for several there is no one student, and no one enrollment. Rooms let in who knows them.
    "sessions": f"""
        SELECT s.id, one.enrollment_id, s.coach_id AS teacher_id, one.student_id, s.starts_at AS scheduled_start,
            s.ends_at AS scheduled_end,
            (SELECT min(a.joined_at) FROM schedule_attendance a WHERE a.session_id = s.id) AS started_at,
            (SELECT max(a.left_at) FROM schedule_attendance a WHERE a.session_id = s.id) AS ended_at,
            CASE s.status WHEN 'planned' THEN 'scheduled' ELSE s.status END::text AS status,
            NULL::text AS plugnmeet_room_id, NULL::text AS plugnmeet_room_sid,
            (SELECT min(r.link) FROM schedule_sessionresource r
             WHERE r.session_id = s.id AND r.kind = 'recording' AND r.link <> '')::text AS recording_url,
            (SELECT a.actor_id FROM audit_auditlog a WHERE a.object_id = s.id AND a.action = 'session.cancelled'
             ORDER BY a.id DESC LIMIT 1) AS cancelled_by,
            nullif(s.cancel_reason, '')::text AS cancel_reason, uuid_extract_timestamp(s.id) AS created_at
        FROM schedule_session s
        LEFT JOIN LATERAL (
            SELECT min(b.id::text)::uuid AS enrollment_id,
                min(coalesce(p.user_id, b.booked_by_id)::text)::uuid AS student_id
            FROM schedule_booking b JOIN people_participant p ON p.id = b.participant_id
            WHERE b.session_id = s.id AND {BOOKED} HAVING count(*) = 1
        ) one ON true
        WHERE s.format <> 'intro'
    """,
}
YOUTH_SPORTS = {
    # What could be booked is computed, not kept; what is here is what came of it.
    "Schedule": """
        SELECT s.id::text AS id, s.coach_id::text AS trainer_id, s.starts_at AS start_date, s.ends_at AS end_date
        FROM schedule_session s
    """,
    "Slot": f"""
        SELECT s.id::text AS id, s.id::text AS schedule_id, s.location_id::text AS "locationId",
            to_char(s.starts_at AT TIME ZONE s.time_zone, 'HH24:MI') AS start,
            to_char(s.ends_at AT TIME ZONE s.time_zone, 'HH24:MI') AS "end",
            EXISTS (
                SELECT FROM schedule_booking b
                WHERE b.session_id = s.id AND b.state IN ('confirmed', 'attended', 'no_show') AND {BOOKED}
            ) AS is_booked,
            s.status = 'cancelled' AS is_deleted
        FROM schedule_session s
    """,
    "ScheduleBooking": f"""
        SELECT b.id::text AS id, b.session_id::text AS schedule_id, b.participant_id::text AS child_id,
            b.session_id::text AS slot_id
        FROM schedule_booking b WHERE {BOOKED}
    """,
    # One for each who takes part, with what their place costs; who only asked, or waits, has none.
    "Session": f"""
        SELECT b.id::text AS id, s.coach_id::text AS trainer_id, b.participant_id::text AS child_id,
            b.booked_by_id::text AS parent_id, b.id::text AS booking_id, s.location_id::text AS location_id,
            s.starts_at AS date,
            CASE WHEN b.state = 'cancelled' THEN 'CANCELED' WHEN b.state IN ('held', 'offered') THEN 'PENDING'
                ELSE 'PAID' END AS status,
            s.capacity > 1 AS group_session, b.participant_id::text AS main_child_id, l.price::integer AS "totalPrice",
            (SELECT min(w.uid) FROM schedule_writtenevent w JOIN schedule_calendarconnection c ON c.id = w.connection_id
             WHERE w.booking_id = b.id AND c.kind = 'google')::text AS google_event_id
        FROM schedule_booking b
        JOIN schedule_session s ON s.id = b.session_id
        JOIN orders_line l ON l.id = b.line_id
        WHERE {BOOKED}
    """,
    # No sessions are bought ahead yet, so each is one.
    "SessionDetails": f"""
        SELECT b.id::text AS id, b.id::text AS session_id, 1 AS sessions_used, NULL::integer AS sessions_remaining,
            false AS "withBalance"
        FROM schedule_booking b WHERE {BOOKED}
    """,
    "SessionParticipant": f"""
        SELECT b.id::text AS id, b.id::text AS session_detail_id, b.participant_id::text AS child_id
        FROM schedule_booking b WHERE {BOOKED}
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0011_late_money_goes_back"),
        ("audit", "0002_search_words_of_actions"),
        ("orders", "0005_splits"),
        ("people", "0001_initial"),
        ("schedule", "0019_video_rooms"),
    ]
    operations = [
        CreateViews("fitness_coaching", FITNESS_COACHING),
        CreateViews("fitness_coaching", SESSION_PARTICIPANTS, replaces=SESSION_PARTICIPANTS),
        CreateViews("peer_learning", PEER_LEARNING),
        CreateViews("youth_sports", YOUTH_SPORTS),
    ]
