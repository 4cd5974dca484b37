from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0006_accounts_by_owner")]
    operations = [RemoveIndexConcurrently(model_name="account", name="account_credit_left")]
