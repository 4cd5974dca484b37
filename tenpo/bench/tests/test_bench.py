import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import typer

from tenpo.bench import comparison, scratch
from tenpo.bench.fill import Caller
from tenpo.bench.load import sample_of
from tenpo.bench.operations import NAMES, Bookings, request
from tenpo.cli.measure import bench
from tenpo.people.models import User
from tenpo.runtime import installation, postgres, upgrade
from tenpo.runtime.errors import OperatorError
from tests.installation import lives, processes_below, wait_until

# What one request or call may ask of the database at most; BEGIN and COMMIT not counted.
MOST_STATEMENTS = {
    "booking": 6, "card": 18, "bookings": 2, "sessions": 5, "page": 6, "transfer": 1, "deliver": 12, "slots": 1,
    "any-slots": 1,
}  # fmt: skip
END_SECONDS = 180
TINY = [
    "--clients",
    "2",
    "--rounds",
    "1",
    "--seconds",
    "1",
    "--rows",
    "50",
    "--scale",
    "1",
    "--only",
    "booking,transfer,transfer-with-fee,batch",
]


def start(folder: Path) -> subprocess.Popen[str]:
    """A tiny measurement, which leaves its result in the folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TENPO_", "DJANGO_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "tenpo.cli.main", "bench", *TINY, "--json", str(folder / "bench.json")],
        env={**kept, "TENPO_DATA": str(folder / "data"), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def what_it_said(process: subprocess.Popen[str]) -> str:
    """All of it, when it has ended; it must, in the end."""
    try:
        return process.communicate(timeout=END_SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: PostgreSQL's user must be able to pass through, and a socket's path must be short."""
    path = Path(tempfile.mkdtemp(prefix="tenpo-test-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def measured() -> Iterator[dict[str, Any]]:
    """One tiny measurement, and nothing left of it on the disk."""
    folder = Path(tempfile.mkdtemp(prefix="tenpo-test-"))
    done = start(folder)
    said = what_it_said(done)
    assert done.returncode == 0, said
    assert [path.name for path in folder.iterdir()] == ["bench.json"]
    yield json.loads((folder / "bench.json").read_text())
    shutil.rmtree(folder)


def is_started(folder: Path, process: subprocess.Popen[str]) -> bool:
    return any(map(postgres.is_running, folder.glob("*/data")))


def is_at(program: str) -> Callable[[Path, subprocess.Popen[str]], bool]:
    """Whether requests are sent, or PostgreSQL's own yardstick runs, while the web server serves."""
    return lambda _folder, process: bool(
        processes_below(process.pid, program) and processes_below(process.pid, "tenpo.cli.processes web")
    )


@pytest.mark.parametrize(
    ("is_there", "numbers"),
    [
        pytest.param(is_started, [signal.SIGHUP], id="started-hangup"),
        pytest.param(is_at("tenpo.bench.load"), [signal.SIGTERM], id="load-term"),
        pytest.param(is_at("pgbench"), [signal.SIGINT, signal.SIGINT], id="pgbench-interrupt-twice"),
    ],
)
def test_whoever_ends_it_leaves_nothing_running(folder, is_there, numbers):
    process = start(folder)
    wait_until(lambda: process.poll() is not None or is_there(folder, process), END_SECONDS)
    assert process.poll() is None, what_it_said(process)
    servers = [pid for pid in map(postgres.server_pid, folder.glob("*/data")) if pid]
    started = [*map(psutil.Process, servers), *psutil.Process(process.pid).children(recursive=True)]

    for number in numbers:
        process.send_signal(number)
        wait_until(lambda: not all(map(lives, started)))  # it has begun to clear away
    said = what_it_said(process)

    assert process.returncode == 128 + numbers[0], said
    assert servers
    wait_until(lambda: not any(map(lives, started)))
    assert list(folder.iterdir()) == []


def test_what_cannot_be_stopped_keeps_neither_environment_nor_handlers(monkeypatch, folder):
    def refuse(_data_dir: Path) -> None:
        raise OperatorError("It does not stop.")

    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(scratch, "_start_postgres", lambda _here: None)
    monkeypatch.setattr(installation, "django", contextlib.nullcontext)
    monkeypatch.setattr(upgrade, "migrate", lambda _say: None)
    monkeypatch.setattr(upgrade, "collect_static", lambda _data_dir: None)
    monkeypatch.setattr(postgres, "stop", refuse)
    environment, handlers = dict(os.environ), [signal.getsignal(number) for number in scratch.ENDS]

    with pytest.raises(OperatorError), scratch.scratch_installation(lambda _text: None):
        assert dict(os.environ) != environment

    assert dict(os.environ) == environment
    assert [signal.getsignal(number) for number in scratch.ENDS] == handlers
    assert list(folder.iterdir()) == []


def test_what_does_not_hold_in_the_end_is_said(monkeypatch, capsys):
    broken = {"name": "balance-is-a-sum", "statement": "A balance is a sum.", "faults": [{"id": 7, "balance": 3}]}
    monkeypatch.setattr(scratch, "scratch_installation", contextlib.nullcontext)
    monkeypatch.setattr(comparison, "measure", lambda *_: {"tpcb": {}, "operations": [], "faults": [broken]})

    with pytest.raises(typer.Exit) as ended:
        bench(clients="1", rounds=1, seconds=1, rows=50, scale=1, only="", as_json=None)

    assert ended.value.exit_code == 1
    assert "balance-is-a-sum does not hold: A balance is a sum. id 7, balance 3" in capsys.readouterr().err


def test_it_tells_what_scripts_read(measured):
    assert set(measured) == {"tenpo", "at", "plan", "machine", "postgresql", "tpcb", "operations", "faults"}
    assert measured["postgresql"]["fsync"] == "on"
    assert set(measured["tpcb"]) == {"1", "2"}
    assert [one["name"] for one in measured["operations"]] == list(NAMES)
    for one in measured["operations"]:
        assert set(one) == {
            "name", "what", "clients", "statements", "round_trips", "buffers", "growth", "texts",
        }  # fmt: skip
        for found in one["clients"].values():
            assert set(found) == {"ratio", "lowest", "highest", "rate", "p50_ms", "p95_ms", "done", "failed"}
            assert (found["done"] > 0, found["failed"]) == (True, 0)
    assert {one["name"] for one in measured["operations"] if one["clients"]} == {
        "booking", "transfer", "transfer-with-fee", "batch",
    }  # fmt: skip


def test_everything_that_was_filled_and_booked_adds_up(measured):
    assert measured["faults"] == []


@pytest.mark.parametrize("name", MOST_STATEMENTS)
def test_statements_stay_few(measured, name):
    [found] = [one for one in measured["operations"] if one["name"] == name]

    assert found["statements"] <= MOST_STATEMENTS[name], "\n".join(found["texts"])


def test_no_pair_is_booked_twice():
    callers = [Caller(User(), key=str(n)) for n in range(7)]
    bookings = Bookings(callers, [uuid4() for _ in range(100)], {})

    previewed = bookings.preview(20)
    taken = [bookings.take() for _ in range(bookings.left())]

    pairs = {(text.split("Bearer ")[1].split("\r")[0], text.split("\r\n\r\n")[1]) for text in taken}
    assert len(pairs) == len(taken) == 7 * 50
    assert [text.split("\r\n\r\n")[1] for text in previewed] == [text.split("\r\n\r\n")[1] for text in taken[:20]]


def test_a_request_says_how_long_its_body_is():
    text = request("POST", "/x", key="k", body='{"a": "ä"}', once="1")

    assert "Content-Length: 11\r\n" in text
    assert text.endswith('\r\n\r\n{"a": "ä"}')


def test_a_sample_counts_only_what_was_done():
    sample = sample_of([1.0, 2.0, 9.0, 3.0], 2.0, failed=1)

    assert (sample.done, sample.rate, sample.p50_ms, sample.p95_ms, sample.failed) == (3, 1.5, 2.5, 9.0, 1)
