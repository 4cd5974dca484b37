"""What no browser sends: the server answers it with a clear 4xx or hangs up, and serves the others meanwhile."""

import re
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tenpo.config.streams import STREAMS_PER_USER
from tenpo.people.tests.make import make_member
from tests.installation import wait_until
from tests.server import ANSWER_SECONDS, STRANGER, Caller, Server, running, with_cookies

pytestmark = pytest.mark.django_db(transaction=True)
# Ten for each thread.
MANY = 80
PROCESSES = 2

HOST = b"Host: localhost\r\n"
GET = b"GET /account/login/ HTTP/1.1\r\n" + HOST
# Of nobody: read as a whole it is answered with 401.
POST = b"POST /api/v1/bookings HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
JSON = b'{"amount": 10000}'
LENGTH = b"Content-Length: 17\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
LAST = b"GET /api/v1/me HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
LARGE = 2_000_000

# Never taken for a request: a status of these, or no word at all, and the line is closed.
REFUSALS = {400, 408, 413, 414, 431}
BROKEN = {
    "length too large, then silence": POST + b"Content-Length: 100\r\n\r\n" + JSON,
    "half of a large body, then silence": POST + b"Content-Length: %d\r\n\r\n" % LARGE + b" " * (LARGE // 2),
    "length negative": POST + b"Content-Length: -3\r\n\r\n" + JSON,
    "length with a sign": POST + b"Content-Length: +17\r\n\r\n" + JSON,
    "length no number": POST + b"Content-Length: x\r\n\r\n" + JSON,
    "length in another script": POST + b"Content-Length: \xb2\r\n\r\n" + JSON,
    "length empty": POST + b"Content-Length:\r\n\r\n" + JSON,
    "length beyond numbers": POST + b"Content-Length: 9" + b"9" * 30 + b"\r\n\r\n" + JSON,
    "length beyond what is taken": POST + b"Content-Length: 25000001\r\n\r\n" + JSON,
    "two lengths": POST + LENGTH + b"Content-Length: 3\r\n\r\n" + JSON,
    "two lengths in one": POST + b"Content-Length: 17, 3\r\n\r\n" + JSON,
    "coding unknown": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + NEXT,
    "coding that does not end": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + NEXT,
    "coding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + NEXT,
    "coding with a space before its colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "coding on a line that goes on": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "coding in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n" + NEXT,
    "chunk of no number": CHUNKED + b"zz\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk negative": CHUNKED + b"-1\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk beyond numbers": CHUNKED + b"f" * 18 + b"\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk longer than it says": CHUNKED + b"3\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunk of bare line feeds": CHUNKED + b"11;a\n" + JSON + b"\n0\n\n",
    "chunk with a long note": CHUNKED + b"11;" + b"a" * 100_000 + b"\r\n" + JSON + b"\r\n0\r\n\r\n",
    "chunks that do not end": CHUNKED + b"11\r\n" + JSON + b"\r\n",
    "bare carriage return": GET.replace(b"localhost", b"localhost\rX: y") + b"\r\n",
    "NUL in a value": GET + b"X: a\0b\r\n\r\n",
    "NUL in a name": GET + b"X\0: a\r\n\r\n",
    "NUL in the address": GET.replace(b"login", b"lo\0gin") + b"\r\n",
    "no UTF-8 in the address": GET.replace(b"login", b"\xff\xfe") + b"\r\n",
    "space in the address": GET.replace(b"login", b"lo gin") + b"\r\n",
    "address of 70 kB": GET.replace(b"login", b"a" * 70_000) + b"\r\n",
    "header of 100 kB": GET + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "10,000 headers": GET + b"".join(b"X-%d: a\r\n" % number for number in range(10_000)) + b"\r\n",
    "header without a colon": GET + b"X\r\n\r\n",
    "header with a space in its name": GET + b"X Y: a\r\n\r\n",
    "first header on a line that goes on": GET.replace(b"Host", b" Host") + b"\r\n",
    "HTTP/0.9": b"GET /account/login/\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "any bytes": bytes(range(256)) * 10,
    "half a head, then silence": GET,
    "silence": b"",
}
# As BROKEN, and then whoever sent it is heard no more.
CUT = {
    "small": POST + b"Content-Length: 100\r\n\r\n" + JSON,
    "large": POST + b"Content-Length: %d\r\n\r\n" % LARGE + b" " * (LARGE // 2),
    "in a chunk": CHUNKED + b"40\r\n" + JSON,
    "between chunks": CHUNKED + b"11\r\n" + JSON + b"\r\n",
    "in the head": GET,
}
# Odd, and yet it is said clearly what is asked; with what each is answered, one after the other.
CLEAR = {
    "chunked": (CHUNKED + b"11\r\n" + JSON + b"\r\n0\r\n\r\n", [401]),
    "chunked and large": (CHUNKED + b"%x\r\n" % LARGE + b" " * LARGE + b"\r\n0\r\n\r\n", [401]),
    "large": (POST + b"Content-Length: %d\r\n\r\n" % LARGE + b" " * LARGE, [401]),
    "one length twice": (POST + LENGTH * 2 + b"\r\n" + JSON, [401]),
    "length too small": (POST + b"Content-Length: 3\r\n\r\n" + JSON, [401, 400]),
    "body where none is looked for": (NEXT[:-2] + LENGTH + b"\r\n" + JSON + NEXT, [200, 200]),
    "whole address": (GET.replace(b"/account", b"http://localhost/account") + b"\r\n", [200]),
    "HTTP/1.0": (GET.replace(b"1.1", b"1.0") + b"\r\n", [200]),
    "no host in HTTP/1.0": (GET.replace(b"1.1", b"1.0").replace(HOST, b"") + b"\r\n", [200]),
    "two hosts": (GET + b"Host: elsewhere\r\n\r\n", [400]),
    "method that is none": (GET.replace(b"GET", b"BREW") + b"\r\n", [403]),
    "method that is none, of the API": (b"BREW /api/v1/me HTTP/1.1\r\n" + HOST + b"\r\n", [405]),
    "method that is none, of the stream": (b"BREW /stream HTTP/1.1\r\n" + HOST + b"\r\n", [405]),
    "TRACE": (GET.replace(b"GET", b"TRACE") + b"\r\n", [405]),
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", [403]),
    "OPTIONS of everything": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", [404]),
    "GET of everything": (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", [404]),
    "no UTF-8 in a header": (GET + b"Accept-Language: \xff\xfe\r\n\r\n", [200]),
    "no UTF-8 behind percent signs": (GET.replace(b"login", b"%ff%00") + b"\r\n", [404]),
    "websocket": (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", [200]),
    "many before the first answer": (NEXT * 5 + GET + b"\r\n" + NEXT, [200] * 7),
}
# Of BROKEN, what is refused here and not by granian.
TAKEN = ["chunk longer than it says"]


@dataclass(frozen=True)
class Said:
    """All that came back until the line was closed."""

    statuses: list[int]
    is_closed: bool


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    """It waits as long as every server does, so whatever is answered soon was not waited for."""
    with django_db_blocker.unblock(), running() as one:
        yield one


@pytest.fixture(scope="module")
def impatient(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    """It gives up soon whoever is slow."""
    with django_db_blocker.unblock(), running(program="tests.impatient") as one:
        yield one


@contextmanager
def lines(server: Server, raws: Sequence[bytes]) -> Iterator[list[socket.socket]]:
    """All of this is sent, each on a line of its own, and others are served meanwhile."""
    with ExitStack() as stack:
        opened = [stack.enter_context(_send(server, raw)) for raw in raws]
        assert_others_are_served(server)
        yield opened


def _send(server: Server, raw: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", server.port), ANSWER_SECONDS)
    with suppress(ConnectionError):  # it was refused before all of it was sent
        line.sendall(raw)
    return line


def hear(line: socket.socket, *, hang_up_after: int | None = None) -> Said:
    """All that comes until the server closes the line, or we do after so many answers."""
    heard, is_closed = b"", True
    with suppress(OSError):  # it broke off, or is closed already
        try:
            while len(_statuses(heard)) != hang_up_after and (piece := line.recv(65_536)):
                heard += piece
            line.shutdown(socket.SHUT_WR)
            while piece := line.recv(65_536):
                heard += piece
        except TimeoutError:
            is_closed = False
    return Said(_statuses(heard), is_closed)


def _statuses(heard: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", heard)]


def hear_all(server: Server, raws: dict[str, bytes], *, hang_up_after: int | None = None) -> dict[str, Said]:
    with lines(server, list(raws.values())) as opened:
        return {name: hear(line, hang_up_after=hang_up_after) for name, line in zip(raws, opened, strict=True)}


def taken(said: dict[str, Said]) -> dict[str, list[int]]:
    """What was answered as if it were a request."""
    return {
        name: one.statuses for name, one in said.items() if len(one.statuses) > 1 or not set(one.statuses) <= REFUSALS
    }


def assert_others_are_served(server: Server) -> None:
    """On a few new lines, so that each process is asked."""
    with ExitStack() as stack:
        asked = [stack.enter_context(_send(server, LAST)) for _ in range(4 * PROCESSES)]
        assert [hear(line) for line in asked] == [Said([401], is_closed=True)] * len(asked)


def is_waited_for(line: socket.socket) -> bool:
    """Whether the server has neither answered nor closed it."""
    line.setblocking(False)
    try:
        line.recv(1)
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False


def leave(line: socket.socket) -> None:
    """Go without a word: the other side learns of it by a reset."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def test_what_is_no_request_is_refused(impatient):
    said = hear_all(impatient, BROKEN)

    assert taken(said) == {}
    assert [name for name, one in said.items() if not one.is_closed] == []
    assert_others_are_served(impatient)


def test_what_is_cut_off_is_not_taken_for_whole(server):
    said = hear_all(server, CUT, hang_up_after=0)

    assert taken(said) == {}
    assert_others_are_served(server)


@pytest.mark.control
def test_control_what_is_broken_or_cut_off_would_be_taken_for_whole():
    with running(program="tests.unguarded wholeness") as careless:
        broken = hear_all(careless, {name: BROKEN[name] for name in TAKEN}, hang_up_after=1)
        cut = hear_all(careless, CUT, hang_up_after=0)

    assert taken(broken) == {name: [401] for name in TAKEN}
    assert taken(cut) == {name: [401] for name in CUT if name != "in the head"}


def test_what_is_odd_and_clear_is_answered(server):
    with lines(server, [raw for raw, _statuses in CLEAR.values()]) as opened:
        said = {
            name: hear(line, hang_up_after=len(wanted)).statuses
            for (name, (_raw, wanted)), line in zip(CLEAR.items(), opened, strict=True)
        }

    assert said == {name: wanted for name, (_raw, wanted) in CLEAR.items()}


@pytest.mark.parametrize("other", [LENGTH, b"Content-Length: 5\r\n"], ids=["of-more", "of-all"])
@pytest.mark.parametrize("length_comes_first", [True, False], ids=["length-first", "coding-first"])
def test_nothing_is_smuggled_behind_two_ways_to_end(impatient, other, length_comes_first):
    coding = b"Transfer-Encoding: chunked\r\n"
    head = POST + (other + coding if length_comes_first else coding + other)

    with lines(impatient, [head + b"\r\n0\r\n\r\n" + NEXT]) as [line]:
        said = hear(line)

    assert len(said.statuses) <= 1, "what follows is not read as a request"
    assert all(400 <= status < 500 for status in said.statuses)
    assert said.is_closed


SLOW = pytest.mark.parametrize("start", [GET + b"X: ", POST + b"Content-Length: 10000\r\n\r\n"], ids=["head", "body"])


@SLOW
def test_whoever_sends_drop_by_drop_keeps_no_thread(server, start):
    with lines(server, [start] * MANY) as slow:
        # Others were served, and not because these had been given up.
        assert all(map(is_waited_for, slow))


@SLOW
def test_whoever_sends_drop_by_drop_is_given_up(impatient, start):
    with lines(impatient, [start] * MANY) as slow:
        left, deadline = list(slow), time.monotonic() + ANSWER_SECONDS
        while left:
            assert time.monotonic() < deadline, f"{len(left)} are still heard"
            for line in tuple(left):
                try:
                    line.sendall(b"a")
                except ConnectionError:
                    left.remove(line)
            time.sleep(0.1)
        assert_others_are_served(impatient)


def test_whoever_goes_in_the_middle_of_an_answer_leaves_nothing_behind(server):
    long = STRANGER.call("GET", "/openapi.json").raw()
    with lines(server, [long] * MANY) as readers:
        for line in readers[: MANY // 2]:
            assert line.recv(1000).startswith(b"HTTP/1.1 200")
            leave(line)
        assert_others_are_served(server)  # while the other half reads nothing
    assert_others_are_served(server)


def open_stream(server: Server, reader: Caller) -> tuple[socket.socket, bytes]:
    """The stream of somebody's news, and the head of its answer with what is told at first."""
    line = socket.create_connection(("127.0.0.1", server.port), ANSWER_SECONDS)
    line.sendall(reader.page("/stream").raw())
    heard = b""
    while b"\ndata: " not in heard and (piece := line.recv(65_536)):
        heard += piece
        if not heard.startswith(b"HTTP/1.1 200"):
            break
    return line, heard


def test_whoever_goes_in_the_middle_of_a_stream_gives_their_place_back(server):
    browser = Client()
    browser.force_login(make_member())
    reader = with_cookies(browser.cookies[settings.SESSION_COOKIE_NAME].value)

    def is_let_in() -> bool:
        line, heard = open_stream(server, reader)
        leave(line)
        return heard.startswith(b"HTTP/1.1 200")

    for _ in range(2 * PROCESSES * STREAMS_PER_USER):
        wait_until(is_let_in, 20)
    assert_others_are_served(server)
