from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The wider rule holds for every row; whoever writes meanwhile need not wait."""

    dependencies = [("payments", "0027_disputes")]
    operations = [ValidateConstraint("refund", "refund_state_is_known")]
