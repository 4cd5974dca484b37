import django.contrib.postgres.constraints
from django.conf import settings
from django.db import migrations, models

import tenpo.core.db


class Migration(migrations.Migration):
    """A coach is in one time zone on a day."""

    safe_because = "old code writes no travels"

    dependencies = [
        ('schedule', '0012_outside_calendars'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='travel',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(tenpo.core.db.UuidPoint('coach'), '&&'), (tenpo.core.db.DayRange('starts_on', 'ends_on', models.Value('[]')), '&&')], name='travel_one_zone_on_a_day'),
        ),
    ]
