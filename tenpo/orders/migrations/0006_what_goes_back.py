from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import F, Q

# What cancellations gave back so far, as the ledger has it.
FILL = """
    UPDATE orders_line l SET company_back = m.company, credit_back = m.credit, wallet_back = m.wallet, own_back = m.own
    FROM (
        SELECT subject_id,
               coalesce(sum(amount) FILTER (WHERE kind = 'company_release'), 0) AS company,
               coalesce(sum(amount) FILTER (WHERE kind = 'credit_restore'), 0) AS credit,
               coalesce(sum(amount) FILTER (WHERE kind = 'wallet_restore'), 0) AS wallet,
               coalesce(sum(amount) FILTER (WHERE kind = 'credit_issue'), 0) AS own
        FROM ledger_transfer WHERE kind IN ('company_release', 'credit_restore', 'wallet_restore', 'credit_issue')
        GROUP BY subject_id) m
    WHERE m.subject_id = l.id
"""


class Migration(migrations.Migration):
    safe_because = "old code knows none of these columns, cancels a line once, and what it cancelled is filled in"

    dependencies = [("orders", "0005_splits"), ("ledger", "0015_no_index_of_beginnings")]

    operations = [
        *(
            migrations.AddField("line", name, models.BigIntegerField(db_default=0, default=0))
            for name in ("company_back", "credit_back", "wallet_back", "own_back")
        ),
        migrations.AddField(
            "line",
            "back_to",
            models.CharField(
                choices=[("credit", "Credit"), ("wallet", "Wallet"), ("method", "The way it was paid")],
                db_default="credit", default="credit", max_length=6,
            ),
        ),
        AddConstraintNotValid(
            "line",
            models.CheckConstraint(
                name="line_gives_back_within",
                condition=Q(company_back__gte=0, company_back__lte=F("company_share"))
                & Q(credit_back__gte=0, credit_back__lte=F("credit_spent"))
                & Q(wallet_back__gte=0, wallet_back__lte=F("wallet_spent"))
                & Q(own_back__gte=0, own_back__lte=F("own_share")),
            ),
        ),
        AddConstraintNotValid(
            "line",
            models.CheckConstraint(
                name="line_gives_back_to_a_known_place", condition=Q(back_to__in=["credit", "wallet", "method"])
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
