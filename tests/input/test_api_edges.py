"""What no client of good will sends: every operation refuses it as a problem, soon, and never breaks."""

import json
import time
from collections.abc import Collection
from typing import Any

import pytest

from tenpo.people.api.accounts import MeIn
from tenpo.web.views.openapi import Reader
from tests.input.calls import DETAILS, OPERATIONS, SCHEMA, Calls
from tests.input.turns import in_turn

# Of the processor, not of the clock: others may be busy too. Ten times what any of these takes.
SECONDS_MAX = 1.0
HUGE = 10_000_000

TAKES_JSON = sorted(
    name for name, one in DETAILS.items() if "application/json" in one.get("requestBody", {}).get("content", {})
)
TAKES_FILES = sorted(
    name for name in DETAILS if "multipart/form-data" in DETAILS[name].get("requestBody", {}).get("content", {})
)
HAS_PATH_ID = sorted(name for name in OPERATIONS if "{" in OPERATIONS[name].path)
TAKES_QUERY = sorted(name for name, one in DETAILS.items() if any(p["in"] == "query" for p in one["parameters"]))

# What a stranger would like to set and no body may: who owns it, what it costs, how far it is.
UNASKED = (
    "id", "pk", "is_admin", "is_staff", "is_superuser", "owner_id", "user_id", "created_by", "balance", "paid_at",
    "currency_rate", "tenant", "business_id", "created_at", "disabled_at", "__class__", "_state",
)  # fmt: skip

UNREADABLE = {
    "not JSON": b"{",
    "nothing but a byte": b"\xff",
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "a NUL byte": b'{"name": "a\x00b"}',
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": -Infinity}',
    "a name twice": b'{"name": 1, "name": 2}',
    "an endless number": b'{"name": ' + b"9" * 5_000 + b"}",
    "10,000 levels": b"[" * 10_000 + b"]" * 10_000,
    "100,000 levels": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "10 MB": b'{"name": "' + b"x" * HUGE + b'"}',
}
WRONG_VALUES = {
    "NUL": "a\0b", "lone surrogate": "\ud800", "2^63": 2**63, "2^64": 2**64, "1e400": "1e400", "minus zero": -0.0,
    "minus one": -1, "a fraction": 0.001, "100 kB of brackets": "[" * 100_000, "100 kB of stars": "*a_" * 33_000,
    "a list in a list": [[[]]], "an object": {"$ne": 1}, "true": True, "null": None,
}  # fmt: skip
WRONG_IDS = (
    "%00", "..%2f..%2fetc%2fpasswd", "%ff", "%ED%A0%80", "18446744073709551616", "-1", "٣٤", "x" * 5_000, "1e400",
    "00000000-0000-0000-0000-00000000000g", "'; SELECT pg_sleep(3) --", "%0d%0aX-Evil:%201",
)  # fmt: skip


def refused(answer: Any, started: float, *, but: Collection[int] = ()) -> None:
    """A refusal as RFC 9457 has it, at once; `but`: statuses that are as right."""
    assert 400 <= answer.status_code < 500 or answer.status_code in but, (answer.status_code, answer.content[:300])
    assert time.thread_time() - started < SECONDS_MAX
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json", answer.content[:300]
        assert json.loads(answer.content)["status"] == answer.status_code


@pytest.mark.parametrize("name", TAKES_JSON)
def test_a_body_that_cannot_be_read(name, calls):
    client = calls.client(calls.admin)

    for content in UNREADABLE.values():
        started = time.thread_time()
        refused(calls.ask(client, name, content=content), started)


@pytest.mark.parametrize("name", TAKES_JSON)
def test_values_at_the_edges(name, calls):
    client, body = calls.client(calls.admin), calls.body(name)
    for field in fields_of(name):
        for value in in_turn(WRONG_VALUES.values(), f"{name} {field}"):
            started = time.thread_time()
            answer = calls.ask(client, name, content=json.dumps(body | {field: value}).encode())
            # What is wrong for one field is right for another; only breaking is wrong for all.
            refused(answer, started, but={200, 201, 202, 204})


@pytest.mark.parametrize("name", TAKES_JSON)
def test_no_field_is_set_that_is_not_asked_for(name, calls):
    unasked_are_refused(name, calls)


def unasked_are_refused(name: str, calls: Calls) -> None:
    client, body = calls.client(calls.admin), calls.body(name)
    unasked = set(UNASKED) - set(fields_of(name))
    answer = calls.ask(client, name, content=json.dumps(body | dict.fromkeys(unasked, "1")).encode())
    assert answer.status_code == 422, (answer.status_code, answer.content)
    assert unasked <= {error["field"].rpartition(".")[2] for error in answer.json()["errors"]}


@pytest.mark.control
def test_a_schema_that_ignores_what_it_does_not_know_is_seen(calls, monkeypatch):
    monkeypatch.setitem(MeIn.model_config, "extra", "ignore")
    MeIn.model_rebuild(force=True)
    try:
        with pytest.raises(AssertionError):
            unasked_are_refused("update_me", calls)
    finally:
        monkeypatch.undo()
        MeIn.model_rebuild(force=True)


def fields_of(name: str) -> list[str]:
    return [field.name for field in OPERATIONS[name].body]


@pytest.mark.parametrize("name", HAS_PATH_ID)
def test_ids_that_nothing_can_have(name, calls):
    client = calls.client(calls.admin)
    parameter = next(iter(calls.path_ids(name)))

    for wrong in in_turn(WRONG_IDS, name):
        path = OPERATIONS[name].path.format(**(calls.path_ids(name) | {parameter: wrong}))
        started = time.thread_time()
        answer = calls.ask(client, name, path=path)
        refused(answer, started)
        assert "X-Evil" not in answer


@pytest.mark.parametrize("name", TAKES_QUERY)
def test_queries_at_the_edges(name, calls):
    client = calls.client(calls.admin)
    for one in DETAILS[name]["parameters"]:
        if one["in"] != "query":
            continue
        values = (*WRONG_IDS, "NaN", "", "x" * 100_000, "%5B" * 20_000)
        for wrong in in_turn(values, f"{name} {one['name']}"):
            started = time.thread_time()
            answer = calls.ask(client, name, path=f"{calls.path(name)}?{one['name']}={wrong}")
            refused(answer, started, but={200})


@pytest.mark.parametrize("name", TAKES_FILES)
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=\xff",
             "multipart/form-data; boundary=" + "x" * 500, "application/x-www-form-urlencoded", ""],
)  # fmt: skip
def test_a_broken_form_is_refused(name, kind, calls):
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\r\nb"\r\n\r\nhalf'
    started = time.thread_time()

    answer = calls.ask(calls.client(calls.admin), name, content=body, content_type=kind)

    refused(answer, started)


@pytest.mark.parametrize("path", sorted(SCHEMA["paths"]))
def test_other_methods_are_named(path, calls):
    client = calls.client(calls.admin)
    operations = [one for one in Reader(SCHEMA, "").operations() if one.path == path]
    known = {one.method for one in operations}
    path = path.format(**calls.path_ids(operations[0].name))

    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - known:
        answer = client.generic(method, path)
        assert answer.status_code == 405
        assert set(answer["Allow"].split(", ")) == known
        assert answer["Content-Type"] == "application/problem+json"
