from importlib import import_module

from django.db import migrations

from tenpo.core.db import CreateViews

# As they were made there, which nobody edits any more.
BEFORE = import_module("tenpo.reporting.migrations.0002_pay_per_minute").VIEWS
# By Stripe people are paid to their banks.
PAID_OUT = {
    name: BEFORE[name].replace("WHEN 'sepa' THEN 'bank'", "WHEN 'sepa' THEN 'bank' WHEN 'stripe' THEN 'bank'")
    for name in ("transactions", "withdrawals")
}
VIEWS = {
    # What somebody keeps to pay with is named as we name it; its number nobody has.
    "auto_top_up_settings": """
        SELECT a.id, a.user_id, a.is_on AS enabled, reporting_major_units(a.threshold, a.currency) AS threshold,
            reporting_major_units(a.amount, a.currency) AS amount, a.method_id::text AS payment_method_id,
            a.created_at, a.changed_at AS updated_at
        FROM payments_autotopup a
    """,
}


class Migration(migrations.Migration):
    dependencies = [("reporting", "0004_youth_sports"), ("payments", "0018_payouts_by_stripe")]
    operations = [CreateViews("pay_per_minute", VIEWS | PAID_OUT, replaces=list(PAID_OUT))]
