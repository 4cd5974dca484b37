"""Two that come to one row at the same moment: what another thread does, and until when to wait for it."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import connection

from tests.installation import wait_until


def alone[T](act: Callable[[T], Any], on: T) -> Any:
    """What another thread does, on a connection of its own."""
    try:
        return act(on)
    finally:
        connection.close()


def wait_until_it_waits(other: Future[Any]) -> None:
    """Until what the other does has come to a row that we hold."""

    def waits() -> bool:
        assert not other.done(), other.result()
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")
            return bool(cursor.rowcount)

    wait_until(waits)
