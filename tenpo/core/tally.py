"""How many statements some work asks of the database, and how long it waits for them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


class Tally:
    """Statements and seconds of one piece of work, on its own thread's connection."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.statements = 0
        self.database_seconds = 0.0

    @property
    def seconds(self) -> float:
        """How long the work has taken so far."""
        return time.perf_counter() - self.started

    def count(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Django's way around each statement."""
        self.statements += 1
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.database_seconds += time.perf_counter() - began


@contextmanager
def tallied() -> Iterator[Tally]:
    """Count what the work inside asks of the database."""
    tally = Tally()
    with connection.execute_wrapper(tally.count):
        yield tally
