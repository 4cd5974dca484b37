from django.db import migrations

# What somebody decided about their wallet. What they keep to pay with is named as we name it; its number nobody has.
AUTO_TOP_UP_SETTINGS = """
    SELECT a.id, a.user_id, a.is_on AS enabled, reporting_major_units(a.threshold, a.currency) AS threshold,
        reporting_major_units(a.amount, a.currency) AS amount, a.method_id::text AS payment_method_id,
        a.created_at, a.changed_at AS updated_at
    FROM payments_autotopup a
"""


def _schema(schema_editor):
    """`pay_per_minute` beside the schema `public`; a business in a schema of its own gets its name in front."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (business,) = cursor.fetchone()
    name = "pay_per_minute" if business == "public" else f"{business}_pay_per_minute"
    return schema_editor.connection.ops.quote_name(name)


def create_view(apps, schema_editor):
    schema = _schema(schema_editor)
    schema_editor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    schema_editor.execute(
        f"CREATE VIEW {schema}.auto_top_up_settings WITH (security_barrier) AS {AUTO_TOP_UP_SETTINGS}"
    )


def drop_view(apps, schema_editor):
    schema_editor.execute(f"DROP VIEW {_schema(schema_editor)}.auto_top_up_settings")


class Migration(migrations.Migration):
    safe_because = "old code asks for no view"

    dependencies = [("reporting", "0001_company_coaching"), ("payments", "0010_auto_top_ups")]
    operations = [migrations.RunPython(create_view, drop_view)]
