"""The real web server on the test's own database, and requests that reach it truly at the same moment.

A test makes its data with `make_*` in a `transaction=True` test, asks over HTTP, and looks at the rows again. A control
starts the server with one guard taken out (`tests/unguarded.py`), or takes a constraint out of the database
(`without_constraint`); the product itself has no switch for either.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPResponse
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection, transaction

from tenpo.access.actions.api_clients import create_api_client
from tenpo.people.models import User
from tenpo.people.tests.make import PASSWORD, make_user
from tenpo.runtime import env, keys, postgres, system, upgrade
from tenpo.runtime.system import free_port
from tests.installation import wait_until

START_SECONDS = 60
STOP_SECONDS = 30
ANSWER_SECONDS = 90
GATHER = """
from tenpo.runtime import env, installation, upgrade
with installation.django(has_database=False):
    upgrade.collect_static(env.data_dir())
"""
# Any text of this length is a CSRF token, when cookie and header agree.
CSRF = "a" * 32


@dataclass(frozen=True)
class Request:
    """One call of the server, with everything that says who calls."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        lines = {"Host": "localhost", **self.headers}
        if self.body or self.method not in ("GET", "DELETE"):
            lines["Content-Length"] = str(len(self.body))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def cookie(self, name: str) -> str:
        return SimpleCookie(self.headers["set-cookie"].replace("\n", "; "))[name].value

    @property
    def outcome(self) -> str:
        """A thing's state, the code of a refusal, or else the status."""
        found = json.loads(self.text) if "json" in self.headers.get("content-type", "") else None
        words = found if isinstance(found, dict) else {}
        return str(words.get("code") or words.get("state") or self.status)


@dataclass(frozen=True)
class Caller:
    """Somebody who calls the API with a key, or pages with a session; makes the requests of theirs."""

    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, *, key: str = "") -> Request:
        """A call of the API; a POST takes a key of its own unless one is given."""
        headers = {**self.headers, "Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid4().hex
        content = b"" if method in ("GET", "DELETE") else json.dumps({} if body is None else body).encode()
        return Request(method, f"/api/v1{path}", content, headers)

    def form(self, path: str, **fields: str) -> Request:
        """A form sent as a browser does."""
        cookie = f"{settings.CSRF_COOKIE_NAME}={CSRF}"
        if "Cookie" in self.headers:
            cookie = f"{self.headers['Cookie']}; {cookie}"
        headers = {
            **self.headers,
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": cookie,
            "X-CSRFToken": CSRF,
        }
        return Request("POST", path, urllib.parse.urlencode(fields).encode(), headers)

    def page(self, path: str) -> Request:
        return Request("GET", path, headers=self.headers)

    def at(self, address: str) -> "Caller":
        """The same person at another network address."""
        return Caller({**self.headers, "X-Forwarded-For": address})


STRANGER = Caller()


def make_known(email: str = "") -> User:
    """A member whose password the server can check: tests otherwise use a quicker hash, which it does not take."""
    member = make_user(email=email)
    hasher = Argon2PasswordHasher()
    User.objects.filter(pk=member.pk).update(password=hasher.encode(PASSWORD, hasher.salt()))
    return member


def with_key(user: User) -> Caller:
    _, key = create_api_client(user, name="Races", scopes=["read", "write"], expires_at=None, by=user)
    return Caller({"Authorization": f"Bearer {key}"})


def with_keys(users: Sequence[User]) -> list[Caller]:
    """Many at a time: in one transaction, because a commit for each would take longer than what is tested."""
    with transaction.atomic():
        return [with_key(user) for user in users]


def with_cookies(session: str) -> Caller:
    return Caller({"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"})


def outcomes(answers: Sequence[Answer]) -> Counter[str]:
    """How often what came out."""
    return Counter(answer.outcome for answer in answers)


class Server:
    """A running web server: `tenpo web` with its worker processes."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def ask(self, request: Request) -> Answer:
        [answer] = self.at_once([request])
        return answer

    def at_once(self, requests: Sequence[Request], *, beside: Sequence[Callable[[], Any]] = ()) -> list[Answer]:
        """Send all requests at the same moment, and do the works of `beside` in it too; the answers, in order.

        Each request has a connection of its own and waits there whole but for its last byte, so that nothing but
        that byte is left to send when all of them are let go.
        """
        with contextlib.ExitStack() as stack:
            lines = [
                stack.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS))
                for _ in requests
            ]
            raws = [request.raw() for request in requests]
            for line, raw in zip(lines, raws, strict=True):
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                line.sendall(raw[:-1])
            with _works(beside) as go:
                go()
                for line, raw in zip(lines, raws, strict=True):
                    line.sendall(raw[-1:])
                return [_read(line, request) for line, request in zip(lines, requests, strict=True)]

    def mails_to(self, address: str) -> list[str]:
        """The mails that were written to an address."""
        files = sorted(path for path in (self.folder / "mail").rglob("*") if path.is_file())
        # What two processes write in the same second may be in one file.
        mails = [mail for path in files for mail in path.read_text().split(f"\n{'-' * 79}\n")]
        return [mail for mail in mails if f"\nTo: {address}\n" in mail]


@contextlib.contextmanager
def _works(works: Sequence[Callable[[], Any]]) -> Iterator[Callable[[], Any]]:
    """Threads that begin their work when the yielded function is called; an error in one is raised in the end."""
    barrier = threading.Barrier(len(works) + 1)
    errors: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(ANSWER_SECONDS)
            work()
        except Exception as error:  # noqa: BLE001 (raised below, by whoever waits)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    yield lambda: barrier.wait(ANSWER_SECONDS)
    for thread in threads:
        thread.join(ANSWER_SECONDS)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    if errors:
        raise errors[0]


def _read(line: socket.socket, request: Request) -> Answer:
    response = HTTPResponse(line, method=request.method)
    response.begin()
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        # Only cookies come more than once; a line for each.
        headers[name.lower()] = f"{headers[name.lower()]}\n{value}" if name.lower() in headers else value
    return Answer(response.status, headers, response.read().decode())


@contextlib.contextmanager
def running(*, program: str = "tenpo.cli.processes web") -> Iterator[Server]:
    """The web server on this test process's database.

    Another `program` serves the same in its own way: "tests.unguarded GUARD" without one of its guards,
    "tests.faults.web" dies where it is told, "tests.impatient" soon gives up whoever is slow.
    """
    folder = Path(tempfile.mkdtemp(prefix="tenpo-served-"))
    (folder / "static").symlink_to(static_files())
    server = Server(folder, free_port())
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *program.split()], env=_environment(server), cwd=env.ROOT, stdout=log, stderr=log
        )
        try:
            wait_until(lambda: process.poll() is not None or _is_up(server), START_SECONDS)
            assert process.poll() is None, (folder / "log").read_text()
            yield server
        finally:
            system.end(process, STOP_SECONDS)
            shutil.rmtree(folder)


def _kept() -> dict[str, str]:
    """The environment without what the tests' own settings put there."""
    ours = ("TENPO_", "DJANGO_", "DATABASE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _environment(server: Server) -> dict[str, str]:
    return {
        **_kept(),
        "TENPO_DATA": str(server.folder),
        "TENPO_PORT": str(server.port),
        "TENPO_SECRET_KEY": settings.SECRET_KEY,
        "TENPO_KEYS": ",".join(key.entry for key in keys.load(env.data_dir()).values()),
        "TENPO_SANDBOX": "true",
        # So that one machine can be many strangers.
        "TENPO_TRUSTED_PROXIES": "1",
        "DATABASE_URL": postgres.url(env.data_dir(), postgres.APP, database=connection.settings_dict["NAME"]),
    }


def static_files() -> Path:
    """The static files under their hashed names, without which no page can be drawn: gathered once, kept in `.tmp`."""
    folder = env.data_dir() / "served"
    with system.file_lock(env.data_dir() / "served.lock"):
        if not upgrade.is_static_current(folder):
            subprocess.run(
                [sys.executable, "-c", GATHER], env={**_kept(), "TENPO_DATA": str(folder)}, cwd=env.ROOT, check=True
            )
    return folder / "static"


def _is_up(server: Server) -> bool:
    try:
        return server.ask(STRANGER.call("GET", "/me")).status == 401
    except OSError:
        return False
