"""The baseline: what the migrations make of an empty database, as one file of SQL that does it at once.

`make baseline` writes it, from the migrations, and `tests/test_baseline.py` holds the two together. It is used only
where nothing is in the database, and only when it was made from the very migrations that are here: otherwise they run
one after the other, as they do in every upgrade, which takes longer and comes to the same.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from django.db import connection, transaction
from psycopg import sql

from tenpo.runtime import postgres, upgrade
from tenpo.runtime.errors import OperatorError
from tenpo.runtime.grants import REPORTING_SCHEMAS

FILE = Path(__file__).with_suffix(".sql")
# What an operator made there first counts as well, be it one type: the migrations know what to do about it.
_IS_EMPTY = """
    SELECT to_regtype('uuidrange') IS NULL AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass AND refobjid = quote_ident(current_schema())::regnamespace)
"""
_DUMP = ["--schema-only", "--no-owner", "--no-privileges", "--no-tablespaces", "--no-table-access-method"]
# What stands before each thing that is made, and at the end. Before the first, psql and the session are set up.
_TITLE = re.compile(r"\n--\n-- (?:Name: .*; Type: .*|PostgreSQL database dump complete)\n--\n")
# Of several rules that a row breaks PostgreSQL names that of the oldest index, so they are made in the same order.
_INDEX = re.compile(r"-- Name: (?:\S+ )?(\S+); Type: (?:CONSTRAINT|INDEX);")
_INDEXES = """
    SELECT relname, row_number() OVER (ORDER BY oid) FROM pg_class
    WHERE relkind = 'i' AND relnamespace = current_schema()::regnamespace
"""
# Read as it is written here, the cast would go to each word, and the condition would not be the same any more.
_LIST_OF_WORDS = re.compile(r"\((ARRAY\['[^\]]*'::character varying\])\)::text\[\]")


def load_when_empty() -> bool:
    """Fill the database, as its owner and all of it or nothing; False when the migrations have to run instead."""
    if not is_of_these_migrations() or not is_empty():
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        [[schema]] = cursor.fetchall()
        # Functions come before the tables that they read.
        cursor.execute("SET LOCAL check_function_bodies = off")
        cursor.execute(_in_schema(str(schema), FILE.read_text()))
    return True


def is_of_these_migrations() -> bool:
    """Whether the file was made from the migrations that are here, and from the libraries that bring others."""
    return FILE.read_text().startswith(_head())


def is_empty() -> bool:
    """Whether nothing at all is in the schema of this business."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_EMPTY)
        return bool(cursor.fetchall() == [(True,)])


def written(url: str) -> str:
    """What the file must say: what is in this database, in whose `public` the migrations ran and nothing else did."""
    with psycopg.connect(url) as opened:
        applied = opened.execute("SELECT app, name FROM django_migrations ORDER BY id").fetchall()
        indexes = {str(name): int(place) for name, place in opened.execute(_INDEXES)}
    command = [str(postgres.binaries() / "pg_dump"), *_DUMP, url]
    dumped = subprocess.run(command, capture_output=True, text=True, check=False)
    if dumped.returncode:
        raise OperatorError(f"pg_dump failed: {dumped.stderr.strip()}")
    names = ",\n".join(f"    ('{app}', '{name}', now())" for app, name in applied)
    return (
        f"{_head()}\n{_without_schema(_in_order(dumped.stdout, indexes))}\n\n"
        f"INSERT INTO django_migrations (app, name, applied) VALUES\n{names};\n"
    )


def _head() -> str:
    return (
        "-- What the migrations make of an empty database. Written by `make baseline`, never by hand.\n"
        f"-- Of the migrations {upgrade.migrations_fingerprint()}\n"
    )


def _in_order(dump: str, indexes: Mapping[str, int]) -> list[str]:
    """What the dump makes, one after the other, but the indexes in the order of their numbers."""
    parts, titles = _TITLE.split(dump)[1:-1], _TITLE.findall(dump)
    names = [name[1] if (name := _INDEX.search(title)) else "" for title in titles]
    places = [place for place, name in enumerate(names) if name in indexes]
    in_order = sorted(places, key=lambda place: indexes[names[place]])
    moved = dict(zip(places, in_order, strict=True))
    return [parts[moved.get(place, place)].strip() for place in range(len(parts))]


def _without_schema(parts: Sequence[str]) -> str:
    text = "\n\n".join(parts)
    text = text.replace("public.", "").replace("TO 'public', 'pg_temp'", "TO {schema}, pg_temp")
    text = text.replace("CREATE SCHEMA ", "CREATE SCHEMA IF NOT EXISTS ")
    text = re.sub(rf"\b({'|'.join(REPORTING_SCHEMAS)})(?=[.;])", r'"{reports}\1"', text)
    return _LIST_OF_WORDS.sub(r"((\1)::character varying[])::text[]", text)


def _in_schema(schema: str, text: str) -> str:
    # Beside `public` the views for reports have their plain names, as in `core.db.CreateViews`.
    reports = "" if schema == "public" else f"{schema}_"
    return text.replace("{reports}", reports.replace('"', '""')).replace("{schema}", sql.Identifier(schema).as_string())
