from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("schedule", "0031_who_stands_in_for_whom")]
    operations = [
        AddIndexConcurrently(
            model_name="sessioncoach",
            index=models.Index(
                name="session_coach_by_place",
                fields=["stands_in_for"],
                condition=models.Q(stands_in_for__isnull=False),
            ),
        )
    ]
