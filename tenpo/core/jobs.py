"""Queue work for the worker, in the caller's transaction."""

from datetime import timedelta
from typing import Any

from procrastinate.contrib.django import app

from tenpo.core import clock
from tenpo.core.invariants import report_faults
from tenpo.core.outbox import forget_delivered


def defer(task: str, *, queue: str = "default", in_seconds: int = 0, **arguments: Any) -> None:
    """Queue the job `task` ("notify.send_delivery"); it exists once this transaction commits.

    By name, so that an action need not import the job that calls it back. Arguments are plain JSON.
    """
    schedule_at = clock.now() + timedelta(seconds=in_seconds) if in_seconds else None
    app.configure_task(task, queue=queue, schedule_at=schedule_at, allow_unknown=True).defer(**arguments)


def defer_all(task: str, jobs: list[dict[str, Any]], *, queue: str = "default") -> None:
    """Queue one job for each set of arguments, with one statement; see `defer`."""
    if jobs:
        app.configure_task(task, queue=queue, allow_unknown=True).batch_defer(*jobs)


@app.periodic(cron="41 3 * * *")
@app.task(name="core.forget_delivered_messages", queue="periodic")
def forget_delivered_messages(timestamp: int) -> None:
    """Drop what was delivered long ago, step by step."""
    while forget_delivered():
        pass


@app.periodic(cron="23 4 * * *")
@app.task(name="core.check_invariants", queue="periodic")
def check_invariants(timestamp: int) -> None:
    """Look whether everything holds that must."""
    report_faults()
