from django.db import migrations, models
from django.db.models.deletion import PROTECT


class Migration(migrations.Migration):
    """The accounts of a transfer are there because the function that writes it has read them, and nobody may delete one.

    Foreign keys asked for both at each commit, and to do so took a lock on `sales` for everybody.
    """

    safe_because = "who may write transfers has just read both accounts, and nobody may delete an account"
    dependencies = [("ledger", "0019_check_owners_and_balances")]
    operations = [
        migrations.AlterField(
            "transfer",
            "debit",
            models.ForeignKey(
                "ledger.account", PROTECT, db_index=False, db_constraint=False, related_name="debits"
            ),
        ),
        migrations.AlterField(
            "transfer",
            "credit",
            models.ForeignKey(
                "ledger.account", PROTECT, db_index=False, db_constraint=False, related_name="credits"
            ),
        ),
    ]
