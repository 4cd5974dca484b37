from django.db import migrations, models
from django.db.models.deletion import PROTECT


class Migration(migrations.Migration):
    """Nearly every transfer reverses nothing, and stood in the old index all the same; its foreign key goes as the others."""

    safe_because = "the index that the migration before made keeps out the same rows"
    dependencies = [("ledger", "0021_reversals_in_an_index_of_their_own")]
    operations = [
        migrations.AlterField(
            "transfer",
            "reverses",
            models.ForeignKey(
                "ledger.transfer", PROTECT, null=True, db_index=False, db_constraint=False, related_name="reversals"
            ),
        )
    ]
