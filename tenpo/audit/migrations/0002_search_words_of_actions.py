import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.functions
from django.db import migrations, models


class Migration(migrations.Migration):
    """ "booking.cancelled" is two words to look for; PostgreSQL takes it for the name of a host."""

    dependencies = [
        ("audit", "0001_initial"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="auditlog", name="audit_search"),
        migrations.RemoveField(model_name="auditlog", name="search"),
        migrations.AddField(
            model_name="auditlog",
            name="search",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.contrib.postgres.search.SearchVector(
                    "actor_name",
                    django.db.models.functions.Replace("action", models.Value("."), models.Value(" ")),
                    "object_name",
                    config="simple",
                ),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
        migrations.AddIndex(
            model_name="auditlog",
            index=django.contrib.postgres.indexes.GinIndex(fields=["search"], name="audit_search"),
        ),
    ]
