from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rule holds for every row; whoever writes meanwhile need not wait."""

    dependencies = [("payments", "0012_files_that_were_taken")]
    operations = [ValidateConstraint("payoutbatch", "payout_batch_is_read_by_somebody")]
