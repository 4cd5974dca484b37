from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """What a sponsor's budget went to, newest first; most lines have no sponsor and are not in it."""

    atomic = False
    dependencies = [("orders", "0009_check_sponsorships")]
    operations = [
        AddIndexConcurrently(
            "line",
            models.Index(
                name="line_by_sponsorship",
                fields=["sponsorship", "-id"],
                condition=~models.Q(sponsorship=None),
            ),
        )
    ]
