from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("schedule", "0029_no_ending_that_nothing_has")]

    operations = [
        migrations.AddField("calendarconnection", "failing_at", models.DateTimeField(null=True)),
    ]
