import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A line says by which rule it is divided: others may give it by the time that it is earned."""

    dependencies = [
        ('orders', '0013_earned_by_several'),
    ]

    operations = [
        migrations.AddField(
            model_name='line',
            name='split_rule',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.splitrule'),
        ),
    ]
