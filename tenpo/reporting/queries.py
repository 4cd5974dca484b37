"""What of the source designs is served, read from the database itself."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection
from psycopg import sql

# Every table and column of the five source designs, letter for letter.
SOURCES = Path(__file__).with_name("sources.json")
# Secrets come back empty on purpose: whoever reads reports must not be able to get in anywhere with them.
WITHHELD = {
    "company_coaching": {"users": ["password_hash"], "invite_tokens": ["token"]},
    "youth_sports": {
        "User": ["password", "resetToken"],
        "Trainer": ["stripe_onboarding_url", "stripe_express_dashboard_url"],
        "google_calendar_integrations": ["accessToken", "refreshToken"],
    },
    "pay_per_minute": {"users": ["password_hash"]},
    "peer_learning": {"users": ["password_hash"]},
}


@dataclass(frozen=True)
class Coverage:
    """How much of one source design is served: pairs are (served, all)."""

    source: str
    tables: tuple[int, int]
    columns: tuple[int, int]
    # Columns with a value in at least one row, and those without: secrets, and what nobody has needed yet.
    filled: int
    withheld: list[str] = field(default_factory=list)
    unfilled: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The shape that scripts rely on."""
        return {"tables": list(self.tables), "columns": list(self.columns), "filled": self.filled}


@cache
def source_designs() -> dict[str, dict[str, list[str]]]:
    """Source → table → columns."""
    designs: dict[str, dict[str, list[str]]] = json.loads(SOURCES.read_text(encoding="utf-8"))
    return designs


def schema_of(source: str) -> str:
    """The schema of a source's views: its name, with the business's schema in front where that is not `public`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        row = cursor.fetchone()
    assert row is not None
    return source if row[0] == "public" else f"{row[0]}_{source}"


def coverage() -> list[Coverage]:
    """What each of the five sources has here. Looks for a value in every served column: a scan at worst."""
    return [_coverage_of(source, tables) for source, tables in source_designs().items()]


def totals(entries: Sequence[Coverage]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Tables and columns of all sources together, each as (served, all)."""

    def together(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
        return sum(served for served, _all in pairs), sum(whole for _served, whole in pairs)

    return together([entry.tables for entry in entries]), together([entry.columns for entry in entries])


def _coverage_of(source: str, tables: dict[str, list[str]]) -> Coverage:
    schema = schema_of(source)
    found = _columns_in(schema)
    served = {table: [c for c in columns if c in found[table]] for table, columns in tables.items() if table in found}
    withheld = WITHHELD.get(source, {})
    empty = [
        (table, column)
        for table, columns in served.items()
        for column, has_value in zip(columns, _filled(schema, table, columns), strict=True)
        if not has_value
    ]
    count = sum(map(len, served.values()))
    return Coverage(
        source=source,
        tables=(len(served), len(tables)),
        columns=(count, sum(map(len, tables.values()))),
        filled=count - len(empty),
        withheld=[f"{table}.{column}" for table, column in empty if column in withheld.get(table, ())],
        unfilled=[f"{table}.{column}" for table, column in empty if column not in withheld.get(table, ())],
    )


def _columns_in(schema: str) -> dict[str, set[str]]:
    """Views and their columns, from PostgreSQL's own catalogue."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relkind = 'v' AND a.attnum > 0 AND NOT a.attisdropped",
            [schema],
        )
        found: dict[str, set[str]] = {}
        for table, column in cursor.fetchall():
            found.setdefault(table, set()).add(column)
    return found


def _filled(schema: str, table: str, columns: list[str]) -> Iterator[bool]:
    """Whether each column has a value in some row; one statement for a table."""
    view = sql.Identifier(schema, table)
    questions = [
        sql.SQL("EXISTS (SELECT FROM {view} WHERE {column} IS NOT NULL)").format(
            view=view, column=sql.Identifier(column)
        )
        for column in columns
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(questions)))
        row = cursor.fetchone()
    assert row is not None
    yield from row
