from django.db import migrations

OLD = "    ON CONFLICT DO NOTHING;"
NEW = "    ORDER BY ledger_code(pot)\n    ON CONFLICT DO NOTHING;"


def open_in_order(apps, schema_editor):
    """Two postings that open the same accounts at once then wait for each other in one direction only."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('ledger_post(jsonb)'::regprocedure)")
        (definition,) = cursor.fetchone()
        assert definition.count(OLD) == 1
        cursor.execute(definition.replace(OLD, NEW))


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_posting")]
    operations = [migrations.RunPython(open_in_order, migrations.RunPython.noop)]
