"""A calendar elsewhere for tests: a real server on this machine that gives out one file, and does what it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HEAD, TAIL = b"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Elsewhere//EN\n", b"END:VCALENDAR\n"


@dataclass
class FeedServer:
    """What it says now, and what it was asked: the headers of each time."""

    content: bytes = HEAD + TAIL
    status: int = 200
    etag: str = '"1"'
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/private-k3y/basic.ics"

    def say(self, *events: bytes) -> None:
        self.content, self.etag = HEAD + b"".join(events) + TAIL, f'"{int(self.etag.strip(chr(34))) + 1}"'


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    """Run it; its host still has to be named (`settings.OUTGOING_HOSTS`)."""
    said = FeedServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said.asked.append({name.lower(): value for name, value in self.headers.items()})
            same = said.status == 200 and self.headers.get("If-None-Match") == said.etag
            self.send_response(304 if same else said.status)
            body = b"" if same or said.status != 200 else said.content
            for name, value in {"ETag": said.etag, "Content-Length": str(len(body)), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    said.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()


def event(uid: str, start: datetime, minutes: int = 60, *lines: str) -> bytes:
    """One event of a calendar file; `lines` are further ones of it."""
    end = start + timedelta(minutes=minutes)
    text = [
        "BEGIN:VEVENT", f"UID:{uid}", f"DTSTAMP:{start:%Y%m%dT%H%M%SZ}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        f"DTEND:{end:%Y%m%dT%H%M%SZ}", "SUMMARY:Dentist", *lines, "END:VEVENT", "",
    ]  # fmt: skip
    return "\n".join(text).encode()


def calendar(*events: bytes) -> bytes:
    """A whole file."""
    return HEAD + b"".join(events) + TAIL
