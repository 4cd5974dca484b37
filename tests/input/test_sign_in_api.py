"""What no client of good will sends to the addresses of signing in, where bodies are read by allauth and not by us."""

import base64
import json
from typing import Any

import pytest
from django.test import Client

from tenpo.core.models import RateCount
from tenpo.people.middleware import ReadableSignInMiddleware
from tenpo.people.tests.make import PASSWORD, make_member
from tests.input.test_api_edges import UNREADABLE, WRONG_VALUES
from tests.input.turns import in_turn
from tests.matrix.table import rows

pytestmark = pytest.mark.django_db

ROUTES = [row for row in rows() if row.path.startswith("/_allauth/") and row.method != "GET"]
# All that allauth takes anywhere.
NAMES = (
    "email", "password", "new_password", "current_password", "code", "key", "name", "id", "primary", "authenticators",
    "sessions", "credential", "passwordless",
)  # fmt: skip
LOGIN, PASSKEY_PAGE = "/_allauth/browser/v1/auth/login", "/account/2fa/webauthn/login/"


def signed_in() -> Client:
    """Somebody who has just shown their password, and is asked for a passkey."""
    client = Client(raise_request_exception=False)
    client.force_login(make_member())
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    client.get("/_allauth/browser/v1/account/authenticators/webauthn")
    return client


def send(client: Client, method: str, path: str, content: bytes) -> Any:
    RateCount.objects.all().delete()
    return client.generic(method, path, content, "application/json")


@pytest.mark.parametrize("row", ROUTES, ids=str)
def test_a_body_that_cannot_be_read(row):
    client = signed_in()

    for what, content in UNREADABLE.items():
        answer = send(client, row.method, row.path, content)
        assert answer.status_code == (413 if what == "10 MB" else 400), what
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("row", ROUTES, ids=str)
def test_values_at_the_edges(row):
    client = signed_in()
    for what, value in in_turn(WRONG_VALUES.items(), str(row)):
        body = dict.fromkeys(NAMES, value)
        for sent in (body, body | {"email": "lena@example.com"}, body | {"credential": None}):
            answer = send(client, row.method, row.path, json.dumps(sent).encode())
            assert answer.status_code < 500, (what, answer.content[:300])


@pytest.mark.control
def test_a_body_that_nobody_looks_at_is_seen(monkeypatch):
    monkeypatch.setattr(ReadableSignInMiddleware, "process_view", lambda *_: None)

    half = json.dumps({"email": "lena@example.com", "password": "\ud800"}).encode()
    for content in (UNREADABLE["an endless number"], half):
        assert send(Client(raise_request_exception=False), "POST", LOGIN, content).status_code == 500


def b64(found: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(found).encode()).decode().rstrip("=")


CLIENT_DATA = {"type": "webauthn.get", "challenge": "AA", "origin": "http://localhost"}
# The hash of who asks, flags, a counter.
DEVICE_DATA = base64.urlsafe_b64encode(bytes(37)).decode().rstrip("=")
ANSWER: dict[str, Any] = {
    "id": "AA", "rawId": "AA", "type": "public-key", "clientExtensionResults": {},
    "response": {
        "clientDataJSON": b64(CLIENT_DATA), "authenticatorData": DEVICE_DATA, "signature": "AA", "userHandle": "AA",
    },
}  # fmt: skip


def answered(**changes: object) -> str:
    """What a device says, but for these."""
    known = {name: value for name, value in changes.items() if name in ANSWER}
    inside = {name: value for name, value in changes.items() if name not in ANSWER}
    return json.dumps(ANSWER | known | {"response": ANSWER["response"] | inside})


BROKEN_ANSWERS = {
    "half a character": answered(id="\ud800", rawId="\ud800"),
    "no text": answered(rawId=7, id=7),
    "a gigabyte": answered(userHandle=10**9),
    "a gigabyte as its name": answered(rawId=10**9),
    "no base64": answered(clientDataJSON="~"),
    "no JSON inside": answered(clientDataJSON="AAAA"),
    "nothing inside": answered(clientDataJSON=b64({})),
    "no address inside": answered(clientDataJSON=b64(CLIENT_DATA | {"origin": 7})),
    "another id": answered(id="BB"),
    "no device": answered(authenticatorData="AA"),
    "no answer": json.dumps(ANSWER | {"response": []}),
    "a number": "7",
    "text": '"text"',
    "an endless number": "9" * 5_000,
    "100,000 levels": "[" * 100_000 + "]" * 100_000,
    "not JSON": "{",
}
PASSKEY_PAGES = (
    PASSKEY_PAGE, "/account/2fa/webauthn/reauthenticate/", "/account/2fa/webauthn/add/", "/account/2fa/authenticate/",
)  # fmt: skip
PASSKEY_ROUTES = [row.path for row in ROUTES if "webauthn" in row.path and row.method == "POST"]


@pytest.mark.parametrize("broken", BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS)
def test_what_no_device_answers_is_refused(broken):
    client = signed_in()

    for page in PASSKEY_PAGES:
        RateCount.objects.all().delete()
        assert client.post(page, {"credential": broken}).status_code == 400
    for route in PASSKEY_ROUTES:
        body = json.dumps({"credential": broken}).encode()
        assert send(client, "POST", route, body).status_code in (400, 401), route


def test_a_device_that_nobody_knows_is_refused_by_the_page():
    answer = signed_in().post(PASSKEY_PAGE, {"credential": answered()})

    assert answer.status_code in (200, 302)


def test_a_form_in_place_of_json_is_refused():
    """Django has read it when it looked for the CSRF token."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.get("/account/login/")
    token = next(morsel.value for name, morsel in client.cookies.items() if "csrf" in name)

    answer = client.post(LOGIN, {"csrfmiddlewaretoken": token, "email": "l@example.com", "password": "x"})

    assert answer.status_code == 400
