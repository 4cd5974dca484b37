"""What must hold at every moment, whatever happened before: each invariant is a query that finds what breaks it.

Every app with tables states its own in `<app>/invariants.py`, as a tuple `INVARIANTS`. They are asked for every night,
by `tenpo check`, and after every test that is marked `invariants`. A constraint refuses a wrong row; an invariant also
finds what no constraint can say, what came in past them, and what should have happened by now and has not.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import structlog
from django.apps import apps
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.module_loading import module_has_submodule
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from tenpo.core.business import current_business
from tenpo.core.models import CheckRun
from tenpo.core.outbox import publish

EXAMPLES = 20
# Of each night, for the page that shows it.
ROWS_KEPT = 5
RUNS_KEPT_DAYS = 90
# A check reads whole tables, which no request may.
STATEMENT_SECONDS = 600

# Said when a nightly check found something, to whoever looks after the machinery.
BROKEN_EVENT = "invariants.broken"

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

log = structlog.get_logger()

_FAULTS = "SELECT faults.*, count(*) OVER () AS of_all FROM ({query}) faults LIMIT {examples}"


@dataclass(frozen=True)
class Invariant:
    """A sentence about the data, and the query that finds the rows that break it: none when it holds.

    The first column of the query names the row; the others say what is wrong with it. `is_about_time` is for what must
    have happened by now: it does not hold after a standstill either, until the worker has caught up.
    """

    name: str
    statement: "StrOrPromise"
    sql: str
    is_about_time: bool = False


def statement_of(name: str) -> str:
    """The sentence of an invariant in the reader's language; its name when there is none of that name any more."""
    return next((str(one.statement) for _app, one in all_invariants() if one.name == name), name)


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


def find_faults(*, about_time: bool = True, app: str = "") -> list[Finding]:
    """The invariants that do not hold at this moment; empty when all is well.

    `about_time=False` leaves out what should have happened by now: in a backup of yesterday, it has not. With `app`,
    only that app's are asked for.
    """
    return [finding for finding in examine(about_time=about_time, app=app) if finding.count]


def examine(*, about_time: bool = True, examples: int = EXAMPLES, app: str = "") -> list[Finding]:
    """Ask for every invariant at one moment; each with at most `examples` of the rows that break it."""
    wanted = [
        (label, invariant)
        for label, invariant in all_invariants()
        if app in ("", label) and (about_time or not invariant.is_about_time)
    ]
    with _one_moment():
        return [_ask(label, invariant, examples) for label, invariant in wanted]


def report_faults() -> int:
    """Keep what was found, say it in the log, and tell the admins; returns how many invariants do not hold."""
    began = time.monotonic()
    found = examine()
    broken = [finding for finding in found if finding.count]
    for finding in broken:
        log.error(
            "invariant_broken", app=finding.app, invariant=finding.name, count=finding.count, faults=finding.faults
        )
    with transaction.atomic():
        CheckRun.objects.filter(created_at__lt=Now() - timedelta(days=RUNS_KEPT_DAYS)).delete()
        CheckRun.objects.create(
            seconds=time.monotonic() - began,
            asked=len(found),
            faults=[
                {"app": one.app, "name": one.name, "count": one.count, "rows": one.faults[:ROWS_KEPT]} for one in broken
            ],
        )
        if broken:
            publish(BROKEN_EVENT, subject=current_business(), names=[finding.name for finding in broken])
    return len(broken)


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
        _("What happened is passed on within an hour, or given up where an admin sees it."),
        """
        SELECT id, name, consumer, published_at, attempts FROM core_outboxmessage
        WHERE delivered_at IS NULL AND dead_at IS NULL AND published_at < now() - interval '1 hour'
          AND next_attempt_at < now() - interval '10 minutes'""",
        is_about_time=True,
    ),
    Invariant(
        "event-is-told-once-to-each-consumer",
        _("Each consumer is told of an event once."),
        """
        SELECT event_id, consumer, count(*) AS times FROM core_outboxmessage
        GROUP BY event_id, consumer HAVING count(*) > 1""",
    ),
    Invariant(
        "event-is-delivered-or-dead",
        _("An event was passed on or given up, not both."),
        """
        SELECT id, name, consumer, delivered_at, dead_at FROM core_outboxmessage
        WHERE delivered_at IS NOT NULL AND dead_at IS NOT NULL""",
    ),
    Invariant(
        "job-under-way-has-a-living-worker",
        _("A job that is under way is in the hands of a worker that lives."),
        """
        SELECT j.id, j.task_name, w.last_heartbeat FROM procrastinate_jobs j
        LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
        WHERE j.status = 'doing' AND coalesce(w.last_heartbeat < now() - interval '10 minutes', true)
          AND NOT EXISTS (
            SELECT FROM procrastinate_events e
            WHERE e.job_id = j.id AND e.type = 'started' AND e.at > now() - interval '10 minutes')""",
        is_about_time=True,
    ),
    Invariant(
        "job-is-begun-within-an-hour",
        _("A job is begun within an hour of its time."),
        """
        SELECT j.id, j.task_name, j.queue_name, coalesce(j.scheduled_at, max(e.at)) AS due
        FROM procrastinate_jobs j LEFT JOIN procrastinate_events e ON e.job_id = j.id
        WHERE j.status = 'todo'
        GROUP BY j.id HAVING coalesce(j.scheduled_at, max(e.at)) < now() - interval '1 hour'""",
        is_about_time=True,
    ),
    Invariant(
        "there-is-one-business",
        _("An installation serves one business."),
        "SELECT id, name FROM core_business WHERE (SELECT count(*) FROM core_business) > 1",
    ),
)
