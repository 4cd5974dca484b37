"""Queue work for the worker, in the caller's transaction."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any

import structlog
from procrastinate import JobContext
from procrastinate.contrib.django import app

from tenpo.core import clock
from tenpo.core.invariants import report_faults
from tenpo.core.limits import forget_old_counts
from tenpo.core.outbox import forget_delivered
from tenpo.core.request_context import Origin, current_origin, set_origin
from tenpo.core.tally import tallied
from tenpo.runtime import metrics, watch

# The argument of a job that is not its own.
REQUEST_ID = "_request_id"

log = structlog.get_logger("tenpo.jobs")


def defer(task: str, *, queue: str = "default", in_seconds: int = 0, **arguments: Any) -> None:
    """Queue the job `task` ("notify.send_delivery"); it exists once this transaction commits.

    By name, so that an action need not import the job that calls it back. Arguments are plain JSON.
    """
    arguments |= _origin()
    schedule_at = clock.now() + timedelta(seconds=in_seconds) if in_seconds else None
    app.configure_task(task, queue=queue, schedule_at=schedule_at, allow_unknown=True).defer(**arguments)


def defer_all(task: str, jobs: list[dict[str, Any]], *, queue: str = "default") -> None:
    """Queue one job for each set of arguments, with one statement; see `defer`."""
    if jobs:
        app.configure_task(task, queue=queue, allow_unknown=True).batch_defer(*[job | _origin() for job in jobs])


def each_by_itself[T, R](rows: Iterable[T], act: Callable[[T], R], *, failure: str) -> list[R]:
    """Do something to each of many rows, in a transaction of its own; what came of those that went well.

    One that goes wrong keeps no other waiting. It is an error of ours, logged and reported under the name `failure`.
    """
    found = []
    for row in rows:
        try:
            found.append(act(row))
        except Exception:  # the others go on
            log.exception(failure, row_id=str(getattr(row, "pk", row)))
    return found


def _origin() -> dict[str, str]:
    """What a job carries beside its arguments: the request that it comes from."""
    request_id = current_origin().request_id
    return {REQUEST_ID: request_id} if request_id else {}


def origin_of(arguments: dict[str, Any]) -> Origin:
    """Where a job comes from; takes out of its arguments what is not the job's own."""
    return Origin(request_id=arguments.pop(REQUEST_ID, ""))


async def name_request(run: Callable[[], Awaitable[Any]], context: JobContext, worker: Any) -> Any:
    """Around each job of the worker: it goes on where its request left off, in the log as well.

    Not taken back afterwards: what is then said of the job's end, on this task of its own, names the request too.
    """
    set_origin(origin_of(context.job.task_kwargs))
    return await run()


def measure(run: Callable[[], Any], context: JobContext, worker: Any) -> Any:
    """Around each job, on its thread: one line in the log for each, with what it took."""
    outcome = "failed"
    with tallied() as tally, watch.job(current_origin().request_id) as span:
        try:
            result = run()
            outcome = "done"
            return result
        finally:
            metrics.JOBS.labels(context.job.task_name, outcome).observe(tally.seconds)
            span.describe(
                context.job.task_name,
                failed=outcome == "failed",
                tenpo__job_id=context.job.id,
                tenpo__statements=tally.statements,
            )
            log.info(
                "job",
                task=context.job.task_name,
                job_id=context.job.id,
                outcome=outcome,
                ms=round(tally.seconds * 1000, 1),
                statements=tally.statements,
                database_ms=round(tally.database_seconds * 1000, 1),
            )


@app.periodic(cron="41 3 * * *")
@app.task(name="core.forget_delivered_messages", queue="periodic")
def forget_delivered_messages(timestamp: int) -> None:
    """Drop what was delivered long ago, step by step."""
    while forget_delivered():
        pass


@app.periodic(cron="37 3 * * *")
@app.task(name="core.forget_old_counts", queue="periodic")
def forget_counts(timestamp: int) -> None:
    """Drop the counts of tries whose time is over: a flood from many addresses leaves a row for each."""
    forget_old_counts()


@app.periodic(cron="23 4 * * *")
@app.task(name="core.check_invariants", queue="periodic")
def check_invariants(timestamp: int) -> None:
    """Look whether everything holds that must."""
    report_faults()
