"""The one way out to an address that somebody typed: resolved once, checked, and connected to as it was checked.

Whoever names an address makes our server knock there. So it leads to a public host by https, never into the network
that the server stands in, and a name cannot change what it means between the check and the connection. No redirect is
followed, nothing is unpacked, and all of an answer has to come within a time and a size. The operator may name hosts of
their own (`TENPO_OUTGOING_HOSTS`), such as a calendar server in the office.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpcore2
import httpx2
from django.conf import settings

# Of https; another one only where the operator named it.
PORTS = {443, 8443}
MAX_URL = 2_000
AGENT = "Tenpo"
# What leads elsewhere than it says: IPv4 within IPv6 by translation (NAT64), tunnels, and the old mapped form.
DISGUISES = [
    IPv6Network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "fec0::/10")
]


class NotAllowed(Exception):
    """An address that we do not ask; nothing was sent."""


class NoAnswer(Exception):
    """Nobody answered, or not in time: what was asked may have been done or not."""


class TooLarge(Exception):
    """The answer is larger than whoever asked wants to read."""


@dataclass(frozen=True)
class Answer:
    """What came back; the names of `headers` are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Target:
    """Where an address leads: read, but not resolved yet."""

    scheme: str
    host: str
    port: int

    @property
    def is_named(self) -> bool:
        """Whether the operator named this host, so that it may be in a network of theirs."""
        return bool({self.host, f"{self.host}:{self.port}"} & set(settings.OUTGOING_HOSTS))


def check_url(url: str) -> Target:
    """Whether an address may be asked, as far as it can be said without resolving it; raises NotAllowed.

    Plain http, and ports other than those of https, only where the operator named host and port.
    """
    if len(url) > MAX_URL or any(c <= " " or c == "\x7f" or c == "\\" for c in url):
        raise NotAllowed("not an address")
    try:
        parts = urlsplit(url)
        host = (httpx2.URL(url).raw_host.decode("ascii")).lower().rstrip(".")
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except (ValueError, httpx2.InvalidURL):
        raise NotAllowed("not an address") from None
    if not host or "@" in parts.netloc:
        raise NotAllowed("not an address")
    target = Target(parts.scheme, host, port)
    is_named = f"{host}:{port}" in settings.OUTGOING_HOSTS
    if parts.scheme not in ("https", "http") or (not is_named and (parts.scheme != "https" or port not in PORTS)):
        raise NotAllowed("not by https")
    return target


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is out in the internet, whatever it is dressed up as."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in DISGUISES):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class _Stream(httpcore2.NetworkStream):
    """A connection that is over at one moment, however slowly each byte of it comes."""

    def __init__(self, stream: httpcore2.NetworkStream, clock: "_Pinned") -> None:
        self.stream, self.clock = stream, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, self.clock.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, self.clock.left())

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self, ssl_context: object, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self.stream.start_tls(ssl_context, server_hostname, self.clock.left()), self.clock)  # type: ignore[arg-type]

    def get_extra_info(self, info: str) -> object:
        return self.stream.get_extra_info(info)


class _Pinned(httpcore2.SyncBackend):
    """Resolves a name once, checks all that it means, and connects to that and nothing else."""

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds

    def left(self) -> float:
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the time is over")
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError("no address")
        for address in _resolve(Target("", host, port)):
            try:
                stream = super().connect_tcp(address, port, min(self.left(), 10.0), None, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self)
        raise failure


def _resolve(target: Target) -> list[str]:
    """Every address of a host; raises NotAllowed when one of them may not be asked."""
    try:
        found = socket.getaddrinfo(target.host.strip("[]"), target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise httpcore2.ConnectError("this name is not known") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    # An address with a zone is one of this machine's own network.
    if not target.is_named and not all("%" not in one and is_public(ip_address(one)) for one in addresses):
        raise NotAllowed("not in the internet")
    return addresses[:4]


class Line:
    """A connection to whom some questions are put, one after the other, within `seconds` together."""

    def __init__(self, *, seconds: float, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._backend = _Pinned(seconds)
        self._pool = httpcore2.ConnectionPool(ssl_context=_trusted(), network_backend=self._backend, max_connections=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.close()

    def ask(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes = b"") -> Answer:
        """One question; a redirect is an answer like any other. Raises NotAllowed, NoAnswer, TooLarge."""
        target = check_url(url)
        sent = {"Host": _host_header(target), "User-Agent": AGENT, "Accept-Encoding": "identity", **(headers or {})}
        if content or method in ("PUT", "POST"):
            sent["Content-Length"] = str(len(content))
        with _plain_errors():
            # What is asked is the path alone: who asks for an address with a fragment means all before it.
            where = httpx2.URL(url)
            asked = httpcore2.URL(
                scheme=where.raw_scheme,
                host=target.host.encode("ascii"),
                port=target.port,
                target=where.raw_path or b"/",
            )
            raw = [(name.encode("ascii"), value.encode("utf-8")) for name, value in sent.items()]
            with self._pool.stream(method, asked, headers=raw, content=content) as response:
                names = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers]
                return Answer(response.status, dict(names), self._read(response, dict(names)))

    def _read(self, response: httpcore2.Response, headers: Mapping[str, str]) -> bytes:
        if headers.get("content-encoding", "identity") not in ("", "identity"):
            raise NoAnswer("the answer is packed, though nobody asked for that")
        body = bytearray()
        for part in response.iter_stream():
            body += part
            if len(body) > self.most_bytes:
                raise TooLarge
        return bytes(body)


def ask(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    seconds: float = 20.0,
    most_bytes: int = 1_000_000,
) -> Answer:
    """One question on a line of its own; see `Line.ask`."""
    with Line(seconds=seconds, most_bytes=most_bytes) as line:
        return line.ask(method, url, headers=headers, content=content)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom we believe; reading all their certificates takes longer than most questions."""
    return httpx2.create_ssl_context(trust_env=False)


def _host_header(target: Target) -> str:
    usual = {"https": 443, "http": 80}[target.scheme]
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == usual else f"{host}:{target.port}"


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except (
        httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol,
        OSError, UnicodeError,
    ) as error:  # fmt: skip
        # Its words may quote the address, which may hold a secret.
        raise NoAnswer(type(error).__name__) from None
