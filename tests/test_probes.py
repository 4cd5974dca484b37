"""What machines ask: /healthz, /readyz and /metrics, from one process and from all of an installation."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from prometheus_client.parser import text_string_to_metric_families

from tenpo.config import probes
from tenpo.core.models import CheckRun, OutboxMessage
from tenpo.people.tests.make import make_user
from tenpo.runtime import env, keys, metric_files, metrics
from tenpo.runtime.errors import OperatorError
from tenpo.runtime.front import Front
from tenpo.runtime.tests.loops import run
from tests.database import as_superuser
from tests.installation import is_complete, lives, parts, started, wait_until

TOKEN = "a-token-for-the-scraper"
LOGINS = (
    "tenpo_request_seconds_count",
    (("method", "GET"), ("route", "account_login"), ("status", "2xx")),
)


class Exchange:
    """Plays the web server's part."""

    status = 0
    body = b""

    def response_bytes(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.body = status, body

    def response_empty(self, status: int, headers: Any) -> None:
        self.status = status


def ask(probe: Any, *, method: str = "GET", client: str = "127.0.0.1:5000", **headers: str) -> Exchange:
    exchange = Exchange()
    given = {"host": "localhost:8000"} | {name.replace("_", "-"): value for name, value in headers.items()}
    run(probe(SimpleNamespace(method=method, client=client, headers=given, authority=None), exchange))
    return exchange


def test_the_process_lives_while_every_thread_is_busy():
    let_go = threading.Event()

    def stuck(environ: Any, start_response: Any) -> list[bytes]:
        while not let_go.is_set():
            time.sleep(0.01)
        start_response("200 OK", [])
        return []

    async def both() -> int:
        front = Front(stuck, threads=1, streams={"/healthz": probes.healthz}, headers={})
        scope: dict[str, Any] = {
            "proto": "http",
            "method": "GET",
            "headers": {},
            "server": "",
            "client": "",
            "scheme": "http",
        }
        scope |= {"query_string": "", "http_version": "1.1", "authority": None}
        page = asyncio.ensure_future(front.__rsgi__(SimpleNamespace(**scope, path="/"), Exchange()))  # type: ignore[arg-type]
        exchange = Exchange()
        await front.__rsgi__(SimpleNamespace(**scope, path="/healthz"), exchange)  # type: ignore[arg-type]
        assert not page.done()
        let_go.set()
        await page
        return exchange.status

    assert run(both()) == 200


def admin(statement: str) -> None:
    with as_superuser() as there:
        there.execute(statement)


@pytest.fixture
def ready(transactional_db):
    """A database that this version migrated, and a worker that lives."""
    admin(f"COMMENT ON TABLE django_migrations IS '{probes._wanted_version()}'")
    admin("INSERT INTO procrastinate_workers DEFAULT VALUES")
    yield
    admin("COMMENT ON TABLE django_migrations IS NULL")
    admin("DELETE FROM procrastinate_workers")


@pytest.mark.parametrize(
    ("harm", "reasons"),
    [
        pytest.param("SELECT 1", [], id="well"),
        pytest.param("COMMENT ON TABLE django_migrations IS 'tenpo of yesterday'", ["migrations"], id="not-migrated"),
        pytest.param("DELETE FROM procrastinate_workers", ["worker"], id="no-worker"),
        pytest.param(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '41 seconds'", ["worker"], id="late"
        ),
    ],
)
def test_not_ready_says_why(ready, harm, reasons):
    admin(harm)

    answer = ask(probes.Readyz())

    assert json.loads(answer.body) == {"ready": not reasons, "reasons": reasons}
    assert answer.status == (503 if reasons else 200)


def test_not_ready_without_keys(ready, monkeypatch):
    def refuse(data_dir: Any) -> Any:
        raise OperatorError("The file /srv/tenpo/keys holds s3cret")

    monkeypatch.setattr(keys, "load", refuse)

    answer = ask(probes.Readyz())

    assert (answer.status, b"s3cret" in answer.body) == (503, False)
    assert b'["keys"]' in answer.body


def test_not_ready_without_the_database(ready, monkeypatch):
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "NAME", "no_such_database")
        answer = ask(probes.Readyz())

    assert (answer.status, json.loads(answer.body)["reasons"]) == (503, ["database"])


def test_whoever_waits_too_long_is_told_so(monkeypatch):
    monkeypatch.setattr(probes, "ANSWER_SECONDS", 0.05)
    let_go = threading.Event()

    def wait() -> list[str]:
        while not let_go.is_set():
            time.sleep(0.01)
        return []

    monkeypatch.setattr(probes, "unready", wait)
    readyz = probes.Readyz()

    answer = ask(readyz)
    let_go.set()

    assert (answer.status, json.loads(answer.body)["reasons"]) == (503, ["timeout"])


def test_many_who_ask_at_once_ask_once():
    asked: list[int] = []

    async def many() -> None:
        question = probes.Question(lambda: asked.append(1))
        await asyncio.gather(*[question.answer() for _ in range(50)])

    run(many())

    assert asked == [1]


@pytest.mark.parametrize(
    ("token", "client", "headers", "may"),
    [
        pytest.param("", "127.0.0.1:5000", {}, True, id="here"),
        pytest.param("", "[::1]:5000", {}, True, id="here-by-ipv6"),
        pytest.param("", "192.0.2.7:5000", {}, False, id="elsewhere"),
        pytest.param("", "127.0.0.1:5000", {"x_forwarded_for": "192.0.2.7"}, False, id="through-a-proxy"),
        pytest.param("", "127.0.0.1:5000", {"x_forwarded_for": ""}, False, id="through-one-that-says-nothing"),
        pytest.param("", "127.0.0.1:5000", {"x_forwarded_for": "127.0.0.1"}, False, id="through-one-for-here"),
        pytest.param("", "127.0.0.1:5000", {"x_forwarded_proto": "https"}, False, id="through-one-that-says-how"),
        pytest.param("", "127.0.0.1:5000", {"x_forwarded_host": "localhost"}, False, id="through-one-that-says-where"),
        pytest.param("", "127.0.0.1:5000", {"forwarded": "proto=https"}, False, id="through-one-of-today"),
        pytest.param("", "127.0.0.1:5000", {"via": "1.1 proxy"}, False, id="through-one-of-old"),
        pytest.param("", "127.0.0.1:5000", {"x_real_ip": ""}, False, id="through-one-with-its-own-name"),
        pytest.param("", "127.0.0.1:5000", {"host": "tenpo.example"}, False, id="through-a-silent-one"),
        pytest.param("", "127.0.0.1:5000", {"host": "localhost.evil.example:80"}, False, id="by-a-like-name"),
        pytest.param("", "127.0.0.1:5000", {"host": "192.0.2.7"}, False, id="by-a-public-address"),
        pytest.param("", "127.0.0.1:5000", {"host": ""}, False, id="by-no-name"),
        pytest.param("", "127.0.0.1:5000", {"host": "127.0.0.1:8000"}, True, id="here-by-address"),
        pytest.param("", "127.0.0.1:5000", {"host": "LOCALHOST"}, True, id="here-by-name"),
        pytest.param("", "[::1]:5000", {"host": "[::1]:8000"}, True, id="here-by-ipv6-address"),
        pytest.param("", "[::1]:5000", {"host": "[::1]"}, True, id="here-by-ipv6-address-without-a-port"),
        pytest.param(TOKEN, "192.0.2.7:5000", {"authorization": f"Bearer {TOKEN}"}, True, id="with-the-token"),
        pytest.param(TOKEN, "192.0.2.7:5000", {"authorization": f"Bearer {TOKEN}x"}, False, id="with-another"),
        pytest.param(TOKEN, "127.0.0.1:5000", {}, False, id="here-without-the-token"),
        pytest.param(TOKEN, "127.0.0.1:5000", {"authorization": "Bearer \udcff"}, False, id="with-half-a-character"),
        pytest.param(TOKEN, "127.0.0.1:5000", {"authorization": "Bearer é"}, False, id="beyond-ascii"),
    ],
)
def test_who_may_read_the_figures(monkeypatch, token, client, headers, may):
    monkeypatch.setenv("TENPO_METRICS_TOKEN", token)
    monkeypatch.setattr(probes, "written", lambda: b"figures")

    answer = ask(probes.Metrics(), client=client, **headers)

    assert (answer.status, answer.body) == ((200, b"figures") if may else (404, b""))


def test_nobody_is_here_behind_a_trusted_proxy(settings, monkeypatch):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    monkeypatch.setattr(probes, "written", lambda: b"figures")

    assert ask(probes.Metrics()).status == 404


def figures(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.django_db
def test_the_database_says_what_waits():
    with transaction.atomic():
        for n, age in enumerate([90, 30]):
            OutboxMessage.objects.create(
                consumer="first", event_id=make_user().pk, name="a", subject_id=make_user().pk, payload={"n": n}
            )
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE core_outboxmessage SET published_at = now() - make_interval(secs => %s)"
                    " WHERE payload->>'n' = %s",
                    [age, str(n)],
                )
    OutboxMessage.objects.create(consumer="first", event_id=make_user().pk, name="a", subject_id=make_user().pk)
    OutboxMessage.objects.filter(payload={}).update(dead_at="2026-01-01T00:00Z")

    CheckRun.objects.create(seconds=1, asked=101, faults=[{"name": "a"}, {"name": "b"}])

    found = figures(probes.written().decode())

    assert found["tenpo_check_broken", ()] == 2
    assert abs(found["tenpo_check_time_seconds", ()] - time.time()) < 60
    assert found["tenpo_outbox_waiting", ()] == 2
    assert 90 <= found["tenpo_outbox_lag_seconds", ()] < 120
    assert found["tenpo_outbox_dead", ()] == 1
    assert found["tenpo_database_up", ()] == 1
    assert found["tenpo_database_connections", ()] >= 1


COUNTS = r"""
import os, sys
from pathlib import Path
from tenpo.runtime import metric_files
metric_files.share(Path(sys.argv[1]), "web")
from tenpo.runtime import metrics

def count():
    metrics.count_request("web:home", "GET", 200, seconds=0.2, statements=7)
    metrics.count_request("", "BREW", 404, seconds=0.2, statements=7)
    metrics.WAITING.inc(3)

count()
if "fork" in sys.argv and not os.fork():
    count()
os.write(1, b"counted\n")
sys.stdin.read()
"""


@contextlib.contextmanager
def counting(data_dir: Path, *words: str) -> Iterator[None]:
    """A process that counts and then lives on; it is killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTS, str(data_dir), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=env.ROOT,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for _ in range(1 + len(words)):
            assert process.stdout.readline() == b"counted\n"
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def counted(data_dir: Path) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for metric in metrics.add_up(data_dir)
        for sample in metric.samples
    }


def test_what_a_process_counted_outlives_it_but_not_what_was_so(tmp_path):
    for _ in range(2):
        with counting(tmp_path):
            assert counted(tmp_path)["tenpo_web_waiting",] == 3

    found = counted(tmp_path)

    assert found["tenpo_request_seconds_count", "2xx", "GET", "web:home"] == 2
    assert found["tenpo_request_statements_sum", "web:home"] == 14
    assert found["tenpo_request_seconds_count", "4xx", "other", "unknown"] == 2
    assert not [name for name in found if name[0] == "tenpo_web_waiting"]
    assert len(list(tmp_path.glob("metrics/web/histogram*"))) == 1, "who comes later counts on"


def test_those_that_live_at_once_count_apart(tmp_path):
    with counting(tmp_path, "fork"), counting(tmp_path):
        found = counted(tmp_path)

    assert found["tenpo_request_seconds_count", "2xx", "GET", "web:home"] == 3
    assert found["tenpo_web_waiting",] == 9


def test_a_new_start_forgets_what_those_counted_that_are_gone(tmp_path):
    with counting(tmp_path):
        metric_files.start_anew(tmp_path)
        assert counted(tmp_path)["tenpo_request_statements_sum", "web:home"] == 7

    metric_files.start_anew(tmp_path)

    assert counted(tmp_path) == {}


def test_a_file_that_goes_while_they_are_added_up_is_left_out(tmp_path, monkeypatch):
    with counting(tmp_path, "fork"):
        pass
    [first, second] = tmp_path.glob("metrics/web/histogram*")
    find, looked = metric_files.files, []

    def find_and_lose_one(data_dir: Path) -> list[Path]:
        looked.append(find(data_dir))
        first.unlink(missing_ok=True)
        return looked[-1]

    monkeypatch.setattr(metric_files, "files", find_and_lose_one)

    assert counted(tmp_path)["tenpo_request_statements_sum", "web:home"] == 7
    assert looked == [sorted([first, second]), [second]]


def get(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (our own)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (as above)
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_an_installation_of_two_web_workers_counts_as_one():
    """Whichever process is asked, and whatever was killed, no count goes back, and what all counted is there."""
    with started(TENPO_METRICS_TOKEN=TOKEN, TENPO_WORKERS="2") as (installation, process):
        wait_until(lambda: get(f"{installation.url}/readyz")[0] == 200, 60)
        assert get(f"{installation.url}/healthz") == (200, "ok\n")
        assert get(f"{installation.url}/metrics")[0] == 404
        pages = 0
        before: dict[Any, float] = {}
        for kill in ("", "", "web", "", "worker", ""):
            for _ in range(5):
                pages += get(f"{installation.url}/account/login/")[0] == 200
            if kill:
                kill_part(process.pid, kill)
                wait_until(installation.answers, 60)
            # Each process says the same for a while: no other one's answer may be older than the last that was heard.
            time.sleep(probes.FRESH_SECONDS)
            counts = counts_of(installation.url)
            assert {key: value for key, value in before.items() if counts.get(key, -1.0) < value} == {}
            before = counts
        wait_until(lambda: counts_of(installation.url).get(LOGINS, 0) >= pages, 10)


def kill_part(pid: int, name: str) -> None:
    """Kill a part of `tenpo run` with all its processes, and wait until another one is there."""
    [part] = parts(pid, name)
    os.killpg(part.pid, signal.SIGKILL)
    wait_until(lambda: not lives(part) and is_complete(pid), 60)


def counts_of(url: str) -> dict[Any, float]:
    """What was counted, by name and labels; not what is so now."""
    status, text = get(f"{url}/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    return {key: value for key, value in figures(text).items() if key[0].endswith(("_count", "_total", "_sum"))}
