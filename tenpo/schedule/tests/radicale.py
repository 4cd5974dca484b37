"""A real CalDAV server for tests: Radicale in a process of its own, with calendars of Maya's."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from xml.sax.saxutils import escape

from tenpo.core.outgoing import Line
from tenpo.runtime.system import free_port
from tenpo.schedule.calendars.dav import SPACES, Dav

USER, PASSWORD = "maya", "an app password"


@dataclass(frozen=True)
class Radicale:
    """Where it listens, and what a test does there as somebody at their own calendar program."""

    host: str

    @property
    def address(self) -> str:
        return f"http://{self.host}/"

    def ask(self, method: str, url: str, body: bytes | str = b"", **headers: str) -> tuple[int, str, bytes]:
        """A question as Maya's own program asks it: the status, the tag, what came."""
        with Line(seconds=10, most_bytes=1_000_000) as line:
            _url, answer = Dav(line, USER, PASSWORD).ask(method, url, body=body, headers=headers)
        return answer.status, answer.headers.get("etag", ""), answer.body

    def make_calendar(self, name: str = "Home") -> str:
        """A new calendar of Maya's; its address."""
        url = f"{self.address}{USER}/{uuid4()}/"
        kind = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
        properties = f"{kind}<d:displayname>{escape(name)}</d:displayname>"
        body = f"<d:mkcol {SPACES}><d:set><d:prop>{properties}</d:prop></d:set></d:mkcol>"
        status, _tag, _body = self.ask("MKCOL", url, body)
        assert status == 201
        return url


@contextmanager
def radicale(folder: Path) -> Iterator[Radicale]:
    """Run it; its host still has to be named (`settings.OUTGOING_HOSTS`)."""
    port = free_port()
    host = f"127.0.0.1:{port}"
    (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
    options = {
        "server-hosts": host, "auth-type": "htpasswd", "auth-htpasswd-filename": str(folder / "users"),
        "auth-htpasswd-encryption": "plain", "auth-delay": "0", "storage-filesystem-folder": str(folder / "data"),
        "logging-level": "error",
    }  # fmt: skip
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "radicale", "--config", os.devnull, *arguments], stdout=log, stderr=log
        )
    try:
        _wait_for(("127.0.0.1", port), process)
        yield Radicale(host)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _wait_for(where: tuple[str, int], process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert process.poll() is None, "Radicale did not start"
        with suppress(OSError), socket.create_connection(where, timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("Radicale does not answer")
