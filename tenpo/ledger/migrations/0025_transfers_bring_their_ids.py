from django.db import migrations

POST = """
CREATE FUNCTION ledger_post(
    ids uuid[], kinds text[], debits text[], credits text[], amounts bigint[], keys text[], subjects uuid[],
    undoes uuid[], pots text
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    debit_code text;
    debit uuid;
    debit_is_guarded boolean;
    debit_currency text;
    credit_code text;
    credit uuid;
    credit_is_guarded boolean;
    credit_currency text;
    cents bigint;
    undone_debit uuid;
    undone_credit uuid;
    undone_cents bigint;
    undone_reverses uuid;
    changed uuid[];
    changes bigint[];
    account uuid;
    change bigint;
    posted integer := 0;
BEGIN
    IF NOT cardinality(kinds) = ALL (ARRAY[
        cardinality(ids), cardinality(debits), cardinality(credits), cardinality(amounts), cardinality(keys),
        cardinality(subjects), cardinality(undoes)])
    THEN
        RAISE EXCEPTION 'ledger: the columns differ in length';
    END IF;

    FOR place IN 1..cardinality(kinds) LOOP
        cents := amounts[place];
        FOR attempt IN 1..2 LOOP
            -- Most often one end is that of the posting before: sales, of many; or what the fee is taken from.
            IF debits[place] IS DISTINCT FROM debit_code THEN
                debit_code := debits[place];
                SELECT id, balance IS NOT NULL, currency INTO debit, debit_is_guarded, debit_currency
                FROM ledger_account WHERE code = debit_code;
            END IF;
            IF credits[place] IS DISTINCT FROM credit_code THEN
                credit_code := credits[place];
                SELECT id, balance IS NOT NULL, currency INTO credit, credit_is_guarded, credit_currency
                FROM ledger_account WHERE code = credit_code;
            END IF;
            EXIT WHEN debit IS NOT NULL AND credit IS NOT NULL;

            -- Open all accounts that are not open yet, in one order, and look again. Only what a person owns has a
            -- guarded balance. The code is made of what the account says, so no other name leads to it.
            IF EXISTS (
                SELECT FROM jsonb_array_elements(pots::jsonb) listed (pot)
                WHERE pot ->> 'kind' !~ '^[a-z]+$' OR pot ->> 'currency' !~ '^[A-Z]{3}$')
            THEN
                RAISE EXCEPTION 'ledger: no such kind or currency';
            END IF;
            INSERT INTO ledger_account (code, kind, currency, owner_id, source_id, name, expires_at, balance)
            SELECT concat(kind, ':', currency, ':', owner_id, ':', source_id, ':', name), kind, currency, owner_id,
                   source_id, name, expires_at,
                   CASE WHEN kind IN ('credit', 'granted', 'wallet', 'earnings') THEN 0 END
            FROM jsonb_array_elements(pots::jsonb) listed (pot),
                 LATERAL (
                    SELECT pot ->> 'kind' AS kind, pot ->> 'currency' AS currency, (pot ->> 'owner')::uuid AS owner_id,
                           (pot ->> 'source')::uuid AS source_id, pot ->> 'name' AS name,
                           (pot ->> 'expires_at')::timestamptz AS expires_at) said
            WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.code = ledger_code(pot))
            ORDER BY ledger_code(pot)
            ON CONFLICT DO NOTHING;
            debit_code := NULL;
            credit_code := NULL;
        END LOOP;
        IF debit_currency <> credit_currency THEN
            RAISE EXCEPTION 'ledger: currencies differ';
        END IF;

        IF undoes[place] IS NOT NULL THEN
            SELECT t.debit_id, t.credit_id, t.amount, t.reverses_id
            INTO undone_debit, undone_credit, undone_cents, undone_reverses
            FROM ledger_transfer t WHERE t.id = undoes[place];
            IF NOT FOUND THEN
                RAISE EXCEPTION 'ledger: there is nothing to reverse';
            END IF;
            -- A reversal swaps the ends of what it undoes, in full.
            IF (undone_debit, undone_credit, undone_cents) <> (credit, debit, cents) THEN
                RAISE EXCEPTION 'ledger: a reversal is not the mirror of its transfer';
            END IF;
            -- What undoes a transfer is final: undone again, the transfer would hold although it says that it was undone.
            IF undone_reverses IS NOT NULL THEN
                RAISE EXCEPTION 'ledger: a reversal is final';
            END IF;
        END IF;

        INSERT INTO ledger_transfer (id, debit_id, credit_id, amount, currency, kind, key, subject_id, reverses_id)
        VALUES (ids[place], debit, credit, cents, debit_currency, kinds[place], keys[place], subjects[place],
                undoes[place])
        ON CONFLICT (key) DO NOTHING;
        IF FOUND THEN
            posted := posted + 1;
            IF debit_is_guarded THEN
                changed := changed || debit;
                changes := changes || -cents;
            END IF;
            IF credit_is_guarded THEN
                changed := changed || credit;
                changes := changes || cents;
            END IF;
        ELSIF keys[place] = ANY (keys[:place - 1]) THEN
            RAISE EXCEPTION 'ledger: a key stands twice in one call';
        -- The same key must say the same thing.
        ELSIF NOT EXISTS (
            SELECT FROM ledger_transfer t
            WHERE t.key = keys[place] AND t.amount = cents AND t.debit_id = debit AND t.credit_id = credit)
        THEN
            RAISE EXCEPTION 'ledger: this key was posted with another amount or other accounts';
        END IF;
    END LOOP;

    -- Each balance once, by all that moved it, and always in the order of their ids, so that two postings cannot wait for
    -- each other. The check "account_never_below_zero" refuses what is not there.
    IF cardinality(changed) = 1 THEN
        UPDATE ledger_account SET balance = balance + changes[1] WHERE id = changed[1];
    ELSIF cardinality(changed) > 1 THEN
        FOR account, change IN
            SELECT moved.account, sum(moved.change)
            FROM unnest(changed, changes) moved (account, change)
            GROUP BY moved.account
            ORDER BY moved.account
        LOOP
            UPDATE ledger_account SET balance = balance + change WHERE id = account;
        END LOOP;
    END IF;
    RETURN posted;
END
$$;

-- As the release before calls it: the next one drops it.
CREATE OR REPLACE FUNCTION ledger_post(
    kinds text[], debits text[], credits text[], amounts bigint[], keys text[], subjects uuid[], undoes uuid[], pots text
) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    SELECT ledger_post(
        ARRAY(SELECT uuidv7() FROM unnest(kinds)), kinds, debits, credits, amounts, keys, subjects, undoes, pots)
$$;
-- As the release before that one did.
DROP FUNCTION ledger_post(jsonb);
"""


def write_functions(apps, schema_editor):
    """A function that runs with its owner's rights must not find somebody else's temporary table by the same name."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(POST.replace("{schema}", schema))


class Migration(migrations.Migration):
    """Transfers bring their ids along: each that the database makes opens a file where it is built without OpenSSL."""

    safe_because = "the release before calls the function that it knows, and none calls the one that goes"
    dependencies = [("ledger", "0024_payouts_that_come_back")]
    operations = [migrations.RunPython(write_functions, migrations.RunPython.noop)]
