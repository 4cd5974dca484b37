"""The file that fills an empty database makes what the migrations make, and is used where it can be only."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DatabaseError, connection
from psycopg import sql

from tenpo.runtime import baseline, env, postgres, upgrade

pytestmark = pytest.mark.django_db(transaction=True)
NAME = f"{postgres.DATABASE}_baseline_{os.getpid()}"
# When a migration was applied, and a word that each dump makes up.
BY_CHANCE = re.compile(r"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^']*'|^\\(un)?restrict .*$", re.MULTILINE)


def url(role: str = postgres.OWNER) -> str:
    return postgres.url(env.data_dir(), role, database=NAME)


@contextmanager
def empty_database(schema: str = "public") -> Iterator[None]:
    """Let Django's connection be the owner's, to a database that holds nothing, where a business has this schema."""
    before = dict(connection.settings_dict)
    connection.close()
    with psycopg.connect(postgres.url(env.data_dir(), postgres.SUPERUSER), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {NAME} OWNER {postgres.OWNER}")
        where = sql.Identifier(schema)
        admin.execute(sql.SQL("ALTER DATABASE {} SET search_path = {}").format(sql.Identifier(NAME), where))
        connection.settings_dict.update(NAME=NAME, USER=postgres.OWNER)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(where))
            yield
        finally:
            connection.close()
            connection.settings_dict.update(before)
            ContentType.objects.clear_cache()
            admin.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def migrate() -> None:
    call_command("migrate", interactive=False, verbosity=0)


def all_there_is(*options: str) -> str:
    """The database at hand with its rows, owners, rights and comments, as `pg_dump` says it."""
    command = [str(postgres.binaries() / "pg_dump"), "--inserts", *options, url(postgres.SUPERUSER)]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return BY_CHANCE.sub("", dumped)


def test_it_makes_what_the_migrations_make():
    with empty_database():
        migrate()
        assert baseline.written(url()) == baseline.FILE.read_text(), "Out of date. Run: make baseline"
        upgrade.finish()
        wanted = [*all_there_is().splitlines(), *indexes_by_age()]

    with empty_database():
        assert baseline.load_when_empty()
        migrate()
        upgrade.finish()
        found = [*all_there_is().splitlines(), *indexes_by_age()]

    # As lists, so that what differs is said by a line and not by a screen.
    assert found == wanted


def indexes_by_age() -> list[str]:
    """Which of two rules a refusal names depends on which is older, and a dump does not say that."""
    with connection.cursor() as cursor:
        cursor.execute(baseline._INDEXES)
        return [name for name, _place in sorted(cursor.fetchall(), key=lambda found: found[1])]


def tables() -> int:
    query = "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        [[count]] = cursor.fetchall()
    return int(count)


def things(dump: str) -> set[str]:
    """What is made, in no order: a dump's own depends on the names of schemas."""
    return {thing.strip() for thing in baseline._TITLE.split(dump)[1:-1]}


def test_a_business_with_a_schema_of_its_own_gets_the_same_in_it():
    with empty_database():
        assert baseline.load_when_empty()
        in_public = things(all_there_is("--schema-only", "--no-owner"))

    with empty_database(schema="north"):
        assert baseline.load_when_empty()
        said = all_there_is("--schema-only", "--no-owner")
    in_its_own = things(said.replace("'north'", "'public'").replace("north.", "public.").replace("north_", ""))

    assert in_its_own ^ in_public == {"CREATE SCHEMA north;"}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE shelf (book text)",
        "CREATE FUNCTION shelf() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        # As an operator does whose PostgreSQL distributes tables: `core/0001_uuid_range` leaves it alone.
        "CREATE TYPE uuidrange AS RANGE (subtype = uuid)",
        "CREATE SCHEMA types; SET search_path = public, types; CREATE TYPE types.uuidrange AS RANGE (subtype = uuid)",
    ],
)
def test_where_something_is_already_the_migrations_have_to_run(statement):
    with empty_database(), connection.cursor() as cursor:
        cursor.execute(statement)
        before = tables()

        assert not baseline.load_when_empty()
        assert tables() == before


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the file, which is used in its place."""
    path = tmp_path / "baseline.sql"
    path.write_text(baseline.FILE.read_text())
    monkeypatch.setattr(baseline, "FILE", path)
    return path


@pytest.mark.parametrize("what", ["a migration", "a library"])
def test_of_other_migrations_it_is_not_used(what, monkeypatch):
    if what == "a library":
        version = upgrade._version
        monkeypatch.setattr(
            upgrade, "_version", lambda name: f"{version(name)}.1" if name == "django" else version(name)
        )
    else:
        ours = upgrade._migrations()
        monkeypatch.setattr(upgrade, "_migrations", lambda: ours[:-1])

    with empty_database():
        assert not baseline.load_when_empty()
        assert tables() == 0


def test_what_fails_at_the_end_has_left_nothing(file):
    file.write_text(f"{file.read_text()}INSERT INTO django_migrations (app) VALUES (NULL);\n")

    with empty_database():
        with pytest.raises(DatabaseError):
            baseline.load_when_empty()
        assert baseline.is_empty()


def test_twice_does_nothing_more():
    with empty_database():
        assert baseline.load_when_empty()
        assert not baseline.load_when_empty()
