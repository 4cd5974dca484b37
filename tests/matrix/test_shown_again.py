"""Whatever asks first who it is, is known: what makes something that lasts is tried against a session that is ended."""

import pytest
from django.urls import resolve

from tenpo.access.tests.test_ended_meanwhile import MAKING
from tenpo.people.tests.make import make_admin
from tests.matrix.asking import ask
from tests.matrix.table import Row, pattern_of, rows
from tests.world import World

# What shuts out, and makes nothing.
ENDING = {"me/access/", "me/devices/<int:device_id>/sign-out/", "api/v1/devices/<int:device_id>"}
# What shows accounts in the clear, and makes nothing either.
SHOWING = {"money/payouts/files/<uuid:batch_id>/file/"}


def asks_again(world: World, row: Row) -> bool:
    """Whether a route sends whoever has not just shown who they are to do so."""
    answers = [ask(world, row, actor) for actor in ("member", "admin")]
    said = [one.text if one.status == 403 else one.headers.get("Location", "") for one in answers]
    return any("/reauthenticate" in text for text in said)


@pytest.fixture
def tried(world: World) -> set[str]:
    """The routes by which something that lasts is made while its session ends."""
    return {resolve(way("admin", make_admin()).path).route for way in MAKING.values()}


def test_what_asks_again_is_tried(world: World, tried: set[str]) -> None:
    changing = [row for row in rows() if row.method != "GET" and not row.path.startswith(("/account/", "/_allauth/"))]

    assert {pattern_of(row) for row in changing if asks_again(world, row)} == tried | ENDING | SHOWING
