from django.db import migrations

# Who had to wait was offered a seat by nobody, but by its coming free; who asked for a time, or was given a place, by somebody.
NEVER_WAITED = """
    UPDATE schedule_booking b SET waitlisted_at = NULL
    WHERE b.waitlisted_at IS NOT NULL AND b.state <> 'waitlisted' AND EXISTS (
        SELECT FROM audit_auditlog a
        WHERE a.object_id = b.id AND a.action = 'booking.offered' AND a.actor_id IS NOT NULL)
"""


class Migration(migrations.Migration):
    safe_because = "old code asks for this time of those who stand in line, and of them it stays"
    dependencies = [
        ("schedule", "0027_overlaps_told_by_session"),
        ("audit", "0002_search_words_of_actions"),
    ]
    operations = [migrations.RunSQL(NEVER_WAITED, migrations.RunSQL.noop)]
