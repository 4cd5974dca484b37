"""What is said when something of ours fails, and while the database is away."""

import json

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse

from tenpo.core.request_context import Origin, coming_from
from tenpo.web.views.errors import broken


def answer_to(rf, path: str, error: Exception, cause: Exception | None = None) -> HttpResponse:
    try:
        raise error from cause
    except type(error):
        return broken(rf.get(path))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        pytest.param(OperationalError("refused"), None, id="nobody-listens"),
        pytest.param(InterfaceError("closed"), None, id="closed"),
        pytest.param(OperationalError(), psycopg.OperationalError(), id="connection-lost"),
        pytest.param(OperationalError(), psycopg.errors.AdminShutdown(), id="stopping"),
        pytest.param(OperationalError(), psycopg.errors.CannotConnectNow(), id="starting"),
        pytest.param(PermissionDenied(), OperationalError("refused"), id="behind-another"),
    ],
)
def test_without_the_database_we_ask_to_come_again(rf, error, cause):
    page, call = answer_to(rf, "/bookings/", error, cause), answer_to(rf, "/api/v1/bookings", error, cause)

    assert (page.status_code, call.status_code) == (503, 503)
    assert (page["Retry-After"], call["Retry-After"]) == ("5", "5")
    assert "We are back in a moment" in page.content.decode()
    assert call["Content-Type"] == "application/problem+json"
    assert b'"not_available"' in call.content


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        pytest.param(OperationalError(), psycopg.errors.QueryCanceled(), id="statement-timeout"),
        pytest.param(OperationalError(), psycopg.errors.DeadlockDetected(), id="deadlock"),
        pytest.param(ValueError("odd"), None, id="anything-else"),
    ],
)
def test_what_is_our_fault_is_not_the_databases_absence(rf, error, cause):
    answer = answer_to(rf, "/bookings/", error, cause)

    assert answer.status_code == 500
    assert "Retry-After" not in answer


@pytest.mark.parametrize(
    "error", [pytest.param(ValueError(), id="ours"), pytest.param(OperationalError("refused"), id="away")]
)
def test_whoever_asks_about_it_can_name_the_request(rf, error):
    with coming_from(Origin(request_id="abcdef0123456789")):
        page, call = answer_to(rf, "/bookings/", error), answer_to(rf, "/api/v1/bookings", error)

    assert "name this number: abcdef0123456789" in page.content.decode()
    assert json.loads(call.content)["instance"] == "abcdef0123456789"
