"""Another admin is let in only by who has just shown who they are, whichever way they are let in."""

import json

import pytest

from tenpo.audit.models import AuditLog
from tenpo.people.models import Invite, User
from tenpo.people.tests.letting_in import BARE_LINK, MADE, NEW_ADMIN, OPERATIONS, PAGES, what_lets_in
from tenpo.people.tests.make import PASSWORD, freshly_signed_in, make_admin, make_member, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

SHOW_AGAIN = "/account/reauthenticate/"


def records() -> int:
    return AuditLog.objects.count()


@pytest.mark.parametrize("way", PAGES)
def test_a_page_asks_who_it_is_and_comes_back(way):
    admin = make_admin()
    client = signed_in(admin)
    ask = PAGES[way]("admin", admin)
    before, recorded = what_lets_in(), records()

    asked = ask.send(client)

    assert asked["Location"].startswith(SHOW_AGAIN)
    assert (what_lets_in(), records()) == (before, recorded)
    shown = client.post(asked["Location"], {"password": PASSWORD})
    assert shown["Location"] == ask.back
    # Nothing was done on the way: whoever shows their password does not do what somebody else left there.
    assert what_lets_in() == before
    assert ask.send(client).status_code in MADE
    assert what_lets_in() != before


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
    admin = make_admin()
    ask = OPERATIONS[way]("admin", admin)
    before, recorded = what_lets_in(), records()

    refused = ask.send(signed_in(admin))

    assert (refused.status_code, json.loads(refused.content)["code"]) == (403, "not_allowed")
    assert "reauthenticate" in refused.json()["detail"]
    assert (what_lets_in(), records()) == (before, recorded)
    assert ask.send(freshly_signed_in(admin)).status_code in MADE
    assert what_lets_in() != before


@pytest.mark.parametrize("way", [*PAGES, *OPERATIONS])
def test_other_roles_are_given_as_ever(way):
    admin = make_admin()
    ask = {**PAGES, **OPERATIONS}[way]("coach", admin)
    before = what_lets_in()

    answer = ask.send(signed_in(admin))

    assert answer.status_code in MADE
    assert SHOW_AGAIN not in answer.get("Location", "")
    assert what_lets_in() != before


def test_an_admin_is_made_none_only_by_who_has_just_shown_who_they_are():
    admin, other = make_admin(), make_admin()
    form, before = {"role": "admin", "act": "revoke"}, (what_lets_in(), records())

    answer = signed_in(admin).post(f"/people/{other.pk}/roles/", form)
    by_program = signed_in(admin).patch(f"/api/v1/people/{other.pk}", {"roles": []}, content_type="application/json")

    assert answer["Location"].startswith(SHOW_AGAIN)
    assert by_program.status_code == 403
    assert (what_lets_in(), records()) == before
    freshly_signed_in(admin).post(f"/people/{other.pk}/roles/", form)
    assert not User.objects.with_roles().get(pk=other.pk).is_admin


@pytest.mark.parametrize("form", [{"role": "owner", "act": "grant"}, {"role": "coach", "act": "take"}, {}])
def test_a_role_that_is_none_is_refused_aloud(form):
    member, client = make_member(), freshly_signed_in(make_admin())
    before, recorded = what_lets_in(), records()

    page = client.post(f"/people/{member.pk}/roles/", form, follow=True)

    assert "Nothing was changed" in page.content.decode()
    assert (what_lets_in(), records()) == (before, recorded)
