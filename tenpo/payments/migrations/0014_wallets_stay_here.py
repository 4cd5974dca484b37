from typing import Any

from django.db import migrations, models


def keep_what_holds(apps: Any, schema_editor: Any) -> None:
    """Who has money in wallets and never said anything about payouts goes on paying them out."""
    terms = apps.get_model("payments", "PayoutTerms")
    if not terms.objects.exists() and apps.get_model("payments", "Payment").objects.exists():
        terms.objects.create(pays_wallets=True)


class Migration(migrations.Migration):
    safe_because = "one row at most, which old code reads as it would have made it"
    dependencies = [("payments", "0013_check_files_that_were_taken")]
    operations = [
        migrations.AlterField(
            model_name="payoutterms", name="pays_wallets", field=models.BooleanField(default=False)
        ),
        migrations.RunPython(keep_what_holds, migrations.RunPython.noop),
    ]
