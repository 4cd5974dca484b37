from django.db import migrations

POST = """
CREATE FUNCTION ledger_post(postings jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    posted integer;
BEGIN
    -- Open the accounts that are not open yet. Only what a person owns has a guarded balance.
    INSERT INTO ledger_account (kind, currency, owner_id, source_id, name, expires_at, balance)
    SELECT pot ->> 'kind', pot ->> 'currency', (pot ->> 'owner')::uuid, (pot ->> 'source')::uuid, pot ->> 'name',
           (pot ->> 'expires_at')::timestamptz, CASE WHEN pot ->> 'kind' IN ('credit') THEN 0 END
    FROM jsonb_array_elements(postings) posting,
         LATERAL (VALUES (posting -> 'debit'), (posting -> 'credit')) ends (pot)
    WHERE NOT EXISTS (SELECT 1 FROM ledger_account a WHERE a.code = ledger_code(pot))
    ON CONFLICT DO NOTHING;

    -- Lock the guarded ones, always in the order of their ids, so that two postings cannot wait for each other.
    PERFORM 1 FROM ledger_account a
    WHERE a.balance IS NOT NULL AND a.code IN (
        SELECT ledger_code(pot) FROM jsonb_array_elements(postings) posting,
            LATERAL (VALUES (posting -> 'debit'), (posting -> 'credit')) ends (pot))
    ORDER BY a.id
    FOR NO KEY UPDATE;

    -- The same key must say the same thing.
    IF EXISTS (
        SELECT 1 FROM jsonb_array_elements(postings) posting
        JOIN ledger_transfer t ON t.key = posting ->> 'key'
        JOIN ledger_account d ON d.id = t.debit_id
        JOIN ledger_account c ON c.id = t.credit_id
        WHERE t.amount <> (posting ->> 'amount')::bigint
           OR d.code <> ledger_code(posting -> 'debit') OR c.code <> ledger_code(posting -> 'credit'))
    THEN
        RAISE EXCEPTION 'ledger: this key was posted with another amount or other accounts';
    END IF;
    -- Both ends and the transfer are of one currency; a reversal swaps the ends of what it undoes, in full.
    IF EXISTS (
        SELECT 1 FROM jsonb_array_elements(postings) posting
        WHERE posting #>> '{debit,currency}' <> posting #>> '{credit,currency}')
    OR EXISTS (
        SELECT 1 FROM jsonb_array_elements(postings) posting
        JOIN ledger_transfer t ON t.id = (posting ->> 'reverses')::uuid
        JOIN ledger_account d ON d.id = t.debit_id
        JOIN ledger_account c ON c.id = t.credit_id
        WHERE t.amount <> (posting ->> 'amount')::bigint
           OR c.code <> ledger_code(posting -> 'debit') OR d.code <> ledger_code(posting -> 'credit'))
    THEN
        RAISE EXCEPTION 'ledger: currencies differ, or a reversal is not the mirror of its transfer';
    END IF;

    WITH new_transfers AS (
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id, reverses_id)
        SELECT d.id, c.id, (posting ->> 'amount')::bigint, d.currency, posting ->> 'kind', posting ->> 'key',
               (posting ->> 'subject')::uuid, (posting ->> 'reverses')::uuid
        FROM jsonb_array_elements(postings) WITH ORDINALITY listed (posting, place)
        JOIN ledger_account d ON d.code = ledger_code(posting -> 'debit')
        JOIN ledger_account c ON c.code = ledger_code(posting -> 'credit')
        WHERE NOT EXISTS (SELECT 1 FROM ledger_transfer t WHERE t.key = posting ->> 'key')
        ORDER BY place
        RETURNING debit_id, credit_id, amount
    ), moved AS (
        SELECT account, sum(change) AS change
        FROM new_transfers, LATERAL (VALUES (debit_id, -amount), (credit_id, amount)) ends (account, change)
        GROUP BY account
    ), updated AS (
        -- The check "account_never_below_zero" refuses what is not there.
        UPDATE ledger_account a SET balance = a.balance + moved.change
        FROM moved WHERE a.id = moved.account AND a.balance IS NOT NULL
    )
    SELECT count(*) INTO posted FROM new_transfers;
    RETURN posted;
END
$$;
"""

CODE = """
CREATE FUNCTION ledger_code(pot jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT concat_ws(':', pot ->> 'kind', pot ->> 'currency', coalesce(pot ->> 'owner', ''),
                     coalesce(pot ->> 'source', ''), coalesce(pot ->> 'name', ''))
$$;
"""


def pin_search_path(apps, schema_editor):
    """A function that runs with its owner's rights must not find somebody else's temporary table by the same name."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(f"ALTER FUNCTION ledger_post(jsonb) SET search_path = {schema}, pg_temp")


class Migration(migrations.Migration):
    """The application may not write to the ledger's tables; it calls this function, which its owner runs."""

    dependencies = [("ledger", "0001_initial")]
    operations = [
        migrations.RunSQL(CODE, "DROP FUNCTION ledger_code(jsonb)"),
        migrations.RunSQL(POST, "DROP FUNCTION ledger_post(jsonb)"),
        migrations.RunPython(pin_search_path, migrations.RunPython.noop),
    ]
