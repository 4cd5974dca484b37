"""Whatever changes something needs the token of a page of ours, or a proof of its own."""

import json
import re

import pytest
from django.conf import settings
from django.test import Client

from tenpo.people.tests.make import make_admin
from tests.matrix.table import METHODS, patterns
from tests.server import CSRF

pytestmark = pytest.mark.django_db

# Reached without a cookie that could be misused: the address or the body is the proof.
PROVEN_OTHERWISE = (
    # The signed link of a mail, which mail programs post by themselves (RFC 8058).
    "/notifications/off/{}/",
    # In a frame on another site no cookie comes along; the form bears a token of its own.
    "/embed/{}/{}/{}/",
    # A provider signs what it says.
    "/api/v1/webhooks/{}",
    "/api/v1/video/webhooks/{}",
    # Google bears the secret of the channel that we opened.
    "/api/v1/calendar-notifications",
    # An invite's secret makes the account.
    "/api/v1/invites/{}/acceptance",
)
ID = "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42"
FILLS = {"uuid": ID, "int": "7"}
UNSAFE = [method for method in METHODS if method != "GET"]


def address_of(pattern: str) -> str:
    """An address that a pattern serves, with ids of nothing."""
    # allauth has some addresses as regular expressions.
    plain = re.sub(r"[$^\\]", "", re.sub(r"\(\?P<\w+>[^)]*\)", "nothing", pattern))
    return "/" + re.sub(r"<(?:(\w+):)?\w+>", lambda found: FILLS.get(found[1], "nothing"), plain)


def visitor() -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(make_admin())
    return client


def ask(client: Client, pattern: str, *, token: str = "") -> dict[str, int]:
    """What each method that could change something is answered, with the cookies of somebody who is signed in.

    Of a page one method is asked for: they differ in the view, which a request without its token never reaches.
    """
    headers = {"Idempotency-Key": "k", **({"X-CSRFToken": token} if token else {})}
    return {
        method: client.generic(method, address_of(pattern), "{}", "application/json", headers=headers).status_code
        for method in (UNSAFE if pattern.startswith("api/") else ["POST"])
    }


ADDRESSES = sorted({pattern for pattern in patterns() if not pattern.startswith("static/")})


def is_proven_otherwise(pattern: str) -> bool:
    plain = "/" + re.sub(r"<[^>]*>", "{}", pattern)
    return plain in PROVEN_OTHERWISE


def test_without_the_token_nothing_is_done():
    client = visitor()
    # 405: not even a view is asked; an address of the API says so before it looks at who calls.
    wrong = {
        f"{method} {pattern}": status
        for pattern in ADDRESSES
        if not is_proven_otherwise(pattern)
        for method, status in ask(client, pattern).items()
        if status not in ((403, 404, 405) if pattern.startswith("api/") else (403,))
    }

    assert wrong == {}


def test_with_the_token_every_route_is_reached():
    """So the refusals above are for the token, and for nothing else."""
    client = visitor()
    client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
    pages = [pattern for pattern in ADDRESSES if not pattern.startswith(("api/", "_allauth/", "account/"))]
    assert len(pages) > 50

    refused = [pattern for pattern in pages if 403 in ask(client, pattern, token=CSRF).values()]

    assert refused == []


def test_the_api_takes_a_cookie_with_its_token_only():
    client = visitor()
    body = json.dumps({"name": "Ada"})

    without = client.patch("/api/v1/me", body, "application/json")
    client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
    with_it = client.patch("/api/v1/me", body, "application/json", headers={"X-CSRFToken": CSRF})

    assert (without.status_code, with_it.status_code) == (403, 200)


def test_every_exception_is_a_route():
    known = {"/" + re.sub(r"<[^>]*>", "{}", pattern) for pattern in ADDRESSES}

    assert sorted(set(PROVEN_OTHERWISE) - known) == []
