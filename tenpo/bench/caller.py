"""Calls the application's own functions on some threads; a process of its own, as the web workers are.

`python -m tenpo.bench.caller` reads one order a line from standard input (`{"work": …, "threads": …, "seconds": …}`)
and answers each with one line of JSON: the milliseconds that each piece of work took.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

from django.db import connection

from tenpo.bench.load import Sample, sample_of
from tenpo.runtime import installation

PROCESSES = 2


class Callers:
    """Two processes, as many as there are web workers."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tenpo.bench.caller"]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(PROCESSES)
        ]

    def run(self, work: str, *, clients: int, seconds: float) -> Sample:
        """Let `clients` threads do `work` for some seconds."""
        shares = [clients // PROCESSES + (place < clients % PROCESSES) for place in range(PROCESSES)]
        busy = [(process, share) for process, share in zip(self._processes, shares, strict=True) if share]
        for process, share in busy:
            assert process.stdin
            process.stdin.write(json.dumps({"work": work, "threads": share, "seconds": seconds}) + "\n")
            process.stdin.flush()
        answers = []
        for process, _ in busy:
            assert process.stdout
            answers.append(json.loads(process.stdout.readline()))
        times = [time for answer in answers for time in answer["times"]]
        return sample_of(times, max(answer["seconds"] for answer in answers))

    def stop(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.communicate()


@contextlib.contextmanager
def callers() -> Iterator[Callers]:
    """The processes, for as long as the block runs."""
    both = Callers()
    try:
        yield both
    finally:
        both.stop()


def _together(work: Callable[[], int], threads: int, seconds: float) -> str:
    start = threading.Barrier(threads + 1)
    times: list[float] = []

    def repeat() -> None:
        connection.ensure_connection()
        start.wait()
        end = time.perf_counter() + seconds
        while (before := time.perf_counter()) < end and (done := work()):
            times.extend([(time.perf_counter() - before) * 1000 / done] * done)
        connection.close()

    running = [threading.Thread(target=repeat) for _ in range(threads)]
    for thread in running:
        thread.start()
    start.wait()
    started = time.perf_counter()
    for thread in running:
        thread.join()
    return json.dumps({"times": times, "seconds": time.perf_counter() - started})


def main() -> None:
    """Answer orders until there are no more."""
    # What is logged must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with installation.django():
        from tenpo.bench.works import WORKS  # noqa: PLC0415 (models exist once Django is set up)

        for line in sys.stdin:
            order = json.loads(line)
            answers.write(_together(WORKS[order["work"]], order["threads"], order["seconds"]) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
