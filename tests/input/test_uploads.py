"""Files that are none, or take long to read: refused, or read as far as they make sense, soon."""

import time
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tenpo.schedule import ical_reading
from tests.world import World

# Of the processor; the largest file that is read takes a tenth of it, and more where everything waits.
SECONDS_MAX = 10.0
CALENDAR = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n%s\r\nEND:VCALENDAR\r\n"
FILES = {
    "nothing": b"", "one byte": b"\xff", "NUL": b"email,name\na\0@example.com,b\n",
    "a ZIP": b"PK\x03\x04" + bytes(range(256)) * 40,
    "UTF-16": "email,name\nlena@example.com,Lena\n".encode("utf-16"),
    "two encodings": b"email,name\n\xe9\xff@x.de,\xc3\xa9\n",
    "BOM": b"\xef\xbb\xbfemail,name\nlena@example.com,Lena\n", "a line of 1 MB": b"email,name\n" + b"x" * 980_000,
    "a quote never closed": b'email,name\n"' + b"x,\n" * 300_000,
    "100,000 columns": b"email," + b"x," * 100_000 + b"\na@b.de\n",
    "formulas": b"email,name\n=cmd()@example.com,=1+1\n", "too large": b"x" * 3_000_000,
    "never closed": b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 60_000,
    "deep": CALENDAR % (b"BEGIN:X\r\n" * 40_000 + b"END:X\r\n" * 40_000),
    "deep with parameters": CALENDAR % (b"BEGIN;A=B:X\r\n" * 30_000 + b"END:X\r\n" * 30_000),
    "many parts": CALENDAR % (b"BEGIN:VEVENT\r\nEND:VEVENT\r\n" * 35_000),
    "one long line": CALENDAR % (b"X:" + b"a;" * 480_000),
    "many parameters": CALENDAR % (b"X" + b";a=b" * 200_000 + b":c"),
    "folded": CALENDAR % (b"X:" + b"\r\n a" * 230_000),
}  # fmt: skip
UPLOADS = {
    "/imports/": "admin",
    "/teaching/import/": "coach",
    "/api/v1/imports/people": "admin",
    "/api/v1/sessions/{booked}/files": "coach",
    "/teaching/{booked}/resources/": "coach",
    "/api/v1/imports/sessions": "coach",
}
_MORE = {path: {"kind": "other"} for path in UPLOADS if "{booked}" in path}
NAME = "../../a\r\nX-Evil: 1\0.csv"


def upload(world: World, path: str, content: bytes) -> Any:
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = world.cookies[UPLOADS[path]]
    address = path.format(booked=world.things["booked"].pk)
    return client.post(address, {"file": SimpleUploadedFile(NAME, content)} | _MORE.get(path, {}))


def check(world: World, path: str, what: str) -> None:
    started = time.thread_time()
    answer = upload(world, path, FILES[what])
    assert answer.status_code < 500, (what, answer.content[:300])
    assert time.thread_time() - started < SECONDS_MAX, what
    assert "Evil" not in str(answer.headers)


@pytest.mark.parametrize("what", sorted(FILES))
@pytest.mark.parametrize("path", sorted(UPLOADS))
def test_no_file_breaks_an_upload(path, what, business):
    check(business, path, what)


@pytest.mark.control
def test_a_deep_file_that_is_parsed_is_seen(business, monkeypatch):
    monkeypatch.setattr(ical_reading, "_check_parts", lambda content: None)
    monkeypatch.setattr("tests.input.test_uploads.SECONDS_MAX", 1.0)

    with pytest.raises(AssertionError):
        check(business, "/api/v1/imports/sessions", "deep")
