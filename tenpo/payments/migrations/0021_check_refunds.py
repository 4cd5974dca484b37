from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rule holds for every row; whoever writes meanwhile need not wait."""

    dependencies = [("payments", "0020_refunds")]
    operations = [ValidateConstraint("payment", "payment_refunds_within")]
