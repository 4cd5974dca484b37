"""What the views of a source show."""

import json
from typing import Any

from django.db import connection

JSONB = 3802


def view_rows(source: str, view: str, **where: Any) -> list[dict[str, Any]]:
    """The rows of a view in the order of its first column, which is the id."""
    condition = " AND ".join(f'"{column}" = %s' for column in where) or "true"
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM {source}."{view}" WHERE {condition} ORDER BY 1', list(where.values()))
        columns = [(column.name, column.type_code == JSONB) for column in cursor.description or ()]
        return [
            {
                name: json.loads(value) if is_json and value else value
                for (name, is_json), value in zip(columns, row, strict=True)
            }
            for row in cursor.fetchall()
        ]


def views_of(source: str) -> dict[str, list[str]]:
    """The views of a source and their columns in order, from PostgreSQL's own catalogue."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s GROUP BY 1",
            [source],
        )
        return dict(cursor.fetchall())
