from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Several who teach together each earn a part of one line."""

    safe_because = "old code writes one of each part, which the new constraint takes as well"
    dependencies = [
        ('orders', '0012_check_one_policy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='split',
            name='split_one_of_each_part',
        ),
        migrations.AddConstraint(
            model_name='split',
            constraint=models.UniqueConstraint(fields=('line', 'part', 'recipient'), name='split_one_of_each_part_and_person', nulls_distinct=False),
        ),
    ]
