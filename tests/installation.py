"""A whole installation for tests: a data folder with its own PostgreSQL, a port, and the processes of `tenpo run`."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tenpo.runtime import env, system, upgrade
from tenpo.runtime.system import free_port

START_SECONDS = 90
# What a first start makes that is no secret of its own: the database with all migrations, and the static files.
MADE_ONCE = ("postgres", "static", "static.stamp", "version")
WEB_WORKERS = 2


@dataclass
class Installation:
    """A data folder, a port, and what runs on them."""

    data_dir: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TENPO_", "DJANGO_"))}
        mine = {"TENPO_DATA": str(self.data_dir), "TENPO_PORT": str(self.port), "TENPO_DEMO": "false"}
        return {**kept, **mine, **self.settings, **more}

    def tenpo(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tenpo.cli.main", *arguments]
        return subprocess.run(command, env=self.environment(**more), capture_output=True, text=True, check=False)

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tenpo.cli.main", "run"]
        # A file, not a pipe: one that nobody reads is full after a while, and everything that logs waits.
        with self._output.open("a") as output:
            process = subprocess.Popen(
                command, env=self.environment(), stdout=output, stderr=subprocess.STDOUT, text=True
            )
        wait_until(lambda: process.poll() is not None or self.answers(), START_SECONDS)
        assert process.poll() is None, self.output
        return process

    @property
    def output(self) -> str:
        """What `tenpo run` has said so far."""
        return self._output.read_text()

    @property
    def _output(self) -> Path:
        return self.data_dir.with_name("output.txt")

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/account/login/", timeout=5) as answer:  # noqa: S310 (our own)
                return bool(answer.status == 200)
        except OSError:
            return False


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def processes_below(pid: int, word: str) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended between two looks
            if word in " ".join(child.cmdline()):
                found.append(child)
    return found


def parts(pid: int, name: str = "") -> list[psutil.Process]:
    """The processes that `tenpo run` keeps: the web server and the worker, or the one of that name."""
    return [found for found in processes_below(pid, f"tenpo.cli.processes {name}".strip()) if found.ppid() == pid]


def is_complete(pid: int) -> bool:
    """Whether everything runs that `tenpo run` keeps: whatever was killed before is back."""
    servers, workers = parts(pid, "web"), parts(pid, "worker")
    return len(servers) == len(workers) == 1 and len(servers[0].children()) == WEB_WORKERS


def lives(process: psutil.Process) -> bool:
    # A machine without an init process never buries its dead.
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended between two looks
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def prepared() -> Path:
    """A data folder as a first start leaves it, made once for all tests of this version, and stopped."""
    folder = env.data_dir() / "prepared"
    place = folder / upgrade.fingerprint()[:16]
    with system.file_lock(env.data_dir() / "prepared.lock"):
        if not place.exists():
            shutil.rmtree(folder, ignore_errors=True)
            # A socket's path must be short.
            path = Path(tempfile.mkdtemp(prefix="tenpo-test-"))
            done = Installation(path / "data", free_port()).tenpo("prepare")
            assert done.returncode == 0, done.stderr
            folder.mkdir()
            _copy(path / "data", folder / "unfinished")
            (folder / "unfinished").rename(place)
            shutil.rmtree(path)
    return place


def _copy(data_dir: Path, to: Path) -> None:
    to.mkdir(mode=0o710)
    # With its owners: PostgreSQL may run as somebody else.
    subprocess.run(["cp", "-a", *(data_dir / name for name in MADE_ONCE), to], check=True)


@contextlib.contextmanager
def started(**settings: str) -> Iterator[tuple[Installation, subprocess.Popen[str]]]:
    """A running installation, stopped and removed afterwards."""
    # Not pytest's own folder: PostgreSQL's user must be able to pass through, and a socket's path must be short.
    path = Path(tempfile.mkdtemp(prefix="tenpo-test-"))
    installation = Installation(path / "data", free_port(), settings)
    _copy(prepared(), installation.data_dir)
    process = installation.start()
    yield installation, process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    shutil.rmtree(path)
