"""What must hold at every moment, whatever happened before: each invariant is a query that finds what breaks it.

Every app with tables states its own in `<app>/invariants.py`, as a tuple `INVARIANTS`. They are asked for every night,
by `tenpo check`, and after every test that is marked `invariants`. A constraint refuses a wrong row; an invariant also
finds what no constraint can say, what came in past them, and what should have happened by now and has not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.utils.module_loading import module_has_submodule
from psycopg import sql

EXAMPLES = 20
# A check reads whole tables, which no request may.
STATEMENT_SECONDS = 600

_FAULTS = "SELECT faults.*, count(*) OVER () AS of_all FROM ({query}) faults LIMIT {examples}"


@dataclass(frozen=True)
class Invariant:
    """A sentence about the data, and the query that finds the rows that break it: none when it holds.

    The first column of the query names the row; the others say what is wrong with it.
    """

    name: str
    statement: str
    sql: str


@dataclass(frozen=True)
class Finding:
    """What breaks one invariant: how many rows, and the first of them."""

    app: str
    name: str
    statement: str
    count: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The shape that scripts rely on."""
        return {"name": self.name, "app": self.app, "statement": self.statement, "faults": self.faults}


def all_invariants() -> list[tuple[str, Invariant]]:
    """Every invariant of every installed app, with the app's label."""
    return [
        (config.label, invariant)
        for config in apps.get_app_configs()
        if config.name.startswith("tenpo.") and module_has_submodule(config.module, "invariants")
        for invariant in import_module(f"{config.name}.invariants").INVARIANTS
    ]


def find_faults(examples: int = EXAMPLES) -> list[Finding]:
    """The invariants that do not hold at this moment; empty when all is well."""
    return [finding for finding in examine(examples) if finding.count]


def examine(examples: int = EXAMPLES) -> list[Finding]:
    """Ask for every invariant at one moment; each with at most `examples` of the rows that break it."""
    with _one_moment():
        return [_ask(app, invariant, examples) for app, invariant in all_invariants()]


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction that writes nothing and sees one moment; inside the caller's own, what that one sees."""
    is_ours = not connection.in_atomic_block
    with transaction.atomic():
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{STATEMENT_SECONDS}s"])
        yield


def _ask(app: str, invariant: Invariant, examples: int) -> Finding:
    query = sql.SQL(_FAULTS).format(query=sql.SQL(invariant.sql), examples=sql.Literal(examples))
    with connection.cursor() as cursor:
        cursor.execute(query)
        names = [column.name for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    count = rows[0]["of_all"] if rows else 0
    faults = [{name: _plain(value) for name, value in row.items() if name != "of_all"} for row in rows]
    return Finding(app, invariant.name, str(invariant.statement), count, faults)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


INVARIANTS = (
    Invariant(
        "event-is-passed-on-or-given-up",
        "An event is passed on within an hour, or given up where an admin sees it.",
        """
        SELECT id, name, consumer, published_at, attempts FROM core_outboxmessage
        WHERE delivered_at IS NULL AND dead_at IS NULL AND published_at < now() - interval '1 hour'
          AND next_attempt_at < now() - interval '10 minutes'""",
    ),
)
