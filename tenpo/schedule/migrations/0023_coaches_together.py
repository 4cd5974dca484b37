import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import tenpo.core.db

# Whoever teaches a session is its lead, and claims its time.
LEADS = """
    INSERT INTO schedule_sessioncoach (session_id, coach_id, place, claimed)
    SELECT id, coach_id, 0, claimed FROM schedule_session
"""
# What a session's coaches claim is its time, and moves with it, or goes with it.
FOLLOWS = """
    ALTER TABLE schedule_sessioncoach ADD CONSTRAINT session_coach_claims_what_it_takes
    FOREIGN KEY (session_id, claimed) REFERENCES schedule_session (id, claimed) ON UPDATE CASCADE
"""
# Asked when the transaction ends: a session is written before those who give it.
LEADS_ARE_COACHES = """
    ALTER TABLE schedule_session ADD CONSTRAINT session_is_led_by_one_of_its_coaches
    FOREIGN KEY (id, coach_id) REFERENCES schedule_sessioncoach (session_id, coach_id)
    DEFERRABLE INITIALLY DEFERRED
"""
NO_LEADS_ARE_COACHES = "ALTER TABLE schedule_session DROP CONSTRAINT session_is_led_by_one_of_its_coaches"
NO_FOLLOWS = "ALTER TABLE schedule_sessioncoach DROP CONSTRAINT session_coach_claims_what_it_takes"


class Migration(migrations.Migration):
    """Several coaches give a session together; each of them is in one at a time."""

    safe_because = (
        "what old code changes of a session moves its coaches' claims by itself, and is refused under the name by which it"
        " knows the refusal; a session that it would put on offer in those seconds, whose coach it does not write, is"
        " refused whole when its transaction ends, before any money is asked for"
    )
    dependencies = [
        ('orders', '0012_check_one_policy'),
        ('schedule', '0022_embeds'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='session',
            name='session_coach_never_in_two_at_once',
        ),
        migrations.AddField(
            model_name='session',
            name='claimed',
            field=models.GeneratedField(db_persist=True, expression=models.Case(models.When(status='cancelled', then=tenpo.core.db.TsTzRange('starts_at', 'starts_at', models.Value('[)'))), default=tenpo.core.db.TsTzRange(django.db.models.functions.comparison.Coalesce('busy_from', 'starts_at'), django.db.models.functions.comparison.Coalesce('busy_until', 'ends_at'), models.Value('[)'))), output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()),
        ),
        migrations.AddField(
            model_name='session',
            name='is_together',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.UniqueConstraint(fields=('id', 'claimed'), name='session_claims_one_time'),
        ),
        migrations.CreateModel(
            name='SessionCoach',
            fields=[
                ('id', models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('place', models.PositiveSmallIntegerField(default=0)),
                ('claimed', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                ('coach', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('session', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='coaches', to='schedule.session')),
            ],
            options={
                'indexes': [models.Index(fields=['coach', 'claimed'], include=('session',), name='session_coach_by_time')],
                'constraints': [
                    django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(tenpo.core.db.UuidPoint('coach'), '&&'), (models.F('claimed'), '&&')], name='session_coach_never_in_two_at_once'),
                    models.UniqueConstraint(fields=('session', 'coach'), name='session_coach_once_in_each'),
                ],
            },
        ),
        migrations.RunSQL(LEADS, migrations.RunSQL.noop),
        migrations.RunSQL(FOLLOWS, NO_FOLLOWS),
        migrations.RunSQL(LEADS_ARE_COACHES, NO_LEADS_ARE_COACHES),
    ]
