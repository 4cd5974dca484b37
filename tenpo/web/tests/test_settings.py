"""Who gets in only with a second factor is changed by who has just shown who they are, and by no key."""

from typing import Any

import pytest
from django.test import Client

from tenpo.access.actions.api_clients import create_api_client
from tenpo.audit.models import AuditLog
from tenpo.core.models import Business
from tenpo.people.tests.make import PASSWORD, freshly_signed_in, make_admin, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

PAGE, API, SHOW_AGAIN = "/settings/", "/api/v1/business", "/account/reauthenticate/"
CHANGES = [{"second_factor_for": "nobody"}, {"second_factor_starts_on": "2999-01-01"}]


def shown(client: Client) -> dict[str, Any]:
    """What the form shows."""
    form = client.get(PAGE).context["form"]
    return {name: str(form[name].value()) for name in form.fields if form[name].value() is not False}


def stored() -> tuple[Any, ...]:
    fields = "name", "accent_hue", "second_factor_for", "second_factor_starts_on"
    return *Business.objects.values_list(*fields), AuditLog.objects.count()


@pytest.mark.parametrize("change", CHANGES)
def test_the_page_asks_who_it_is_and_keeps_what_was_typed(change):
    client = signed_in(make_admin())
    typed = shown(client) | {"name": "Nordlicht", "accent_hue": "7"} | change
    before = stored()

    asked = client.post(PAGE, typed)["Location"]

    assert asked.startswith(SHOW_AGAIN)
    assert stored() == before
    assert client.post(asked, {"password": PASSWORD})["Location"] == PAGE
    assert stored() == before
    assert shown(client) == typed
    assert client.post(PAGE, typed)["Location"] == PAGE
    assert shown(client) == typed
    assert Business.objects.filter(name="Nordlicht", **change).exists()


def test_whatever_else_is_changed_as_ever():
    client = signed_in(make_admin())

    assert client.post(PAGE, shown(client) | {"name": "Nordlicht"})["Location"] == PAGE

    assert Business.objects.get().name == "Nordlicht"


def test_what_another_changed_meanwhile_is_not_written_back():
    """Neither does a form that was opened before lower it without asking, nor is it asked for what it left alone."""
    client = signed_in(make_admin())
    typed = shown(client)
    Business.objects.update(second_factor_for="everybody")

    assert client.post(PAGE, typed)["Location"].startswith(SHOW_AGAIN)

    assert Business.objects.get().second_factor_for == "everybody"


@pytest.mark.parametrize("change", CHANGES)
def test_the_api_asks_too(change):
    admin = make_admin()
    client = signed_in(admin)
    client.get(API)
    before = stored()

    refused = client.patch(API, {"name": "Nordlicht"} | change, "application/json")

    assert refused.status_code == 403
    assert "reauthenticate" in refused.json()["detail"]
    assert stored() == before
    assert freshly_signed_in(admin).patch(API, change, "application/json").status_code == 200
    assert Business.objects.filter(**change).exists()


@pytest.mark.parametrize("change", CHANGES)
def test_no_key_does_it(change):
    admin = make_admin()
    _client, key = create_api_client(admin, name="Tool", scopes=["read", "write"], expires_at=None, by=admin)
    # Whoever has the key may sit at an open browser, too.
    browser = freshly_signed_in(admin)
    headers = {"authorization": f"Bearer {key}"}
    browser.get(API)
    before = stored()

    refused = browser.patch(API, {"name": "Nordlicht"} | change, "application/json", headers=headers)

    assert (refused.status_code, refused.json()["detail"][:5]) == (403, "A key")
    assert stored() == before


def test_a_key_says_again_what_holds_and_changes_the_rest():
    admin = make_admin()
    _client, key = create_api_client(admin, name="Tool", scopes=["read", "write"], expires_at=None, by=admin)
    headers = {"authorization": f"Bearer {key}"}
    now = Client().get(API, headers=headers).json()

    changed = Client().patch(API, now | {"name": "Nordlicht"}, "application/json", headers=headers)

    assert (changed.status_code, changed.json()["name"]) == (200, "Nordlicht")
