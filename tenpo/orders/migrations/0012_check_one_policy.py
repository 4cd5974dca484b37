from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rules hold for every row; whoever writes meanwhile need not wait."""

    dependencies = [("orders", "0011_one_policy")]
    operations = [
        ValidateConstraint("cancellationpolicy", "cancellation_policy_no_show_percent_is_within"),
        ValidateConstraint("cancellationpolicy", "cancellation_policy_grace_has_days"),
        ValidateConstraint("cancellationpolicy", "cancellation_policy_reschedules_are_within"),
    ]
