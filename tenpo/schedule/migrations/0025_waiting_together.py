from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import migrations, models
from django.db.models import Deferrable

from tenpo.core.db import IntPoint, UuidPoint


class Migration(migrations.Migration):
    safe_because = (
        "old code writes none of these columns, and what they default to keeps the rules; where it meets a party that new"
        " code put in line, and would offer or end a part of it, it is refused and does nothing; no row is in the indexes"
        " yet, so each is one look through its table"
    )

    dependencies = [
        ('schedule', "0024_times_that_come_back"),
    ]

    operations = [
        migrations.AddField(
            model_name='booking',
            name='party',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='booking',
            name='passed_over',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='session',
            name='seats_kept',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=models.Index(condition=models.Q(('party__isnull', False)), fields=['party'], name='booking_by_party'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('seats_kept__gt', 0)), fields=['starts_at'], name='session_keeps_seats'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=ExclusionConstraint(condition=models.Q(('party__isnull', False), ('state__in', ['waitlisted', 'offered'])), deferrable=Deferrable.DEFERRED, expressions=[(UuidPoint('party'), '&&'), (IntPoint(models.Case(models.When(state='offered', then=models.Value(1)), default=models.Value(0))), '-|-')], name='booking_party_is_offered_together'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=ExclusionConstraint(condition=models.Q(('party__isnull', False), models.Q(('state', 'cancelled'), _negated=True)), deferrable=Deferrable.DEFERRED, expressions=[(UuidPoint('party'), '&&'), (IntPoint(models.Case(models.When(state__in=['waitlisted', 'offered'], then=models.Value(0)), default=models.Value(1))), '-|-')], name='booking_party_is_taken_together'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('passed_over', 0), ('party__isnull', False), _connector='OR'), name='booking_passed_over_is_of_a_party'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(('seats_kept__lte', models.F('seats_taken'))), name='session_seats_kept_are_taken'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(('seats_kept', 0), ('status', 'planned'), _connector='OR'), name='session_keeps_seats_while_planned'),
        ),
    ]
