"""The worker's part of a story, done here and now: the outbox and the jobs that are due."""

import json

from django.db import connection
from procrastinate.contrib.django import app

from tenpo.core import outbox
from tenpo.core.jobs import origin_of
from tenpo.core.request_context import coming_from

MAX_ROUNDS = 300

# Taken one by one, as a worker does: a job that fails stays visible, and fails the test.
_NEXT = """
    SELECT id, task_name, args FROM procrastinate_jobs
    WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now() + make_interval(secs => %s))
    ORDER BY priority DESC, id LIMIT 1
"""


def work(*, ahead_seconds: int = 0) -> list[str]:
    """Tell what the outbox holds and do the jobs that are due, and what follows from those; returns the jobs' names.

    `ahead_seconds` also does what is due that much later.
    """
    done = []
    for _ in range(MAX_ROUNDS):
        told = outbox.drain()
        name = _do_next_job(ahead_seconds)
        if name:
            done.append(name)
        elif not told:
            return done
    raise AssertionError(f"the work does not end: {done}")


def _do_next_job(ahead_seconds: int) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [ahead_seconds])
        found = cursor.fetchone()
        if found is None:
            return None
        number, name, arguments = found
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [number])
        app.perform_import_paths()  # type: ignore[no-untyped-call]
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
        with coming_from(origin_of(arguments)):
            app.tasks[name].func(**arguments)
        cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [number])
    return str(name)
