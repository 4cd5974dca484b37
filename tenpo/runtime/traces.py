"""Traces: a span for each request and each job, and one below it for each statement. Loaded by `runtime.watch` alone.

They are ours and not those of OpenTelemetry's instrumentations, which tell addresses, headers and much else that
must not leave: an address may be a secret. Here are routes, tasks, and statements without their values.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as OtelSpan

from tenpo import __version__

STATEMENT_LENGTH_MAX = 2_000
# A collector that does not answer must cost no more than this, on a thread that nobody waits for.
SEND_SECONDS = 5.0

_named: ContextVar[str] = ContextVar("named", default="")


def check(endpoint: str) -> str | None:
    """What is wrong with the setting."""
    parts = urlsplit(endpoint)
    if parts.scheme in ("http", "https") and parts.hostname:
        return None
    return "must be the address of a collector, such as http://localhost:4318."


def trace_id(request_id: str) -> int:
    """The trace of a request follows from its name, so that whatever knows the one can point to the other."""
    return _digest(request_id, "trace", 16)


def span_id(request_id: str) -> int:
    """The span of a request itself; see `trace_id`."""
    return _digest(request_id, "span", 8)


def _digest(request_id: str, what: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{what} {request_id}".encode(), digest_size=size).digest()) or 1


class Ids(RandomIdGenerator):
    """Random ids, but for a request's own span."""

    def generate_trace_id(self) -> int:
        return trace_id(_named.get()) if _named.get() else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return span_id(_named.get()) if _named.get() else super().generate_span_id()


class Span:
    """One piece of work and its statements."""

    def __init__(self, tracer: Any, span: OtelSpan) -> None:
        self._tracer = tracer
        self._span = span
        self._context = set_span_in_context(span)

    def describe(self, name: str, *, failed: bool, **facts: str | int | None) -> None:
        """Name the work and say how it went."""
        self._span.update_name(name)
        self._span.set_attributes({key.replace("__", "."): fact for key, fact in facts.items() if fact is not None})
        if failed:
            self._span.set_status(Status(StatusCode.ERROR))

    def statement(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Django's way around each statement."""
        # What is composed by psycopg has its values in it.
        text = " ".join(sql.split())[:STATEMENT_LENGTH_MAX] if isinstance(sql, str) else ""
        verb = text.partition(" ")[0].upper() or "SQL"
        facts = {"db.system.name": "postgresql", "db.operation.name": verb, "db.query.text": text}
        with self._tracer.start_as_current_span(
            verb, self._context, SpanKind.CLIENT, facts, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                return execute(sql, params, many, context)
            except Exception as error:
                # Not its message: that quotes the row.
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise


class Traces:
    """What one process sends."""

    def __init__(self, endpoint: str, process: str, processor: SpanProcessor | None = None) -> None:
        """`processor`: what takes the spans, when they shall go elsewhere."""
        resource = Resource.create({"service.name": "tenpo", "service.version": __version__, "tenpo.process": process})
        self._provider = TracerProvider(resource=resource, id_generator=Ids(), shutdown_on_exit=False)
        self._provider.add_span_processor(processor or BatchSpanProcessor(_exporter(endpoint)))
        self._tracer = self._provider.get_tracer("tenpo", __version__)

    @contextmanager
    def request(self, request_id: str) -> Iterator[Span]:
        """Around one request."""
        token = _named.set(request_id)
        try:
            span = self._tracer.start_span("request", kind=SpanKind.SERVER, attributes={"tenpo.request_id": request_id})
        finally:
            _named.reset(token)
        with self._work(span) as work:
            yield work

    @contextmanager
    def job(self, request_id: str) -> Iterator[Span]:
        """Around one job, linked with the request that it comes from."""
        links, facts = [], {}
        if request_id:
            cause = SpanContext(
                trace_id(request_id), span_id(request_id), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
            )
            links, facts = [Link(cause)], {"tenpo.request_id": request_id}
        span = self._tracer.start_span("job", kind=SpanKind.CONSUMER, links=links, attributes=facts)
        with self._work(span) as work:
            yield work

    @contextmanager
    def _work(self, span: OtelSpan) -> Iterator[Span]:
        work = Span(self._tracer, span)
        try:
            with connection.execute_wrapper(work.statement):
                yield work
        finally:
            span.end()

    def stop(self, seconds: float) -> None:
        """Send what is left, but wait no longer than this."""
        thread = threading.Thread(target=self._provider.shutdown, name="traces-stop", daemon=True)
        thread.start()
        thread.join(seconds)


def _exporter(endpoint: str) -> OTLPSpanExporter:
    base = endpoint.rstrip("/")
    return OTLPSpanExporter(base if base.endswith("/v1/traces") else f"{base}/v1/traces", timeout=SEND_SECONDS)
