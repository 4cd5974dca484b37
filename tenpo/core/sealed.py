"""Every place in the database where something is sealed, and how it comes under another key."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.utils.module_loading import import_string
from psycopg import sql

from tenpo.core.crypto import NO_KEY, NONCE_BYTES, PREFIX_BYTES, VERSION, CannotOpen, newest_prefix, seal, unseal
from tenpo.core.fields import EncryptedField
from tenpo.runtime.errors import OperatorError

BATCH_ROWS = 500
WRITERS_SECONDS = 120


@dataclass(frozen=True)
class Row:
    """One row's sealed value as it was read; `identity` is what the value is bound to."""

    key: Any
    identity: Any
    value: Any


class Place(Protocol):
    """Where sealed values are: a column, or a part of one."""

    name: str
    table: str
    column: str
    # The primary key's column.
    key: str

    def count(self) -> Counter[str]:
        """How many values each key has sealed here, by the key's id; NO_KEY for what nobody sealed."""
        ...

    def find_old(self, after: Any, limit: int) -> list[Row]:
        """Up to `limit` rows that another key than the newest has sealed, by primary key, those after `after`."""
        ...

    def reseal(self, row: Row) -> bool:
        """Seal a row anew, unless somebody has written it since it was read; raises CannotOpen, and changes nothing."""
        ...


@dataclass(frozen=True)
class Unopened:
    """A value that does not open: where it stands and why, never what it is."""

    place: Place
    key: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.place.table}.{self.place.column}, {self.place.key} = {self.key}: {self.reason}"


class Column:
    """The values of one `EncryptedField`."""

    def __init__(self, field: EncryptedField) -> None:
        meta = field.model._meta
        self.field = field
        self.name = f"{meta.label}.{field.name}"
        self.table, self.column, self.key = meta.db_table, str(field.column), str(meta.pk.column)
        self._names = {
            "table": sql.Identifier(self.table),
            "column": sql.Identifier(self.column),
            "identity": sql.Identifier(str(field.identity_column.column)),
            "key": sql.Identifier(self.key),
        }

    def count(self) -> Counter[str]:
        query = (
            "SELECT CASE WHEN length({column}) >= %s AND substring({column} FROM 1 FOR 1) = %s"
            " THEN encode(substring({column} FROM 2 FOR %s), 'hex') ELSE %s END, count(*)"
            " FROM {table} WHERE {column} IS NOT NULL GROUP BY 1"
        )
        with self._run(query, PREFIX_BYTES + NONCE_BYTES, VERSION, PREFIX_BYTES - len(VERSION), NO_KEY) as cursor:
            return Counter(dict(cursor.fetchall()))

    def find_old(self, after: Any, limit: int) -> list[Row]:
        query = (
            "SELECT {key}, {identity}, {column} FROM {table}"
            " WHERE {column} IS NOT NULL AND substring({column} FROM 1 FOR %s) <> %s"
        )
        rest, parameters = ("", []) if after is None else (" AND {key} > %s", [after])
        query += f"{rest} ORDER BY {{key}} LIMIT %s"
        with self._run(query, PREFIX_BYTES, newest_prefix(), *parameters, limit) as cursor:
            return [Row(key, identity, bytes(value)) for key, identity, value in cursor.fetchall()]

    def reseal(self, row: Row) -> bool:
        place = self.field.place(row.identity)
        new = seal(unseal(row.value, *place), *place)
        # Only over what was read: whoever wrote meanwhile has sealed it with the newest key themselves.
        update = "UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s"
        with self._run(update, new, row.key, row.value) as cursor:
            return bool(cursor.rowcount)

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
    """How many values each key has sealed, by the key's id; NO_KEY for what nobody sealed."""
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
) -> list[Unopened]:
    """Seal everything under the newest key; returns what does not open, which stays as it is.

    Each change is committed by itself and the service may go on meanwhile. Whenever this is stopped, it goes on from
    there: what is left is what the newest key has not sealed. `moved` hears how many values of a place were changed.
    """
    unopened = []
    for place in everywhere or places():
        after = None
        while rows := place.find_old(after, batch):
            changed = 0
            for row in rows:
                try:
                    if not place.reseal(row):
                        break  # somebody wrote it since it was read: it is looked at again
                    changed += 1
                except CannotOpen as error:
                    unopened.append(Unopened(place, row.key, str(error)))
                after = row.key
            moved(place.name, changed)
    return unopened
