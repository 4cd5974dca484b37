from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rule holds for every row; whoever writes meanwhile need not wait."""

    dependencies = [("payments", "0007_wallets")]
    operations = [ValidateConstraint("payment", "payment_of_a_top_up_has_no_order")]
