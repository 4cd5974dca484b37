from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """The wider rule holds for every row; whoever writes meanwhile need not wait."""

    dependencies = [("ledger", "0011_open_kinds_of_money")]
    operations = [ValidateConstraint("account", "account_of_a_person_is_guarded")]
