"""`kill -9` of each part of a running installation while people book: nothing promised is lost, nothing done twice."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psutil
import psycopg
import pytest

from tenpo.runtime import postgres
from tests.faults.load import Load, seats_of
from tests.installation import Installation, is_complete, lives, parts, started, wait_until

# Starting processes, again and again, on a machine that may be slow.
pytestmark = pytest.mark.timeout(400)

# From the kill to the first good answer.
BACK_SECONDS = 10
# Until somebody is told of what was booked after it: the worker loads anew, beside everything else that starts.
TOLD_SECONDS = 60

type Running = tuple[Installation, subprocess.Popen[str]]


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with started(TENPO_SANDBOX="true") as both:
        yield both


@pytest.fixture(scope="module")
def seats(shared: Running) -> Iterator[tuple[str, str]]:
    return seats_of(shared[0])


@pytest.fixture
def running(shared: Running) -> Running:
    """The shared installation, whole: the test before may have killed parts that are only just coming back."""
    make_whole(shared)
    return shared


def make_whole(running: Running) -> None:
    installation, process = running
    wait_until(lambda: is_complete(process.pid) and postgres.is_running(installation.data_dir), 60)
    wait_until(installation.answers, 60)


@contextlib.contextmanager
def owner_of(installation: Installation) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres.url(installation.data_dir, postgres.OWNER), autocommit=True) as connection:
        yield connection


def is_told(owner: psycopg.Connection[Any], since: datetime) -> bool:
    """Whether the worker told somebody of a booking made since then."""
    row = owner.execute(
        "SELECT EXISTS (SELECT FROM notify_notification n JOIN schedule_booking b"
        " ON b.id::text = n.payload ->> 'booking_id' WHERE b.created_at > %s)",
        [since],
    ).fetchone()
    return row == (True,)


def nothing_is_lost(load: Load, installation: Installation) -> None:
    """What was promised is there once, each wish came true once, and everybody was told once."""
    with owner_of(installation) as owner:
        # A claim whose process died lapses after a minute; that minute passes here.
        owner.execute("UPDATE access_idempotencykey SET locked_until = now() WHERE status IS NULL")
    load.settle()
    sessions = list({wish.session for wish in load.wishes})
    with owner_of(installation) as owner:
        wait_until(lambda: not waiting_events(owner), 90)
        booked = owner.execute(
            "SELECT id::text FROM schedule_booking WHERE state = 'confirmed' AND session_id = ANY(%s::uuid[])",
            [sessions],
        ).fetchall()
        told = owner.execute(
            "SELECT payload ->> 'booking_id', count(*) FROM notify_notification n JOIN schedule_booking b"
            " ON b.id::text = payload ->> 'booking_id' AND b.session_id = ANY(%s::uuid[])"
            " WHERE kind = 'booking.confirmed' GROUP BY 1",
            [sessions],
        ).fetchall()
    refused = [wish.answer for wish in load.wishes if wish.answer and wish.answer[0] != 201]
    assert not refused
    assert len(load.acknowledged) == len(load.wishes)
    assert set(load.acknowledged) <= {booking for (booking,) in booked}
    assert dict(told) == {booking: 1 for (booking,) in booked}
    answers = {status for status in load.statuses if status[0].isdigit()}
    assert answers <= {"201", "409 idempotency_key_in_use", "503 not_available"}, load.statuses
    assert all(after and kind.startswith("application/problem+json") for _status, after, kind in load.refusals)


def waiting_events(owner: psycopg.Connection[Any]) -> int:
    row = owner.execute(
        "SELECT count(*) FROM core_outboxmessage WHERE delivered_at IS NULL AND dead_at IS NULL"
    ).fetchone()
    assert row
    return int(row[0])


def kill_database(installation: Installation) -> None:
    """Every process of PostgreSQL, at once."""
    pid = postgres.server_pid(installation.data_dir)
    assert pid
    server = psutil.Process(pid)
    for process in [server, *server.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def kill_web_workers(process: subprocess.Popen[str]) -> None:
    for server in parts(process.pid, "web"):
        for worker in server.children():
            with contextlib.suppress(psutil.Error):
                worker.kill()


def kill_part(process: subprocess.Popen[str], name: str) -> None:
    for part in parts(process.pid, name):
        with contextlib.suppress(psutil.Error):
            part.kill()


FAULTS: dict[str, Callable[[Running], None]] = {
    "web-workers": lambda running: kill_web_workers(running[1]),
    "web-server": lambda running: kill_part(running[1], "web"),
    "worker": lambda running: kill_part(running[1], "worker"),
    "database": lambda running: kill_database(running[0]),
    "database-restart": lambda running: postgres.stop(running[0].data_dir),
}


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_promised_is_lost(running, seats, name, record_property):
    installation, process = running

    before = [worker for server in parts(process.pid, "web") for worker in server.children()]
    with Load(installation, seats) as load:
        load.wait_for_good(10)
        killed_at = time.monotonic()
        FAULTS[name](running)
        gone_at, since = time.monotonic(), datetime.now(UTC)
        back = load.wait_until_back(gone_at) + gone_at - killed_at
        with owner_of(installation) as owner:
            wait_until(lambda: is_told(owner, since), TOLD_SECONDS)
    make_whole(running)
    nothing_is_lost(load, installation)

    record_property("back_seconds", round(back, 1))
    assert back <= BACK_SECONDS
    assert is_complete(process.pid)
    if name.startswith("web"):
        assert not any(lives(worker) for worker in before)
    checked = installation.tenpo("check", "--json")
    assert checked.returncode == 0, checked.stdout
    assert process.poll() is None
