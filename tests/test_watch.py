"""What is told to OpenTelemetry and Sentry, and what never is; and that nothing waits for either."""

import gzip
import http.server
import json
import logging
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from tenpo.core import jobs
from tenpo.core.request_context import Origin, coming_from
from tenpo.people.tests.make import make_user
from tenpo.runtime import env, error_reports, postgres, watch
from tenpo.runtime.errors import OperatorError
from tenpo.runtime.system import free_port
from tenpo.runtime.traces import Traces, span_id, trace_id
from tenpo.web.views.errors import broken
from tests.installation import started, wait_until
from tests.test_leaks import configure, forms, plant

DSN = "https://key@sentry.invalid/1"
SECRET = "v3ry-s3cret-token-in-an-address"


class Told(Transport):
    """Takes what would go to Sentry."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events += [item.payload.json for item in envelope.items if item.type == "event"]


@dataclass
class Watched:
    """What was told, and what was logged meanwhile."""

    exporter: InMemorySpanExporter
    sentry: Told
    log: StringIO = field(default_factory=StringIO)

    @property
    def spans(self) -> list[Any]:
        return list(self.exporter.get_finished_spans())

    @property
    def text(self) -> str:
        """Everything that left."""
        return "".join(span.to_json() for span in self.spans) + json.dumps(self.sentry.events, ensure_ascii=False)


@pytest.fixture
def watched(monkeypatch) -> Iterator[Watched]:
    """Traces and failures are told, as in a real process, but stay here."""
    before, level = logging.getLogger().handlers, logging.getLogger().level
    found = Watched(InMemorySpanExporter(), Told())
    monkeypatch.setenv("TENPO_LOG_FORMAT", "json")
    configure(found.log)
    monkeypatch.setattr(watch, "_traces", Traces("", "web", SimpleSpanProcessor(found.exporter)))
    stop = error_reports.start(DSN, "web", transport=found.sentry)
    yield found
    stop(0)
    logging.getLogger().handlers = before
    logging.getLogger().setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def fail(request: HttpRequest, token: str) -> HttpResponse:
    held = request.POST.get("password")
    assert held
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text", [held])
    raise IntegrityError(f"it is there already\nDETAIL: Key (password)=({held}) at /invite/{token}/")


urlpatterns = [path("fails/<str:token>/", fail, name="fails"), path("home/", fail, name="home")]


def handler500(request: HttpRequest) -> HttpResponse:
    return broken(request)


@pytest.fixture
def failed(watched) -> tuple[Watched, Any, Any]:
    """Somebody's request that failed, with secrets wherever a request has room for them."""
    user = make_user()
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    with override_settings(ROOT_URLCONF=__name__):
        answer = browser.post(
            f"/fails/{SECRET}/?q={SECRET}", {"password": SECRET}, headers={"User-Agent": SECRET, "X-Else": SECRET}
        )
    return watched, user, answer


@pytest.mark.django_db
def test_a_request_that_fails_is_told_once_and_names_itself(failed):
    watched, user, answer = failed

    assert answer.status_code == 500
    [event] = watched.sentry.events
    assert event["tags"] == {"process": "web", "request_id": answer["X-Request-Id"]}
    assert event["user"] == {"id": str(user.pk)}
    assert event["transaction"] == "fails"
    assert event["release"].startswith("tenpo@")
    assert event["exception"]["values"][-1]["type"] == "IntegrityError"
    assert event["exception"]["values"][-1]["value"] == "it is there already"


@pytest.mark.django_db
def test_a_request_is_traced_by_its_route_with_its_statements_below(failed):
    watched, _user, answer = failed

    [span] = [span for span in watched.spans if span.parent is None]
    assert span.name == "POST fails"
    assert span.attributes["http.response.status_code"] == 500
    assert span.attributes["tenpo.request_id"] == answer["X-Request-Id"]
    assert not span.status.is_ok
    statements = [one for one in watched.spans if one.parent and one.parent.span_id == span.context.span_id]
    assert len(statements) == span.attributes["tenpo.statements"] > 0
    assert "SELECT %s::text" in [one.attributes["db.query.text"] for one in statements]


@pytest.mark.django_db
def test_what_somebody_sent_is_not_told(failed):
    watched, user, _answer = failed

    assert len(watched.sentry.events) == 1
    assert [form for form in forms(SECRET) if form in watched.text] == []
    assert user.email not in watched.text


@pytest.mark.control
@pytest.mark.django_db
def test_control_without_the_mask_it_would_be_told(monkeypatch, request):
    monkeypatch.setattr(error_reports, "mask", lambda event, hint: event)

    watched, _user, _answer = request.getfixturevalue("failed")

    assert SECRET in watched.text


@pytest.mark.django_db
def test_no_secret_is_told(watched):
    planted = plant(watched.log)

    assert len(watched.spans) > 100
    # The failure that is planted is logged twice.
    assert [event["exception"]["values"][-1]["value"] for event in watched.sentry.events] == ["the disk is full"] * 2
    assert planted.found_in(watched.text) == []


def test_addresses_that_are_secrets_are_masked_as_in_the_log(watched):
    logging.getLogger("tenpo").error(f"cannot answer /invite/{SECRET}/")
    logging.getLogger("tenpo").error("cannot answer %s", SECRET)

    assert [event["message"] for event in watched.sentry.events] == ["cannot answer /invite/…/", "cannot answer %s"]


def test_what_watching_itself_logs_is_not_told(watched):
    logging.getLogger("opentelemetry.sdk").error("the collector does not answer")

    assert watched.sentry.events == []


def do_job(outcome: Exception | None) -> None:
    def run() -> None:
        if outcome:
            raise outcome

    context: Any = SimpleNamespace(job=SimpleNamespace(task_name="notify.send", id=7))
    jobs.measure(run, context, None)


@pytest.mark.django_db
def test_a_job_is_linked_with_the_request_that_it_comes_from(watched):
    answer = Client().get("/account/login/")
    with coming_from(Origin(request_id=answer["X-Request-Id"])):
        do_job(None)
        with pytest.raises(ObjectDoesNotExist):
            do_job(ObjectDoesNotExist(SECRET))
    do_job(None)

    request, done, failed, of_nobody = [span for span in watched.spans if span.parent is None]
    assert [(span.name, span.status.is_ok) for span in (done, failed)] == [
        ("notify.send", True),
        ("notify.send", False),
    ]
    for span in (done, failed):
        [link] = span.links
        assert (link.context.trace_id, link.context.span_id) == (request.context.trace_id, request.context.span_id)
        assert span.context.trace_id != request.context.trace_id
    assert not of_nobody.links
    assert SECRET not in watched.text


def test_the_ids_of_a_request_follow_from_its_name():
    assert trace_id("abcdef12") == trace_id("abcdef12") != trace_id("abcdef13")
    assert 0 < span_id("abcdef12") < 2**64


@pytest.mark.parametrize(
    ("setting", "value", "package", "module", "extra"),
    [
        pytest.param("TENPO_OTEL_ENDPOINT", "http://otel.invalid", "opentelemetry.trace", "traces", "otel", id="otel"),
        pytest.param("TENPO_SENTRY_DSN", DSN, "sentry_sdk", "error_reports", "sentry", id="sentry"),
    ],
)  # fmt: skip
def test_what_is_asked_for_and_not_installed_is_said(monkeypatch, setting, value, package, module, extra):
    monkeypatch.setenv(setting, value)
    watch.load()
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"tenpo.runtime.{module}")

    with pytest.raises(OperatorError, match=rf"{setting} .*tenpo\[{extra}\]"):
        watch.load()


@pytest.mark.parametrize("setting", ["TENPO_OTEL_ENDPOINT", "TENPO_SENTRY_DSN"])
def test_a_setting_that_makes_no_sense_is_said_without_its_value(monkeypatch, setting):
    monkeypatch.setenv(setting, "nonsense-93817")

    with pytest.raises(OperatorError, match=setting) as refused:
        watch.load()

    assert "93817" not in refused.value.message


_LOADED = """
import asyncio, sys
import tenpo.cli.processes
from tenpo.config.rsgi import application
from tenpo.core import jobs
from tenpo.runtime import watch, worker
watch.load()
loop = asyncio.new_event_loop()
application.__rsgi_init__(loop)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"opentelemetry", "sentry_sdk", "requests"}))
application.__rsgi_del__(loop)
"""


@pytest.mark.parametrize("is_set", [pytest.param(False, id="not-set"), pytest.param(True, id="set")])
def test_nothing_of_it_is_loaded_unless_asked_for(tmp_path, monkeypatch, is_set):
    monkeypatch.setenv("TENPO_DATA", str(tmp_path))
    for name in ("TENPO_OTEL_ENDPOINT", "TENPO_SENTRY_DSN"):
        monkeypatch.delenv(name, raising=False)
    if is_set:
        monkeypatch.setenv("TENPO_OTEL_ENDPOINT", "http://127.0.0.1:1")
        monkeypatch.setenv("TENPO_SENTRY_DSN", DSN)

    done = subprocess.run([sys.executable, "-c", _LOADED], cwd=env.ROOT, capture_output=True, text=True, check=True)

    loaded = done.stdout.splitlines()[-1]
    assert ("opentelemetry" in loaded, "sentry_sdk" in loaded) == (is_set, is_set)


class Collector(http.server.ThreadingHTTPServer):
    """Plays collector and Sentry."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", free_port()), Intake)
        self.got: list[tuple[str, bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()

    def has(self, start: str, *words: bytes) -> bool:
        return any(path.startswith(start) and all(word in body for word in words) for path, body in list(self.got))


class Intake(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, Collector)
        self.server.got.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


_JOB = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, args)
    VALUES ('default', 'core.forget_delivered_messages', %s)
"""


def ask(url: str) -> int:
    with urllib.request.urlopen(f"{url}/account/login/", timeout=20) as answer:  # noqa: S310
        return int(answer.status)


def test_web_and_worker_tell_and_go_on_when_nobody_listens():
    collector = Collector()
    port = collector.server_port
    watching = {
        "TENPO_OTEL_ENDPOINT": f"http://127.0.0.1:{port}",
        "TENPO_SENTRY_DSN": f"http://key@127.0.0.1:{port}/1",
    }
    with started(**watching) as (installation, process):
        assert ask(installation.url) == 200
        with psycopg.connect(postgres.url(installation.data_dir, postgres.APP), autocommit=True) as database:
            database.execute(_JOB, [json.dumps({"wrong": SECRET, "_request_id": "abcdef1234567890"})])
        wait_until(lambda: collector.has("/v1/traces", b"GET account_login"), 40)
        wait_until(lambda: collector.has("/v1/traces", b"core.forget_delivered_messages"), 40)
        wait_until(lambda: collector.has("/api/1/", b"TypeError", b"abcdef1234567890", b'"worker"'), 40)
        assert not collector.has("", SECRET.encode())

        collector.end()
        assert [ask(installation.url) for _ in range(20)] == [200] * 20
        began = time.monotonic()
        process.terminate()
        process.wait(30)
        assert time.monotonic() - began < 20
