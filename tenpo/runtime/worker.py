"""The worker: jobs on threads, periodic jobs beside them, and the outbox; it outlives a restart of the database."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status

logger = logging.getLogger("tenpo.worker")

OUTBOX_BATCH = 100
OUTBOX_POLL_SECONDS = 0.3
JOB_POLL_SECONDS = 2.0
# A database that was away is back within seconds, and nobody shall wait much longer for their news.
RETRY_SECONDS_MAX = 1.0
# What fails for another reason fails again: it needs a look at the log, which is not to be filled.
FAILED_SECONDS = 5.0
# Work under way at a stop may take this long to end; what does not is taken up again by the next worker.
STOP_SECONDS = 20.0
# A worker says every ten seconds that it lives; whether all do is asked as often.
STALLED_SECONDS = 40.0
LOOK_SECONDS = 10.0
# Each costs a worker; a job that needed so many is given up, and stays in the table for `tenpo doctor` to count.
WORKERS_PER_JOB_MAX = 8
STEADY_SECONDS = 60.0
PERIODIC_QUEUE = "periodic"


class OutboxLoop(threading.Thread):
    """Delivers what the outbox holds, on a database connection of its own."""

    def __init__(self, drain: Callable[[int], int]) -> None:
        super().__init__(name="outbox", daemon=True)
        self.drain = drain
        self.stopping = threading.Event()

    def run(self) -> None:
        retry_seconds = 0.5
        while not self.stopping.is_set():
            try:
                close_old_connections()
                delivered = self.drain(OUTBOX_BATCH)
                retry_seconds = 0.5
            except (DatabaseError, InterfaceError) as error:
                logger.warning("The outbox lost the database", extra={"error": str(error).strip()})
                connection.close()
                self.stopping.wait(retry_seconds)
                retry_seconds = min(retry_seconds * 2, RETRY_SECONDS_MAX)
                continue
            except Exception:
                logger.exception("The outbox failed")
                self.stopping.wait(FAILED_SECONDS)
                continue
            if delivered < OUTBOX_BATCH:
                self.stopping.wait(OUTBOX_POLL_SECONDS)
        connection.close()


@dataclass(frozen=True)
class Around:
    """What is done around each job, as procrastinate's middleware: on the event loop, and on the job's thread."""

    job: Any
    task: Any


def run(*, threads: int, drain: Callable[[int], int], around: Around) -> None:
    """Work until SIGTERM or SIGINT; `drain` delivers up to so many of the outbox's messages and says how many."""
    outbox = OutboxLoop(drain)
    outbox.start()
    try:
        asyncio.run(_run_jobs(threads, around))
    finally:
        outbox.stopping.set()
        outbox.join(STOP_SECONDS)


async def _run_jobs(threads: int, around: Around) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    retry_seconds = 0.5
    while not stopping.is_set():
        started_at = loop.time()
        try:
            await _work_until(stopping, threads, around)
        except Exception as error:  # noqa: BLE001 (whatever broke, most likely the database: try again)
            if loop.time() - started_at > STEADY_SECONDS:
                retry_seconds = 0.5
            logger.warning("The worker starts again", extra={"error": repr(error), "in_seconds": retry_seconds})
            # Periodic jobs are queued through Django's connection, which does not mend itself.
            await sync_to_async(connection.close)()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), retry_seconds)
            retry_seconds = min(retry_seconds * 2, RETRY_SECONDS_MAX)


async def _work_until(stopping: asyncio.Event, threads: int, around: Around) -> None:
    from procrastinate.contrib.django import app  # noqa: PLC0415 (it exists once Django is set up)

    # Only the worker's own dealings with the queue are asynchronous. `app` keeps Django's connection, so that what a
    # job queues belongs to the job's transaction; procrastinate's `replace_connector` would take that away.
    worker_app = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
    options: dict[str, Any] = {
        "install_signal_handlers": False,
        "fetch_job_polling_interval": JOB_POLL_SECONDS,
        "shutdown_graceful_timeout": STOP_SECONDS,
        "delete_jobs": "successful",
        "worker_middleware": [around.job],
        # Given ones replace those that close Django's connections.
        "task_middleware": [*app.worker_defaults["task_middleware"], around.task],
    }
    async with worker_app.open_async():
        tasks = [
            asyncio.create_task(worker_app.run_worker_async(name="jobs", concurrency=threads, **options)),
            # A backlog of ordinary jobs must never keep a periodic one waiting: those have a worker of their own.
            asyncio.create_task(
                worker_app.run_worker_async(name=PERIODIC_QUEUE, queues=[PERIODIC_QUEUE], concurrency=1, **options)
            ),
            asyncio.create_task(_requeue_stalled(worker_app)),
            asyncio.create_task(_stop_event(stopping)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _stop_event(stopping: asyncio.Event) -> None:
    await stopping.wait()


async def _requeue_stalled(worker_app: App) -> None:
    """Queue again what a worker that died had begun: a job that began twice is the job's own affair (they are safe)."""
    while True:
        for job in await worker_app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
            is_poison = job.attempts + 1 >= WORKERS_PER_JOB_MAX
            what = "is given up, its workers die" if is_poison else "is queued again, its worker died"
            logger.warning(f"A job {what}", extra={"job": job.task_name, "job_id": job.id, "tries": job.attempts + 1})
            # Another worker may have been quicker.
            with contextlib.suppress(ConnectorException):
                if is_poison:
                    await worker_app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
                else:
                    await worker_app.job_manager.retry_job(job)
        await asyncio.sleep(LOOK_SECONDS)
