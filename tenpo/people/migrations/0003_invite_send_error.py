from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0002_import_options")]

    operations = [
        migrations.AddField(
            model_name="invite",
            name="send_error",
            field=models.CharField(blank=True, editable=False, max_length=200),
        ),
    ]
