"""Nobody is sent away from here: where a request says where to go on, only an address of ours counts."""

import json
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from tenpo.people import http
from tenpo.people.tests.make import PASSWORD, make_member
from tests.input.conftest import undone
from tests.matrix.asking import NAME
from tests.matrix.bodies import BODIES, files_of
from tests.matrix.table import Row, rows
from tests.world import World, named

ELSEWHERE = (
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
    "/\n/evil.example", "https:evil.example", "https:/evil.example", "https://evil.example", "HTTPS://evil.example",
    "https:///evil.example", "%2f%2fevil.example", "javascript:alert(1)", "java\tscript:alert(1)",
    "data:text/html,x", "\u2215\u2215evil.example", "\uff0f\uff0fevil.example", "//evil.example\\@testserver",
    "https://testserver@evil.example", "https://testserver.evil.example", "//testserver:80@evil.example", "http://[::1",
    "\x00//evil.example", "/\r\nLocation: https://evil.example",
)  # fmt: skip
# Words by which programs name where to go on.
NAMES = (
    "next",
    "url",
    "return",
    "return_to",
    "redirect",
    "redirect_to",
    "redirect_url",
    "continue",
    "goto",
    "back",
    "to",
)
ACTS = [row for row in rows() if row.is_page and row.method == "POST" and row.cell("admin").startswith("302")]


def stays(location: str) -> bool:
    """Whether a browser that is sent there is still here, by how browsers read an address."""
    plain = "".join(c for c in location.strip() if c not in "\t\r\n").replace("\\", "/")
    target = urlsplit(urljoin("http://testserver/here/", plain))
    return target.scheme in ("http", "https") and target.netloc == "testserver" and not plain.startswith("//")


def sent_to(world: World, row: Row, where: str) -> str:
    """Where an admin is sent after an act whose form and address both say where to go on."""

    def fill(text: str) -> str:
        return NAME.sub(lambda match: named(world.things[match[2]]), text)

    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = world.cookies["admin"]
    said = dict.fromkeys(NAMES, where)
    body = json.loads(fill(json.dumps(BODIES.get(str(row), {}))))
    address = fill(row.address.partition("#")[0])
    with undone():
        answer = client.post(address, {**body, **said, **files_of(row.path)}, query_params=said)
    return str(answer.get("Location", ""))


def listens(world: World, row: Row) -> bool:
    return "/marker/" in sent_to(world, row, "/marker/")


def signed_in_to(where: str) -> str:
    client = Client()
    form = {"login": make_member().email, "password": PASSWORD, "next": where}
    return str(client.post("/account/login/", form, query_params={"next": where})["Location"])


def check(world: World, row: Row) -> None:
    for where in ELSEWHERE:
        assert stays(sent_to(world, row, where)), where


def test_acts_stay_here(business):
    """Each act that goes on where it is told is told of every address elsewhere; the others do not listen."""
    listening = [row for row in ACTS if listens(business, row)]

    assert {"/money/waiting/mark/"} <= {row.path for row in listening}
    for row in listening:
        check(business, row)


@pytest.mark.parametrize("where", ELSEWHERE)
def test_signing_in_stays_here(where, business):
    assert stays(signed_in_to(where))


def test_signing_in_goes_on_where_it_was_asked_for(business):
    assert signed_in_to("/bookings/?when=past") == "/bookings/?when=past"


@pytest.mark.control
def test_an_act_that_believes_is_seen(business, monkeypatch):
    monkeypatch.setattr(http, "url_has_allowed_host_and_scheme", lambda *_args, **_kwargs: True)
    row = next(row for row in ACTS if row.path == "/money/waiting/mark/")

    with pytest.raises(AssertionError):
        check(business, row)


@pytest.mark.control
@pytest.mark.parametrize("where", ["//evil.example", "/\\evil.example", "\t//evil.example", "javascript:alert(1)"])
def test_where_a_browser_would_go_is_known(where):
    assert not stays(where)
