from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("schedule", "0003_one_index_each"),
    ]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="moved_at",
            field=models.DateTimeField(null=True),
        ),
    ]
