"""A clock that only moves when it is told to: Python's and the database's show the same time.

`now()` and `statement_timestamp()` of the schema `machine_clock` stand before PostgreSQL's own in the search path of
one transaction. Only column defaults (`created_at`) still know the real time: they are bound when a table is made.
"""

from datetime import datetime, timedelta

import psycopg
import time_machine
from django.db import connection

from tenpo.runtime import env, postgres

_SCHEMA = """
    CREATE SCHEMA IF NOT EXISTS machine_clock;
    CREATE OR REPLACE FUNCTION machine_clock.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT current_setting('machine_clock.now')::timestamptz $$;
    CREATE OR REPLACE FUNCTION machine_clock.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT current_setting('machine_clock.now')::timestamptz $$;
    GRANT USAGE ON SCHEMA machine_clock TO PUBLIC;
"""


def install_clock() -> None:
    """Let the tests' database have clocks that can be moved; nobody has to use them."""
    address = postgres.url(env.data_dir(), postgres.SUPERUSER, database=connection.settings_dict["NAME"])
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(_SCHEMA)


class Clock:
    """Stands still from `at` on, until the transaction in which it was started is rolled back and it is stopped."""

    def __init__(self, at: datetime) -> None:
        self.now = at
        self._travel = time_machine.travel(at, tick=False)
        self._traveller = self._travel.start()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = machine_clock, pg_catalog, public")
        self.move_to(at)

    def move_to(self, at: datetime) -> None:
        self.now = at
        self._traveller.move_to(at, tick=False)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('machine_clock.now', %s, true)", [at.isoformat()])

    def move(self, by: timedelta) -> None:
        self.move_to(self.now + by)

    def stop(self) -> None:
        self._travel.stop()
