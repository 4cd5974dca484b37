"""`tenpo run`: the web server and the worker as child processes, started, watched, logged and stopped together."""

import contextlib
import ctypes
import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.text import Text

from tenpo.runtime import system
from tenpo.runtime.errors import OperatorError

# What dies is started again at once, and what dies then too a little later each time; however often that is, it is
# back before anybody has waited long.
BACKOFF_SECONDS = 0.5
BACKOFF_SECONDS_MAX = 5.0
# A child that ran this long was well; its next failure starts the count anew.
STEADY_SECONDS = 60.0
STOP_SECONDS = 25.0
KEEP_SECONDS = 1.0
LOG_BYTES_MAX = 10_000_000
LOGS_KEPT = 3
SECOND_INSTANCE, PORT_TAKEN = 3, 4
PR_SET_PDEATHSIG = 1
# What a child that is held says when it has loaded.
LOADED = "tenpo: loaded"

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Log:
    """One log for all parts: coloured on the terminal, plain in a file that is rotated by size."""

    def __init__(self, path: Path, console: Console) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.console = console
        self._lock = threading.Lock()
        self._file = self._open()

    def write(self, name: str, line: str, *, style: str = "") -> None:
        """Write one line of one part."""
        plain = _ANSI.sub("", line.rstrip())
        with self._lock:
            self._file.write(f"{name:<8} {plain}\n")
            self._file.flush()
            if self._file.tell() > LOG_BYTES_MAX:
                self._rotate()
            if self.console.is_terminal:
                self.console.print(Text(f"{name:<8}│ ", style=style) + Text(plain), soft_wrap=True)
            else:
                print(f"{name:<8} {plain}", flush=True)  # noqa: T201 (this is the log)

    def _open(self) -> IO[str]:
        file = self.path.open("a")
        self.path.chmod(0o600)
        return file

    def _rotate(self) -> None:
        self._file.close()
        for number in range(LOGS_KEPT, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        self._file = self._open()


@dataclass
class Part:
    """A child process that must run."""

    name: str
    command: list[str]
    style: str
    # Whether the part does its work; the next one starts then.
    is_up: Callable[[], bool] = lambda: True
    # Whether it calls `wait_for_release`: what one that died has left behind then serves on while the next one loads.
    can_be_held: bool = False
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    next_start_at: float = 0.0
    backoff_seconds: float = 0.0
    is_held: bool = False
    has_loaded: threading.Event = field(default_factory=threading.Event)
    # The process group of one that died.
    left_behind: int | None = None

    def start(self, log: Log, *, is_held: bool = False) -> None:
        """Start the child; one that is held loads and then waits for `release`."""
        self.is_held, self.has_loaded = is_held, threading.Event()
        # A session of its own, so that Ctrl-C reaches the supervisor alone and everything stops in order.
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, "TENPO_SUPERVISOR": str(os.getpid())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.started_at = time.monotonic()
        if not is_held:
            self.release()
        threading.Thread(target=self._read, args=(self.process, self.has_loaded, log), daemon=True).start()

    def release(self) -> None:
        """Let a held child begin, in place of whatever another one has left behind."""
        self.end_left_behind()
        self.is_held = False
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()

    def end_left_behind(self) -> None:
        """Kill what a child that died had started: it would hold the port."""
        if self.left_behind is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.left_behind, signal.SIGKILL)
            self.left_behind = None

    def _read(self, process: subprocess.Popen[str], has_loaded: threading.Event, log: Log) -> None:
        assert process.stdout
        for line in process.stdout:
            if line.strip() == LOADED:
                has_loaded.set()
            elif line.strip():
                log.write(self.name, line, style=self.style)

    def signal(self, number: int) -> bool:
        """Signal the child and whatever it started; whether there is any of them."""
        if self.process is None:
            return False
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return False
        return True


class Supervisor:
    """Keeps the parts running until it is told to stop."""

    def __init__(self, parts: list[Part], log: Log) -> None:
        self.parts = parts
        self.log = log
        self.keep_at = 0.0
        self.stopping = threading.Event()

    def run(
        self,
        *,
        prepare: Callable[[], None],
        can_preload: bool,
        when_up: Callable[[], None],
        keep: Callable[[], None],
    ) -> None:
        """Prepare, start one part after the other, call `when_up` once the first is up, and watch until told to stop.

        The first part loads its modules while `prepare` runs, when it can: that is most of what a start takes. `keep`
        is called every second and sees to what the parts stand on.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())
        try:
            if can_preload:
                self.parts[0].start(self.log, is_held=True)
            prepare()
            for part in self.parts:
                if part.process is None:
                    part.start(self.log)
                part.release()
                while not self.stopping.is_set() and not part.is_up():
                    self._watch(part)
                    self.stopping.wait(0.05)
                if part is self.parts[0] and not self.stopping.is_set():
                    when_up()
            while not self.stopping.wait(0.2):
                self._keep(keep)
                for part in self.parts:
                    self._watch(part)
        finally:
            self.stop()

    def _keep(self, keep: Callable[[], None]) -> None:
        if time.monotonic() < self.keep_at:
            return
        try:
            keep()
        except OperatorError as error:
            self.log.write("tenpo", str(error))
        self.keep_at = time.monotonic() + KEEP_SECONDS

    def _watch(self, part: Part) -> None:
        now = time.monotonic()
        if part.process is not None and part.process.poll() is not None:
            code = part.process.returncode
            # Should this one have died before it took over, what was left behind has served unwatched for long enough.
            part.end_left_behind()
            if part.can_be_held and not part.is_held and part.signal(0):
                part.left_behind = part.process.pid
            else:
                part.signal(signal.SIGKILL)
            part.process = None
            if now - part.started_at > STEADY_SECONDS:
                part.backoff_seconds = 0.0
            part.next_start_at = now + part.backoff_seconds
            reason = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            self.log.write("tenpo", f"{part.name} ended ({reason}); starting it again in {part.backoff_seconds:g} s")
            part.backoff_seconds = min(max(part.backoff_seconds * 2, BACKOFF_SECONDS), BACKOFF_SECONDS_MAX)
        if part.process is None and now >= part.next_start_at:
            part.start(self.log, is_held=part.left_behind is not None)
        if part.is_held and part.has_loaded.is_set():
            part.release()

    def stop(self) -> None:
        """Ask every part to end, then make it."""
        for part in self.parts:
            part.end_left_behind()
            if part.process is not None and part.process.poll() is None:
                part.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for part in self.parts:
            if part.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    part.process.wait(max(0.1, deadline - time.monotonic()))
                part.signal(signal.SIGKILL)
                part.process.wait()


def wait_for_release() -> None:
    """In a child: say that everything is loaded, and wait until the supervisor lets it begin."""
    if os.environ.get("TENPO_SUPERVISOR"):
        print(LOADED, flush=True)  # noqa: T201 (to the supervisor)
        sys.stdin.read()


def die_with_supervisor() -> None:
    """In a child: be told to end when the supervisor dies, however it dies (Linux only)."""
    supervisor = os.environ.get("TENPO_SUPERVISOR")
    if not supervisor or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):
        sys.exit("The supervisor is gone.")


@contextlib.contextmanager
def only_instance(data_dir: Path, *, url: str) -> Iterator[None]:
    """Hold the data folder: a second `tenpo run` on it is refused, and told where the first one is."""
    path = data_dir / "tenpo.lock"
    with path.open("a+") as file:
        if not system.try_lock(file):
            file.seek(0)
            with contextlib.suppress(ValueError):
                other = json.loads(file.read() or "{}")
                raise OperatorError(
                    f"Tenpo already runs on the data folder {data_dir}: process {other['pid']}, {other['url']}",
                    status=SECOND_INSTANCE,
                )
            raise OperatorError(f"Tenpo already runs on the data folder {data_dir}.", status=SECOND_INSTANCE)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "url": url}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def answers(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection((_reachable(host), port), timeout=0.5):
        return True
    return False


def _reachable(host: str) -> str:
    """Where to ask for a server that listens on every address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or "localhost"
    return "localhost" if address.is_unspecified else host


def check_port(host: str, port: int) -> None:
    """Refuse to start on a port that somebody else listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OperatorError(
                f"Tenpo cannot listen on {host}, port {port}: {(error.strerror or str(error)).lower()}. "
                f"Choose another: TENPO_PORT={port + 1 if port < 65_535 else 8000} make run",
                status=PORT_TAKEN,
            ) from None
