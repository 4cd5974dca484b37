"""Every place in the database where something is sealed, and how it comes under another key."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.utils.module_loading import import_string
from psycopg import sql

from tenpo.core.crypto import PREFIX_BYTES, newest_prefix, seal, unseal
from tenpo.core.fields import EncryptedField
from tenpo.runtime.errors import OperatorError

BATCH_ROWS = 500
WRITERS_SECONDS = 120


class Place(Protocol):
    """Where sealed values are: a column, or a part of one."""

    name: str

    def count(self) -> Counter[str]:
        """How many values each key has sealed here, by the key's id."""
        ...

    def rotate(self, limit: int) -> tuple[int, int]:
        """Seal up to `limit` values anew that another key than the newest has sealed.

        Returns how many were found and how many were changed: what somebody else has written meanwhile is theirs.
        """
        ...


class Column:
    """The values of one `EncryptedField`."""

    def __init__(self, field: EncryptedField) -> None:
        meta = field.model._meta
        self.field = field
        self.name = f"{meta.label}.{field.name}"
        self._names = {
            "table": sql.Identifier(meta.db_table),
            "column": sql.Identifier(str(field.column)),
            "identity": sql.Identifier(str(field.identity_column.column)),
            "key": sql.Identifier(str(meta.pk.column)),
        }

    def count(self) -> Counter[str]:
        query = (
            "SELECT encode(substring({column} FROM 2 FOR %s), 'hex'), count(*) FROM {table}"
            " WHERE {column} IS NOT NULL GROUP BY 1"
        )
        with self._run(query, PREFIX_BYTES - 1) as cursor:
            return Counter(dict(cursor.fetchall()))

    def rotate(self, limit: int) -> tuple[int, int]:
        query = (
            "SELECT {key}, {identity}, {column} FROM {table}"
            " WHERE {column} IS NOT NULL AND substring({column} FROM 1 FOR %s) <> %s ORDER BY {key} LIMIT %s"
        )
        with self._run(query, PREFIX_BYTES, newest_prefix(), limit) as cursor:
            rows = cursor.fetchall()
        changed = 0
        for key, identity, old in rows:
            place = self.field.place(identity)
            new = seal(unseal(bytes(old), *place), *place)
            # Only over what was read: whoever wrote meanwhile has sealed it with the newest key themselves.
            update = "UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s"
            with self._run(update, new, key, old) as cursor:
                changed += cursor.rowcount
        return len(rows), changed

    @contextmanager
    def _run(self, query: str, *parameters: Any) -> Iterator[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(query).format(**self._names), parameters)
            yield cursor


def columns(models_: Iterable[type[models.Model]] | None = None) -> Iterator[Column]:
    """Every encrypted column of every model, ours and those of libraries."""
    for model in apps.get_models() if models_ is None else models_:
        for field in model._meta.local_concrete_fields:
            if isinstance(field, EncryptedField):
                yield Column(field)


def places() -> list[Place]:
    """Everywhere where something is sealed."""
    return [*columns(), *(import_string(name)() for name in settings.SEALED_ELSEWHERE)]


def count_by_key(everywhere: list[Place] | None = None) -> Counter[str]:
    """How many values each key has sealed, by the key's id."""
    return sum((place.count() for place in everywhere or places()), Counter())


def wait_for_writers(seconds: float = WRITERS_SECONDS) -> None:
    """Wait until every transaction has ended that was under way: it may have sealed something before a key changed."""
    deadline = time.monotonic() + seconds
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        [[now]] = cursor.fetchall()
        while True:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot()) > %s::xid8", [now])
            if cursor.fetchall() == [(True,)]:
                return
            if time.monotonic() > deadline:
                raise OperatorError("A transaction has been under way for minutes. Try again when it has ended.")
            time.sleep(0.1)


def rotate(
    everywhere: list[Place] | None = None,
    *,
    batch: int = BATCH_ROWS,
    moved: Callable[[str, int], None] = lambda place, changed: None,
) -> int:
    """Seal everything under the newest key; returns how many values were changed.

    Each change is committed by itself and the service may go on meanwhile. Whenever this is stopped, it goes on from
    there: what is left is what the newest key has not sealed.
    """
    total = 0
    for place in everywhere or places():
        while True:
            found, changed = place.rotate(batch)
            total += changed
            moved(place.name, changed)
            if not found:
                break
    return total
