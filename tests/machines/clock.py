"""A clock that only moves when it is told to: Python's and the database's show the same time.

`now()` and `statement_timestamp()` of the schema `machine_clock` stand before PostgreSQL's own in the search path of
one transaction, and behind every column's default (`created_at`). Where no clock was started they tell the real time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import time_machine
from django.db import connection
from psycopg import sql

from tests.database import as_superuser

_FUNCTION = """
    CREATE FUNCTION machine_clock.{}() RETURNS timestamptz LANGUAGE sql STABLE AS $$
        SELECT coalesce(nullif(current_setting('machine_clock.now', true), '')::timestamptz, pg_catalog.{}())
    $$
"""
_DEFAULTS = """
    SELECT d.adrelid::regclass::text, a.attname, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_class c ON c.oid = d.adrelid AND c.relnamespace = current_schema()::regnamespace
    WHERE pg_get_expr(d.adbin, d.adrelid) IN ('now()', 'statement_timestamp()', 'CURRENT_TIMESTAMP')
"""


@contextmanager
def movable_clock() -> Iterator[None]:
    """Let the tests' database have clocks that can be moved, and be afterwards as it was before."""
    with as_superuser() as admin:
        admin.execute("CREATE SCHEMA machine_clock")
        for name in ("now", "statement_timestamp"):
            admin.execute(sql.SQL(_FUNCTION).format(sql.Identifier(name), sql.Identifier(name)))
        admin.execute("GRANT USAGE ON SCHEMA machine_clock TO PUBLIC")
        defaults = admin.execute(_DEFAULTS).fetchall()
        with admin.transaction():
            for table, column, _default in defaults:
                _set_default(admin, table, column, "machine_clock.statement_timestamp()")

        try:
            yield
        finally:
            with admin.transaction():
                for table, column, default in defaults:
                    _set_default(admin, table, column, default)
                admin.execute("DROP SCHEMA machine_clock CASCADE")


def _set_default(admin: psycopg.Connection[Any], table: str, column: str, default: str) -> None:
    admin.execute(f'ALTER TABLE {table} ALTER COLUMN "{column}" SET DEFAULT {default}')


class Clock:
    """Stands still from `at` on, until the transaction in which it was started is rolled back and it is stopped."""

    def __init__(self, at: datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_schemas(false)")
            [[schemas]] = cursor.fetchall()
            before = sql.SQL(", ").join(map(sql.Identifier, ["machine_clock", "pg_catalog", *schemas]))
            cursor.execute(sql.SQL("SET LOCAL search_path = {}").format(before))
        self._tell_database(at)
        # Last, so that whatever fails leaves Python's clock going.
        self.now = at
        self._travel = time_machine.travel(at, tick=False)
        self._traveller = self._travel.start()

    def move_to(self, at: datetime) -> None:
        self.now = at
        self._traveller.move_to(at, tick=False)
        self._tell_database(at)

    def _tell_database(self, at: datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('machine_clock.now', %s, true)", [at.isoformat()])

    def move(self, by: timedelta) -> None:
        self.move_to(self.now + by)

    def stop(self) -> None:
        self._travel.stop()
