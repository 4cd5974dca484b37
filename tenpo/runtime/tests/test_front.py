"""Between the web server and Django."""

import asyncio
import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from tenpo.runtime import front
from tenpo.runtime.front import Front
from tenpo.runtime.tests.loops import run

ALWAYS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class Headers(dict[str, str]):
    def items(self) -> Any:
        return [(name, value) for name, values in super().items() for value in values.split("|")]


class Exchange:
    """Plays the web server's part."""

    def __init__(self, pieces: Iterable[bytes] = ()) -> None:
        self.pieces = list(pieces)
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.sent: list[bytes] = []

    async def __call__(self) -> bytes:
        return b"".join(self.pieces)

    def __aiter__(self) -> Any:
        return self._each()

    async def _each(self) -> Any:
        for piece in self.pieces:
            yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers = status, headers
        self.sent.append(body)

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Any:
        self.status, self.headers = status, headers
        return self

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, headers

    async def client_disconnect(self) -> None:
        await asyncio.Event().wait()

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append(data)


def ask(
    wsgi: Callable[..., Iterable[bytes]], exchange: Exchange, *, streams: dict[str, Any] | None = None, **scope: Any
) -> Exchange:
    known = {
        "proto": "http", "http_version": "1.1", "server": "127.0.0.1:8000", "client": "10.0.0.9:5000", "scheme": "http",
        "method": "GET", "path": "/", "query_string": "", "authority": None, "headers": Headers(),
    }  # fmt: skip
    application = Front(wsgi, threads=1, streams=streams or {}, headers=ALWAYS)
    run(application.__rsgi__(SimpleNamespace(**{**known, **scope}), exchange))
    return exchange


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("X-Seen", str(environ.get("HTTP_X_FORWARDED_FOR")))])
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return [environ["PATH_INFO"].encode("latin-1"), b" ", environ["wsgi.input"].read(length)]


def test_a_short_answer_goes_in_one_piece():
    exchange = ask(echo, Exchange([b"body"]), path="/käse", headers=Headers({"content-length": "4"}))

    assert exchange.status == 200
    assert exchange.sent == ["/käse body".encode()]


def test_a_body_without_a_length_is_read_to_its_end():
    exchange = ask(echo, Exchange([b"in ", b"pieces"]), headers=Headers({"transfer-encoding": "chunked"}))

    assert exchange.sent == [b"/ in pieces"]


def test_a_long_answer_is_streamed_and_closed():
    closed = []

    class Long:
        def __iter__(self) -> Any:
            yield from [b"x" * 60_000] * 5

        def close(self) -> None:
            closed.append(True)

    def long(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [])
        return Long()

    exchange = ask(long, Exchange())

    assert len(exchange.sent) > 1
    assert sum(map(len, exchange.sent)) == 300_000
    assert closed == [True]


def test_too_large_an_upload_is_refused_by_its_length_and_by_its_size(monkeypatch):
    monkeypatch.setattr(front, "BODY_BYTES_MAX", 10)

    by_length = ask(echo, Exchange(), headers=Headers({"content-length": "11"}))
    by_size = ask(echo, Exchange([b"123456", b"123456"]), headers=Headers({"transfer-encoding": "chunked"}))

    assert (by_length.status, by_size.status) == (413, 413)


@pytest.mark.parametrize("size", [5, 2_000_000])
@pytest.mark.parametrize(
    ("missing", "status"), [pytest.param(0, 200, id="whole"), pytest.param(1, 400, id="one-byte-short")]
)
def test_a_body_is_taken_only_as_long_as_it_says(size, missing, status):
    exchange = ask(echo, Exchange([b"x" * (size - missing), b""]), headers=Headers({"content-length": str(size)}))

    assert exchange.status == status


def test_a_body_without_a_length_that_broke_off_is_refused():
    """As granian tells of it: by an empty piece before the one that ends every body."""
    headers = Headers({"transfer-encoding": "chunked"})

    whole, broken = (
        ask(echo, Exchange([b"12", b""]), headers=headers),
        ask(echo, Exchange([b"1", b"", b""]), headers=headers),
    )

    assert (whole.status, broken.status) == (200, 400)


def test_a_body_that_says_in_two_ways_where_it_ends_is_refused():
    headers = Headers({"transfer-encoding": "chunked", "content-length": "2"})

    assert ask(echo, Exchange([b"12", b""]), headers=headers).status == 400


def test_whoever_is_gone_before_the_body_is_there_asked_for_nothing(monkeypatch):
    async def gone(_exchange: Exchange) -> bytes:
        raise RuntimeError("Transport closed")  # as granian says it

    monkeypatch.setattr(Exchange, "__call__", gone)

    assert ask(echo, Exchange(), headers=Headers({"content-length": "2"})).status == 400


def test_a_header_with_an_underscore_cannot_pass_for_ours():
    exchange = ask(echo, Exchange(), headers=Headers({"x_forwarded_for": "1.2.3.4"}))

    assert ("x-seen", "None") in exchange.headers


def test_a_repeated_header_is_joined():
    exchange = ask(echo, Exchange(), headers=Headers({"x-forwarded-for": "1.1.1.1|2.2.2.2"}))

    assert ("x-seen", "1.1.1.1,2.2.2.2") in exchange.headers


def test_an_application_that_breaks_answers_500():
    def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise RuntimeError("secret detail")

    exchange = ask(broken, Exchange())

    assert exchange.status == 500
    assert b"secret" not in exchange.sent[0]


def test_beyond_what_may_wait_the_answer_is_busy(monkeypatch):
    monkeypatch.setattr(front, "WAITING_MAX", 2)

    def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        time.sleep(0.2)
        start_response("200 OK", [])
        return [b"ok"]

    application = Front(slow, threads=1, streams={}, headers=ALWAYS)
    scope = SimpleNamespace(
        proto="http", http_version="1.1", server="", client="", scheme="http", method="GET", path="/",
        query_string="", authority=None, headers=Headers(),
    )  # fmt: skip

    async def crowd() -> list[int]:
        exchanges = [Exchange() for _ in range(10)]
        await asyncio.gather(*[application.__rsgi__(scope, exchange) for exchange in exchanges])
        return sorted(exchange.status for exchange in exchanges)

    statuses = run(crowd())

    assert statuses.count(200) >= 2
    assert statuses.count(503) >= 6


def test_whatever_the_front_answers_itself_carries_the_headers_of_all(monkeypatch):
    def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise RuntimeError

    async def slow_body() -> Any:
        await asyncio.sleep(60)
        yield b""

    async def stream(scope: Any, protocol: Any) -> None:
        protocol.response_stream(200, [("content-type", "text/event-stream"), ("cache-control", "no-cache")])

    async def refusing(scope: Any, protocol: Any) -> None:
        protocol.response_empty(401, [])

    chunked = Headers({"transfer-encoding": "chunked"})
    monkeypatch.setattr(front, "BODY_BYTES_MAX", 1)
    monkeypatch.setattr(front, "BODY_SECONDS", 0.01)
    never = Exchange()
    monkeypatch.setattr(never, "_each", slow_body)
    streams = {"/stream": stream, "/closed": refusing}
    answers = [
        ask(broken, Exchange()),
        ask(echo, Exchange([b"two"]), headers=chunked),
        ask(echo, never, headers=chunked),
        ask(echo, Exchange(), path="/stream", streams=streams),
        ask(echo, Exchange(), path="/closed", streams=streams),
    ]
    monkeypatch.setattr(front, "WAITING_MAX", 0)
    answers.append(ask(echo, Exchange()))

    assert [one.status for one in answers] == [500, 413, 408, 200, 401, 503]
    assert [dict(one.headers)["x-content-type-options"] for one in answers] == ["nosniff"] * len(answers)
    # What a stream says itself counts.
    assert [dict(one.headers)["cache-control"] for one in answers].count("no-cache") == 1
