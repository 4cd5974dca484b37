from django.db import migrations

from tenpo.core.db import CreateViews

PEER_LEARNING = {
    # Of visitors what was confirmed. Whoever was forgotten since has no address and no name; the source wants one of each, so they
    # are empty. There are no courses yet, and so nothing that an intro could lead to. Of members what they booked, and
    # whether they came to something else of that coach afterwards.
    "intro_sessions": """
        SELECT i.id, i.email::text AS visitor_email, nullif(p.name, '')::text AS visitor_name,
            i.coach_id AS student_teacher_id, NULL::uuid AS course_id, s.starts_at AS scheduled_at,
            nullif(s.join_link, '')::text AS bbb_room_url,
            CASE WHEN i.state = 'cancelled' THEN 'cancelled' WHEN i.state = 'no_show' THEN 'no_show'
                 WHEN i.state = 'attended' OR s.status = 'completed' THEN 'completed' ELSE 'scheduled' END AS status,
            (extract(epoch FROM s.ends_at - s.starts_at) / 60)::int AS duration_minutes,
            NULL::boolean AS converted_to_enrollment, i.created_at
        FROM schedule_intro i
        JOIN schedule_session s ON s.id = i.session_id
        JOIN people_participant p ON p.id = i.participant_id
        WHERE i.confirmed_at IS NOT NULL
        UNION ALL
        SELECT b.id, u.email::text AS visitor_email, p.name::text AS visitor_name, s.coach_id AS student_teacher_id,
            NULL::uuid AS course_id, s.starts_at AS scheduled_at, NULL::text AS bbb_room_url,
            CASE
                WHEN b.state = 'cancelled' THEN 'cancelled' WHEN b.state = 'no_show' THEN 'no_show'
                WHEN b.state = 'attended' OR s.status = 'completed' THEN 'completed' ELSE 'scheduled'
            END AS status,
            (extract(epoch FROM s.ends_at - s.starts_at) / 60)::integer AS duration_minutes,
            EXISTS (
                SELECT FROM schedule_booking later JOIN schedule_session t ON t.id = later.session_id
                WHERE later.participant_id = b.participant_id AND t.coach_id = s.coach_id AND t.format <> 'intro'
                    AND later.confirmed_at > b.created_at) AS converted_to_enrollment,
            b.created_at
        FROM schedule_booking b
        JOIN schedule_session s ON s.id = b.session_id AND s.format = 'intro'
        JOIN people_participant p ON p.id = b.participant_id
        JOIN people_user u ON u.id = b.booked_by_id
        WHERE b.line_id IS NOT NULL AND NOT b.awaits_approval
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0012_sessions_and_who_waits"),
        ("schedule", "0021_intros"),
    ]

    operations = [CreateViews("peer_learning", PEER_LEARNING)]
