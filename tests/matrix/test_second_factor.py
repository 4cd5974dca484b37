"""What is open to an admin who must show a second factor and has not: every route of the table, asked as them.

Twice: as one who has none, and as one who has one and showed a password alone.
"""

from collections.abc import Iterator

import pytest
from django.db import transaction

from tenpo.people.middleware import SecondFactorMiddleware
from tenpo.people.tests.make import ask_for_factor
from tenpo.people.tests.passkeys import Passkey
from tests.matrix.asking import Answer, ask
from tests.matrix.table import Row, rows
from tests.world import World

PROGRAM = "/_allauth/browser/v1"
# Going away, and asking what is open.
ALWAYS = {
    "GET /me/second-factor/",
    "GET /account/logout/",
    "POST /account/logout/",
    f"GET {PROGRAM}/config",
    f"GET {PROGRAM}/auth/session",
    f"DELETE {PROGRAM}/auth/session",
}
OPEN = {
    # Setting one up, and showing the password once more for it.
    "has none": ALWAYS
    | {
        "GET /account/reauthenticate/",
        "POST /account/reauthenticate/",
        "GET /account/2fa/totp/activate/",
        "POST /account/2fa/totp/activate/",
        "GET /account/2fa/webauthn/add/",
        "POST /account/2fa/webauthn/add/",
        f"POST {PROGRAM}/auth/reauthenticate",
        f"GET {PROGRAM}/account/authenticators",
        f"GET {PROGRAM}/account/authenticators/totp",
        f"POST {PROGRAM}/account/authenticators/totp",
        f"DELETE {PROGRAM}/account/authenticators/totp",
        f"GET {PROGRAM}/account/authenticators/webauthn",
        f"POST {PROGRAM}/account/authenticators/webauthn",
        f"PUT {PROGRAM}/account/authenticators/webauthn",
        f"DELETE {PROGRAM}/account/authenticators/webauthn",
    },
    # Showing it, and not setting up another.
    "has one": ALWAYS
    | {
        "GET /account/2fa/reauthenticate/",
        "POST /account/2fa/reauthenticate/",
        "GET /account/2fa/webauthn/reauthenticate/",
        "POST /account/2fa/webauthn/reauthenticate/",
        f"POST {PROGRAM}/auth/2fa/reauthenticate",
        f"GET {PROGRAM}/auth/webauthn/reauthenticate",
        f"POST {PROGRAM}/auth/webauthn/reauthenticate",
    },
}
ROWS = rows()
NAMES = {str(row) for row in ROWS}
SAYS = {"has none": "set up a second step", "has one": "Show your second step"}


@pytest.fixture
def asked(world: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """The table's business, which asks its admins for a second factor; its admin `has none`, or `has one`."""
    with transaction.atomic():
        ask_for_factor("admins")
        if request.param == "has one":
            Passkey(world.people["admin"])
        yield world
        transaction.set_rollback(True)


def is_refused(row: Row, answer: Answer) -> bool:
    """Whether whoever asks is sent to the second factor or refused for want of it, and nothing was written."""
    if row.path == "/stream":
        return answer.cell == "401"
    if row.path.startswith(("/api/v1/", "/_allauth/")) and row.path != "/api/v1/docs":
        return answer.cell == "403" and '"second_factor_required"' in answer.text
    return answer.cell == "302" and answer.headers["Location"] == "/me/second-factor/"


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize(("asked", "state"), [(state, state) for state in OPEN], ids=OPEN, indirect=["asked"])
def test_nothing_is_open_but_what_leads_in(asked, state, row):
    answer = ask(asked, row, "admin")

    assert is_refused(row, answer) is (str(row) not in OPEN[state])


@pytest.mark.parametrize("state", OPEN)
def test_all_that_is_open_stands_in_the_table(state):
    assert OPEN[state] - NAMES == set()


@pytest.mark.parametrize(("asked", "state"), [(state, state) for state in OPEN], ids=OPEN, indirect=["asked"])
def test_a_program_is_told_what_is_missing(asked, state):
    row = next(row for row in ROWS if str(row) == "GET /api/v1/people")

    assert SAYS[state] in ask(asked, row, "admin").text


@pytest.mark.control
@pytest.mark.parametrize("name", ["GET /people/", "POST /settings/", "GET /api/v1/people", "POST /invites/new/"])
@pytest.mark.parametrize("asked", OPEN, indirect=True)
def test_control_an_open_door_is_noticed(asked, monkeypatch, name):
    monkeypatch.setattr(SecondFactorMiddleware, "process_view", lambda *_: None)
    row = next(row for row in ROWS if str(row) == name)

    assert not is_refused(row, ask(asked, row, "admin"))


@pytest.mark.parametrize("name", ["GET /api/v1/people", "POST /api/v1/invites"])
@pytest.mark.parametrize("asked", OPEN, indirect=True)
def test_a_key_goes_on(asked, name):
    """It was never a password, and a program that pays wages must not stop because its owner put something off."""
    row = next(row for row in ROWS if str(row) == name)

    assert ask(asked, row, "boss").cell == row.cell("boss")
