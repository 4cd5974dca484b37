"""A worker whose first message kills it, some times over.

Run as a program: `python -m tests.faults.dying DATABASE TIMES guarded|control`. It forks, which a test must not: a
child that did not die would go on as a second pytest, on the same database.
"""

import os
import signal
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from tenpo.core.models import OutboxMessage


def die(message: "OutboxMessage") -> None:
    """A consumer whose process is killed after it wrote and before it could say so."""
    from django.utils import timezone

    from tenpo.core.models import RateCount

    RateCount.objects.create(key=f"half of {message.pk}", window_starts_at=timezone.now())
    os.kill(os.getpid(), signal.SIGKILL)


def main(database: str, times: str, kind: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tenpo.config.settings_test"
    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.utils import timezone

    from tenpo.core import outbox
    from tenpo.core.models import OutboxMessage
    from tenpo.runtime import postgres

    connection.settings_dict.update(NAME=database, USER=postgres.APP)
    settings.OUTBOX_CONSUMERS = {"first": "tests.faults.dying.die"}
    if kind == "control":
        outbox._TAKE = outbox._TAKE.replace("attempts + 1", "attempts")
    for _ in range(int(times)):
        OutboxMessage.objects.waiting().update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        connection.close()
        child = os.fork()
        if child == 0:
            outbox.drain()
            return
        _pid, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, status


if __name__ == "__main__":
    main(*sys.argv[1:])
