from datetime import timedelta

from django.db import migrations, models
from django.db.models.functions import Cast, Now


class Migration(migrations.Migration):
    safe_because = "the table has one row, and what the constraint asks of it is what its default says"

    dependencies = [
        ("core", "0005_check_run"),
    ]

    operations = [
        migrations.AddField(
            model_name="business",
            name="second_factor_for",
            field=models.CharField(
                choices=[
                    ("nobody", "Nobody"),
                    ("admins", "Admins"),
                    ("team", "Admins and coaches"),
                    ("everybody", "Everybody"),
                ],
                db_default="admins",
                default="admins",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="business",
            name="second_factor_starts_on",
            field=models.DateField(
                db_default=Cast(Now() + models.Value(timedelta(days=7)), models.DateField())
            ),
        ),
        migrations.AddConstraint(
            model_name="business",
            constraint=models.CheckConstraint(
                condition=models.Q(("second_factor_for__in", ["nobody", "admins", "team", "everybody"])),
                name="business_second_factor_for_is_known",
            ),
        ),
    ]
