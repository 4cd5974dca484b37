"""Stripe's own description of its API, against which the double and what we ask of it are held."""

import copy
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from tenpo.runtime import env

# Beside the repository, or where the environment says.
FOLDERS = ("../shared/contracts/stripe", "../../shared/contracts/stripe")


def contract_folder() -> Path | None:
    """Where the description is; None where it is missing."""
    named = os.environ.get("STRIPE_CONTRACT")
    folders = [Path(named)] if named else [env.ROOT / folder for folder in FOLDERS]
    return next((folder for folder in folders if (folder / "spec3.json").exists()), None)


@cache
def _file(name: str) -> Any:
    folder = contract_folder()
    assert folder
    return json.loads((folder / name).read_text())


def sample(name: str) -> dict[str, Any]:
    """A real object of that kind."""
    return copy.deepcopy(_file("fixtures3.json")["resources"][name])


@cache
def _spec() -> Any:
    return _with_null(_file("spec3.json"))


def _with_null(part: Any) -> Any:
    """OpenAPI's `nullable` as JSON schema says it."""
    if isinstance(part, list):
        return [_with_null(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _with_null(one) for name, one in part.items() if name != "nullable"}
    return {"anyOf": [found, {"type": "null"}]} if part.get("nullable") is True else found


def _faults(validator: Any, value: Any) -> set[str]:
    found = validator.iter_errors(value)
    return {f"{'.'.join(map(str, fault.absolute_path))}: {fault.message[:200]}" for fault in found}


@cache
def _object_validator(kind: str) -> Any:
    return Draft7Validator({"components": _spec()["components"], "$ref": f"#/components/schemas/{kind}"})


@cache
def _form_validator(path: str) -> Any:
    operation = _spec()["paths"][path]["post"]
    return Draft7Validator(operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"])


@cache
def _known_faults(kind: str) -> set[str]:
    """Where the newer samples differ from the older description."""
    return {fault.split(":")[0] for fault in _faults(_object_validator(kind), sample(kind))}


def answer_faults(kind: str, value: dict[str, Any]) -> list[str]:
    """Where an answer is not as Stripe's are."""
    found = _faults(_object_validator(kind), value)
    return sorted(fault for fault in found if fault.split(":")[0] not in _known_faults(kind))


def read_form(path: str, pairs: list[tuple[str, str]]) -> tuple[dict[str, Any], list[str]]:
    """A request's form as nested values, and where it is not what Stripe takes at `path`."""
    validator = _form_validator(path)
    nested: dict[str, Any] = {}
    for name, value in pairs:
        keys, place = name.replace("]", "").split("["), nested
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    typed = _typed(nested, validator.schema)
    return typed, sorted(_faults(validator, typed))


def read_query(path: str, names: set[str]) -> list[str]:
    """Which of a question's parameters Stripe does not take at `path`."""
    known = {one["name"] for one in _spec()["paths"][path]["get"].get("parameters", [])}
    return sorted(names - known)


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    """What a form says in letters, as its schema means it."""
    if "anyOf" in schema:
        tried = [_typed(value, one) for one in schema["anyOf"]]
        fits = (one for one, way in zip(tried, schema["anyOf"], strict=True) if Draft7Validator(way).is_valid(one))
        return next(fits, tried[0])
    kind = schema.get("type")
    if isinstance(value, dict):
        if kind == "array" or (value and all(key.isdigit() for key in value)):
            return [_typed(one, schema.get("items", {})) for one in value.values()]
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        rest = others if isinstance(others, dict) else {}
        return {key: _typed(one, properties.get(key, rest)) for key, one in value.items()}
    if kind == "integer" and value.lstrip("-").isdigit():
        return int(value)
    return value == "true" if kind == "boolean" and value in ("true", "false") else value
