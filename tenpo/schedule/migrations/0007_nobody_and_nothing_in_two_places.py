import django.contrib.postgres.constraints
import django.db.models.functions.comparison
from django.db import migrations, models

import tenpo.core.db

# Whoever has two places at one time keeps both: neither claims the time.
CLAIM = """
    UPDATE schedule_booking b SET starts_at = s.starts_at, ends_at = s.ends_at
    FROM schedule_session s
    WHERE s.id = b.session_id AND b.state IN ('held', 'confirmed') AND s.status = 'planned' AND s.ends_at > now()
      AND NOT EXISTS (
        SELECT FROM schedule_booking o JOIN schedule_session t ON t.id = o.session_id
        WHERE o.participant_id = b.participant_id AND o.id <> b.id AND o.state IN ('held', 'confirmed')
          AND t.status = 'planned' AND t.starts_at < s.ends_at AND s.starts_at < t.ends_at)
"""


class Migration(migrations.Migration):
    """A coach, a room and a participant are in one place at a time, with the time before and after a session."""

    safe_because = (
        "what old code writes keeps to it: its sessions have no time before and after and no room, its bookings claim no"
        " time; and a refusal is still known by how its constraint's name begins"
    )
    dependencies = [("schedule", "0006_sessions_of_services")]

    operations = [
        migrations.RunSQL(CLAIM, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name='session',
            name='session_coach_never_in_two',
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('starts_at__isnull', False), ('state__in', ['held', 'confirmed', 'attended', 'no_show'])), expressions=[(tenpo.core.db.UuidPoint('participant'), '&&'), (tenpo.core.db.TsTzRange('starts_at', 'ends_at', models.Value('[)')), '&&')], name='booking_participant_never_in_two_at_once'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('status', 'cancelled'), _negated=True), expressions=[(tenpo.core.db.UuidPoint('coach'), '&&'), (tenpo.core.db.TsTzRange(django.db.models.functions.comparison.Coalesce('busy_from', 'starts_at'), django.db.models.functions.comparison.Coalesce('busy_until', 'ends_at'), models.Value('[)')), '&&')], name='session_coach_never_in_two_at_once'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(models.Q(('status', 'cancelled'), _negated=True), ('room__isnull', False)), expressions=[(tenpo.core.db.UuidPoint('room'), '&&'), (tenpo.core.db.TsTzRange(django.db.models.functions.comparison.Coalesce('busy_from', 'starts_at'), django.db.models.functions.comparison.Coalesce('busy_until', 'ends_at'), models.Value('[)')), '&&')], name='session_room_never_in_two_at_once'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('busy_from', None), ('busy_until', None)), models.Q(('busy_from__lte', models.F('starts_at')), ('busy_until__gte', models.F('ends_at'))), _connector='OR'), name='session_is_within_its_busy_time'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(('is_private', False), ('service__isnull', False), _connector='OR'), name='session_booked_as_a_slot_has_a_service'),
        ),
    ]
