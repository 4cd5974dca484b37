from django.db import migrations


class Migration(migrations.Migration):
    """Where people pay by bank transfer already, they go on: nobody's way to pay is gone after an upgrade."""

    safe_because = "old code does not know the column, and nothing but it is written"

    dependencies = [("core", "0008_account_to_pay_to"), ("payments", "0023_check_refunds_of_sponsors")]
    operations = [
        migrations.RunSQL(
            """UPDATE core_business SET offers_bank_transfer = true
            WHERE EXISTS (SELECT FROM payments_payment WHERE provider = 'transfer')""",
            migrations.RunSQL.noop,
        )
    ]
