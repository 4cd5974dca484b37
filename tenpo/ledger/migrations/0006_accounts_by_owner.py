from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0005_post_in_fewer_steps")]
    operations = [
        AddIndexConcurrently(
            model_name="account", index=models.Index(fields=["owner", "currency"], name="account_by_owner")
        )
    ]
