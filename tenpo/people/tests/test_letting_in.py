"""Another admin is let in only by who has just shown who they are, whichever way they are let in."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tenpo.audit.models import AuditLog
from tenpo.people.actions.imports import preview_people_import
from tenpo.people.models import Import, Invite, RoleGrant, User
from tenpo.people.tests.make import PASSWORD, freshly_signed_in, make_admin, make_invite, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

API, SHOW_AGAIN = "/api/v1", "/account/reauthenticate/"
NEW_ADMIN = {"email": "rex@example.com", "name": "Rex", "role": "admin", "days": "5"}
BARE_LINK = {**NEW_ADMIN, "email": ""}

type Ask = tuple[str, str, dict[str, Any]]


def invited(role: str, admin: User) -> Invite:
    return make_invite(role=role, by=admin)[0]


def file_of(role: str, admin: User) -> Import:
    return preview_people_import("people.csv", f"email,role\nnora@example.com,{role}\n".encode(), by=admin)


# What is asked for, of which role; and where a page comes back to.
PAGES: dict[str, Callable[[str, User], Ask]] = {
    "role": lambda role, _: ("/people/{0}/roles/", "/people/{0}/", {"role": role, "act": "grant"}),
    "invite": lambda role, _: ("/invites/new/", "/invites/new/", NEW_ADMIN | {"role": role}),
    "bare link": lambda role, _: ("/invites/new/", "/invites/new/", BARE_LINK | {"role": role}),
    "sent again": lambda role, by: (f"/invites/{invited(role, by).pk}/resend/", "/invites/", {}),
    "new link": lambda role, by: (f"/invites/{invited(role, by).pk}/link/", "/invites/", {}),
    "file": lambda role, by: (f"{(at := f'/imports/{file_of(role, by).pk}/')}confirm/", at, {}),
}
OPERATIONS: dict[str, Callable[[str, User], Ask]] = {
    "role": lambda role, _: ("PATCH", "/people/{0}", {"roles": [role]}),
    "invite": lambda role, _: ("POST", "/invites", {"email": "rex@example.com", "role": role}),
    "bare link": lambda role, _: ("POST", "/invites", {"role": role}),
    "sent again": lambda role, by: ("POST", f"/invites/{invited(role, by).pk}/mailing", {}),
    "new link": lambda role, by: ("POST", f"/invites/{invited(role, by).pk}/link", {}),
    "file": lambda role, by: ("POST", f"/imports/{file_of(role, by).pk}/confirmation", {}),
}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def everything() -> list[Any]:
    """What giving an admin's role could move."""
    invites = Invite.objects.order_by("pk").values_list("pk", "token_hash", "expires_at", "sent_at", "revoked_at")
    imports = Import.objects.order_by("pk").values_list("pk", "state")
    grants = RoleGrant.objects.order_by("pk").values_list("user", "role")
    return [*invites, *imports, *grants, AuditLog.objects.count()]


def call(client: Client, ask: Ask) -> Any:
    method, path, body = ask
    return client.generic(method, API + path, json.dumps(body), "application/json")


@pytest.mark.parametrize("way", PAGES)
def test_a_page_asks_who_it_is_and_comes_back(way):
    admin, member = make_admin(), make_member()
    client = signed_in(admin)
    at, back, form = PAGES[way]("admin", admin)
    at, back = at.format(member.pk), back.format(member.pk)
    before = everything()

    asked = client.post(at, form)

    assert asked["Location"].startswith(SHOW_AGAIN)
    assert everything() == before
    shown = client.post(asked["Location"], {"password": PASSWORD})
    assert shown["Location"] == back
    # Nothing was done on the way: whoever shows their password does not do what somebody else left there.
    assert everything()[:-1] == before[:-1]
    assert client.post(at, form).status_code in (200, 302)
    assert everything()[:-1] != before[:-1]


@pytest.mark.parametrize("form", [NEW_ADMIN, BARE_LINK], ids=["by mail", "bare link"])
def test_what_was_typed_waits_there_once(form):
    client = signed_in(make_admin())
    asked = client.post("/invites/new/", form)["Location"]

    page = client.get(client.post(asked, {"password": PASSWORD})["Location"])

    bound = page.context["form"]
    assert {name: str(bound[name].value()) for name in form} == form
    assert client.get("/invites/new/").context["form"]["name"].value() is None


def test_a_wrong_password_goes_no_further_and_keeps_what_was_typed():
    client = signed_in(make_admin())
    asked = client.post("/invites/new/", NEW_ADMIN)["Location"]

    assert client.post(asked, {"password": "wrong"}).status_code == 200
    assert client.post("/invites/new/", NEW_ADMIN)["Location"] == asked
    assert not Invite.objects.exists()
    client.post(asked, {"password": PASSWORD})

    assert client.get("/invites/new/").context["form"]["name"].value() == "Rex"


def test_what_is_wrong_is_said_before_it_asks():
    client = signed_in(make_admin())

    page = client.post("/invites/new/", {**NEW_ADMIN, "email": "nonsense"})

    assert page.status_code == 422
    assert not Invite.objects.exists()


@pytest.mark.parametrize("way", OPERATIONS)
def test_the_api_asks_too(way):
    admin, member = make_admin(), make_member()
    client = signed_in(admin)
    method, path, body = OPERATIONS[way]("admin", admin)
    ask = method, path.format(member.pk), body
    before = everything()

    refused = call(client, ask)

    assert (refused.status_code, json.loads(refused.content)["code"]) == (403, "not_allowed")
    assert "reauthenticate" in refused.json()["detail"]
    assert everything() == before
    assert call(freshly_signed_in(admin), ask).status_code in (200, 201, 202)
    assert everything()[:-1] != before[:-1]


@pytest.mark.parametrize("way", PAGES)
def test_other_roles_are_given_as_ever(way):
    admin, member = make_admin(), make_member()
    client = signed_in(admin)
    at, _back, form = PAGES[way]("coach", admin)
    before = everything()

    assert SHOW_AGAIN not in client.post(at.format(member.pk), form).get("Location", "")

    assert everything()[:-1] != before[:-1]


@pytest.mark.parametrize("way", OPERATIONS)
def test_other_roles_are_given_by_the_api_as_ever(way):
    admin, member = make_admin(), make_member()
    method, path, body = OPERATIONS[way]("coach", admin)
    before = everything()

    assert call(signed_in(admin), (method, path.format(member.pk), body)).status_code in (200, 201, 202)

    assert everything()[:-1] != before[:-1]


def test_taking_the_role_away_asks_for_nothing():
    admin, other = make_admin(), make_admin()

    signed_in(admin).post(f"/people/{other.pk}/roles/", {"role": "admin", "act": "revoke"})

    assert not User.objects.with_roles().get(pk=other.pk).is_admin


@pytest.mark.parametrize("form", [{"role": "owner", "act": "grant"}, {"role": "coach", "act": "take"}, {}])
def test_a_role_that_is_none_is_refused_aloud(form):
    member, client = make_member(), freshly_signed_in(make_admin())
    before = everything()

    page = client.post(f"/people/{member.pk}/roles/", form, follow=True)

    assert "Nothing was changed" in page.content.decode()
    assert everything() == before
