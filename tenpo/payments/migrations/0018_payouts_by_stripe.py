from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    safe_because = "the rule lets in one more method, and no row is checked while the table is closed"

    dependencies = [("payments", "0017_one_automatic_top_up")]

    operations = [
        migrations.RemoveConstraint(
            model_name='payoutaccount',
            name='payout_account_method_is_known',
        ),
        migrations.AlterField(
            model_name='payout',
            name='method',
            field=models.CharField(choices=[('stripe', 'Stripe'), ('sepa', 'Bank account'), ('paypal', 'PayPal'), ('crypto', 'Crypto'), ('manual', 'By hand')], max_length=10),
        ),
        migrations.AlterField(
            model_name='payoutaccount',
            name='method',
            field=models.CharField(choices=[('stripe', 'Stripe'), ('sepa', 'Bank account'), ('paypal', 'PayPal'), ('crypto', 'Crypto'), ('manual', 'By hand')], max_length=10),
        ),
        migrations.AlterField(
            model_name='payoutbatch',
            name='method',
            field=models.CharField(choices=[('stripe', 'Stripe'), ('sepa', 'Bank account'), ('paypal', 'PayPal'), ('crypto', 'Crypto'), ('manual', 'By hand')], max_length=10),
        ),
        AddConstraintNotValid(
            model_name='payoutaccount',
            constraint=models.CheckConstraint(condition=models.Q(('method__in', ['stripe', 'sepa', 'paypal', 'crypto', 'manual'])), name='payout_account_method_is_known'),
        ),
    ]
