"""A real server of video rooms for tests: Janus, over plain HTTP and without any media, in the shape of all providers.

Its events are no product of ours, and come as they come: several in one body, by its own thread, and `leaving` without
a name. Basic authentication is how it proves who sends them.
"""

import base64
import itertools
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import httpx2

from tenpo.schedule.models import Session
from tenpo.schedule.video.base import BadSignature, Person, RoomEvent, RoomRecording, VideoTimeout
from tenpo.schedule.video_models import VideoRoom, VideoRoomEvent

PLUGIN = "janus.plugin.videoroom"
CONFIG = Path("/etc/janus")
USER, PASSWORD, SECRET = "janus", "of the tests", "of the room"
START_SECONDS = 10.0
EXISTS, UNKNOWN = 427, 426
KINDS = {
    "joined": VideoRoomEvent.Kind.JOINED,
    "leaving": VideoRoomEvent.Kind.LEFT,
    "destroyed": VideoRoomEvent.Kind.ENDED,
}


class Janus:
    """The server: its API, and whatever it told."""

    name = "janus"
    label: Any = "Janus"

    def __init__(self, port: int, told: "Queue[tuple[dict[str, str], bytes]]") -> None:
        self.address, self.told = f"http://127.0.0.1:{port}/janus", told
        self.numbers = itertools.count(1)

    # As a provider

    def create(self, room: VideoRoom, session: Session) -> None:
        wanted = {"description": session.title, "secret": SECRET, "publishers": 100, "notify_joining": True}
        self.ask("create", room.reference, but=EXISTS, **wanted)

    def join_url(self, room: VideoRoom, person: Person, *, until: datetime) -> str:
        return f"{self.address}#{room.reference}:{person.ref}"

    def end(self, room: VideoRoom) -> None:
        self.ask("destroy", room.reference, but=UNKNOWN, secret=SECRET)

    def is_active(self, room: VideoRoom) -> bool | None:
        return bool(self.people(room))

    def people(self, room: VideoRoom) -> list[str] | None:
        found = self.ask("listparticipants", room.reference, but=UNKNOWN)
        return [str(one["id"]) for one in found.get("participants", [])]

    def recordings(self, room: VideoRoom) -> list[RoomRecording]:
        return []

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Sequence[RoomEvent]:
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if headers.get("Authorization") != f"Basic {wanted}":
            raise BadSignature("somebody else")
        said = json.loads(body)
        events = (self._event(one) for one in (said if isinstance(said, list) else [said]))
        return [event for event in events if event]

    def _event(self, said: dict[str, Any]) -> RoomEvent | None:
        event = said.get("event", {})
        told = event.get("data", {}) if event.get("plugin") == PLUGIN else {}
        kind = KINDS.get(told.get("event", ""))
        if kind is None:
            return None
        person = str(told.get("id", ""))
        return RoomEvent(
            event_id=f"{said['timestamp']}:{kind}:{person}",
            kind=kind,
            room_ref=str(told["room"]),
            at=datetime.fromtimestamp(said["timestamp"] / 1_000_000, UTC),
            person_ref=person,
            connection="1" if person else "",
        )

    # As somebody in a browser

    def go_in(self, url: str) -> Callable[[], None]:
        """Go in by the address that was given; returns how to leave."""
        room, _, person = url.partition("#")[2].partition(":")
        handle = self._attach()
        self._send(handle, request="join", ptype="publisher", room=room, id=person, display=person)

        def leave() -> None:
            self._send(handle, request="leave")

        return leave

    def heard(self, kind: str) -> tuple[dict[str, str], bytes]:
        """The next thing that it told which says this; what it told before is passed over."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                headers, body = self.told.get(timeout=0.5)
            except Empty:
                continue
            if f'"{kind}"'.encode() in body:
                return headers, body
        raise AssertionError(f"Janus does not say {kind}")

    # Its API

    def ask(self, request: str, room: str, *, but: int = 0, **more: Any) -> dict[str, Any]:
        answer = self._send(self._attach(), request=request, room=room, **more)
        found: dict[str, Any] = answer.get("plugindata", {}).get("data", {})
        if found.get("error_code", but) != but:
            raise VideoTimeout(str(found))
        return found

    def _attach(self) -> str:
        session = self._post("", janus="create")["data"]["id"]
        handle = self._post(f"/{session}", janus="attach", plugin=PLUGIN)["data"]["id"]
        return f"/{session}/{handle}"

    def _send(self, handle: str, **body: Any) -> dict[str, Any]:
        return self._post(handle, janus="message", body=body)

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        try:
            content = {**body, "transaction": str(next(self.numbers))}
            found: dict[str, Any] = httpx2.post(self.address + path, json=content, timeout=5).json()
        except httpx2.HTTPError as error:
            raise VideoTimeout(str(error)) from error
        return found


@contextmanager
def running_janus(folder: Path) -> Iterator[Janus]:
    """Janus on this machine alone, with its events coming to us."""
    told: Queue[tuple[dict[str, str], bytes]] = Queue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Nobody reads it."""

    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    port = _free_port()
    _configure(folder, port=port, hook=hook.server_port)
    [plugins] = Path("/usr/lib").glob("*/janus/plugins")
    command = ["janus", "-F", str(folder), "-P", str(plugins), "-o"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        janus = Janus(port, told)
        _wait_for(janus, process)
        yield janus
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        hook.shutdown()
        hook.server_close()


def _configure(folder: Path, *, port: int, hook: int) -> None:
    for path in CONFIG.glob("*.jcfg"):
        if not path.name.startswith("janus.transport.") or path.name == "janus.transport.http.jcfg":
            shutil.copy(path, folder)
    backend = f'backend = "http://127.0.0.1:{hook}"\n\tbackend_user = "{USER}"\n\tbackend_pwd = "{PASSWORD}"'
    _change(folder / "janus.jcfg", r"#broadcast = true", "broadcast = true")
    _change(folder / "janus.transport.http.jcfg", r"^\s*port = 8088.*$", f'\tport = {port}\n\tip = "127.0.0.1"')
    _change(folder / "janus.eventhandler.sampleevh.jcfg", r"enabled = false", "enabled = true")
    _change(folder / "janus.eventhandler.sampleevh.jcfg", r"^\s*backend = .*$", backend)
    _change(folder / "janus.plugin.videoroom.jcfg", r"#string_ids = true", "string_ids = true")


def _change(path: Path, found: str, wanted: str) -> None:
    text = path.read_text()
    changed = re.sub(found, wanted, text, count=1, flags=re.MULTILINE)
    assert changed != text, f"{path.name} looks otherwise than it did"
    path.write_text(changed)


def _wait_for(janus: Janus, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            janus._attach()
        except VideoTimeout:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("Janus does not start")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
