from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0012_check_kinds_of_money")]
    operations = [
        AddIndexConcurrently(
            model_name="transfer",
            index=BrinIndex(fields=["created_at"], name="transfer_by_time", pages_per_range=32, autosummarize=True),
        )
    ]
