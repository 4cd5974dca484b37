from django.db import migrations

POST = """
CREATE OR REPLACE FUNCTION ledger_post(postings jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    posting jsonb;
    place integer := 0;
    cents bigint;
    debit record;
    credit record;
    original record;
    debits uuid[];
    credits uuid[];
    guarded uuid[];
    is_open boolean;
    keys text[];
    changed uuid[];
    changes bigint[];
    account uuid;
    change bigint;
    posted integer := 0;
BEGIN
    FOR attempt IN 1..2 LOOP
        debits := '{}';
        credits := '{}';
        guarded := '{}';
        is_open := true;
        FOR posting IN SELECT jsonb_array_elements(postings) LOOP
            IF posting #>> '{debit,currency}' <> posting #>> '{credit,currency}' THEN
                RAISE EXCEPTION 'ledger: currencies differ';
            END IF;
            SELECT id, balance INTO debit FROM ledger_account WHERE code = ledger_code(posting -> 'debit');
            SELECT id, balance INTO credit FROM ledger_account WHERE code = ledger_code(posting -> 'credit');
            debits := debits || debit.id;
            credits := credits || credit.id;
            is_open := is_open AND debit.id IS NOT NULL AND credit.id IS NOT NULL;
            IF debit.balance IS NOT NULL THEN
                guarded := guarded || debit.id;
            END IF;
            IF credit.balance IS NOT NULL THEN
                guarded := guarded || credit.id;
            END IF;
        END LOOP;
        EXIT WHEN is_open;

        -- Open the accounts that are not open yet, in one order, and look again. Only what a person owns has a
        -- guarded balance.
        INSERT INTO ledger_account (kind, currency, owner_id, source_id, name, expires_at, balance)
        SELECT pot ->> 'kind', pot ->> 'currency', (pot ->> 'owner')::uuid, (pot ->> 'source')::uuid, pot ->> 'name',
               (pot ->> 'expires_at')::timestamptz, CASE WHEN pot ->> 'kind' IN ('credit', 'granted', 'wallet', 'earnings') THEN 0 END
        FROM jsonb_array_elements(postings) listed,
             LATERAL (VALUES (listed -> 'debit'), (listed -> 'credit')) ends (pot)
        WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.code = ledger_code(pot))
        ORDER BY ledger_code(pot)
        ON CONFLICT DO NOTHING;
    END LOOP;

    -- Lock the guarded ones, always in the order of their ids, so that two postings cannot wait for each other.
    IF guarded <> '{}' THEN
        PERFORM FROM ledger_account WHERE id = ANY (guarded) ORDER BY id FOR NO KEY UPDATE;
    END IF;

    FOR posting IN SELECT jsonb_array_elements(postings) LOOP
        place := place + 1;
        cents := posting ->> 'amount';
        IF posting ->> 'reverses' IS NOT NULL THEN
            SELECT t.debit_id, t.credit_id, t.amount, t.reverses_id INTO original
            FROM ledger_transfer t WHERE t.id = (posting ->> 'reverses')::uuid;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'ledger: there is nothing to reverse';
            END IF;
            -- A reversal swaps the ends of what it undoes, in full.
            IF (original.debit_id, original.credit_id, original.amount) <> (credits[place], debits[place], cents) THEN
                RAISE EXCEPTION 'ledger: a reversal is not the mirror of its transfer';
            END IF;
            -- What undoes a transfer is final: undone again, the transfer would hold although it says that it was undone.
            IF original.reverses_id IS NOT NULL THEN
                RAISE EXCEPTION 'ledger: a reversal is final';
            END IF;
        END IF;

        INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id, reverses_id)
        VALUES (debits[place], credits[place], cents, posting #>> '{debit,currency}', posting ->> 'kind',
                posting ->> 'key', (posting ->> 'subject')::uuid, (posting ->> 'reverses')::uuid)
        ON CONFLICT (key) DO NOTHING;
        IF FOUND THEN
            posted := posted + 1;
            keys := keys || (posting ->> 'key');
            changed := changed || debits[place] || credits[place];
            changes := changes || -cents || cents;
        ELSIF posting ->> 'key' = ANY (keys) THEN
            RAISE EXCEPTION 'ledger: a key stands twice in one call';
        -- The same key must say the same thing.
        ELSIF NOT EXISTS (
            SELECT FROM ledger_transfer t
            WHERE t.key = posting ->> 'key' AND t.amount = cents
              AND t.debit_id = debits[place] AND t.credit_id = credits[place])
        THEN
            RAISE EXCEPTION 'ledger: this key was posted with another amount or other accounts';
        END IF;
    END LOOP;

    -- Each balance once, by all that it moved. The check "account_never_below_zero" refuses what is not there.
    IF guarded <> '{}' THEN
        FOR account, change IN
            SELECT moved.account, sum(moved.change)
            FROM unnest(changed, changes) moved (account, change)
            WHERE moved.account = ANY (guarded)
            GROUP BY moved.account
        LOOP
            UPDATE ledger_account SET balance = balance + change WHERE id = account;
        END LOOP;
    END IF;
    RETURN posted;
END
$$;
"""


def replace_function(apps, schema_editor):
    """A function that runs with its owner's rights must not find somebody else's temporary table by the same name."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(POST.replace("{schema}", schema))


class Migration(migrations.Migration):
    """The function opens the new kinds of what a person owns with a balance."""

    safe_because = "the function keeps its shape and its rules; old code names no new kind"
    dependencies = [("ledger", "0010_kinds_of_money")]
    operations = [migrations.RunPython(replace_function, migrations.RunPython.noop)]
