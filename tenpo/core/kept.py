"""Rows of which there is one and which nearly every request reads: each process reads them every few seconds."""

import time
from collections.abc import Callable

SECONDS_KEPT = 5.0


class Kept[T]:
    """What `read` gives, read at the first question and again when it is a few seconds old.

    Good for what is shown. Who decides something on it, or writes it back, reads it `afresh`.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._kept: tuple[float, T] | None = None
        self.__doc__ = read.__doc__

    def __call__(self) -> T:
        kept = self._kept
        if kept is None or time.monotonic() - kept[0] > SECONDS_KEPT:
            return self.afresh()
        return kept[1]

    def afresh(self) -> T:
        """Read it now, whenever that was done last."""
        row = self._read()
        self._kept = (time.monotonic(), row)
        return row

    def forget(self) -> None:
        """Read it at the next question; whoever changes it calls this once the change is committed."""
        self._kept = None
