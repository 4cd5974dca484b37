"""What somebody leaves behind in another's browser is not done when its owner shows who they are."""

import json
import time
from typing import Any

import pytest
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY as SUSPENDED
from allauth.account.models import EmailAddress
from allauth.core.internal.httpkit import serialize_request
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from tenpo.people.middleware import ChallengeMiddleware, FreshMiddleware
from tenpo.people.models import User
from tenpo.people.second_factors import seal_for
from tenpo.people.tests.make import (
    PASSWORD,
    freshly_signed_in,
    mailed_code,
    make_admin,
    make_member,
    note_shown_factor,
    show_that_it_is_me,
)
from tenpo.people.tests.passkeys import HOST, Passkey, made_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_window")]
ADD, EMAIL, CONFIRM = "/account/2fa/webauthn/add/", "/account/email/", "/account/confirm-email/"
SHOW_AGAIN, OFF = "/account/reauthenticate/", "/account/2fa/totp/deactivate/"
PASSKEY_SHOWN, PASSKEY_MADE = (
    "/_allauth/browser/v1/auth/webauthn/reauthenticate",
    "/_allauth/browser/v1/account/authenticators/webauthn",
)
STALE = 3600
LEFT = {"action_add": "", "email": "evil@example.com", "name": "Evil"}
# Where allauth itself would keep what was sent.
KEPT_BY_ALLAUTH = {
    "/account/email/",
    "/account/2fa/recovery-codes/download/",
    "/account/2fa/recovery-codes/generate/",
    "/account/2fa/totp/activate/",
    "/account/2fa/totp/deactivate/",
    "/account/2fa/webauthn/add/",
    "/account/2fa/webauthn/keys/<int:pk>/edit/",
    "/account/2fa/webauthn/keys/<int:pk>/remove/",
}


def addresses(patterns: list[URLPattern | URLResolver], within: str = "") -> list[str]:
    """Every address of allauth's."""
    found = []
    for entry in patterns:
        path = f"{within}{entry.pattern}"
        if isinstance(entry, URLResolver):
            found += addresses(entry.url_patterns, path)
        elif path.startswith(("account/", "_allauth/")):
            found.append(f"/{path}")
    return found


def age(client: Client) -> None:
    """Let some time pass since somebody showed who they are."""
    session = client.session
    for shown in session["account_authentication_methods"]:
        shown["at"] = time.time() - STALE
    session.save()


def stale(user: User) -> Client:
    """A browser that somebody left signed in, an hour after they showed a second factor in it."""
    client = freshly_signed_in(user)
    note_shown_factor(client)
    age(client)
    return client


def guarded() -> tuple[User, int]:
    """Somebody with all that can be taken from them, and the number of their passkey."""
    user = make_member()
    codes = {"seed": seal_for(user.pk, "0"), "used_mask": 0}
    Authenticator.objects.create(user=user, type="recovery_codes", data=codes)
    return user, Passkey(user).row.pk


def what_lets_in(user: User) -> list[Any]:
    factors = Authenticator.objects.filter(user=user).order_by("pk").values_list("pk", "type", "data")
    addresses = EmailAddress.objects.filter(user=user).order_by("pk").values_list("email", "verified", "primary")
    return [*factors, *addresses, *User.objects.filter(pk=user.pk).values_list("email", "password")]


def waiting() -> set[str]:
    """Send what one can to every address, in a browser that is not fresh: where anything waits then to be done."""
    found = set()
    for address in addresses(get_resolver().url_patterns):
        # Another one each time: tries are counted.
        user, passkey = guarded()
        if "deactivate" in address:
            make_app(user)
        before = what_lets_in(user)
        is_program = "_allauth" in address
        kind = {"content_type": "application/json"} if is_program else {}
        for method in ("post", "put", "patch", "delete") if is_program else ("post",):
            client = stale(user)
            getattr(client, method)(address.replace("<int:pk>", str(passkey)), LEFT, **kind, headers={"host": HOST})
            if SUSPENDED in client.session:
                found.add(address)
        assert what_lets_in(user) == before
    return found


def make_app(user: User) -> None:
    Authenticator.objects.create(user=user, type="totp", data={"secret": seal_for(user.pk, "A" * 32)})


def test_nothing_waits_in_a_browser_to_be_done():
    """Nor at an address that a new release of allauth brings."""
    assert waiting() == set()


@pytest.mark.control
def test_control_allauth_would_keep_it(monkeypatch):
    """Shows that the test above can fail."""
    monkeypatch.setattr(FreshMiddleware, "process_exception", lambda *_: None)

    assert waiting() == KEPT_BY_ALLAUTH


def leave_an_address(client: Client) -> None:
    """As an earlier release may have kept it."""
    left = RequestFactory().post(EMAIL, {"action_add": "", "email": "evil@example.com"})
    session = client.session
    session[SUSPENDED] = {"request": serialize_request(left)}
    session.save()


def test_what_waits_already_is_not_done():
    client = stale(make_member())
    leave_an_address(client)

    assert client.post(SHOW_AGAIN, {"password": PASSWORD, "next": EMAIL})["Location"] == EMAIL

    assert mail.outbox == []
    assert SUSPENDED not in client.session


@pytest.mark.control
def test_control_what_waits_would_be_done(monkeypatch):
    """Shows that the test above can fail."""
    monkeypatch.setattr(FreshMiddleware, "process_view", lambda *_: None)
    client = stale(make_member())
    leave_an_address(client)

    client.post(SHOW_AGAIN, {"password": PASSWORD, "next": EMAIL})

    assert mail.outbox[-1].to == ["evil@example.com"]


def leave_a_passkey(client: Client) -> str:
    """Answer the challenge of showing a passkey with a new one; where the owner is asked who they are."""
    headers = {"host": HOST}
    asked = client.get(PASSKEY_SHOWN, headers=headers).json()["data"]["request_options"]["publicKey"]
    made = made_for(asked["challenge"], generate_private_key(SECP256R1()), b"evil")
    return str(client.post(ADD, {"name": "x", "credential": json.dumps(made)}, headers=headers)["Location"])


def test_no_passkey_is_left_behind_for_its_owner_to_confirm():
    owner = make_admin()
    client = stale(owner)

    asked = leave_a_passkey(client)
    assert asked.startswith(SHOW_AGAIN)
    client.post(asked, {"password": PASSWORD, "next": ADD}, headers={"host": HOST})

    assert not Authenticator.objects.filter(user=owner, type="webauthn").exists()


def show_a_passkey_that_is_new(client: Client) -> int:
    """Fresh, but with the challenge of showing a passkey, and not the one of adding one."""
    headers = {"host": HOST}
    asked = client.get(PASSKEY_SHOWN, headers=headers).json()["data"]["request_options"]["publicKey"]
    made = made_for(asked["challenge"], generate_private_key(SECP256R1()), b"evil")
    body = {"name": "x", "credential": made}
    return int(client.post(PASSKEY_MADE, body, content_type="application/json", headers=headers).status_code)


def test_the_challenge_of_one_ceremony_is_none_of_another():
    member = make_member()

    assert show_a_passkey_that_is_new(freshly_signed_in(member)) == 400

    assert not Authenticator.objects.filter(user=member).exists()


@pytest.mark.control
def test_control_one_challenge_for_all(monkeypatch):
    """Shows that the test above can fail."""
    monkeypatch.setattr(ChallengeMiddleware, "process_view", lambda *_: None)
    member = make_member()

    assert show_a_passkey_that_is_new(freshly_signed_in(member)) == 200

    assert Authenticator.objects.filter(user=member, type="webauthn").exists()


def test_a_passkey_is_added_where_it_was_asked():
    member = make_member()
    client, headers = freshly_signed_in(member), {"host": HOST}
    asked = client.get(PASSKEY_MADE, headers=headers).json()["data"]["creation_options"]["publicKey"]
    body = {"name": "Phone", "credential": made_for(asked["challenge"], generate_private_key(SECP256R1()), b"mine")}

    assert client.post(PASSKEY_MADE, body, content_type="application/json", headers=headers).status_code == 200

    assert Authenticator.objects.filter(user=member, type="webauthn").count() == 1


@pytest.mark.parametrize("by", ["page", "program"])
def test_a_mailed_code_gives_another_address_to_who_showed_just_now_who_they_are(by):
    member = make_member()
    client, old = freshly_signed_in(member), member.email
    client.post(EMAIL, {"action_add": "", "email": "new@example.com"})
    code = mailed_code()
    age(client)

    if by == "page":
        asked = client.post(CONFIRM, {"code": code})["Location"]
        assert asked == "/account/reauthenticate/?next=%2Faccount%2Fconfirm-email%2F"
    else:
        path = "/_allauth/browser/v1/auth/email/verify"
        assert client.post(path, {"key": code}, content_type="application/json").status_code == 403
    assert User.objects.get(pk=member.pk).email == old

    show_that_it_is_me(client)
    if by == "page":
        # What they had typed waits.
        assert client.get(CONFIRM).context["verify_form"]["code"].value() == code
    client.post(CONFIRM, {"code": code})
    assert User.objects.get(pk=member.pk).email == "new@example.com"


def test_an_address_that_was_typed_waits_to_be_sent():
    client = stale(make_member())

    asked = client.post(EMAIL, {"action_add": "", "email": "new@example.com"})["Location"]
    back = client.post(asked, {"password": PASSWORD})["Location"]

    assert client.get(back).context["form"]["email"].value() == "new@example.com"
    assert mail.outbox == []
    client.post(back, {"action_add": "", "email": "new@example.com"})
    assert mail.outbox[-1].to == ["new@example.com"]


@pytest.mark.parametrize("is_new", [True, False])
def test_the_name_of_a_passkey_waits_too(is_new):
    member = make_member()
    client, headers = stale(member), {"host": HOST}
    path = ADD if is_new else f"/account/2fa/webauthn/keys/{Passkey(member).row.pk}/edit/"

    client.post(path, {"name": "Kitchen"}, headers=headers)
    show_that_it_is_me(client)

    assert client.get(path, headers=headers).context["form"]["name"].value() == "Kitchen"


def test_a_factor_is_not_removed_by_what_was_left_behind():
    """Not even when it has become the last one meanwhile."""
    admin = make_admin()
    make_app(admin)
    passkey = Passkey(admin)
    client = stale(admin)

    asked = client.post(OFF)["Location"]
    passkey.row.delete()
    client.post(asked, {"password": PASSWORD, "next": OFF})

    assert Authenticator.objects.filter(user=admin, type="totp").exists()
