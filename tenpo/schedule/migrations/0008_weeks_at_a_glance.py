import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

# A coach without a row would not be known to have more time again.
COUNTED = """
    INSERT INTO schedule_coachtime (coach_id, version)
    SELECT DISTINCT coach_id, 1 FROM schedule_session
"""


class Migration(migrations.Migration):

    safe_because = (
        "old code works nothing out; what it changes meanwhile is seen at a glance with the coach's next change, and exactly"
        " as ever when a day is looked at"
    )

    dependencies = [
        ('people', '0005_no_index_twice'),
        ('schedule', '0007_nobody_and_nothing_in_two_places'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CoachTime',
            fields=[
                ('coach', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('version', models.BigIntegerField(default=1)),
            ],
        ),
        migrations.CreateModel(
            name='CoachWeek',
            fields=[
                ('id', models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('week', models.IntegerField()),
                ('version', models.BigIntegerField()),
                ('time_zone', models.CharField(max_length=64)),
                ('first', models.BinaryField()),
                ('open', models.BinaryField()),
                ('there', models.BinaryField()),
                ('free', models.BinaryField()),
                ('coach', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('coach', 'week'), name='coach_week_once')],
            },
        ),
        migrations.RunSQL(COUNTED, migrations.RunSQL.noop),
    ]
