"""What the web server calls: pages go to Django on a few threads of ours, streams stay on the event loop.

A thread keeps its database connection for good, which Django's own asynchronous handler would not; a stream costs
no thread. The figures behind this are in docs/decisions/0003-wsgi-and-streams.md.
"""

import asyncio
import contextlib
import io
import logging
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import IO, Any, Protocol

from tenpo.runtime import metrics, watch

logger = logging.getLogger("tenpo.web")

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

# Uploads are read here, so that a slow one holds no thread; the larger ones wait on disk.
BODY_BYTES_MAX = 25_000_000
BODY_BYTES_IN_MEMORY = 1_000_000
BODY_SECONDS = 60
# An answer up to this size is sent in one piece; a longer one as its pieces are made. granian takes them at once and
# keeps what the reader has not taken yet: a slow reader costs memory, and no thread.
PIECE_BYTES = 128 * 1024
PIECE_SECONDS = 60
# Requests that may wait for a thread: some hundreds who come for the same session at once, even should one process get
# them all. Beyond, an honest "busy" beats an answer that comes too late.
WAITING_MAX = 512
# Sent to the worker processes when the server is about to stop.
END_STREAMS = signal.SIGUSR1


class Transport(Protocol):
    """An answer under way (granian's)."""

    async def send_bytes(self, data: bytes) -> None: ...


class HttpProtocol(Protocol):
    """One exchange (granian's)."""

    async def __call__(self) -> bytes: ...
    def __aiter__(self) -> Any: ...
    async def client_disconnect(self) -> None: ...
    def response_empty(self, status: int, headers: Headers) -> None: ...
    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def response_stream(self, status: int, headers: Headers) -> Transport: ...


StreamApp = Callable[[Any, HttpProtocol], Awaitable[None]]


class Headed:
    """An exchange whose every answer carries these headers beside its own, which count more."""

    def __init__(self, protocol: HttpProtocol, headers: Mapping[str, str]) -> None:
        self.protocol = protocol
        self.headers = {name.lower(): value for name, value in headers.items()}

    async def __call__(self) -> bytes:
        return await self.protocol()

    def __aiter__(self) -> Any:
        return self.protocol.__aiter__()

    async def client_disconnect(self) -> None:
        await self.protocol.client_disconnect()

    def response_empty(self, status: int, headers: Headers) -> None:
        self.protocol.response_empty(status, self._with(headers))

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self.protocol.response_bytes(status, self._with(headers), body)

    def response_stream(self, status: int, headers: Headers) -> Transport:
        return self.protocol.response_stream(status, self._with(headers))

    def _with(self, headers: Headers) -> Headers:
        said = {name for name, _ in headers}
        return [*headers, *((name, value) for name, value in self.headers.items() if name not in said)]


class TooLarge(Exception):
    """The request's body is larger than BODY_BYTES_MAX."""


class Unclear(Exception):
    """The request does not say in one way where its body ends."""


class BrokenOff(Exception):
    """The request's body ended before it was whole."""


class Threads:
    """A few threads that call functions one after the other, and keep what they have (database connections)."""

    def __init__(self, number: int, name: str) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.AbstractEventLoop, asyncio.Future[Any]]] = (
            queue.SimpleQueue()
        )
        for index in range(number):
            threading.Thread(target=self._work, name=f"{name}-{index}", daemon=True).start()

    @property
    def waiting(self) -> int:
        return self._jobs.qsize()

    async def run[T](self, function: Callable[[], T]) -> T:
        """Call a function on one of the threads and wait for its result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((function, loop, future))
        return await future

    def _work(self) -> None:
        while True:
            function, loop, future = self._jobs.get()
            try:
                self._tell(loop, future, function(), None)
            except BaseException as error:  # noqa: BLE001 (it belongs to whoever waits for the result)
                self._tell(loop, future, None, error)

    @staticmethod
    def _tell(
        loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], result: Any, error: BaseException | None
    ) -> None:
        def settle() -> None:
            if future.done():  # the client went away meanwhile
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        # A loop that is closed belongs to a process on its way out.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle)


class Front:
    """A granian (RSGI) application over a WSGI application, with asynchronous answers for a few paths."""

    def __init__(
        self, wsgi: WsgiApp, *, threads: int, streams: Mapping[str, StreamApp], headers: Mapping[str, str]
    ) -> None:
        """`headers` are for the answers that are not the WSGI application's."""
        self.wsgi = wsgi
        self.headers = headers
        self.number_of_threads = threads
        self.streams = streams
        self._threads: Threads | None = None
        self._open: set[asyncio.Future[None]] = set()

    @property
    def threads(self) -> Threads:
        """Made at the first request: threads made before the server forks would not be there afterwards."""
        if self._threads is None:
            self._threads = Threads(self.number_of_threads, "web")
        return self._threads

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server in each worker process before the first request."""
        loop.add_signal_handler(END_STREAMS, self.end_streams)
        watch.start("web")

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by the server in each worker process after the last request."""
        watch.stop()

    def end_streams(self) -> None:
        """End every stream: the server waits for whoever is connected before it stops, and they would stay."""
        for task in self._open:
            task.cancel()

    async def __rsgi__(self, scope: Any, protocol: HttpProtocol) -> None:
        if scope.proto != "http":
            return
        if stream := self.streams.get(scope.path):
            task = asyncio.ensure_future(stream(scope, Headed(protocol, self.headers)))
            self._open.add(task)
            task.add_done_callback(self._open.discard)
            with contextlib.suppress(asyncio.CancelledError):
                await task
            return
        if self.threads.waiting >= WAITING_MAX:
            self._refuse(protocol, 503, "Too many people at once. Try again in a moment.", ("retry-after", "2"))
            return
        try:
            body = await self._read_body(scope, protocol)
        except TooLarge:
            self._refuse(protocol, 413, f"The upload is larger than {BODY_BYTES_MAX // 1_000_000} MB.")
            return
        except Unclear:
            self._refuse(protocol, 400, "The request does not say clearly how long it is.")
            return
        except BrokenOff:
            self._refuse(protocol, 400, "The request broke off.")
            return
        except TimeoutError:
            self._refuse(protocol, 408, "The upload took too long.")
            return
        loop = asyncio.get_running_loop()
        environ = _environ(scope, body)
        metrics.WAITING.set(self.threads.waiting)
        try:
            answer = await self.threads.run(lambda: self._answer(environ, protocol, loop))
            if answer is not None:
                protocol.response_bytes(*answer)
        except Exception:
            logger.exception("The web application failed", extra={"path": scope.path})
            with contextlib.suppress(Exception):
                self._refuse(protocol, 500, "Something went wrong on our side.")

    def _answer(
        self, environ: Environ, protocol: HttpProtocol, loop: asyncio.AbstractEventLoop
    ) -> tuple[int, Headers, bytes] | None:
        """Call Django, on a thread. Its answer when that is short; None when it was long and has been sent."""
        metrics.WAITING.set(self.threads.waiting)
        started: list[tuple[int, Headers]] = []

        def start_response(status: str, headers: Headers, exc_info: object = None) -> None:
            started[:] = [(int(status[:3]), [(name.lower(), value) for name, value in headers])]

        result = self.wsgi(environ, start_response)
        try:
            pieces, size, transport = [], 0, None
            for piece in result:
                pieces.append(piece)
                size += len(piece)
                if size >= PIECE_BYTES:
                    if transport is None:
                        transport = _in_loop(loop, _start_stream(protocol, *started[0]))
                    _in_loop(loop, transport.send_bytes(b"".join(pieces)))
                    pieces, size = [], 0
            if transport is None:
                return (*started[0], b"".join(pieces))
            if pieces:
                _in_loop(loop, transport.send_bytes(b"".join(pieces)))
            return None
        finally:
            if close := getattr(result, "close", None):
                close()

    @staticmethod
    async def _read_body(scope: Any, protocol: HttpProtocol) -> IO[bytes]:
        """The whole body: a part of it might pass for another request, say for one of a smaller amount."""
        length = _length_said(scope)
        if length == 0:
            return io.BytesIO()
        async with asyncio.timeout(BODY_SECONDS):
            if length is not None and length <= BODY_BYTES_IN_MEMORY:
                try:
                    small = await protocol()
                except RuntimeError as error:  # granian's, when the client is gone
                    raise BrokenOff from error
                if len(small) != length:
                    raise BrokenOff
                return io.BytesIO(small)
            body = tempfile.SpooledTemporaryFile(BODY_BYTES_IN_MEMORY)  # noqa: SIM115 (closed when collected)
            size = ends = 0
            async for piece in protocol:
                size += len(piece)
                if not piece:
                    ends += 1
                if size > BODY_BYTES_MAX:
                    raise TooLarge
                body.write(piece)
        # granian ends each body with an empty piece. Where one broke off there is another before it; trailers, which
        # nobody sends us, look the same.
        if ends > 1 or length not in (None, size):
            raise BrokenOff
        body.seek(0)
        return body

    def _refuse(self, protocol: HttpProtocol, status: int, message: str, *headers: tuple[str, str]) -> None:
        plain = ("content-type", "text/plain; charset=utf-8")
        Headed(protocol, self.headers).response_bytes(status, [plain, *headers], message.encode())


def _length_said(scope: Any) -> int | None:
    """How long the body is; None where it comes in chunks, which say themselves when they end."""
    said, coding = scope.headers.get("content-length"), scope.headers.get("transfer-encoding")
    if said is None:
        return 0 if coding is None else None
    if coding is not None or not said.isdecimal():
        raise Unclear
    if int(said) > BODY_BYTES_MAX:
        raise TooLarge
    return int(said)


async def _start_stream(protocol: HttpProtocol, status: int, headers: Headers) -> Transport:
    return protocol.response_stream(status, headers)


def _in_loop[T](loop: asyncio.AbstractEventLoop, work: Any) -> Any:
    """Let the event loop do something and wait for it, here on a thread."""
    return asyncio.run_coroutine_threadsafe(_awaited(work), loop).result(PIECE_SECONDS)


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


def _environ(scope: Any, body: IO[bytes]) -> Environ:
    """The request in the words of PEP 3333."""
    host, _, port = (scope.server or "").rpartition(":")
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in scope.headers.items():
        # `X_Forwarded_For` must not pass for `X-Forwarded-For`.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ and key.startswith("HTTP_"):
            separator = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{separator}{value}"
        else:
            environ[key] = value
    if scope.authority and "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = scope.authority
    if "CONTENT_LENGTH" not in environ and isinstance(body, tempfile.SpooledTemporaryFile):
        # Django reads no further than this length, and a chunked request does not say it.
        environ["CONTENT_LENGTH"] = str(body.seek(0, io.SEEK_END))
        body.seek(0)
    return environ
