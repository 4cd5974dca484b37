from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q

COLUMNS = ("no_show_percent", "grace_count", "grace_days", "reschedules", "reschedule_hours")


class Migration(migrations.Migration):
    safe_because = "old code knows none of these columns, and what they default to keeps every rule"

    dependencies = [("orders", "0010_lines_by_sponsorship")]

    operations = [
        *(
            migrations.AddField(
                "cancellationpolicy", name, models.PositiveSmallIntegerField(db_default=0, default=0)
            )
            for name in COLUMNS
        ),
        AddConstraintNotValid(
            "cancellationpolicy",
            models.CheckConstraint(
                name="cancellation_policy_no_show_percent_is_within",
                condition=Q(no_show_percent__gte=0, no_show_percent__lte=100),
            ),
        ),
        AddConstraintNotValid(
            "cancellationpolicy",
            models.CheckConstraint(
                name="cancellation_policy_grace_has_days",
                condition=Q(grace_count=0, grace_days=0)
                | Q(grace_count__gte=1, grace_count__lte=20, grace_days__gte=1, grace_days__lte=365),
            ),
        ),
        AddConstraintNotValid(
            "cancellationpolicy",
            models.CheckConstraint(
                name="cancellation_policy_reschedules_are_within",
                condition=Q(reschedules=0, reschedule_hours=0)
                | Q(reschedules__gte=1, reschedules__lte=20, reschedule_hours__gte=0, reschedule_hours__lte=2160),
            ),
        ),
    ]
