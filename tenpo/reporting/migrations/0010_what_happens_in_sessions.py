from django.db import migrations

from tenpo.core.db import CreateViews

PEER_LEARNING = {
    # What can be read: of a review that somebody is still blind for there is nothing here either.
    "session_assessments": """
        SELECT r.id, r.session_id, r.author_id AS assessor_id, r.subject_id AS assessee_id, r.rating::int AS rating,
            nullif(r.comment, '')::text AS comment, r.created_at
        FROM schedule_sessionreview r
        JOIN schedule_session s ON s.id = r.session_id
        WHERE s.ends_at <= now() - interval '7 days' OR EXISTS (
            SELECT FROM schedule_sessionreview other
            WHERE other.session_id = r.session_id AND other.participant_id = r.participant_id AND other.side <> r.side)
    """,
    # A stay; of somebody without an account it is whoever booked for them.
    "session_attendance": """
        SELECT a.id, a.session_id,
            coalesce(p.user_id, (
                SELECT b.booked_by_id FROM schedule_booking b
                WHERE b.session_id = a.session_id AND b.participant_id = a.participant_id ORDER BY b.id DESC LIMIT 1
            )) AS user_id,
            a.joined_at, a.left_at, extract(epoch FROM a.left_at - a.joined_at)::int AS duration_seconds
        FROM schedule_attendance a
        JOIN people_participant p ON p.id = a.participant_id
    """,
    # There are no courses yet. A link lies nowhere with us.
    "session_resources": """
        SELECT r.id, r.session_id, NULL::uuid AS course_id, r.uploaded_by_id AS created_by,
            CASE r.kind WHEN 'slides' THEN 'slide' ELSE r.kind END::text AS type, r.name::text AS name,
            nullif(r.file_key, '')::text AS r2_key, r.size_bytes, nullif(r.mime_type, '')::text AS mime_type,
            r.duration_seconds, r.is_public, r.created_at
        FROM schedule_sessionresource r
    """,
}
FITNESS_COACHING = {
    # Whoever has a place or waits for one; the score is what they gave, once it can be read.
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
        WHERE b.state <> 'cancelled'
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0009_google_calendars"),
        ("people", "0001_initial"),
        ("schedule", "0016_resources"),
    ]
    operations = [
        CreateViews("peer_learning", PEER_LEARNING),
        CreateViews("fitness_coaching", FITNESS_COACHING),
    ]
