from django.db import migrations

BEFORE = "    WITH new_transfers AS ("
CHECK = """    -- What undoes a transfer is final: undone again, the transfer would hold although it says that it was undone.
    IF EXISTS (
        SELECT 1 FROM jsonb_array_elements(postings) posting
        JOIN ledger_transfer t ON t.id = (posting ->> 'reverses')::uuid
        WHERE t.reverses_id IS NOT NULL)
    THEN
        RAISE EXCEPTION 'ledger: a reversal is final';
    END IF;

"""


def refuse_to_undo_what_undoes(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('ledger_post(jsonb)'::regprocedure)")
        (definition,) = cursor.fetchone()
        assert definition.count(BEFORE) == 1
        cursor.execute(definition.replace(BEFORE, CHECK + BEFORE))


class Migration(migrations.Migration):
    safe_because = "the function keeps its shape and refuses only what no release has ever asked for"
    dependencies = [("ledger", "0003_open_accounts_in_order")]
    operations = [migrations.RunPython(refuse_to_undo_what_undoes, migrations.RunPython.noop)]
