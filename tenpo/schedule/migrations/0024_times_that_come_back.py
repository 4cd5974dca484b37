from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    safe_because = "there are few services to be checked, and what the column defaults to keeps the rule"

    dependencies = [("schedule", "0023_coaches_together")]

    operations = [
        migrations.AddField(
            "service",
            "most_in_series",
            models.PositiveSmallIntegerField(
                db_default=1,
                default=1,
                validators=[MinValueValidator(1), MaxValueValidator(26)],
                verbose_name="Times in a row at most",
            ),
        ),
        migrations.AddField("booking", "asked_price", models.BigIntegerField(null=True)),
        migrations.AddConstraint(
            "service",
            models.CheckConstraint(
                name="service_series_is_within", condition=Q(most_in_series__gte=1, most_in_series__lte=26)
            ),
        ),
    ]
