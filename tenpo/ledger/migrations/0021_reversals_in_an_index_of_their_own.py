from django.db import migrations, models

NAME = "transfer_reversed_once"
MAKE = f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {NAME} ON ledger_transfer (reverses_id) WHERE reverses_id IS NOT NULL"


class Migration(migrations.Migration):
    """Built while everybody writes on; a try that broke off leaves an index that does not hold, and is dropped first."""

    atomic = False
    safe_because = "the old constraint keeps out the same rows until it goes"
    dependencies = [("ledger", "0020_transfers_without_foreign_keys")]
    operations = [
        migrations.RunSQL(
            [f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}", MAKE],
            f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}",
            state_operations=[
                migrations.AddConstraint(
                    "transfer",
                    models.UniqueConstraint(
                        name=NAME, fields=["reverses"], condition=models.Q(reverses__isnull=False)
                    ),
                )
            ],
        )
    ]
