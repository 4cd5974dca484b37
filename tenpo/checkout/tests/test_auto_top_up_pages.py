"""The page and the API by which somebody decides how their wallet is filled by itself; and keeping a card by page."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tenpo.access.actions.api_clients import create_api_client
from tenpo.checkout.actions.auto_topping_up import look_after_wallet
from tenpo.checkout.tests.make import make_auto_top_up, settings_of
from tenpo.payments.actions.auto_top_ups import drop_auto_top_up
from tenpo.payments.actions.methods import add_payment_method, remove_payment_method
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers.sandbox import DECLINED, KEPT_DECLINED, NEEDS_CONFIRMATION, SUCCEEDS
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.models import User
from tenpo.people.tests.make import freshly_signed_in, make_admin, make_member
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
PAGE, WALLET_PAGE, API = "/me/money/auto-top-up/", "/me/money/wallet/", "/api/v1/auto-top-up"
WISH = {"is_on": "on", "threshold": "10", "kind": "fixed", "amount": "25", "daily_cap": "50"}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def with_card(user: User, card: str = SUCCEEDS) -> PaymentMethod:
    return add_payment_method(user, provider="sandbox", source=card, by=user)


def put(client: Client, **headers: str) -> Any:
    body = {"is_on": True, "kind": "target", "amount": 4_000, "low_below": 700}
    return client.put(API, body, content_type="application/json", headers=headers)


def test_it_is_set_up_on_its_page_and_the_wallet_says_so():
    member = make_member()
    card = with_card(member)
    client = freshly_signed_in(member)
    assert "a card of yours fills it by itself" in client.get(WALLET_PAGE).content.decode()

    answer = client.post(PAGE, WISH | {"method": str(card.pk), "low_below": "5"}, follow=True)

    page = answer.content.decode()
    assert "€25.00 by Visa •••• 4242 when less than €10.00 is left, at most €50.00 a day." in page
    assert "You are told when less than €5.00 is left." in page
    shown = client.get(PAGE).content.decode()
    assert 'value="25"' in shown


def test_who_has_not_just_shown_who_they_are_comes_back_with_what_they_typed():
    member = make_member()
    with_card(member)
    client = client_of(member)

    asked = client.post(PAGE, WISH | {"threshold": "12.50"})

    assert asked.status_code == 302
    assert "reauthenticate" in asked["Location"]
    assert not AutoTopUp.objects.exists()


def test_less_needs_no_fresh_sign_in_and_more_does():
    member = make_auto_top_up(make_member())
    client = client_of(member)

    assert client.post(PAGE, WISH | {"amount": "20"})["Location"] == WALLET_PAGE
    assert settings_of(member).amount == 2_000
    assert "reauthenticate" in client.post(PAGE, WISH | {"amount": "20.01"})["Location"]
    assert client.post(PAGE, WISH | {"is_on": ""})["Location"] == WALLET_PAGE
    assert "reauthenticate" in client.post(PAGE, WISH | {"amount": "20"})["Location"]
    assert not settings_of(member).is_on


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"amount": "1"}, "Top up by at least €5.00."),
        ({"amount": "600", "daily_cap": "600"}, "Top up by at most €500.00 at once."),
        ({"threshold": "0"}, "An amount above zero."),
        ({"kind": "target", "amount": "10"}, "It must be more than the amount below which it begins."),
        ({"daily_cap": "24"}, "A day must have room for one top-up."),
        ({"threshold": "a lot"}, "This is not an amount"),
        ({"amount": ""}, "Please fill this in."),
    ],
)
def test_what_makes_no_sense_says_why_beside_its_field(typed, words):
    member = make_member()
    with_card(member)

    answer = freshly_signed_in(member).post(PAGE, WISH | typed)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not AutoTopUp.objects.exists()


def test_without_a_card_the_way_to_one_is_shown_and_one_is_told_all_the_same():
    member = make_member()
    client = client_of(member)
    assert "Keep a card here first" in client.get(PAGE).content.decode()

    assert client.post(PAGE, {"low_below": "5"})["Location"] == WALLET_PAGE

    assert (settings_of(member).low_below, settings_of(member).is_on) == (500, False)


@pytest.mark.parametrize("times", [1, 4])
def test_a_card_that_does_not_pay_is_said_on_both_pages(times):
    member = make_auto_top_up(make_member(), card=KEPT_DECLINED)
    for _ in range(times):
        AutoTopUp.objects.update(paused_until=None)
        look_after_wallet(member)
    client = client_of(member)

    for page in (client.get(WALLET_PAGE).content.decode(), client.get(PAGE).content.decode()):
        assert "The card was declined. Nothing was paid." in page
        assert ("It is tried again" in page) is (times == 1)
        assert ("switched off" in page) is (times == 4)


def test_an_admin_sees_how_somebody_s_wallet_is_filled():
    member = make_auto_top_up(make_member())

    page = client_of(make_admin()).get(f"/money/wallets/{member.pk}/").content.decode()

    assert "€25.00 by Visa •••• 4242" in page
    assert "Automatic top-up" not in client_of(make_admin()).get(f"/money/wallets/{make_member().pk}/").content.decode()


def test_the_api_says_sets_and_drops_it():
    member = make_member()
    card = with_card(member)
    client = freshly_signed_in(member)
    before = client.get(API).json()
    assert (before["is_on"], before["threshold"], before["amount"], before["method_id"]) == (False, 1_000, 2_500, None)

    said = put(client).json()

    assert (said["is_on"], said["kind"], said["amount"], said["method_id"]) == (True, "target", 4_000, str(card.pk))
    look_after_wallet(member)
    assert client.get(API).json()["paid_in_today"] == 4_000
    assert client.get(f"{API}?owner_id={make_member().pk}").status_code == 404
    dropped = client.delete(API).json()
    assert (dropped["is_on"], dropped["low_below"], dropped["method_id"]) == (False, None, None)


def test_a_key_charges_no_card_by_itself_but_may_stop_it():
    member = make_member()
    with_card(member)
    _client, secret = create_api_client(member, name="Key", scopes=["read", "write"], expires_at=None, by=member)
    key = {"authorization": f"Bearer {secret}"}

    assert put(Client(), **key).status_code == 403
    assert not AutoTopUp.objects.exists()
    make_auto_top_up(member)
    assert Client().delete(API, headers=key).json()["is_on"] is False


@pytest.mark.parametrize("method", ["another's", "removed"])
def test_the_api_refuses_a_card_that_is_not_there(method):
    member, other = make_member(), make_member()
    card = with_card(other if method == "another's" else member)
    if method == "removed":
        remove_payment_method(card, by=member)

    answer = freshly_signed_in(member).put(
        API, {"is_on": True, "method_id": str(card.pk)}, content_type="application/json"
    )

    assert answer.status_code == 422
    assert not AutoTopUp.objects.exists()


def test_it_waits_on_the_page_until_it_is_tried_again():
    member = make_auto_top_up(make_member(), card=NEEDS_CONFIRMATION)
    look_after_wallet(member)
    AutoTopUp.objects.update(paused_until=timezone.now() - timedelta(seconds=1))

    assert "It is tried again" not in client_of(member).get(WALLET_PAGE).content.decode()
    drop_auto_top_up(member, by=member)
    assert "a card of yours fills it by itself" in client_of(member).get(WALLET_PAGE).content.decode()


CARD = {"provider": "sandbox", "test_card": SUCCEEDS}


@pytest.mark.parametrize("keep", ["on", ""])
def test_a_card_is_kept_while_a_wallet_is_filled_if_it_is_said(keep):
    member = make_member()
    client = client_of(member)
    assert "Keep this card for next time" in client.get("/me/money/top-up/").content.decode()

    client.post("/me/money/top-up/", {**CARD, "amount": "20", "keep": keep})

    assert PaymentMethod.objects.filter(user=member).count() == (1 if keep else 0)
    assert ("Visa •••• 4242" in client.get("/me/money/methods/").content.decode()) is bool(keep)


def test_a_card_is_kept_while_a_seat_is_paid_for_and_at_another_try():
    member = make_member()
    client = client_of(member)
    page = f"/sessions/{make_session(price=2_000).pk}/book/"
    assert "Keep this card for next time" in client.get(page).content.decode()

    declined = client.post(page, {**CARD, "test_card": DECLINED, "agreed": 2_000, "keep": "on"})
    assert not PaymentMethod.objects.exists()
    client.post(declined["Location"].replace("result", "pay"), {**CARD, "agreed": 2_000, "keep": "on"})

    assert [one.state for one in Payment.objects.order_by("id")] == ["failed", "succeeded"]
    assert PaymentMethod.objects.filter(user=member).count() == 1
