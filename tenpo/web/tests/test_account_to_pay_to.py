"""The account that bank transfers go to is changed by who has just shown who they are, and by no key."""

from typing import Any

import pytest
from django.test import Client

from tenpo.access.actions.api_clients import create_api_client
from tenpo.audit.models import AuditLog
from tenpo.core.models import Business
from tenpo.core.tests.make import ACCOUNT, make_account_to_pay_to
from tenpo.people.tests.make import PASSWORD, freshly_signed_in, make_admin, signed_in
from tenpo.web.queries.attention import attention_for

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

PAGE, API, SHOW_AGAIN = "/settings/", "/api/v1/business", "/account/reauthenticate/"
OTHER = {"bank_holder": "Ada Attacker", "bank_iban": "AT61 1904 3002 3457 3201", "bank_bic": "", "bank_name": ""}
CHANGES = [{name: value} for name, value in {**OTHER, "bank_bic": "COBADEFFXXX"}.items()]


def shown(client: Client) -> dict[str, Any]:
    """What the form shows."""
    form = client.get(PAGE).context["form"]
    return {name: str(form[name].value()) for name in form.fields if form[name].value() is not False}


def stored() -> tuple[Any, ...]:
    return *Business.objects.values_list(*ACCOUNT), AuditLog.objects.count()


def test_an_admin_says_it_on_the_page_and_reads_it_in_fours():
    client = freshly_signed_in(make_admin())
    typed = shown(client) | {**ACCOUNT, "bank_iban": "de021203 00000000 202051", "offers_bank_transfer": "on"}

    assert client.post(PAGE, typed)["Location"] == PAGE

    assert Business.objects.filter(offers_bank_transfer=True, **ACCOUNT).exists()
    assert shown(client)["bank_iban"] == "DE02 1203 0000 0000 2020 51"
    assert client.post(PAGE, shown(client))["Location"] == PAGE


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_the_page_asks_who_it_is(change):
    make_account_to_pay_to()
    client = signed_in(make_admin())
    typed = shown(client) | change
    before = stored()

    asked = client.post(PAGE, typed)["Location"]

    assert asked.startswith(SHOW_AGAIN)
    assert client.post(asked, {"password": PASSWORD})["Location"] == PAGE
    assert stored() == before
    assert shown(client) == typed
    assert client.post(PAGE, typed)["Location"] == PAGE
    assert stored() != before


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_the_api_asks_too_and_no_key_does_it(change):
    make_account_to_pay_to()
    admin = make_admin()
    _client, key = create_api_client(admin, name="Tool", scopes=["read", "write"], expires_at=None, by=admin)
    # Whoever has the key may sit at an open browser, too.
    browser = freshly_signed_in(admin)
    before = stored()

    refused = [
        signed_in(admin).patch(API, change, "application/json"),
        browser.patch(API, change, "application/json", headers={"authorization": f"Bearer {key}"}),
    ]

    assert [one.status_code for one in refused] == [403, 403]
    assert "reauthenticate" in refused[0].json()["detail"]
    assert refused[1].json()["detail"].startswith("A key cannot")
    assert stored() == before
    assert browser.patch(API, change, "application/json").status_code == 200
    assert stored() != before


def test_what_is_wrong_stands_beside_its_field():
    client = freshly_signed_in(make_admin())

    answer = client.post(PAGE, shown(client) | {"bank_iban": "DE00 1203", "offers_bank_transfer": "on"})

    assert answer.status_code == 422
    assert "This is not an IBAN" in answer.content.decode()
    assert stored()[0] == ("", "", "", "")


def test_an_admin_sees_that_people_read_no_account():
    """Where bank transfer was offered before there was an account to set."""
    make_account_to_pay_to(**dict.fromkeys(ACCOUNT, ""))
    admin = make_admin()
    client = signed_in(admin)

    assert "read no account to pay to" in client.get(PAGE).content.decode()
    assert "read no account to pay to" in client.get("/").content.decode()
    assert attention_for(admin).count == 1

    make_account_to_pay_to()
    assert "read no account to pay to" not in client.get(PAGE).content.decode()
    assert attention_for(admin).count == 0
