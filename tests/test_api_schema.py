"""Every operation of the API says what it does, with an example that it would accept."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from django.urls import reverse
from ninja.operation import Operation
from pydantic import TypeAdapter

from tenpo.config.api import api
from tenpo.core.api import InSchema, OutSchema
from tenpo.web.views.openapi import Reader

SCHEMA: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))
OPERATIONS = {
    details["operationId"]: (method, path, details)
    for path, item in SCHEMA["paths"].items()
    for method, details in item.items()
}
SHOWN = {one.name: one for one in Reader(SCHEMA, "https://tenpo.example").operations()}

each_operation = pytest.mark.parametrize("name", sorted(OPERATIONS))


def endpoints() -> dict[str, Operation]:
    """What ninja calls, by operation id."""
    return {
        api.get_openapi_operation_id(operation): operation
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    }


def test_operation_ids_are_unique():
    names = [details["operationId"] for item in SCHEMA["paths"].values() for details in item.values()]

    assert sorted(names) == sorted(set(names))


@each_operation
def test_it_says_what_it_does(name):
    _, _, details = OPERATIONS[name]

    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert details.get("tags"), "needs a tag: Router(tags=[…])"
    assert details["summary"].strip()
    assert not details["summary"].endswith(".")
    assert details.get("description", "").strip(), "needs a docstring"


@each_operation
def test_it_says_how_it_refuses(name):
    _, path, details = OPERATIONS[name]
    statuses = {int(status) for status in details["responses"]}

    if details.get("security"):
        assert 401 in statuses
    if "{" in path:
        assert 404 in statuses, "an address with an id can be of nothing"
    if "requestBody" in details:
        assert 422 in statuses, "input can be wrong"
    for status in statuses - {200, 201, 202, 204}:
        assert list(details["responses"][str(status)]["content"]) == ["application/problem+json"]


@each_operation
def test_the_example_of_its_body_is_accepted(name):
    _, _, details = OPERATIONS[name]
    if "application/json" not in details.get("requestBody", {}).get("content", {}):
        return
    [model] = [one for one in endpoints()[name].models if one.__ninja_param_source__ == "body"]
    [field] = model.model_fields.values()

    example = SHOWN[name].example

    assert example
    TypeAdapter(field.annotation).validate_json(example)


@each_operation
def test_what_moves_money_or_books_counts_once(name):
    method, path, details = OPERATIONS[name]
    if method == "post" and re.search(r"/(bookings|payments|orders|credits)\b", path):
        assert "Idempotency-Key" in [one["name"] for one in details["parameters"]], "wrap it in access.api_auth.once"


def test_no_two_schemas_have_one_name():
    """They would be one in the document, which then tells the fields of the wrong one."""
    found = [
        one for kind in (InSchema, OutSchema) for one in kind.__subclasses__() if one.__module__.startswith("tenpo.")
    ]
    names = Counter(one.__name__ for one in found)

    assert [name for name, count in names.items() if count > 1] == []


def test_the_schema_is_written_once():
    """It takes a second, and is given to anybody."""
    path = reverse("api:openapi-json")

    assert api.get_openapi_schema() is api.get_openapi_schema(path_prefix=path.removesuffix("openapi.json"))
