"""A dozen secrets are used as people use them, and then looked for wherever they have no business."""

import base64
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import pytest
import structlog
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import get_resolver

from tenpo.access.actions.api_clients import create_api_client
from tenpo.core import outbox
from tenpo.people.models import User
from tenpo.people.tests.make import mailed_code, make_admin, make_invite, set_up_app
from tenpo.runtime import env, keys, logs
from tenpo.schedule.actions.feeds import new_feed_address

pytestmark = pytest.mark.django_db
PASSWORD = "a password that nobody else has 7"
# Whoever opens these has asked to be shown the secret, and has just proved who they are.
MEANT_PAGES = {
    "account/2fa/recovery-codes/",
    "account/2fa/recovery-codes/download/",
    "_allauth/browser/v1/account/authenticators/recovery-codes",
}


@dataclass
class Planted:
    """What must be found nowhere, whose it is, and what was written while it was used."""

    admin: User
    browser: Client
    api_key: str
    secrets: dict[str, str]
    log: str
    # In which mails a secret may stand: those that were sent to bring it.
    mailed: dict[str, str] = field(default_factory=dict)

    def found_in(self, text: str) -> list[str]:
        """Which secrets stand in a text, plain or in the forms in which programs write bytes."""
        return [name for name, secret in self.secrets.items() if any(form in text for form in forms(secret))]


def forms(secret: str) -> Iterator[str]:
    raw = secret.encode()
    yield secret
    yield json.dumps(secret)[1:-1]
    yield raw.hex()
    for shift in range(3):
        # Wherever it begins in a longer text, the middle of its base64 is one of three.
        yield base64.b64encode(b"\0" * shift + raw).decode()[4:-4]


def fail_while_holding(secrets: dict[str, str]) -> None:
    """Fail where every secret stands in a variable."""
    held = dict(secrets)
    assert held
    raise RuntimeError("the disk is full")


def configure(written: StringIO) -> None:
    """Log as a real process does, into `written`."""
    logs.configure()
    # A logger that keeps what it has at its first line would keep it for all tests that follow.
    structlog.configure(cache_logger_on_first_use=False)
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)


@pytest.fixture(params=["text", "json"])
def log(request, monkeypatch) -> Iterator[StringIO]:
    """Everything that is logged, as a real process writes it."""
    before = logging.getLogger().handlers
    written = StringIO()
    monkeypatch.setenv("TENPO_LOG_FORMAT", request.param)
    monkeypatch.setenv("TENPO_LOG_LEVEL", "DEBUG")
    configure(written)
    yield written
    logging.getLogger().handlers = before
    logging.getLogger().setLevel(logging.WARNING)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def plant(log: StringIO) -> Planted:
    admin = make_admin()
    admin.set_password(PASSWORD)
    admin.save(update_fields=["password"])
    browser = Client(raise_request_exception=False)
    browser.post("/account/login/code/", {"email": admin.email})
    code = mailed_code()
    browser.post("/account/password/reset/", {"email": admin.email})
    reset = re.findall(r"/reset/key/([\w-]+)/", str(mail.outbox[-1].body))[0]
    browser = Client(raise_request_exception=False)
    browser.post("/account/login/", {"login": admin.email, "password": PASSWORD})
    browser.post("/account/reauthenticate/", {"password": PASSWORD})
    seed = set_up_app(browser, PASSWORD)
    browser.post("/account/2fa/recovery-codes/generate/")
    page = browser.get("/account/2fa/recovery-codes/").content.decode()
    recovery_code = re.findall(r"\b\d{8}\b", re.sub(r"<[^>]+>", " ", page))[0]
    _invite, invite = make_invite(by=admin)
    browser.get(f"/invite/{invite}/")
    feed = new_feed_address(admin, by=admin)
    browser.get(f"/feeds/{feed}.ics")
    _client, api_key = create_api_client(admin, name="Payroll", scopes=["read", "write"], expires_at=None, by=admin)
    browser.get("/api/v1/me", headers={"authorization": f"Bearer {api_key}"})
    outbox.drain()
    secrets = {
        "password": PASSWORD,
        "sign-in code": code,
        "reset link": reset,
        "cookie": browser.cookies[settings.SESSION_COOKIE_NAME].value,
        "TOTP seed": seed,
        "recovery code": recovery_code,
        "invite": invite,
        "feed": feed,
        "API key": api_key,
        "secret key": settings.SECRET_KEY,
        "encryption key": keys.newest(keys.load(settings.DATA_DIR)).entry.partition(":")[2],
    }
    try:
        fail_while_holding(secrets)
    except RuntimeError:
        structlog.get_logger().exception("it_failed", reason="the disk is full")
        logging.getLogger("tenpo").exception("it failed")
    mailed = {"sign-in code": "is your code", "reset link": "new password", "invite": "invites you"}
    return Planted(admin, browser, api_key, secrets, log.getvalue(), mailed)


@pytest.fixture
def planted(log) -> Planted:
    return plant(log)


def test_no_log_holds_a_secret(planted):
    assert "it_failed" in planted.log
    assert "RuntimeError" in planted.log
    assert planted.found_in(planted.log) == []


@pytest.mark.control
@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_control_variables_in_tracebacks_would_be_found(log, monkeypatch):
    telling = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=True))
    monkeypatch.setattr(logs, "_TRACEBACKS", telling)
    configure(log)

    assert "password" in (found := plant(log)).found_in(found.log)


@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_no_table_holds_a_secret(planted):
    assert Authenticator.objects.filter(user=planted.admin).count() == 2
    wrong = []
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {table} t")
            wrong += [(table, name) for (row,) in cursor.fetchall() for name in planted.found_in(row)]

    assert len(tables) > 40
    assert wrong == []


@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_only_the_mail_that_is_to_bring_it_holds_a_secret(planted):
    wrong = [
        (str(message.subject), name)
        for message in mail.outbox
        for name in planted.found_in(message.message().as_string() + str(message.body))
        if name not in planted.mailed or planted.mailed[name] not in str(message.subject).lower()
    ]

    assert len(mail.outbox) >= 3
    assert wrong == []


def plain_addresses(patterns: list[Any], start: str = "") -> Iterator[str]:
    """Every address that has no part to fill in."""
    for pattern in patterns:
        address = start + str(pattern.pattern).lstrip("^")
        if hasattr(pattern, "url_patterns"):
            yield from plain_addresses(pattern.url_patterns, address)
        elif not re.search(r"[<(\\]", address):
            yield address.rstrip("$")


@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_no_page_export_or_answer_holds_a_secret(planted):
    addresses = set(plain_addresses(get_resolver().url_patterns)) - {"account/logout/"} - MEANT_PAGES
    wrong, seen = [], 0
    for address in sorted(addresses):
        headers = {"authorization": f"Bearer {planted.api_key}"} if address.startswith("api/") else {}
        answer = planted.browser.get(f"/{address}", headers=headers)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        seen += answer.status_code == 200
        shown = body.decode(errors="replace") + str(dict(answer.headers))
        wrong += [(address, name) for name in planted.found_in(shown)]

    assert seen > 60
    assert wrong == []


GIVEN = {
    "TENPO_EMAIL_URL": "smtp+tls://post:Mail-Pass-91824@mail.invalid",
    "DATABASE_URL": "postgresql://tenpo:Data-Pass-55173@127.0.0.1:1/tenpo",
    "DATABASE_OWNER_URL": "postgresql://owner:Owner-Pass-77261@127.0.0.1:1/tenpo",
    "TENPO_SECRET_KEY": "Cookie-Key-31337-" * 4,
    "TENPO_KEYS": keys.new_key().entry,
}
SECRET_PARTS = ["Mail-Pass", "Data-Pass", "Owner-Pass", "Cookie-Key", GIVEN["TENPO_KEYS"].partition(":")[2]]


@pytest.mark.parametrize(
    "command", ["settings", "settings --json", "doctor", "doctor --json", "migrate", "keys list", "worker", "check"]
)
def test_no_command_says_what_it_was_given(command, tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TENPO_")}
    environment = {**kept, **GIVEN, "TENPO_DATA": str(tmp_path), "TENPO_LOG_LEVEL": "DEBUG"}

    done = subprocess.run(
        [sys.executable, "-m", "tenpo.cli.main", *command.split()],
        env=environment, cwd=env.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stdout + done.stderr
    assert [part for part in SECRET_PARTS if part in done.stdout + done.stderr] == []
