"""What machines ask: does the process live, can it serve, and what was counted.

    GET /healthz   200 as long as the process lives: no thread, no database
    GET /readyz    200, or 503 with {"ready": false, "reasons": ["worker"]}
    GET /metrics   for Prometheus: with TENPO_METRICS_TOKEN, or from this machine and through no proxy

They are answered beside Django, so that they are when all of its threads are busy.
"""

import asyncio
import functools
import hmac
import ipaddress
import json
import platform
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from tenpo import __version__
from tenpo.runtime import env, keys, metrics, upgrade
from tenpo.runtime.doctor import WORKER_SECONDS
from tenpo.runtime.errors import OperatorError
from tenpo.runtime.front import HttpProtocol, Threads

# However many ask, the database is asked once in this time.
FRESH_SECONDS = 1.0
ANSWER_SECONDS = 4.0

# What a proxy adds to a request that it passes on, beside the many `X-Forwarded-…`.
PASSED_ON = {"forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip"}
_PORT = re.compile(r":[0-9]+\Z")

_JSON = ("content-type", "application/json")
_TEXT = ("content-type", "text/plain; version=0.0.4; charset=utf-8")
_FRESH = ("cache-control", "no-store")

_READY = """
    SELECT obj_description(to_regclass('django_migrations'), 'pg_class'),
           (SELECT extract(epoch FROM now() - max(last_heartbeat)) FROM procrastinate_workers)
"""
_OUTBOX = """
    SELECT count(*) FILTER (WHERE dead_at IS NULL), count(*) FILTER (WHERE dead_at IS NOT NULL),
           coalesce(extract(epoch FROM now() - min(published_at) FILTER (WHERE dead_at IS NULL)), 0)
    FROM core_outboxmessage WHERE delivered_at IS NULL
"""
_JOBS = """
    SELECT j.queue_name, count(*), max(extract(epoch FROM now() - coalesce(j.scheduled_at, e.at)))
    FROM procrastinate_jobs j
    CROSS JOIN LATERAL (SELECT max(at) AS at FROM procrastinate_events WHERE job_id = j.id) e
    WHERE j.status = 'todo' AND coalesce(j.scheduled_at, e.at) <= now() GROUP BY j.queue_name
"""
_CHECK = """
    SELECT extract(epoch FROM created_at)::float, jsonb_array_length(faults)
    FROM core_checkrun ORDER BY created_at DESC LIMIT 1
"""
_FAILED = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'"
_HOLDS = "SELECT count(*) FROM schedule_booking WHERE state = 'held'"
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


async def healthz(scope: Any, protocol: HttpProtocol) -> None:
    """The process lives: this very line runs on its event loop."""
    if _is_read(scope, protocol):
        protocol.response_bytes(200, [_TEXT, _FRESH], b"ok\n")


class Question[T]:
    """Asks on a thread of its own, at most once in `FRESH_SECONDS`; whoever comes meanwhile hears the same."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._threads: Threads | None = None
        self._answer: asyncio.Future[T] | None = None
        self._asked_at = 0.0

    async def answer(self) -> T:
        """The answer; TimeoutError when it takes too long."""
        is_old = time.monotonic() - self._asked_at > FRESH_SECONDS
        if self._answer is None or (self._answer.done() and is_old):
            self._threads = self._threads or Threads(1, "probe")
            self._asked_at = time.monotonic()
            self._answer = asyncio.ensure_future(self._threads.run(self._on_thread))
        return await asyncio.wait_for(asyncio.shield(self._answer), ANSWER_SECONDS)

    def _on_thread(self) -> T:
        close_old_connections()
        return self._ask()


class Readyz:
    """Answers `GET /readyz`."""

    def __init__(self) -> None:
        self._question = Question(unready)

    async def __call__(self, scope: Any, protocol: HttpProtocol) -> None:
        if not _is_read(scope, protocol):
            return
        try:
            reasons = await self._question.answer()
        except TimeoutError:
            reasons = ["timeout"]
        body = json.dumps({"ready": not reasons, "reasons": reasons}).encode()
        protocol.response_bytes(503 if reasons else 200, [_JSON, _FRESH], body)


class Metrics:
    """Answers `GET /metrics`."""

    def __init__(self) -> None:
        self._question = Question(written)

    async def __call__(self, scope: Any, protocol: HttpProtocol) -> None:
        if not may_read_metrics(scope):
            protocol.response_empty(404, [_FRESH])
        elif _is_read(scope, protocol):
            try:
                protocol.response_bytes(200, [_TEXT, _FRESH], await self._question.answer())
            except TimeoutError:
                protocol.response_empty(503, [_FRESH])


def _is_read(scope: Any, protocol: HttpProtocol) -> bool:
    if scope.method in ("GET", "HEAD"):
        return True
    protocol.response_empty(405, [("allow", "GET, HEAD")])
    return False


def may_read_metrics(scope: Any) -> bool:
    """Whoever has the token. Without one: this machine, asking for itself."""
    token = env.text("TENPO_METRICS_TOKEN")
    if token:
        given = (scope.headers.get("authorization") or "").encode("utf-8", "surrogatepass")
        return hmac.compare_digest(given, f"Bearer {token}".encode())
    return not _is_for_another(scope) and _is_here(scope.client.rpartition(":")[0])


def _is_for_another(scope: Any) -> bool:
    """Whether a proxy may have passed this on: it says so, whatever it says, or asks for no name of this machine's."""
    if settings.ALLAUTH_TRUSTED_PROXY_COUNT:
        return True
    names = {name.lower() for name, _value in scope.headers.items()}
    if names & PASSED_ON or any(name.startswith("x-forwarded") for name in names):
        return True
    host = _PORT.sub("", scope.headers.get("host") or scope.authority or "")
    return host.lower() != "localhost" and not _is_here(host)


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def unready() -> list[str]:
    """Why this process should not be asked for pages; empty when all is well."""
    reasons = []
    try:
        keys.load(settings.DATA_DIR)
    except (OperatorError, OSError):
        reasons.append("keys")
    try:
        with connection.cursor() as cursor:
            cursor.execute(_READY)
            version, heartbeat_seconds = cursor.fetchone() or (None, None)
    except (DatabaseError, InterfaceError):
        return [*reasons, "database"]
    if version != _wanted_version():
        reasons.append("migrations")
    if heartbeat_seconds is None or heartbeat_seconds > WORKER_SECONDS:
        reasons.append("worker")
    return reasons


@functools.cache
def _wanted_version() -> str:
    return f"tenpo {upgrade.fingerprint()}"


class Gathered:
    """What the processes counted, and what the database says."""

    def collect(self) -> Iterator[Metric]:
        yield from metrics.add_up(settings.DATA_DIR)
        build = GaugeMetricFamily("tenpo_build_info", "Which Tenpo this is.", labels=["version", "python"])
        build.add_metric([__version__, platform.python_version()], 1)
        yield build
        try:
            found = list(said_by_database())
        except (DatabaseError, InterfaceError):
            found = []
        yield GaugeMetricFamily("tenpo_database_up", "Whether the database answers.", value=1 if found else 0)
        yield from found


def said_by_database() -> Iterator[Metric]:
    """What is so at this moment: one statement for each."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTBOX)
        waiting, dead, lag = cursor.fetchone() or (0, 0, 0)
        yield GaugeMetricFamily("tenpo_outbox_waiting", "Messages to be passed on.", value=waiting)
        yield GaugeMetricFamily("tenpo_outbox_lag_seconds", "Age of the oldest of them.", value=float(lag))
        yield GaugeMetricFamily("tenpo_outbox_dead", "Messages that were given up.", value=dead)
        depth = GaugeMetricFamily("tenpo_jobs_waiting", "Jobs that are due and not begun.", labels=["queue"])
        oldest = GaugeMetricFamily(
            "tenpo_jobs_oldest_seconds", "How long the oldest of them is overdue.", labels=["queue"]
        )
        cursor.execute(_JOBS)
        for queue, count, seconds in cursor.fetchall():
            depth.add_metric([queue], count)
            oldest.add_metric([queue], float(seconds))
        yield depth
        yield oldest
        cursor.execute(_CHECK)
        for checked_at, broken in cursor.fetchall():
            yield GaugeMetricFamily("tenpo_check_time_seconds", "When all invariants were asked for.", value=checked_at)
            yield GaugeMetricFamily("tenpo_check_broken", "How many of them did not hold.", value=broken)
        for name, meaning, query in (
            ("tenpo_jobs_failed", "Jobs that were given up.", _FAILED),
            ("tenpo_holds", "Seats that wait for their money.", _HOLDS),
            ("tenpo_database_connections", "Connections to the database.", _CONNECTIONS),
        ):
            cursor.execute(query)
            yield GaugeMetricFamily(name, meaning, value=(cursor.fetchone() or (0,))[0])


def written() -> bytes:
    """Everything, as Prometheus reads it."""
    registry = CollectorRegistry()
    registry.register(Gathered())
    return generate_latest(registry)
