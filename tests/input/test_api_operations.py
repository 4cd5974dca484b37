"""Every operation does what it says: it can be reached, and whatever is sent, its answer is one that it declares."""

import copy
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from tests.input.calls import DETAILS, OPERATIONS, SCHEMA, Calls, name_needs_key
from tests.input.conftest import undone

# `make soak` sets more.
EXAMPLES = int(os.environ.get("TENPO_SOAK_EXAMPLES", "5"))
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
]
CSRF = "c" * 32

each_operation = pytest.mark.parametrize("name", sorted(OPERATIONS))


def operations(schema: dict[str, Any]) -> dict[str, APIOperation[Any, Any, Any, Any]]:
    """What schemathesis makes of a schema; who calls is said by each test, not invented."""
    schema = copy.deepcopy(schema)
    for item in schema["paths"].values():
        for details in item.values():
            details.pop("security", None)
    loaded = schemathesis.openapi.from_dict(schema)
    loaded.app = WSGIHandler()
    found = [result.ok() for result in loaded.get_all_operations()]
    return {one.definition.raw["operationId"]: one for one in found}


TRIED = operations(SCHEMA)


def can_be_wrong(details: dict[str, Any]) -> bool:
    """Whether anything is asked for that could be of a wrong kind; a path that takes any text has no wrong one."""
    bounds = ("format", "maxLength", "anyOf", "enum", "pattern")
    kinds = [one["schema"] for one in details["parameters"]]
    has_kind = any(kind.get("type") != "string" or any(bound in kind for bound in bounds) for kind in kinds)
    return "requestBody" in details or has_kind


def sign_in(client: Client) -> dict[str, Any]:
    """The cookies of a signed-in browser, with its token against forgery."""
    cookies = {name: morsel.value for name, morsel in client.cookies.items()} | {settings.CSRF_COOKIE_NAME: CSRF}
    return {"cookies": cookies, "headers": {"X-CSRFToken": CSRF}}


def throw_at(name: str, calls: Calls, who: Any, mode: GenerationMode, examples: int) -> None:
    """Send what is generated, each time to the same business; no answer may surprise whoever read the schema."""
    signed_in = sign_in(calls.client(who))
    headers = {"Idempotency-Key": "one"} if name_needs_key(name) else {}
    is_positive = mode == GenerationMode.POSITIVE
    # Ids that exist: made-up ones would only ever find nothing. What is wrong is made up whole.
    known: dict[str, Any] = {"path_parameters": calls.path_ids(name), "headers": headers} if is_positive else {}
    cases = TRIED[name].as_strategy(mode, **known)

    @seed(1)
    @hypothesis_settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases)
    def send(case: schemathesis.Case[Any]) -> None:
        with undone():
            case.call_and_validate(checks=CHECKS, **signed_in)

    send()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Neither a log of thousands of refusals, nor a request that gives the test's connection back."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@each_operation
def test_it_is_reached(name, calls):
    answer = calls.ask(calls.client(calls.admin), name)

    assert 200 <= answer.status_code < 300, answer.content


@each_operation
def test_it_answers_what_it_declares(name, calls):
    throw_at(name, calls, calls.admin, GenerationMode.POSITIVE, EXAMPLES)


@pytest.mark.parametrize("name", sorted(name for name in OPERATIONS if can_be_wrong(DETAILS[name])))
def test_what_is_wrong_is_refused(name, calls):
    throw_at(name, calls, calls.admin, GenerationMode.NEGATIVE, EXAMPLES)


@each_operation
def test_it_answers_so_to_everybody(name, calls):
    for who in (calls.people["coach"], calls.people["member"], None):
        throw_at(name, calls, who, GenerationMode.POSITIVE, max(2, EXAMPLES // 4))


@pytest.mark.control
def test_an_endpoint_that_breaks_is_seen(calls, monkeypatch):
    monkeypatch.setattr("tenpo.web.api.current_business", lambda: 1 / 0)

    with pytest.raises(BaseException) as seen:  # noqa: PT011 (one failure, or a group of them)
        throw_at("get_business", calls, calls.admin, GenerationMode.POSITIVE, 2)

    assert "Server error" in str(seen.value)


@pytest.mark.control
def test_a_status_that_is_not_declared_is_seen(calls, monkeypatch):
    schema = copy.deepcopy(SCHEMA)
    del schema["paths"]["/api/v1/sessions/{session_id}/quote"]["get"]["responses"]["404"]
    monkeypatch.setitem(TRIED, "get_quote", operations(schema)["get_quote"])
    monkeypatch.setitem(calls.ids, "session_id", calls.people["member"].pk)

    with pytest.raises(BaseException) as seen:  # noqa: PT011
        throw_at("get_quote", calls, calls.admin, GenerationMode.POSITIVE, 2)

    assert "Undocumented status code" in str(seen.value)
