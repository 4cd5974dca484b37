from django.db import migrations

from tenpo.core.db import CreateViews

PEER_LEARNING = {
    # What was confirmed. Whoever was forgotten since has no address and no name; the source wants one of each, so they
    # are empty. There are no courses yet, and so nothing that an intro could lead to.
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
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0011_late_money_goes_back"),
        ("schedule", "0020_intros"),
    ]

    operations = [CreateViews("peer_learning", PEER_LEARNING)]
