from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0018_balances_change_in_fewer_steps")]
    operations = [
        ValidateConstraint("account", "account_has_a_balance_if_guarded"),
        ValidateConstraint("account", "account_has_an_owner_if_a_persons"),
    ]
