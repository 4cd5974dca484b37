from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The rules hold for every row; whoever writes meanwhile need not wait."""

    dependencies = [("payments", "0018_payouts_by_stripe")]
    operations = [
        ValidateConstraint("payment", "payment_automatic_is_a_top_up"),
        ValidateConstraint("payoutaccount", "payout_account_method_is_known"),
    ]
