"""What every process counts for Prometheus. `config.probes` serves the sums.

Web workers and the worker are processes of their own. Each writes its numbers into files (`runtime.metric_files`), and
whichever process is asked adds them all up, those of processes that died included: what was counted stays counted,
until `tenpo run` begins anew.
Labels are names of ours (routes, tasks), never what somebody sent: each new value is a row that is kept for ever.
"""

import functools
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from tenpo.runtime import metric_files

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Histogram(
    "tenpo_request_seconds", "Time to answer a request, in Django.", ["route", "method", "status"], buckets=_SECONDS
)
STATEMENTS = Histogram(
    "tenpo_request_statements",
    "SQL statements of a request.",
    ["route"],
    buckets=(0, 2, 4, 6, 8, 10, 15, 20, 30, 50, 100),
)
JOBS = Histogram("tenpo_job_seconds", "Time that a job took.", ["task", "outcome"], buckets=(*_SECONDS, 60, 300))
DELIVERIES = Counter("tenpo_outbox_deliveries", "Tries to tell a consumer of an event.", ["outcome"])
TRANSFERS = Counter("tenpo_ledger_transfers", "Transfers that were posted.", ["kind"])
WAITING = Gauge("tenpo_web_waiting", "Requests that wait for a thread.", multiprocess_mode="livesum")
STREAMS = Gauge("tenpo_web_streams", "Streams of news that are open.", multiprocess_mode="livesum")


def count_request(route: str, method: str, status: int, *, seconds: float, statements: int) -> None:
    """Count one answered request."""
    time, asked = _rows(route or "unknown", method if method in METHODS else "other", status // 100)
    time.observe(seconds)
    asked.observe(statements)


@functools.cache
def _rows(route: str, method: str, hundreds: int) -> tuple[Histogram, Histogram]:
    """Kept, because finding a row by its labels takes as long as counting in it."""
    return REQUESTS.labels(route, method, f"{hundreds}xx"), STATEMENTS.labels(route)


def add_up(data_dir: Path) -> list[Metric]:
    """What all processes counted, together; of what is so now (streams, waiting requests), only those that live."""
    while True:
        try:
            files = [str(file) for file in metric_files.files(data_dir)]
            return list(MultiProcessCollector.merge(files, accumulate=True))  # type: ignore[no-untyped-call]
        except FileNotFoundError:
            continue  # one went away between the two: those that are left are added up
