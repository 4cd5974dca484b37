import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    safe_because = "old code writes neither of the two columns"
    dependencies = [
        ("payments", "0011_marked_by_somebody_else"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField(model_name="payoutbatch", name="read_at", field=models.DateTimeField(null=True)),
        migrations.AddField(
            model_name="payoutbatch",
            name="read_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        AddConstraintNotValid(
            model_name="payoutbatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("read_at", None), ("read_by", None)),
                    models.Q(("read_at__isnull", False), ("read_by__isnull", False)),
                    _connector="OR",
                ),
                name="payout_batch_is_read_by_somebody",
            ),
        ),
    ]
