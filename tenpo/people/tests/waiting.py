"""Two that come to one row at the same moment: what another thread does, and until when to wait for it."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import connection

from tests.at_once import somebody_waits_for_us
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
        return somebody_waits_for_us()

    wait_until(waits)
