"""The secret key, and where mail goes."""

import threading
from pathlib import Path

import pytest

from tenpo.runtime import secrets
from tenpo.runtime.errors import OperatorError


def test_the_key_is_made_once_and_only_ours(tmp_path, monkeypatch):
    monkeypatch.delenv("TENPO_SECRET_KEY", raising=False)

    first, second = secrets.secret_key(tmp_path), secrets.secret_key(tmp_path)

    assert first == second
    assert len(first) >= 64
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_two_processes_at_once_end_with_one_key(tmp_path, monkeypatch):
    monkeypatch.delenv("TENPO_SECRET_KEY", raising=False)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(secrets.secret_key(tmp_path))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(found) == {(tmp_path / "secret_key").read_text()}
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_without_a_server_mails_are_files():
    assert secrets.mailer("", Path("/mail"))["OPTIONS"] == {"file_path": "/mail"}


@pytest.mark.parametrize(
    ("url", "port", "use_tls", "use_ssl"),
    [
        ("smtp+tls://me:p%40ss@mail.example.com", 587, True, False),
        ("smtps://me:p%40ss@mail.example.com", 465, False, True),
        ("smtp://me:p%40ss@mail.example.com:2525", 2525, False, False),
    ],
)
def test_a_mail_server(url, port, use_tls, use_ssl):
    options = secrets.mailer(url, Path("/mail"))["OPTIONS"]

    assert (options["host"], options["port"]) == ("mail.example.com", port)
    assert (options["username"], options["password"]) == ("me", "p@ss")
    assert (options["use_tls"], options["use_ssl"]) == (use_tls, use_ssl)


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail.example.com", "smtp+tls://"])
def test_what_is_no_mail_server_is_refused(url):
    with pytest.raises(OperatorError, match="TENPO_EMAIL_URL"):
        secrets.mailer(url, Path("/mail"))
