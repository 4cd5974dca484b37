"""Where a process counts, to be said before anything of `runtime.metrics` is imported.

Each process holds a number by a lock, which ends with it however it ends, and counts in files of that number. Whoever
takes the number next counts on where they stand: what was counted stays counted, and the files do not grow in number.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tenpo.runtime import system


class Number:
    """The number under which this process counts; one that was forked from it takes another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pid = 0
        self._number = 0
        self._lock: IO[str] | None = None

    def __call__(self) -> int:
        if self._pid != os.getpid():
            # What was inherited is held until another is taken: it is that of whoever forked us.
            inherited = self._lock
            self._number, self._lock = self._take()
            self._pid = os.getpid()
            if inherited is not None:
                inherited.close()
        return self._number

    def _take(self) -> tuple[int, IO[str]]:
        number = 0
        while True:
            lock = (self.folder / f"{number}.lock").open("a+")
            if system.try_lock(lock):
                for gauge in self.folder.glob(f"gauge_live*_{number}.db"):
                    gauge.unlink()  # says what was so of a process that is gone
                return number, lock
            lock.close()
            number += 1


def share(data_dir: Path, part: str) -> None:
    """Let this process and those it starts count in files of `part`."""
    folder = _folder(data_dir) / part
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from prometheus_client import values  # noqa: PLC0415 (it reads that variable)

    values.ValueClass = values.MultiProcessValue(Number(folder))  # type: ignore[no-untyped-call]


def files(data_dir: Path) -> list[Path]:
    """What all processes counted; of what is so now, only what those say that live."""
    found = sorted(_folder(data_dir).glob("*/*.db"))
    # One that was just made has nothing in it, not even how much that is.
    return [file for file in found if file.stat().st_size and not _is_over(file)]


def start_anew(data_dir: Path) -> None:
    """Forget what was counted by processes that are gone."""
    for file in _folder(data_dir).glob("*/*.db"):
        with _nobodys(file) as is_nobodys:
            if is_nobodys:
                file.unlink(missing_ok=True)


def _folder(data_dir: Path) -> Path:
    return data_dir / "metrics"


def _is_over(file: Path) -> bool:
    if not file.name.startswith("gauge_live"):
        return False
    with _nobodys(file) as is_nobodys:
        return is_nobodys


@contextmanager
def _nobodys(file: Path) -> Iterator[bool]:
    """Whether no process counts in this file; none begins to while the block lasts."""
    number = file.stem.rpartition("_")[2]
    lock = file.with_name(f"{number}.lock")
    if not lock.exists():
        yield True
        return
    with lock.open("r+") as opened:
        yield system.try_lock(opened)
