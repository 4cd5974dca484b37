"""Sends prepared HTTP requests over kept connections, each as soon as the one before is answered.

A process of its own (`python -m tenpo.bench.load`), without Django, so that what measures costs little beside what is
measured. It reads its orders as JSON from standard input and writes what it saw to standard output.
"""

import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tenpo.runtime.errors import OperatorError

LARGEST_HEAD = 64 * 1024


@dataclass(frozen=True)
class Sample:
    """What one slot of time showed: how many were done, how many a second, how long each took."""

    done: int
    rate: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    failed: int = 0


def send(
    host: str, port: int, requests: Sequence[str], *, clients: int, seconds: float, expected: int, repeats: bool
) -> Sample:
    """Send `requests` in their order over `clients` connections for some seconds, from a process of its own.

    `repeats`: begin anew after the last one. Any answer but `expected` counts as failed.
    """
    orders = {
        "host": host, "port": port, "requests": list(requests), "clients": clients, "seconds": seconds,
        "expected": expected, "repeats": repeats,
    }  # fmt: skip
    command = [sys.executable, "-m", "tenpo.bench.load"]
    done = subprocess.run(command, input=json.dumps(orders), capture_output=True, text=True, check=False)
    if done.returncode:
        raise OperatorError(f"The load failed: {done.stderr.strip()[-2000:]}")
    return Sample(**json.loads(done.stdout))


async def _work(orders: dict[str, Any]) -> Sample:
    requests = [request.encode() for request in orders["requests"]]
    supply = itertools.cycle(requests) if orders["repeats"] else iter(requests)
    streams = [
        await asyncio.open_connection(orders["host"], orders["port"], limit=LARGEST_HEAD)
        for _ in range(orders["clients"])
    ]
    statuses: Counter[int] = Counter()
    times: list[float] = []
    started = time.perf_counter()
    end = started + orders["seconds"]
    await asyncio.gather(*(_connection(*stream, supply, end, statuses, times) for stream in streams))
    took = time.perf_counter() - started
    for _, writer in streams:
        writer.close()
    return sample_of(times, took, failed=statuses.total() - statuses[orders["expected"]])


async def _connection(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    supply: Iterator[bytes],
    end: float,
    statuses: Counter[int],
    times: list[float],
) -> None:
    while (before := time.perf_counter()) < end and (request := next(supply, None)) is not None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        statuses[int(head[9:12])] += 1
        times.append((time.perf_counter() - before) * 1000)


def sample_of(times: Sequence[float], took: float, *, failed: int = 0) -> Sample:
    """A sample of what took `times` (milliseconds each) within `took` seconds."""
    ordered = sorted(times)
    return Sample(
        done=len(ordered) - failed,
        rate=(len(ordered) - failed) / took,
        p50_ms=round(statistics.median(ordered), 3) if ordered else None,
        p95_ms=round(ordered[int(len(ordered) * 0.95)], 3) if ordered else None,
        failed=failed,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_work(json.load(sys.stdin))))))  # noqa: T201 (read by whoever started it)
