from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The wider rules hold for every row; whoever writes meanwhile need not wait."""

    dependencies = [("payments", "0022_refunds_of_sponsors")]
    operations = [
        ValidateConstraint("refund", "refund_is_of_something"),
        ValidateConstraint("refund", "refund_parts_sum_to_its_amount"),
        ValidateConstraint("refund", "refund_parts_are_not_negative"),
    ]
