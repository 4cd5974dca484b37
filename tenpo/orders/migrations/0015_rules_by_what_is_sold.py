from django.db import migrations, models


class Migration(migrations.Migration):
    """A rule of who earns may be for a kind of thing, or for one that is offered."""

    safe_because = "old code fills both with nothing, which the rule takes, and while it is checked they hold nothing yet"
    dependencies = [
        ('orders', '0014_lines_know_their_split_rule'),
    ]

    operations = [
        migrations.AddField(
            model_name='splitrule',
            name='kind',
            field=models.CharField(blank=True, db_default='', default='', max_length=12),
        ),
        migrations.AddField(
            model_name='splitrule',
            name='offered_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddConstraint(
            model_name='splitrule',
            constraint=models.CheckConstraint(condition=models.Q(('offered_id', None), models.Q(('kind', ''), _negated=True), _connector='OR'), name='split_rule_for_one_thing_says_its_kind'),
        ),
    ]
