from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("schedule", "0027_overlaps_told_by_session")]

    operations = [
        migrations.AddField("calendarconnection", "failing_at", models.DateTimeField(null=True)),
    ]
