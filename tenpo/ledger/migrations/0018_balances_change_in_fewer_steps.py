from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models.lookups import Exact, IsNull, Regex

# Plain arrays instead of JSON, and the codes of the accounts as they are: what is not taken apart costs nothing. Which
# accounts to open, if they are not yet, is read only then.
POST = """
CREATE FUNCTION ledger_post(
    kinds text[], debits text[], credits text[], amounts bigint[], keys text[], subjects uuid[], undoes uuid[], pots text
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    named text;
    debit_code text;
    debit uuid;
    debit_balance bigint;
    debit_currency text;
    credit_code text;
    credit uuid;
    credit_balance bigint;
    credit_currency text;
    debit_ids uuid[];
    credit_ids uuid[];
    currencies text[];
    guarded uuid[];
    is_open boolean;
    cents bigint;
    undone_debit uuid;
    undone_credit uuid;
    undone_cents bigint;
    undone_reverses uuid;
    new_keys text[];
    changed uuid[];
    changes bigint[];
    account uuid;
    change bigint;
    posted integer := 0;
BEGIN
    IF NOT cardinality(kinds) = ALL (ARRAY[
        cardinality(debits), cardinality(credits), cardinality(amounts), cardinality(keys), cardinality(subjects),
        cardinality(undoes)])
    THEN
        RAISE EXCEPTION 'ledger: the columns differ in length';
    END IF;

    FOR attempt IN 1..2 LOOP
        debit_ids := '{}';
        credit_ids := '{}';
        currencies := '{}';
        guarded := '{}';
        is_open := true;
        debit_code := NULL;
        credit_code := NULL;
        FOR place IN 1..cardinality(kinds) LOOP
            -- Most often one end is that of the posting before: sales, of many; or what the fee is taken from.
            named := debits[place];
            IF named = credit_code THEN
                debit_code := named;
                debit := credit;
                debit_balance := credit_balance;
                debit_currency := credit_currency;
            ELSIF named IS DISTINCT FROM debit_code THEN
                debit_code := named;
                SELECT id, balance, currency INTO debit, debit_balance, debit_currency
                FROM ledger_account WHERE code = named;
            END IF;
            named := credits[place];
            IF named IS DISTINCT FROM credit_code THEN
                credit_code := named;
                SELECT id, balance, currency INTO credit, credit_balance, credit_currency
                FROM ledger_account WHERE code = named;
            END IF;
            IF debit_currency <> credit_currency THEN
                RAISE EXCEPTION 'ledger: currencies differ';
            END IF;
            debit_ids := debit_ids || debit;
            credit_ids := credit_ids || credit;
            currencies := currencies || debit_currency;
            is_open := is_open AND debit IS NOT NULL AND credit IS NOT NULL;
            IF debit_balance IS NOT NULL THEN
                guarded := guarded || debit;
            END IF;
            IF credit_balance IS NOT NULL THEN
                guarded := guarded || credit;
            END IF;
        END LOOP;
        EXIT WHEN is_open;

        -- Open the accounts that are not open yet, in one order, and look again. Only what a person owns has a
        -- guarded balance. The code is made of what the account says, so no other name leads to it.
        IF EXISTS (
            SELECT FROM jsonb_array_elements(pots::jsonb) listed (pot)
            WHERE pot ->> 'kind' !~ '^[a-z]+$' OR pot ->> 'currency' !~ '^[A-Z]{3}$')
        THEN
            RAISE EXCEPTION 'ledger: no such kind or currency';
        END IF;
        INSERT INTO ledger_account (code, kind, currency, owner_id, source_id, name, expires_at, balance)
        SELECT concat(kind, ':', currency, ':', owner_id, ':', source_id, ':', name), kind, currency, owner_id, source_id,
               name, expires_at, CASE WHEN kind IN ('credit', 'granted', 'wallet', 'earnings') THEN 0 END
        FROM jsonb_array_elements(pots::jsonb) listed (pot),
             LATERAL (
                SELECT pot ->> 'kind' AS kind, pot ->> 'currency' AS currency, (pot ->> 'owner')::uuid AS owner_id,
                       (pot ->> 'source')::uuid AS source_id, pot ->> 'name' AS name,
                       (pot ->> 'expires_at')::timestamptz AS expires_at) said
        WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.code = ledger_code(pot))
        ORDER BY ledger_code(pot)
        ON CONFLICT DO NOTHING;
    END LOOP;

    -- Lock the guarded ones, always in the order of their ids, so that two postings cannot wait for each other.
    IF cardinality(guarded) = 1 THEN
        PERFORM FROM ledger_account WHERE id = guarded[1] FOR NO KEY UPDATE;
    ELSIF cardinality(guarded) > 1 THEN
        PERFORM FROM ledger_account WHERE id = ANY (guarded) ORDER BY id FOR NO KEY UPDATE;
    END IF;

    FOR place IN 1..cardinality(kinds) LOOP
        debit := debit_ids[place];
        credit := credit_ids[place];
        cents := amounts[place];
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

        INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id, reverses_id)
        VALUES (debit, credit, cents, currencies[place], kinds[place], keys[place], subjects[place], undoes[place])
        ON CONFLICT (key) DO NOTHING;
        IF FOUND THEN
            posted := posted + 1;
            new_keys := new_keys || keys[place];
            IF debit = ANY (guarded) THEN
                changed := changed || debit;
                changes := changes || -cents;
            END IF;
            IF credit = ANY (guarded) THEN
                changed := changed || credit;
                changes := changes || cents;
            END IF;
        ELSIF keys[place] = ANY (new_keys) THEN
            RAISE EXCEPTION 'ledger: a key stands twice in one call';
        -- The same key must say the same thing.
        ELSIF NOT EXISTS (
            SELECT FROM ledger_transfer t
            WHERE t.key = keys[place] AND t.amount = cents AND t.debit_id = debit AND t.credit_id = credit)
        THEN
            RAISE EXCEPTION 'ledger: this key was posted with another amount or other accounts';
        END IF;
    END LOOP;

    -- Each balance once, by all that it moved. The check "account_never_below_zero" refuses what is not there.
    IF cardinality(changed) = 1 THEN
        UPDATE ledger_account SET balance = balance + changes[1] WHERE id = changed[1];
    ELSIF cardinality(changed) > 1 THEN
        FOR account, change IN
            SELECT moved.account, sum(moved.change)
            FROM unnest(changed, changes) moved (account, change)
            GROUP BY moved.account
        LOOP
            UPDATE ledger_account SET balance = balance + change WHERE id = account;
        END LOOP;
    END IF;
    RETURN posted;
END
$$;

-- As the release before calls it: the next one drops it.
CREATE OR REPLACE FUNCTION ledger_post(postings jsonb) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    SELECT ledger_post(
        array_agg(posting ->> 'kind' ORDER BY place),
        array_agg(ledger_code(posting -> 'debit') ORDER BY place),
        array_agg(ledger_code(posting -> 'credit') ORDER BY place),
        array_agg((posting ->> 'amount')::bigint ORDER BY place),
        array_agg(posting ->> 'key' ORDER BY place),
        array_agg((posting ->> 'subject')::uuid ORDER BY place),
        array_agg((posting ->> 'reverses')::uuid ORDER BY place),
        (jsonb_agg(posting -> 'debit') || jsonb_agg(posting -> 'credit'))::text)
    FROM jsonb_array_elements(postings) WITH ORDINALITY listed (posting, place)
$$;
"""


def write_functions(apps, schema_editor):
    """A function that runs with its owner's rights must not find somebody else's temporary table by the same name."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(POST.replace("{schema}", schema))


class Migration(migrations.Migration):
    """What PostgreSQL plans anew for each change of a balance: a generated column and long checks, which go.

    They were two thirds of such a change.
    """

    safe_because = (
        "an account is written by the function alone, which is replaced in the same transaction; the column keeps its"
        " values, and the new checks say what the old one said"
    )
    dependencies = [("ledger", "0017_late_money_goes_back")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE ledger_account ALTER COLUMN code DROP EXPRESSION, ALTER COLUMN code SET NOT NULL",
            migrations.RunSQL.noop,
            state_operations=[migrations.AlterField("account", "code", models.TextField(unique=True))],
        ),
        migrations.RunPython(write_functions, migrations.RunPython.noop),
        AddConstraintNotValid(
            "account",
            models.CheckConstraint(
                name="account_has_a_balance_if_guarded",
                condition=Exact(
                    IsNull(models.F("balance"), False), Regex(models.F("kind"), "^(credit|granted|wallet|earnings)$")
                ),
            ),
        ),
        AddConstraintNotValid(
            "account",
            models.CheckConstraint(
                name="account_has_an_owner_if_a_persons",
                condition=Exact(
                    IsNull(models.F("owner"), False),
                    Regex(models.F("kind"), "^(credit|granted|wallet|earnings|owed|sponsor)$"),
                ),
            ),
        ),
        migrations.RemoveConstraint("account", "account_of_a_person_is_guarded"),
    ]
