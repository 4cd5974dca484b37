"""No text that somebody sends is without an end: each field of a schema, a form and a table says how long it may be."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from ninja import Schema

import tenpo
from tenpo.people.account_forms import AddressCodeForm, PasskeyForm
from tests.input.calls import DETAILS, SCHEMA

# What bounds a text as well as a length does.
BOUNDS = {"maxLength", "format", "enum", "const"}
# Texts of our own making, cut where they are written.
OURS = {"core.OutboxMessage.last_error", "ledger.Account.code", "notify.Delivery.last_error"}


def endless(kind: dict[str, Any], place: str, components: dict[str, Any]) -> Iterator[str]:
    """Where a JSON schema takes text of any length."""
    if "$ref" in kind:
        name = kind["$ref"].rpartition("/")[2]
        yield from endless(components[name], f"{place} {name}", components)
    for one in kind.get("anyOf", []):
        yield from endless(one, place, components)
    if kind.get("type") == "string" and not BOUNDS & set(kind):
        yield place
    if kind.get("type") == "array":
        yield from endless(kind["items"], f"{place}[]", components)
    for name, one in kind.get("properties", {}).items():
        yield from endless(one, f"{place}.{name}", components)


def taken_by(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What an operation takes, but for its path: that one is bounded whole, as a request's first line is."""
    for one in DETAILS[name]["parameters"]:
        if one["in"] != "path":
            yield one["name"], one["schema"]
    for content in DETAILS[name].get("requestBody", {}).get("content", {}).values():
        yield "body", content["schema"]


def own_forms() -> set[Any]:
    for module in pkgutil.walk_packages(tenpo.__path__, "tenpo."):
        if ".tests" not in module.name and (".forms" in module.name or ".views" in module.name):
            importlib.import_module(module.name)
    found: set[Any] = set()
    left: list[Any] = [forms.BaseForm]
    while left:
        below = left.pop().__subclasses__()
        left += below
        found |= {form for form in below if _is_ours(form.__module__) and hasattr(form, "base_fields")}
    return found


def _is_ours(module: str) -> bool:
    return module.startswith("tenpo.") and ".tests." not in module


def without_length(form: Any) -> list[str]:
    return [
        name
        for name, field in form.base_fields.items()
        if isinstance(field, forms.CharField) and not isinstance(field, forms.UUIDField) and field.max_length is None
    ]


@pytest.mark.parametrize("name", sorted(DETAILS))
def test_an_operation_takes_no_endless_text(name):
    components = SCHEMA["components"]["schemas"]

    assert [place for said, kind in taken_by(name) for place in endless(kind, said, components)] == []


def test_a_form_takes_no_endless_text():
    wrong = {form.__qualname__: fields for form in own_forms() if (fields := without_length(form))}

    assert len(own_forms()) > 10
    assert wrong == {}


@pytest.mark.parametrize(
    ("form", "name"), [(AddressCodeForm, "code"), (PasskeyForm, "name"), (PasskeyForm, "credential")]
)
def test_a_form_of_allauths_refuses_what_is_too_long(form, name):
    field = form.base_fields[name]

    assert field.clean("[1]".ljust(field.max_length))
    with pytest.raises(ValidationError):
        field.clean("[1]".ljust(field.max_length) + "x")


def test_a_table_holds_no_endless_text():
    wrong = {
        str(field)
        for model in apps.get_models()
        if model.__module__.startswith("tenpo.")
        for field in model._meta.get_fields()
        if isinstance(field, models.CharField | models.TextField) and field.max_length is None
    }

    assert wrong == OURS


@pytest.mark.control
def test_a_text_without_an_end_is_seen():
    class LooseIn(Schema):
        words: list[str | None]

    class LooseForm(forms.Form):
        words = forms.CharField()

    assert list(endless(LooseIn.model_json_schema(), "body", {})) == ["body.words[]"]
    assert without_length(LooseForm) == ["words"]
