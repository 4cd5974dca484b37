import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    safe_because = "each index that goes is the beginning of another one, and dropping it takes a moment"
    dependencies = [
        ('people', '0004_visits_and_sealed_factors'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='invite',
            name='invite_by_time',
        ),
        migrations.AlterField(
            model_name='rolegrant',
            name='user',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='role_grants', to=settings.AUTH_USER_MODEL),
        ),
    ]
