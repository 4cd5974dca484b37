"""What somebody typed leads into the internet and nowhere else, and never for long."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import pytest

from tenpo.core import outgoing
from tenpo.core.outgoing import NoAnswer, NotAllowed, TooLarge, ask, check_url, is_public


class Office(BaseHTTPRequestHandler):
    """A server in the office: what it answers stands in the path that it is asked for."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
        elif self.path == "/drips":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(40):
                time.sleep(0.02)
                self.wfile.write(b"x")
        elif self.path == "/packed":
            self._say(b"\x1f\x8b", {"Content-Encoding": "gzip"})
        else:
            self._say(b"x" * int(self.path.rpartition("/")[2]), {"ETag": '"1"'})

    def _say(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def office(settings) -> Iterator[str]:
    Office.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Office)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    settings.OUTGOING_HOSTS = [f"127.0.0.1:{server.server_port}"]
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_host_that_the_operator_named_answers(office):
    answer = ask("GET", f"{office}/a?b=/2#d")

    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"xx", '"1"')
    assert Office.asked == ["/a?b=/2"]


def test_a_redirect_is_not_followed(office):
    answer = ask("GET", f"{office}/moved")

    assert answer.status == 302
    assert len(Office.asked) == 1


def test_what_drips_ends_with_its_time(office):
    began = time.monotonic()

    with pytest.raises(NoAnswer):
        ask("GET", f"{office}/drips", seconds=0.2)

    assert time.monotonic() - began < 0.6


@pytest.mark.parametrize(("size", "fits"), [(1_000, True), (1_001, False)])
def test_an_answer_has_a_size(office, size, fits):
    if fits:
        assert len(ask("GET", f"{office}/{size}", most_bytes=1_000).body) == size
    else:
        with pytest.raises(TooLarge):
            ask("GET", f"{office}/{size}", most_bytes=1_000)


def test_nothing_is_unpacked(office):
    with pytest.raises(NoAnswer):
        ask("GET", f"{office}/packed")


# Each leads to this machine, into some network, or is no address at all.
INWARDS = [
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
    "https://0/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/", "https://[64:ff9b:1::7f00:1]/", "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/", "https://[fe80::1]/", "https://[fc00::1]/", "https://[fec0::1]/",
    "https://[ff02::1]/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://224.0.0.1/", "https://240.0.0.1/",
    "https://255.255.255.255/", "https://198.18.0.1/", "https://192.0.2.1/", "https://localhost/",
    "https://localhost./", "http://example.com/", "https://example.com:5432/", "https://example.com:22/",
    "https://user:password@example.com/", "https://@example.com/", "https://example.com\\@127.0.0.1/",
    "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "https://", "//example.com/", "example.com",
    "https://exa mple.com/", "https://example.com/\r\nHost: other", "https://example.com:99999/", "https://[::1",
    "https://example.com/" + "x" * 2_000,
]  # fmt: skip


@pytest.mark.parametrize("url", INWARDS)
def test_what_leads_inwards_is_not_asked(url, monkeypatch, settings):
    settings.OUTGOING_HOSTS = ["radicale.lan:5232", "10.0.0.1:5232"]
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("somebody knocked"))

    with pytest.raises(NotAllowed):
        ask("GET", url)


def test_a_name_is_resolved_once_and_asked_where_it_led(monkeypatch):
    """A name that means a public host when it is checked, and this machine when it is asked."""
    answers = ["93.184.215.14", "127.0.0.1"]
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [(2, 1, 6, "", (answers.pop(0), 443))])

    def refuse(address: Any, *rest: Any, **more: Any) -> None:
        asked.append(address)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", refuse)

    with pytest.raises(NoAnswer):
        ask("GET", "https://calendar.example.com/")

    assert asked == [("93.184.215.14", 443)]


def test_one_address_inwards_is_enough_to_refuse(monkeypatch):
    both = [(2, 1, 6, "", ("93.184.215.14", 443)), (2, 1, 6, "", ("10.0.0.7", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: both)
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("somebody knocked"))

    with pytest.raises(NotAllowed):
        ask("GET", "https://calendar.example.com/")


@pytest.mark.control
def test_control_without_the_check_this_machine_is_asked(office, settings, monkeypatch):
    """The list above would be found at a server that listens, were it not for the check."""
    port = office.rpartition(":")[2]
    settings.OUTGOING_HOSTS = [f"[::ffff:127.0.0.1]:{port}", f"::ffff:127.0.0.1:{port}"]
    monkeypatch.setattr(outgoing, "is_public", lambda address: True)

    assert ask("GET", f"http://[::ffff:127.0.0.1]:{port}/1").status == 200


def test_a_named_host_is_named_with_its_port_for_plain_http(settings):
    settings.OUTGOING_HOSTS = ["caldav.lan", "radicale.lan:5232"]

    assert check_url("https://caldav.lan/x").is_named
    assert check_url("http://radicale.lan:5232/x").is_named
    for url in ("http://caldav.lan/", "https://caldav.lan:5232/", "http://radicale.lan/", "http://radicale.lan:5233/"):
        with pytest.raises(NotAllowed):
            check_url(url)


def test_public_addresses_are_public():
    assert all(is_public(ip_address(one)) for one in ("93.184.215.14", "2606:2800:21f::1", "::ffff:8.8.8.8"))


def test_an_error_does_not_quote_the_address():
    with pytest.raises(NoAnswer) as raised:
        ask("GET", "https://nowhere.invalid/private-secret.ics")

    assert "secret" not in repr(raised.value)
    assert raised.value.__cause__ is None
