from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast


class Migration(migrations.Migration):
    safe_because = "old code moves no booking, and what the columns default to keeps the rule"

    dependencies = [("schedule", "0016_resources")]

    operations = [
        migrations.AddField("booking", "rescheduled_at", models.DateTimeField(null=True)),
        migrations.AddField("booking", "sequence", models.PositiveIntegerField(db_default=0, default=0)),
        AddConstraintNotValid(
            "booking",
            models.CheckConstraint(
                name="booking_is_moved_as_often_as_allowed",
                condition=Q(reschedules=0)
                | Q(reschedules__lte=Cast(KeyTextTransform("reschedules", "policy_rules"), models.IntegerField())),
            ),
        ),
    ]
