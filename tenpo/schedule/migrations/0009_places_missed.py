import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('schedule', '0008_weeks_at_a_glance'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='booking',
            name='policy_rules',
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name='booking',
            name='reschedules',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name='Miss',
            fields=[
                ('id', models.UUIDField(db_default=django.db.models.functions.uuid.UUID7(), editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('kind', models.CharField(choices=[('late', 'Cancelled late'), ('no_show', 'Did not come')], max_length=7)),
                ('outcome', models.CharField(choices=[('charged', 'By the policy'), ('grace', 'Costs nothing this time'), ('waived', 'Let off')], max_length=7)),
                ('at', models.DateTimeField()),
                ('earlier', models.PositiveSmallIntegerField(default=0)),
                ('grace', models.PositiveSmallIntegerField(default=0)),
                ('percent', models.PositiveSmallIntegerField()),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='Reason')),
                ('booking', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='miss', to='schedule.booking')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='misses', to=settings.AUTH_USER_MODEL)),
                ('waived_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['user', '-at'], name='miss_by_person')],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['late', 'no_show']), ('outcome__in', ['charged', 'grace', 'waived'])), name='miss_is_of_a_known_kind'), models.CheckConstraint(condition=models.Q(('outcome', 'waived'), models.Q(('earlier__lt', models.F('grace')), ('outcome', 'grace')), models.Q(('earlier__gte', models.F('grace')), ('outcome', 'charged')), _connector='OR'), name='miss_costs_nothing_as_often_as_promised'), models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'charged'), ('percent__lte', 100)), ('percent', 100), _connector='OR'), name='miss_that_costs_nothing_gives_all_back'), models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'waived'), ('waived_by__isnull', False), models.Q(('reason', ''), _negated=True)), models.Q(models.Q(('outcome', 'waived'), _negated=True), ('reason', ''), ('waived_by', None)), _connector='OR'), name='miss_let_off_has_a_reason'), models.CheckConstraint(condition=models.Q(('waived_by', None), models.Q(('waived_by', models.F('user')), _negated=True), _connector='OR'), name='miss_is_let_off_by_somebody_else')],
            },
        ),
    ]
