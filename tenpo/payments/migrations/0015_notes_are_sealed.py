from django.db import migrations


class Migration(migrations.Migration):
    safe_because = "old code shows what stands there, whatever it is"
    dependencies = [("payments", "0014_wallets_stay_here")]
    operations = [
        migrations.RunSQL(
            "UPDATE payments_payoutaccount SET masked = 'By hand' WHERE method = 'manual'", migrations.RunSQL.noop
        ),
    ]
