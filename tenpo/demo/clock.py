"""A past for the demo, although everything happens now.

The demo's people act through the same actions as everybody, and actions take the time from Python and PostgreSQL. So
instead of pretending to another time, the world is moved: after a day's work every time that is stored goes back by
the length of the pause, and the next day's work finds its sessions, holds and deadlines where it would find them.
All times of a row move alike, so whatever held between them still holds.

Tables that only grow and that no rule reads (`LOGS`) are moved once, at the end: each of their times by as much as the
world has moved since.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.utils import timezone
from psycopg import sql

# Table → the time that says when its row came to be.
LOGS = {
    "audit_auditlog": "created_at",
    "core_outboxmessage": "published_at",
    "ledger_transfer": "created_at",
    "notify_delivery": "created_at",
    "notify_notification": "created_at",
}
# In a log, a time that was meant rather than happened moves with its row.
MEANT = {"next_attempt_at"}
# What is not the demo's: the machine's own tables.
MACHINE = ("django_", "procrastinate_", "core_ratecount", "core_cache", "usersessions_")

_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = '' AND a.atttypid IN ('timestamptz'::regtype, 'jsonb'::regtype)
    ORDER BY 1, a.attnum
"""
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
_EXCLUSIONS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'x' AND connamespace = current_schema()::regnamespace
"""
# Times inside a document, as Python writes them.
_MOVE_DOCUMENT = r"""
    CREATE FUNCTION pg_temp.moved(document jsonb, by interval) RETURNS jsonb LANGUAGE plpgsql AS $$
    DECLARE
        text_now text := document::text;
        found text;
    BEGIN
        FOR found IN
            SELECT DISTINCT m[1] FROM regexp_matches(
                text_now, '"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z))"', 'g') AS m
        LOOP
            text_now := replace(text_now, '"' || found || '"', '"' || to_char(
                (found::timestamptz - by) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') || '"');
        END LOOP;
        RETURN text_now::jsonb;
    END $$
"""


class Clock:
    """Where the demo's world stands: `ahead` of the time that it will have in the end.

    `owner` is a connection of the role that owns the tables, since the application may not rewrite money or audit.
    """

    def __init__(self, owner: psycopg.Connection[Any], *, starts_back: timedelta) -> None:
        self.owner = owner
        self.ahead = starts_back
        self.moves: list[tuple[datetime, timedelta]] = []
        self.columns = self._find_columns()
        self.empty = self._find_empty()

    def now(self) -> datetime:
        """The time in the demo's world."""
        return timezone.now() - self.ahead

    def real(self, moment: datetime) -> datetime:
        """What an action must be told so that it is `moment` in the end."""
        return moment + self.ahead

    def go_to(self, moment: datetime) -> None:
        """Let time pass until `moment`; nothing happens meanwhile."""
        by = moment - self.now()
        if by <= timedelta(0):
            return
        with self.owner.transaction(), self._without_exclusions():
            for table, columns in self.columns.items():
                times = [column for column, kind in columns.items() if kind != "jsonb"]
                if table not in LOGS and times:
                    change = sql.SQL(", ").join(sql.SQL("{0} = {0} - %(by)s").format(sql.Identifier(c)) for c in times)
                    statement = sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), change)
                    self.owner.execute(statement, {"by": by})
        self.moves.append((timezone.now(), by))
        self.ahead -= by

    def settle(self) -> None:
        """Move the logs: each of their times by as much as the world has moved since."""
        if not self.moves:
            return
        with self.owner.transaction():
            self.owner.execute(
                "CREATE TEMP TABLE passed (since timestamptz, until timestamptz, by interval) ON COMMIT DROP"
            )
            left = sum((by for _at, by in self.moves), timedelta())
            since: datetime | None = None
            for at, by in self.moves:
                self.owner.execute("INSERT INTO passed VALUES (%s, %s, %s)", [since, at, left])
                since, left = at, left - by
            self.owner.execute(_MOVE_DOCUMENT)
            for table, born_at in LOGS.items():
                self._settle_table(table, born_at)

    def undo(self) -> None:
        """Empty whatever was empty in the beginning."""
        tables = sql.SQL(", ").join(sql.Identifier(table) for table in self.empty)
        self.owner.execute(sql.SQL("TRUNCATE {} CASCADE").format(tables))

    def _settle_table(self, table: str, born_at: str) -> None:
        row = _passed_since(born_at)
        changes = []
        for column, kind in self.columns[table].items():
            shape = "{0} = pg_temp.moved({0}, {1})" if kind == "jsonb" else "{0} = {0} - {1}"
            by = row if kind == "jsonb" or column in MEANT else _passed_since(column)
            changes.append(sql.SQL(shape).format(sql.Identifier(column), by))
        statement = sql.SQL("UPDATE {} SET {} WHERE {} < %s").format(
            sql.Identifier(table), sql.SQL(", ").join(changes), sql.Identifier(born_at)
        )
        self.owner.execute(statement, [self.moves[-1][0]])

    def _find_columns(self) -> dict[str, dict[str, str]]:
        """Every time and document that is stored: table → column → type."""
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in self.owner.execute(_COLUMNS).fetchall():
            if not table.startswith(MACHINE):
                found.setdefault(table, {})[column] = kind
        return found

    def _find_empty(self) -> list[str]:
        found = self.owner.execute(_TABLES).fetchall()
        is_empty = sql.SQL("SELECT NOT EXISTS (SELECT FROM {})")
        return [
            table
            for (table,) in found
            if self.owner.execute(is_empty.format(sql.Identifier(table))).fetchone() == (True,)
        ]

    @contextmanager
    def _without_exclusions(self) -> Iterator[None]:
        """Rows move one after the other, and half way some would overlap: what excludes that is asked at the end."""
        constraints = [
            (sql.SQL(table), sql.Identifier(name), sql.SQL(definition))
            for table, name, definition in self.owner.execute(_EXCLUSIONS).fetchall()
        ]
        for table, name, _definition in constraints:
            self.owner.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, name))
        yield
        # What waits for the end of the transaction would keep a table from being changed.
        self.owner.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, name, definition in constraints:
            self.owner.execute(sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(table, name, definition))


def _passed_since(column: str) -> sql.Composed:
    """By how much the world has moved since the time in `column`; nothing since the last move."""
    found = "coalesce((SELECT by FROM passed WHERE {0} < until AND (since IS NULL OR {0} >= since)), interval '0')"
    return sql.SQL(found).format(sql.Identifier(column))
