"""What is open to an admin who must show a second factor and has none: every route of the table, asked as them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenpo.core.business import current_business, forget_business
from tenpo.core.models import Business
from tenpo.people.middleware import SecondFactorMiddleware
from tests.matrix.asking import ask
from tests.matrix.table import Row, rows
from tests.world import World

# Setting one up, showing it, and going away.
OPEN = {
    "GET /me/second-factor/",
    "POST /account/logout/",
    "GET /account/logout/",
    "GET /account/reauthenticate/",
    "POST /account/reauthenticate/",
    "GET /account/2fa/totp/activate/",
    "POST /account/2fa/totp/activate/",
    "GET /account/2fa/webauthn/add/",
    "POST /account/2fa/webauthn/add/",
}
OPEN_TO_PROGRAMS = {
    "config",
    "auth/session",
    "auth/reauthenticate",
    "account/authenticators",
    "account/authenticators/totp",
    "account/authenticators/webauthn",
}
ROWS = rows()


@pytest.fixture
def asked(world: World) -> World:
    """The table's business, which asks its admins for a second factor from yesterday on."""
    current_business()
    yesterday = timezone.now() - timedelta(days=1)
    Business.objects.update(second_factor_for="admins", second_factor_starts_on=yesterday)
    forget_business()
    return world


def is_open(row: Row) -> bool:
    return str(row) in OPEN or row.path.removeprefix("/_allauth/browser/v1/") in OPEN_TO_PROGRAMS


@pytest.mark.parametrize("row", [row for row in ROWS if not is_open(row)], ids=str)
def test_nothing_is_open_but_setting_one_up(asked, row):
    check(asked, row)


def check(world: World, row: Row) -> None:
    """Hold a route against a closed door: sent away or refused, and nothing is written."""
    answer = ask(world, row, "admin")

    if row.path == "/stream":
        assert answer.cell == "401"
    elif row.path.startswith(("/api/v1/", "/_allauth/")) and row.path != "/api/v1/docs":
        assert answer.cell == "403"
        assert '"second_factor_required"' in answer.text
    else:
        assert answer.cell == "302"
        assert answer.headers["Location"] == "/me/second-factor/"


@pytest.mark.control
@pytest.mark.parametrize("name", ["GET /people/", "POST /settings/", "GET /api/v1/people", "POST /invites/new/"])
def test_control_an_open_door_is_noticed(asked, monkeypatch, name):
    monkeypatch.setattr(SecondFactorMiddleware, "process_view", lambda *_: None)

    with pytest.raises(AssertionError, match="assert '"):
        check(asked, next(row for row in ROWS if str(row) == name))


@pytest.mark.parametrize("name", ["GET /api/v1/people", "POST /api/v1/invites"])
def test_a_key_goes_on(asked, name):
    """It was never a password, and a program that pays wages must not stop because its owner put something off."""
    row = next(row for row in ROWS if str(row) == name)

    assert ask(asked, row, "boss").cell == row.cell("boss")
