"""What every answer tells the browser: pages, data, files, refusals, whoever gives them."""

import re
from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from tenpo.config import urls
from tenpo.core.errors import TooManyRequests
from tenpo.core.headers import NO_PAGE, always
from tenpo.people.tests.make import make_admin
from tests.server import STRANGER, Request, running

pytestmark = pytest.mark.django_db

PAGES = {
    "signed out": ("/account/login/", 200),
    "signed in": ("/me/", 200),
    "not there": ("/nowhere/", 404),
    "redirect": ("/account/login/?next=/me/", 302),
}
DATA = {
    "json": ("/calendar/events.json?start=2031-01-01&end=2031-02-01", 200),
    "api": ("/api/v1/me", 200),
    "api not there": ("/api/v1/nowhere", 404),
    "schema": ("/api/v1/openapi.json", 200),
    "csv": ("/me/money/credit.csv", 200),
}
RAISED = {
    "400": (BadRequest(), 400),
    "403": (PermissionDenied(), 404),
    "429": (TooManyRequests(60), 429),
    "500": (ValueError("odd"), 500),
    "503": (OperationalError("refused"), 503),
}


def client(**extra: Any) -> Client:
    found = Client(raise_request_exception=False, **extra)
    found.force_login(make_admin())
    return found


def check(answer: Any, *, is_page: bool) -> None:
    """The headers of all; scripts by nonce on a page, and nothing at all in what is none."""
    assert {name: answer.headers.get(name) for name in always()} == always()
    assert "no-store" in answer.headers["Cache-Control"]
    policy = answer.headers["Content-Security-Policy"]
    if not is_page:
        assert policy == NO_PAGE
        return
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    nonces = set(re.findall(r'<script nonce="([\w-]+)"', answer.content.decode()))
    assert re.findall(r"script-src ([^;]*)", policy) == [f"'nonce-{nonce}'" for nonce in nonces]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_its_own_scripts_only(name):
    address, status = PAGES[name]
    visitor = Client() if name == "signed out" else client()

    answer = visitor.get(address)

    assert answer.status_code == status
    check(answer, is_page="Content-Type" in answer.headers and answer.headers["Content-Type"].startswith("text/html"))


@pytest.mark.parametrize("name", DATA)
def test_data_is_no_page(name):
    address, status = DATA[name]

    answer = client().get(address)

    assert answer.status_code == status
    check(answer, is_page=False)


@pytest.mark.parametrize("name", RAISED)
def test_a_failure_carries_them_too(name, settings):
    error, status = RAISED[name]

    def fail(request: HttpRequest) -> HttpResponse:
        raise error

    addresses = ModuleType("addresses")
    vars(addresses).update(vars(urls), urlpatterns=[path("fails/", fail), *urls.urlpatterns])
    settings.ROOT_URLCONF = addresses
    answer = client().get("/fails/")

    assert answer.status_code == status
    check(answer, is_page=True)


def test_refused_before_any_view():
    strange_host = client().get("/me/", headers={"Host": "elsewhere.example"})
    without_token = client(enforce_csrf_checks=True).post("/me/")

    assert (strange_host.status_code, without_token.status_code) == (400, 403)
    check(strange_host, is_page=True)
    check(without_token, is_page=True)


def test_every_page_has_a_nonce_of_its_own():
    visitor = client()

    policies = {visitor.get("/me/").headers["Content-Security-Policy"] for _ in range(3)}

    assert len(policies) == 3


@pytest.mark.django_db(transaction=True)
def test_the_real_server_says_them_too():
    """Static files may be kept for good, and what the front refuses never reaches Django."""
    with running() as server:
        page = server.ask(STRANGER.page("/account/login/"))
        [sheet] = re.findall(r'href="(/static/css/app[^"]+)"', page.text)
        static = server.ask(STRANGER.page(sheet))
        stream = server.ask(STRANGER.page("/stream"))
        too_large = server.ask(Request("GET", "/me/", headers={"Content-Length": "99999999"}))

    assert (static.status, stream.status, too_large.status) == (200, 401, 413)
    for answer in (page, static, stream, too_large):
        assert {name: answer.headers.get(name.lower()) for name in always()} == always()
    assert "immutable" in static.headers["cache-control"]
    for answer in (stream, too_large):
        assert answer.headers["content-security-policy"] == NO_PAGE
        assert answer.headers["cache-control"] == "no-store"
