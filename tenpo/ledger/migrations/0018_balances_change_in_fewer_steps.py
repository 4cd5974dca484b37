from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models.lookups import Exact, IsNull, Regex

POST = """
CREATE OR REPLACE FUNCTION ledger_post(postings jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    posting jsonb;
    named text;
    debit_code text;
    debit uuid;
    debit_balance bigint;
    credit_code text;
    credit uuid;
    credit_balance bigint;
    debits uuid[];
    credits uuid[];
    debit_is_guarded boolean[];
    credit_is_guarded boolean[];
    guarded uuid[];
    is_open boolean;
    cents bigint;
    undone_debit uuid;
    undone_credit uuid;
    undone_cents bigint;
    undone_reverses uuid;
    keys text[];
    changed uuid[] := '{}';
    changes bigint[] := '{}';
    account uuid;
    change bigint;
    posted integer := 0;
BEGIN
    FOR attempt IN 1..2 LOOP
        debits := '{}';
        credits := '{}';
        debit_is_guarded := '{}';
        credit_is_guarded := '{}';
        guarded := '{}';
        is_open := true;
        debit_code := '';
        credit_code := '';
        FOR place IN 1..jsonb_array_length(postings) LOOP
            posting := postings -> (place - 1);
            IF posting #>> '{debit,currency}' <> posting #>> '{credit,currency}' THEN
                RAISE EXCEPTION 'ledger: currencies differ';
            END IF;
            -- Most often one end is that of the posting before: sales, of many; or what the fee is taken from.
            named := ledger_code(posting -> 'debit');
            IF named = credit_code THEN
                debit_code := named;
                debit := credit;
                debit_balance := credit_balance;
            ELSIF named IS DISTINCT FROM debit_code THEN
                debit_code := named;
                SELECT id, balance INTO debit, debit_balance FROM ledger_account WHERE code = named;
            END IF;
            named := ledger_code(posting -> 'credit');
            IF named IS DISTINCT FROM credit_code THEN
                credit_code := named;
                SELECT id, balance INTO credit, credit_balance FROM ledger_account WHERE code = named;
            END IF;
            debits := debits || debit;
            credits := credits || credit;
            debit_is_guarded := debit_is_guarded || (debit_balance IS NOT NULL);
            credit_is_guarded := credit_is_guarded || (credit_balance IS NOT NULL);
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
        -- guarded balance.
        INSERT INTO ledger_account (code, kind, currency, owner_id, source_id, name, expires_at, balance)
        SELECT ledger_code(pot), pot ->> 'kind', pot ->> 'currency', (pot ->> 'owner')::uuid, (pot ->> 'source')::uuid,
               pot ->> 'name', (pot ->> 'expires_at')::timestamptz,
               CASE WHEN pot ->> 'kind' IN ('credit', 'granted', 'wallet', 'earnings') THEN 0 END
        FROM jsonb_array_elements(postings) listed,
             LATERAL (VALUES (listed -> 'debit'), (listed -> 'credit')) ends (pot)
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

    FOR place IN 1..jsonb_array_length(postings) LOOP
        posting := postings -> (place - 1);
        debit := debits[place];
        credit := credits[place];
        cents := posting ->> 'amount';
        IF posting ->> 'reverses' IS NOT NULL THEN
            SELECT t.debit_id, t.credit_id, t.amount, t.reverses_id
            INTO undone_debit, undone_credit, undone_cents, undone_reverses
            FROM ledger_transfer t WHERE t.id = (posting ->> 'reverses')::uuid;
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
        VALUES (debit, credit, cents, posting #>> '{debit,currency}', posting ->> 'kind', posting ->> 'key',
                (posting ->> 'subject')::uuid, (posting ->> 'reverses')::uuid)
        ON CONFLICT (key) DO NOTHING;
        IF FOUND THEN
            posted := posted + 1;
            keys := keys || (posting ->> 'key');
            IF debit_is_guarded[place] THEN
                changed := changed || debit;
                changes := changes || -cents;
            END IF;
            IF credit_is_guarded[place] THEN
                changed := changed || credit;
                changes := changes || cents;
            END IF;
        ELSIF posting ->> 'key' = ANY (keys) THEN
            RAISE EXCEPTION 'ledger: a key stands twice in one call';
        -- The same key must say the same thing.
        ELSIF NOT EXISTS (
            SELECT FROM ledger_transfer t
            WHERE t.key = posting ->> 'key' AND t.amount = cents AND t.debit_id = debit AND t.credit_id = credit)
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
"""


def replace_function(apps, schema_editor):
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
        migrations.RunPython(replace_function, migrations.RunPython.noop),
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
