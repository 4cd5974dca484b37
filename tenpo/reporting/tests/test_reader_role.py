"""What the role of BI tools may see: the reporting views, and nothing else whatever it tries."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from tenpo.checkout.tests.make import make_booking
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.tests.make import make_member
from tenpo.reporting.tests.read import views_of
from tenpo.runtime import env, postgres
from tenpo.runtime.grants import REPORTING_SCHEMAS
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reader() -> Iterator[psycopg.Connection[Any]]:
    url = postgres.url(env.data_dir(), postgres.READER, database=connection.settings_dict["NAME"])
    with psycopg.connect(url, autocommit=True) as connected:
        yield connected


def test_the_reader_reads_every_view(reader: psycopg.Connection[Any]):
    member = make_member()

    views = [(source, view) for source in REPORTING_SCHEMAS for view in views_of(source)]
    assert len(views) >= 20
    for source, view in views:
        reader.execute(f'SELECT * FROM {source}."{view}"')
    assert reader.execute("SELECT id, password_hash FROM company_coaching.users").fetchall() == [(member.pk, None)]


def test_no_table_of_ours_is_readable(reader: psycopg.Connection[Any]):
    tables = reader.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname NOT LIKE 'pg\\_%%'"
        " AND n.nspname <> 'information_schema' AND n.nspname <> ALL (%s)",
        [REPORTING_SCHEMAS],
    ).fetchall()
    assert len(tables) > 40
    names = " ".join(name for (name,) in tables)
    assert all(part in names for part in ("people_user", "ledger_transfer", "audit_auditlog", "people_visit"))
    for (name,) in tables:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(f"SELECT * FROM {name}")


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE company_coaching.sessions SET coach_id = id",
        "DELETE FROM company_coaching.invite_tokens",
        "INSERT INTO company_coaching.sessions (coach_id) VALUES (gen_random_uuid())",
        "CREATE TABLE company_coaching.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE VIEW public.mine AS SELECT * FROM public.people_user",
        "SELECT public.ledger_post('[]')",
        "SET ROLE tenpo_app",
        "SET ROLE tenpo_owner",
        "COPY company_coaching.users TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
    ],
)
def test_the_reader_only_reads(reader: psycopg.Connection[Any], attempt: str):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(attempt)


def test_a_table_of_the_readers_own_does_not_stand_in_for_ours(reader: psycopg.Connection[Any]):
    """The views know their tables by what they are, not by a name that a temporary table could take."""
    member = make_member()
    reader.execute(
        "CREATE TEMP TABLE people_user (id uuid, email text, created_at timestamptz, disabled_at timestamptz)"
    )
    reader.execute("SET search_path = pg_temp, public")

    found = reader.execute("SELECT id FROM company_coaching.users").fetchall()

    assert found == [(member.pk,)]


def test_a_function_of_the_readers_own_sees_only_rows_that_a_view_shows(reader: psycopg.Connection[Any]):
    """Without the views' barrier, a cheap function in the condition would be handed what the view filters out."""
    make_booking(make_session(), make_member(), card=DECLINED)
    reader.execute("CREATE TEMP TABLE seen (what text)")
    reader.execute(
        "CREATE FUNCTION pg_temp.peek(what text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS"
        " $$ BEGIN INSERT INTO pg_temp.seen VALUES (what); RETURN true; END $$"
    )

    reader.execute("SELECT 1 FROM company_coaching.payments WHERE pg_temp.peek(id::text)")

    assert reader.execute("SELECT * FROM seen").fetchall() == []
