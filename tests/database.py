"""The database of this test process, as others than the application see it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from tenpo.runtime import env, postgres


def as_superuser() -> psycopg.Connection[Any]:
    """A connection that may do everything; the tests' own may not even change a table."""
    address = postgres.url(env.data_dir(), postgres.SUPERUSER, database=connection.settings_dict["NAME"])
    return psycopg.connect(address, autocommit=True)


@contextmanager
def acting_as(user: str) -> Iterator[None]:
    """Let Django's own connection be another user's for a while."""
    before = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = user
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = before
