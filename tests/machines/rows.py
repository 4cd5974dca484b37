"""What machines read of Tenpo after each step: all that is compared, in one statement."""

from datetime import datetime
from typing import Any

from django.db import connection


class Reading:
    """One statement that is asked after each step, which PostgreSQL plans once.

    Each of its `parts` is a list of rows, each row a JSON array that begins with its id: `(columns, FROM …)`. The rows
    come in the order of their ids, which is that in which they came to be.
    """

    def __init__(self, **parts: tuple[str, str]) -> None:
        self.parts = list(parts)
        lists = [
            f"(SELECT json_agg(json_build_array(id, {columns}) ORDER BY id) FROM {rows})"
            for columns, rows in parts.values()
        ]
        self.sql = f"SELECT {', '.join(lists)}"

    def __call__(self) -> dict[str, list[list[Any]]]:
        connection.ensure_connection()
        [found] = connection.connection.execute(self.sql, prepare=True).fetchall()
        return {part: rows or [] for part, rows in zip(self.parts, found, strict=True)}


def at(said: str | None) -> datetime | None:
    """A time, as JSON says it."""
    return datetime.fromisoformat(said) if said else None
