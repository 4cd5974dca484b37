"""Google Calendar for tests: a real server that remembers, held to Google's own description of its API.

`google_calendar_v3.json` is cut from the discovery document of 2026-10-30 (revision 20261030), as Google's client
library carries it: methods, their parameters, and the fields of what is sent. Whatever is not in there is a failure.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CONTRACT = json.loads((Path(__file__).with_name("google_calendar_v3.json")).read_text())
PER_PAGE = 2


@dataclass
class GoogleDouble:
    """One person's calendar there; what it is told to do instead of answering stands in `faults`."""

    port: int = 0
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Which events changed, in order: a sync token is a place in it.
    changes: list[str] = field(default_factory=list)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    forgets: bool = False
    is_let_in: bool = True
    codes: dict[str, str] = field(default_factory=dict)
    granted: str = "https://www.googleapis.com/auth/calendar.events"
    wrong: list[str] = field(default_factory=list)
    _versions: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, name: str, **values: Any) -> dict[str, Any]:
        """What somebody does in their calendar there."""
        one = self.events.setdefault(name, {"id": name, "status": "confirmed", "kind": "calendar#event"})
        one |= values | {"etag": f'"{next(self._versions)}"'}
        self.changes.append(name)
        return one

    def remove(self, name: str) -> None:
        self.put(name, status="cancelled")

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if not self.is_let_in:
            return 400, {"error": "invalid_grant"}
        answer: dict[str, Any] = {
            "access_token": "a-token",
            "expires_in": 3599,
            "scope": self.granted,
            "token_type": "Bearer",
        }
        if form["grant_type"] == "authorization_code":
            if self.codes.pop(form["code"], None) != form["code_verifier"]:
                return 400, {"error": "invalid_grant"}
            answer["refresh_token"] = "1//a-refresh-token"
        return 200, answer

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, tag: str) -> tuple[int, Any]:
        name, values = self._method(method, path)
        self.asked.append(name)
        known = CONTRACT["methods"][name]
        self.wrong += [f"{name} knows no {one}" for one in query if one not in known["parameters"]]
        if body is not None:
            self._hold(known["request"], body)
        found: tuple[int, Any] = getattr(self, "_" + name.replace(".", "_"))(values, query, body, tag)
        return found

    def _method(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        for name, known in CONTRACT["methods"].items():
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", known["path"])
            if known["httpMethod"] == method and (found := re.fullmatch(pattern, path)):
                return name, found.groupdict()
        raise AssertionError(f"Google knows no {method} {path}")

    def _hold(self, kind: str, body: dict[str, Any]) -> None:
        fields = CONTRACT["schemas"][kind]
        self.wrong += [f"{kind} has no {one}" for one in body if one not in fields]
        for name, value in body.items():
            inner = fields.get(name, {}).get("$ref")
            if inner in CONTRACT["schemas"]:
                self._hold(inner, value)

    def _events_list(self, _values: dict[str, str], query: dict[str, str], _body: Any, _tag: str) -> tuple[int, Any]:
        if "syncToken" in query and {"timeMin", "timeMax", "privateExtendedProperty"} & query.keys():
            return 400, {"error": {"errors": [{"reason": "invalid"}]}}
        if "syncToken" in query and self.forgets:
            self.forgets = False
            return 410, {"error": {"errors": [{"reason": "fullSyncRequired"}]}}
        if "syncToken" in query:
            names = list(dict.fromkeys(self.changes[int(query["syncToken"]) :]))
        else:
            names = [name for name, one in self.events.items() if one["status"] != "cancelled"]
        if wanted := query.get("privateExtendedProperty"):
            key, value = wanted.split("=")
            names = [
                n for n in names if self.events[n].get("extendedProperties", {}).get("private", {}).get(key) == value
            ]
        first = int(query.get("pageToken", "0"))
        page = {"summary": "maya@example.com", "items": [self.events[name] for name in names[first : first + PER_PAGE]]}
        if first + PER_PAGE < len(names):
            return 200, page | {"nextPageToken": str(first + PER_PAGE)}
        return 200, page | {"nextSyncToken": str(len(self.changes))}

    def _events_insert(self, _values: dict[str, str], _query: dict[str, str], body: Any, _tag: str) -> tuple[int, Any]:
        assert re.fullmatch(r"[0-9a-v]{5,1024}", body["id"])
        if body["id"] in self.events:
            return 409, {"error": {"errors": [{"reason": "duplicate"}]}}
        return 200, self.put(body["id"], **body)

    def _events_update(self, values: dict[str, str], _query: dict[str, str], body: Any, tag: str) -> tuple[int, Any]:
        return self._version(values["eventId"], tag) or (200, self.put(values["eventId"], **body))

    def _events_delete(self, values: dict[str, str], _query: dict[str, str], _body: Any, tag: str) -> tuple[int, Any]:
        one = self.events.get(values["eventId"])
        if one and one["status"] == "cancelled":
            return 410, {"error": {"errors": [{"reason": "deleted"}]}}
        if refusal := self._version(values["eventId"], tag):
            return refusal
        self.remove(values["eventId"])
        return 204, None

    def _version(self, name: str, tag: str) -> tuple[int, Any] | None:
        one = self.events.get(name)
        if one is None:
            return 404, {"error": {"errors": [{"reason": "notFound"}]}}
        return (412, {"error": {"errors": [{"reason": "conditionNotMet"}]}}) if tag and tag != one["etag"] else None

    def _events_watch(self, _values: dict[str, str], _query: dict[str, str], body: Any, _tag: str) -> tuple[int, Any]:
        ends = datetime.now(UTC).timestamp() + int(body["params"]["ttl"])
        self.channels[body["id"]] = body | {"resourceId": f"resource-{len(self.channels)}"}
        return 200, {
            "id": body["id"],
            "resourceId": self.channels[body["id"]]["resourceId"],
            "expiration": str(int(ends * 1000)),
        }

    def _channels_stop(self, _values: dict[str, str], _query: dict[str, str], body: Any, _tag: str) -> tuple[int, Any]:
        found = self.channels.get(body["id"])
        if found is None or found["resourceId"] != body["resourceId"]:
            return 404, {"error": {"errors": [{"reason": "notFound"}]}}
        del self.channels[body["id"]]
        return 204, None


@contextmanager
def google_double() -> Iterator[GoogleDouble]:
    """Run it; its host still has to be named, and its addresses set (`settings`)."""
    double = GoogleDouble()

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/token":
                form = {name: values[0] for name, values in parse_qs(content.decode()).items()}
                status, answer = double.token(form)
            elif double.faults:
                status, answer = double.faults.pop(0)
            elif self.headers.get("Authorization") != "Bearer a-token":
                status, answer = 401, {}
            else:
                path = parts.path.removeprefix("/calendar/v3/")
                body = json.loads(content) if content else None
                status, answer = double.answer(self.command, path, query, body, self.headers.get("If-Match", ""))
            if status == 0:
                self.connection.close()
                return
            said = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.serve)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
    assert double.wrong == []
