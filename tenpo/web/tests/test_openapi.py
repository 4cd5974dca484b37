"""What the API's reference makes of a schema."""

import json
import shlex

from tenpo.web.views.openapi import Operation, Reader

SCHEMA = {
    "components": {
        "schemas": {
            "BookIn": {
                "type": "object",
                "required": ["session_id"],
                "properties": {
                    "session_id": {"type": "string", "format": "uuid", "description": "The session."},
                    "note": {"anyOf": [{"type": "string", "maxLength": 80}, {"type": "null"}], "examples": ["It's me"]},
                    "seats": {"type": "integer", "minimum": 1, "maximum": 4, "default": 1},
                },
            },
            "State": {"enum": ["held", "confirmed"], "type": "string"},
            "Tree": {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/Tree"}}},
        }
    },
    "paths": {
        "/api/v1/bookings/{booking_id}": {
            "post": {
                "operationId": "book",
                "summary": "Book a seat",
                "description": "Holds it.",
                "tags": ["bookings"],
                "security": [{"ApiKey": []}],
                "parameters": [
                    {
                        "in": "path",
                        "name": "booking_id",
                        "required": True,
                        "schema": {"type": "string", "format": "uuid"},
                    },
                    {"in": "query", "name": "since", "required": True, "schema": {"type": "string", "format": "date"}},
                    {"in": "header", "name": "Idempotency-Key", "schema": {"type": "string"}},
                ],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/BookIn"}}}},
                "responses": {
                    "201": {
                        "description": "Created",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "state": {"$ref": "#/components/schemas/State"},
                                        "tree": {"$ref": "#/components/schemas/Tree"},
                                        "tags": {"type": "array", "items": {"type": "string"}},
                                    },
                                }
                            }
                        },
                    },
                    "409": {"description": "Refused"},
                },
            }
        },
        "/api/v1/imports": {
            "post": {
                "operationId": "upload",
                "parameters": [],
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "file": {"type": "string", "format": "binary"},
                                    "kind": {"enum": ["people"], "type": "string"},
                                },
                            }
                        }
                    }
                },
                "responses": {"204": {"description": "Nothing"}},
            }
        },
    },
}


def read(name: str) -> Operation:
    return next(one for one in Reader(SCHEMA, "https://tenpo.example/").operations() if one.name == name)


def test_a_call_can_be_copied_into_a_shell():
    words = shlex.split(read("book").curl.replace("\\\n", " "))

    assert words[:4] == [
        "curl",
        "-X",
        "POST",
        "https://tenpo.example/api/v1/bookings/01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42?since=2026-12-01",
    ]
    assert words[4:8] == ["-H", "Authorization: Bearer $TENPO_KEY", "-H", "Idempotency-Key: $(uuidgen)"]
    assert json.loads(words[-1]) == {
        "session_id": "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42",
        "note": "It's me",
        "seats": 1,
    }


def test_a_file_is_sent_as_a_form():
    upload = read("upload")

    assert upload.curl.endswith("-F file=@people.csv \\\n  -F kind=people")
    assert upload.example == ""
    assert upload.is_open


def test_fields_say_their_kind_and_limits():
    fields = {field.name: field for field in read("book").body}

    assert fields["session_id"].is_required
    assert (fields["session_id"].kind, fields["session_id"].note) == ("uuid", "The session.")
    assert fields["note"].kind == "text or null"
    assert fields["seats"].note == "(at least 1, at most 4, else 1)"


def test_answers_have_an_example_and_refusals_a_title():
    created, refused = read("book").answers

    example = json.loads(created.example)
    assert (example["state"], example["tags"]) == ("held", ["text"])
    assert [field.kind for field in created.fields] == ["one of held, confirmed", "Tree", "list of text"]
    assert (refused.status, refused.title, refused.is_good) == (409, "Refused by a rule", False)


def test_words_find_an_operation_by_whatever_it_says():
    book = read("book")

    assert book.says(["seat", "bookings"])
    assert not book.says(["seat", "refund"])
