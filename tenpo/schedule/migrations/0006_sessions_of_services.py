import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0010_lines_by_sponsorship'),
        ('people', '0005_no_index_twice'),
        ('schedule', '0005_services_and_availability'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='booking',
            name='answers',
            field=models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.AddField(
            model_name='booking',
            name='ends_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='booking',
            name='starts_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='busy_from',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='busy_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='format',
            field=models.CharField(choices=[('class', 'Class'), ('one_on_one', 'One-on-one'), ('virtual', 'Online'), ('hybrid', 'On site and online'), ('intro', 'Intro')], db_default='class', default='class', max_length=10),
        ),
        migrations.AddField(
            model_name='session',
            name='is_private',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='session',
            name='location',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='schedule.location'),
        ),
        migrations.AddField(
            model_name='session',
            name='room',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='schedule.room'),
        ),
        migrations.AddField(
            model_name='session',
            name='service',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sessions', to='schedule.service'),
        ),
    ]
