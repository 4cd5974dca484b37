from django.db import migrations, models


class Migration(migrations.Migration):
    """When the jobs asked about what waits, so that they ask in turn."""

    dependencies = [("payments", "0009_grants")]
    operations = [
        migrations.AddField(model_name=name, name="asked_at", field=models.DateTimeField(null=True))
        for name in ("payment", "paymentmethod", "payout", "stripeaccount")
    ]
