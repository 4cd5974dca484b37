import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.uuid
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    safe_because = "old code begins no top-up by itself, which the default says, and no row is checked while the table is closed"

    dependencies = [
        ('payments', '0015_notes_are_sealed'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AutoTopUp',
            fields=[
                ('id', models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('is_on', models.BooleanField(default=False)),
                ('threshold', models.BigIntegerField(default=1000)),
                ('kind', models.CharField(choices=[('fixed', 'The same amount each time'), ('target', 'Up to an amount')], default='fixed', max_length=6)),
                ('amount', models.BigIntegerField(default=2500)),
                ('daily_cap', models.BigIntegerField(default=5000)),
                ('currency', models.CharField(max_length=3)),
                ('failed_times', models.PositiveSmallIntegerField(default=0)),
                ('paused_until', models.DateTimeField(null=True)),
                ('failure_code', models.CharField(blank=True, max_length=60)),
                ('low_below', models.BigIntegerField(null=True)),
                ('low_since', models.DateTimeField(null=True)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('method', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='payments.paymentmethod')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='auto_top_up', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('kind__in', ['fixed', 'target'])), name='auto_top_up_kind_is_known'),
                    models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('daily_cap__gt', 0), ('threshold__gt', 0)), name='auto_top_up_amounts_are_positive'),
                    models.CheckConstraint(condition=models.Q(('kind', 'fixed'), ('amount__gt', models.F('threshold')), _connector='OR'), name='auto_top_up_target_is_above_threshold'),
                    models.CheckConstraint(condition=models.Q(('kind', 'target'), ('daily_cap__gte', models.F('amount')), _connector='OR'), name='auto_top_up_cap_holds_one'),
                    models.CheckConstraint(condition=models.Q(('is_on', False), ('method__isnull', False), _connector='OR'), name='auto_top_up_on_has_a_method'),
                    models.CheckConstraint(condition=models.Q(('paused_until', None), models.Q(('is_on', True), models.Q(('failure_code', ''), _negated=True)), _connector='OR'), name='auto_top_up_pauses_only_after_a_failure'),
                    models.CheckConstraint(condition=models.Q(('low_below', None), ('low_below__gt', 0), _connector='OR'), name='auto_top_up_low_is_positive'),
                    models.CheckConstraint(condition=models.Q(('low_since', None), ('low_below__isnull', False), _connector='OR'), name='auto_top_up_is_low_below_something'),
                ],
            },
        ),
        migrations.AddField(
            model_name='payment',
            name='is_automatic',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='payment',
            name='keeps_method',
            field=models.BooleanField(db_default=False, default=False),
        ),
        AddConstraintNotValid(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('is_automatic', False), ('purpose', 'top_up'), _connector='OR'), name='payment_automatic_is_a_top_up'),
        ),
    ]
