"""Many at the same moment: threads with connections of their own, and a database whose guard is taken away."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404

from tenpo.core.errors import RuleError
from tests.database import as_superuser

JOIN_SECONDS = 60


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do all works at the same moment; what each returned, or the error that it raised."""
    barrier = threading.Barrier(len(works))
    results: list[Any] = [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(JOIN_SECONDS)
            results[place] = work()
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(JOIN_SECONDS)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    return results


def outcomes(results: Sequence[Any]) -> Counter[str]:
    """How often what came out: a booking's state, a rule's code, an error's name."""
    return Counter(_outcome(result) for result in results)


def _outcome(result: Any) -> str:
    if isinstance(result, RuleError):
        return result.code
    if isinstance(result, PermissionDenied | Exception):
        return type(result).__name__
    return str(getattr(result, "state", result))


def meet_after(patch: pytest.MonkeyPatch, where: Any, step: str, count: int) -> None:
    """Let so many have done a step before anybody goes on, so that a race without its guard is lost without luck."""
    barrier, do = threading.Barrier(count), getattr(where, step)

    def done(*args: Any, **kwargs: Any) -> Any:
        found = do(*args, **kwargs)
        barrier.wait(JOIN_SECONDS / 2)
        return found

    patch.setattr(where, step, done)


def meet_before(patch: pytest.MonkeyPatch, where: Any, step: str, count: int) -> None:
    """Let so many have come to a step before anybody does it."""
    barrier, do = threading.Barrier(count), getattr(where, step)

    def met(*args: Any, **kwargs: Any) -> Any:
        barrier.wait(JOIN_SECONDS / 2)
        return do(*args, **kwargs)

    patch.setattr(where, step, met)


def somebody_waits_for_us() -> bool:
    """Whether somebody has come to what this connection holds: others on the same server wait for each other too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")
        return bool(cursor.rowcount)


class Other:
    """Somebody who does something in a transaction of their own, at the same moment."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.found: Any = None
        self._thread = threading.Thread(target=self._run, args=[work])
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self.found = work()
        except (RuleError, PermissionDenied, Http404) as error:
            self.found = error
        finally:
            connection.close()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def meet(self) -> bool:
        """Wait until they are done or wait for what we hold; whether they wait."""
        deadline = time.monotonic() + JOIN_SECONDS
        while time.monotonic() < deadline:
            if self.is_done:
                return False
            if somebody_waits_for_us():
                return True
        raise AssertionError("neither done nor waiting")

    def end(self) -> Any:
        self._thread.join(JOIN_SECONDS)
        assert self.is_done
        return self.found


@contextmanager
def without_constraint(table: str, name: str) -> Iterator[None]:
    """The same database without one of its guards, as its owner can make it; put back in the end."""
    with as_superuser() as admin:
        row = admin.execute(
            "SELECT pg_get_constraintdef(oid), CASE contype WHEN 'c' THEN 'NOT VALID' ELSE '' END"
            " FROM pg_constraint WHERE conname = %s",
            [name],
        ).fetchone()
        assert row
        admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        try:
            yield
        finally:
            # What the control broke stays until the test's end, so a check holds from the next row on. Uniqueness and
            # exclusion have no such mode: the control clears up before.
            admin.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {row[0]} {row[1]}")


@contextmanager
def without_index(name: str) -> Iterator[None]:
    """The same for a guard that is an index; what the control broke under it is cleared up by its test's end."""
    with as_superuser() as admin:
        row = admin.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name]).fetchone()
        assert row
        admin.execute(f"DROP INDEX {name}")
        try:
            yield
        finally:
            admin.execute(row[0])
