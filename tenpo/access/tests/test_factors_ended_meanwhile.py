"""No second factor is made, and nobody gets in, by what is being ended, however close the two come."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from django.db import transaction
from django.test import Client

from tenpo.access.actions.accounts import disable_user, enable_user
from tenpo.access.actions.second_factors import drop_second_factors
from tenpo.access.tests.test_ended_meanwhile import choose_a_password, end_it, on_the_list, shut_out
from tenpo.audit.models import AuditLog
from tenpo.people import adapters
from tenpo.people.actions import visits
from tenpo.people.models import User
from tenpo.people.tests.make import PASSWORD, app_code, make_admin
from tenpo.people.tests.passkeys import HOST, Passkey, made_for
from tenpo.people.tests.waiting import alone, wait_until_it_waits

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants, pytest.mark.usefixtures("one_window")]

ADD, APP = "/account/2fa/webauthn/add/", "/account/2fa/totp/activate/"
PROGRAM_ADD, PROGRAM_APP = (
    "/_allauth/browser/v1/account/authenticators/webauthn",
    "/_allauth/browser/v1/account/authenticators/totp",
)
ASK, AUTHENTICATE = "/account/login/", "/account/2fa/authenticate/"

type Send = Callable[[], Any]


def passkey_by_page(client: Client) -> Send:
    page = client.get(ADD, headers={"host": HOST})
    new = made(page.context["js_data"]["creation_options"])
    return lambda: client.post(ADD, {"name": "x", "credential": json.dumps(new)}, headers={"host": HOST})


def passkey_by_program(client: Client) -> Send:
    options = client.get(PROGRAM_ADD, headers={"host": HOST}).json()["data"]["creation_options"]
    body = {"name": "x", "credential": made(options)}
    return lambda: client.post(PROGRAM_ADD, body, "application/json", headers={"host": HOST})


def made(options: dict[str, Any]) -> dict[str, Any]:
    return made_for(options["publicKey"]["challenge"], generate_private_key(SECP256R1()), b"new")


def app_by_page(client: Client) -> Send:
    secret = client.get(APP).context["form"].secret
    return lambda: client.post(APP, {"code": app_code(secret)})


def app_by_program(client: Client) -> Send:
    secret = client.get(PROGRAM_APP).json()["meta"]["secret"]
    return lambda: client.post(PROGRAM_APP, {"code": app_code(secret)}, "application/json")


MAKING: dict[str, Callable[[Client], Send]] = {
    "passkey by page": passkey_by_page,
    "passkey by program": passkey_by_program,
    "app by page": app_by_page,
    "app by program": app_by_program,
}


def drop(user: User) -> None:
    """As whoever runs the server does, for somebody with a recovery code left over."""
    Authenticator.objects.create(user=user, type="recovery_codes", data={"seed": "", "used_mask": 0})
    drop_second_factors(user, by=None)


def answered_while(end: Callable[[User], None], user: User, send: Send) -> int:
    """Send just before an end is committed: the answer."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            end(user)
            answer = pool.submit(alone, lambda _: send(), None)
            wait_until_it_waits(answer)
        return int(answer.result().status_code)


@pytest.mark.parametrize("end", [end_it, choose_a_password, shut_out, drop])
@pytest.mark.parametrize("way", MAKING)
def test_no_factor_is_made_by_a_session_that_was_ended(way, end):
    user = make_admin()
    send = MAKING[way](on_the_list(user))

    assert answered_while(end, user, send) == (403 if "program" in way else 404)

    assert not Authenticator.objects.filter(user=user).exists()


@pytest.mark.control
@pytest.mark.parametrize("way", MAKING)
def test_control_without_looking_again_a_factor_outlives_the_end(monkeypatch, way):
    """Shows that the test above can fail."""
    monkeypatch.setattr(visits, "_still_holds", lambda *_: True)
    user = make_admin()
    send = MAKING[way](on_the_list(user))

    answered_while(end_it, user, send)

    assert Authenticator.objects.filter(user=user, type__in=("totp", "webauthn")).exists()


def add_a_passkey(user: User) -> None:
    visits.lock_user(user)
    Passkey(user)


@pytest.mark.parametrize("way", MAKING)
def test_no_factor_is_made_beside_one_that_was_set_up_meanwhile(way):
    """The visit showed a password alone, and the owner has just set one up in another."""
    user = make_admin()
    send = MAKING[way](on_the_list(user))

    assert answered_while(add_a_passkey, user, send) in (302, 403)

    assert Authenticator.objects.filter(user=user).count() == 1


def waiting_for_the_code(user: User) -> tuple[Client, str]:
    """Somebody who has shown the password and is asked for the app's code; and the app's secret."""
    secret = app_of(user)
    client = Client(raise_request_exception=False)
    assert client.post(ASK, {"login": user.email, "password": PASSWORD})["Location"] == AUTHENTICATE
    return client, secret


def app_of(user: User) -> str:
    client = on_the_list(user)
    secret = str(client.get(APP).context["form"].secret)
    assert client.post(APP, {"code": app_code(secret)}).status_code == 302
    Authenticator.objects.filter(user=user, type="totp").update(last_used_at=None)
    return secret


def shut_out_and_let_in(user: User) -> None:
    boss = make_admin()
    disable_user(user, by=boss)
    enable_user(user, by=boss)


def trace_of(user: User) -> tuple[int, int]:
    """How many devices are signed in as them, and how often they signed in."""
    signed_in_as = AuditLog.objects.filter(action="user.signed_in", actor_id=user.pk).count()
    return UserSession.objects.filter(user=user).count(), signed_in_as


def sent_code(client: Client, secret: str, by: str) -> Any:
    if by == "page":
        return client.post(AUTHENTICATE, {"code": app_code(secret)})
    return client.post("/_allauth/browser/v1/auth/2fa/authenticate", {"code": app_code(secret)}, "application/json")


@pytest.mark.parametrize("by", ["page", "program"])
@pytest.mark.parametrize("end", [end_it, choose_a_password, shut_out, shut_out_and_let_in])
def test_nobody_gets_in_who_waited_at_the_second_step(end, by):
    user = make_admin()
    client, secret = waiting_for_the_code(user)
    end(user)
    before = trace_of(user)

    answer = sent_code(client, secret, by)

    assert answer.status_code == (302 if by == "page" else 401)
    assert client.get("/me/").status_code == 302
    assert trace_of(user) == before


@pytest.mark.parametrize("end", [end_it, choose_a_password, shut_out])
def test_nor_who_came_just_before_it_was_ended(end):
    user = make_admin()
    client, secret = waiting_for_the_code(user)

    assert answered_while(end, user, lambda: sent_code(client, secret, "page")) == 302

    assert client.get("/me/").status_code == 302
    assert AuditLog.objects.filter(action="user.signed_in", actor_id=user.pk).count() == 1


@pytest.mark.control
def test_control_without_looking_again_they_would(monkeypatch):
    """Shows that the tests above can fail."""
    monkeypatch.setattr(adapters, "_proof_of", lambda _: ["the same"])
    user = make_admin()
    client, secret = waiting_for_the_code(user)
    end_it(user)

    sent_code(client, secret, "page")

    assert client.get("/me/").status_code == 200


@pytest.mark.parametrize("which", ["app", "passkey"])
def test_who_takes_a_factor_away_signs_all_other_devices_out(which):
    """It may have been stolen, and have signed somebody in."""
    user = make_admin()
    here, headers = on_the_list(user), {"host": HOST}
    secret = str(here.get(APP).context["form"].secret)
    here.post(APP, {"code": app_code(secret)})
    stolen = Passkey(user)
    thief = Client()
    stolen.sign_in(thief)
    assert thief.get("/me/", headers=headers).status_code == 200

    if which == "app":
        here.post("/account/2fa/totp/deactivate/")
    else:
        here.post(f"/account/2fa/webauthn/keys/{stolen.row.pk}/remove/", headers=headers)

    assert Authenticator.objects.filter(user=user, type__in=("totp", "webauthn")).count() == 1
    assert thief.get("/me/", headers=headers).status_code == 302
    assert here.get("/me/").status_code == 200


def test_a_visit_from_before_a_factor_takes_it_from_nobody():
    """Whether or not the business asks for one."""
    user = make_admin()
    before = on_the_list(user)
    app_of(user)

    before.post("/account/reauthenticate/", {"password": PASSWORD})
    answer = before.post("/account/2fa/totp/deactivate/")

    assert answer["Location"] == "/me/second-factor/"
    assert before.get("/me/")["Location"] == "/me/second-factor/"
    assert Authenticator.objects.filter(user=user, type="totp").exists()
