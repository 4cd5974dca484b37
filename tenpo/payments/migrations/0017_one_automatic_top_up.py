from django.db import migrations, models

NAME = "payment_one_automatic_top_up"
MAKE = f"""
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {NAME} ON payments_payment (payer_id)
    WHERE is_automatic AND state IN ('created', 'needs_action', 'pending', 'unknown')"""


class Migration(migrations.Migration):
    """Built while everybody writes on; a try that broke off leaves an index that does not hold, and is dropped first."""

    atomic = False
    safe_because = "old code begins no top-up by itself, so there is no row that it could keep out"

    dependencies = [("payments", "0016_auto_top_ups")]
    operations = [
        migrations.RunSQL(
            [f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}", MAKE],
            f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}",
            state_operations=[
                migrations.AddConstraint(
                    "payment",
                    models.UniqueConstraint(
                        name=NAME,
                        fields=["payer"],
                        condition=models.Q(
                            is_automatic=True, state__in=["created", "needs_action", "pending", "unknown"]
                        ),
                    ),
                )
            ],
        )
    ]
