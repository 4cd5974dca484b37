"""Reads our OpenAPI schema into what the page for API users shows."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tenpo.core.api import TITLES

METHODS = ("get", "post", "put", "patch", "delete")
# A recursive schema would never end.
MAX_DEPTH = 6
SAMPLES = {
    "uuid": "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42",
    "date-time": "2026-12-01T17:00:00Z",
    "date": "2026-12-01",
    "email": "maya@example.com",
    "uri": "https://example.com/room",
    "binary": "people.csv",
}
# What a status means here whatever was called; an operation's own refusals stand in its description.
CODES = {
    400: "idempotency_key_missing",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    422: "invalid_input",
    429: "too_many_requests",
}


@dataclass(frozen=True)
class Field:
    """One value that goes in or comes out: a parameter, or a property of a body."""

    name: str
    kind: str
    place: str
    is_required: bool
    note: str


@dataclass(frozen=True)
class Answer:
    """One status that an operation answers with."""

    status: int
    title: str
    code: str
    fields: list[Field]
    example: str

    @property
    def is_good(self) -> bool:
        return self.status < 400


@dataclass(frozen=True)
class Operation:
    """One method on one path."""

    name: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    is_open: bool
    parameters: list[Field]
    body: list[Field]
    example: str
    curl: str
    answers: list[Answer]

    def says(self, words: list[str]) -> bool:
        """Whether each word is somewhere in what one would look for."""
        text = f"{self.name} {self.method} {self.path} {self.tag} {self.summary} {self.description}".lower()
        return all(word in text for word in words)


class Reader:
    """Reads one schema; `root` is the address that the examples call."""

    def __init__(self, schema: dict[str, Any], root: str) -> None:
        self.schema = schema
        self.root = root.rstrip("/")

    def operations(self) -> Iterator[Operation]:
        """Every operation, in the order of the schema."""
        for path, item in self.schema["paths"].items():
            for method in METHODS:
                if method in item:
                    yield self._operation(path, method, item[method])

    def _operation(self, path: str, method: str, found: dict[str, Any]) -> Operation:
        parameters = found.get("parameters", [])
        content = found.get("requestBody", {}).get("content", {})
        media = next(iter(content), "")
        body: dict[str, Any] = content.get(media, {})
        sample = self._media_example(body)
        return Operation(
            name=found["operationId"],
            method=method.upper(),
            path=path,
            tag=(found.get("tags") or ["other"])[0],
            summary=found.get("summary", ""),
            description=found.get("description", ""),
            is_open=not found.get("security"),
            parameters=[self._parameter(one) for one in parameters],
            body=self._fields(body.get("schema", {})),
            example=_pretty(sample) if media == "application/json" else "",
            curl=self._curl(path, method, parameters, media, sample),
            answers=[self._answer(int(status), one) for status, one in sorted(found["responses"].items(), key=str)],
        )

    def _parameter(self, one: dict[str, Any]) -> Field:
        schema = one.get("schema", {})
        return Field(one["name"], self._kind(schema), one["in"], one.get("required", False), _note(one, schema))

    def _fields(self, schema: dict[str, Any]) -> list[Field]:
        schema = self._resolve(schema)
        required = schema.get("required", [])
        return [
            Field(name, self._kind(one), "", name in required, _note(one, self._resolve(one)))
            for name, one in schema.get("properties", {}).items()
        ]

    def _answer(self, status: int, found: dict[str, Any]) -> Answer:
        body: dict[str, Any] = next(iter(found.get("content", {}).values()), {})
        title = TITLES.get(status, found.get("description", ""))
        if status >= 400:
            return Answer(status, title, CODES.get(status, ""), [], "")
        return Answer(status, title, "", self._fields(body.get("schema", {})), _pretty(self._media_example(body)))

    def _curl(self, path: str, method: str, parameters: list[dict[str, Any]], media: str, sample: Any) -> str:
        query = {}
        parts = []
        for one in parameters:
            value = self._sample(one.get("schema", {}))
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", quote(str(value)))
            elif one["in"] == "query" and one.get("required"):
                query[one["name"]] = value
            elif one["in"] == "header" and one["name"].lower() == "idempotency-key":
                parts.append('-H "Idempotency-Key: $(uuidgen)"')
        address = f"{self.root}{path}" + (f"?{urlencode(query)}" if query else "")
        if media == "application/json":
            parts += [
                "-H 'Content-Type: application/json'",
                f"-d {shlex.quote(json.dumps(sample, ensure_ascii=False))}",
            ]
        elif media == "multipart/form-data":
            parts += [f"-F {name}={'@' + str(value) if name == 'file' else value}" for name, value in sample.items()]
        verb = "" if method == "get" else f"-X {method.upper()} "
        return " \\\n  ".join([f"curl {verb}{shlex.quote(address)}", '-H "Authorization: Bearer $TENPO_KEY"', *parts])

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            schema = {**self.schema["components"]["schemas"][name], **{k: v for k, v in schema.items() if k != "$ref"}}
        return schema

    def _kind(self, schema: dict[str, Any]) -> str:
        """A type in words: "text", "uuid", "list of integer", "one of a, b"."""
        title = schema.get("$ref", "").rsplit("/", 1)[-1]
        schema = self._resolve(schema)
        if options := schema.get("anyOf"):
            kinds = [self._kind(one) for one in options if one.get("type") != "null"]
            nullable = any(one.get("type") == "null" for one in options)
            return " or ".join(dict.fromkeys([*kinds, *(["null"] if nullable else [])]))
        if "enum" in schema:
            return "one of " + ", ".join(str(value) for value in schema["enum"])
        if "const" in schema:
            return str(schema["const"])
        if schema.get("type") == "array":
            return f"list of {self._kind(schema.get('items', {}))}"
        if schema.get("type") == "string":
            form = str(schema.get("format", "text"))
            return {"binary": "file", "date-time": "time", "uri": "address"}.get(form, form)
        kind = str(schema.get("type", "anything"))
        return title or kind if kind == "object" else kind

    def _media_example(self, media: dict[str, Any]) -> Any:
        if "example" in media:
            return media["example"]
        if media.get("examples"):
            return next(iter(media["examples"].values())).get("value")
        return self._sample(media.get("schema", {}))

    def _sample(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """A value of this schema: its own example, or one made from its parts."""
        schema = self._resolve(schema)
        if schema.get("examples"):
            return schema["examples"][0]
        if "example" in schema:
            return schema["example"]
        if depth >= MAX_DEPTH:
            return None
        if options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            filled = [one for one in options if one.get("type") != "null"]
            return self._sample(filled[0], depth + 1) if filled else None
        return self._plain_sample(schema, depth)

    def _plain_sample(self, schema: dict[str, Any], depth: int) -> Any:
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        if schema.get("default") is not None:
            return schema["default"]
        match schema.get("type"):
            case "object":
                return {name: self._sample(one, depth + 1) for name, one in schema.get("properties", {}).items()}
            case "array":
                return [self._sample(schema.get("items", {}), depth + 1)]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return True
            case "string":
                return SAMPLES.get(schema.get("format", ""), str(schema.get("title", "text")).lower())
        return None


def _note(one: dict[str, Any], schema: dict[str, Any]) -> str:
    note = one.get("description") or schema.get("description") or ""
    limits = [
        f"{word} {schema[name]}"
        for name, word in (("minimum", "at least"), ("maximum", "at most"), ("maxLength", "up to"))
        if name in schema
    ]
    if "maxLength" in schema:
        limits[-1] += " characters"
    default = one.get("default", schema.get("default"))
    if default not in (None, "", []):
        limits.append(f"else {json.dumps(default)}")
    return " ".join([note, *(["(" + ", ".join(limits) + ")"] if limits else [])]).strip()


def _pretty(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
