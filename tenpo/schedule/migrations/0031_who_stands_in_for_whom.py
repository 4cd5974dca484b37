import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Whoever gives a session in the place of somebody who is away says of whom."""

    safe_because = "old code fills it with nothing, which the rule takes, and while it is checked it holds nothing yet"
    dependencies = [
        ('schedule', '0030_calendars_that_do_not_answer'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='sessioncoach',
            name='stands_in_for',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='sessioncoach',
            constraint=models.CheckConstraint(condition=models.Q(('stands_in_for', None), models.Q(('stands_in_for', models.F('coach')), _negated=True), _connector='OR'), name='session_coach_stands_in_for_another'),
        ),
    ]
