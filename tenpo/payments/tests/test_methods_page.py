import pytest
from django.test import Client
from django.utils import timezone

from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers.sandbox import DECLINED, NEVER_ANSWERS, SUCCEEDS
from tenpo.people.tests.make import make_member
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
PAGE = "/me/money/methods/"


@pytest.fixture
def member(client: Client):
    user = make_member()
    client.force_login(user)
    return user


def keep(client: Client, card: str = SUCCEEDS):
    return client.post(PAGE, {"provider": "sandbox", "test_card": card}, follow=True).content.decode()


def test_a_card_is_kept_and_listed(client, member):
    assert "Cards that you keep stand here" in client.get(PAGE).content.decode()

    text = keep(client)

    assert "Visa •••• 4242 is kept to pay with." in text
    assert "until 12/2045" in text
    assert "Offered first" in text


def test_a_declined_card_is_said_to_be_not_kept(client, member):
    assert "The card was declined. It is not kept." in keep(client, DECLINED)


def test_one_that_is_being_confirmed_is_listed_as_that(client, member):
    assert "Being confirmed" in keep(client, NEVER_ANSWERS)


def test_a_choice_is_needed_and_a_number_must_be_a_cards(client, member):
    assert client.post(PAGE, {"provider": ""}).status_code == 422
    wrong = client.post(PAGE, {"provider": "sandbox", "card_number": "4242424242424241"})
    assert (wrong.status_code, "not the number of a card" in wrong.content.decode()) == (422, True)
    assert not PaymentMethod.objects.exists()


def test_another_is_offered_first_and_one_removed(client, member):
    first, second = (add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member) for _ in range(2))

    client.post(f"{PAGE}{second.pk}/default/")
    said = client.post(f"{PAGE}{first.pk}/remove/", follow=True).content.decode()

    assert "Visa •••• 4242 is removed." in said
    assert list(PaymentMethod.objects.kept()) == [second]
    second.refresh_from_db()
    assert second.is_default


def test_an_expired_card_says_so(client, member):
    add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)
    PaymentMethod.objects.update(expires_year=timezone.now().year - 1)

    assert "Expired" in client.get(PAGE).content.decode()


def test_a_card_that_is_entered_elsewhere_leads_there_and_back(client, member):
    method = PaymentMethod.objects.create(
        user=member, provider="sandbox", action_url="https://pay.example/enter?a=1&b=2"
    )

    leaving = client.get(f"{PAGE}{method.pk}/leave/").content.decode()
    back = client.get(f"{PAGE}{method.pk}/back/", follow=True).content.decode()
    gone = client.get(f"{PAGE}{method.pk}/leave/")

    assert '<meta http-equiv="refresh" content="0; url=https://pay.example/enter?a=1&amp;b=2">' in leaving
    assert "That did not work. Nothing is kept." in back  # the sandbox never heard of it
    assert (gone.status_code, gone["Location"]) == (302, PAGE)


def test_a_payment_that_is_confirmed_elsewhere_leads_there(client, member):
    payment = Payment.objects.create(
        payer=member, provider="sandbox", amount=500, currency="EUR", description="x", state="needs_action",
        action_url="https://pay.example/confirm",
    )  # fmt: skip

    leaving = client.get(f"/payments/{payment.pk}/leave/").content.decode()
    back = client.get(f"/payments/{payment.pk}/back/")

    payment.refresh_from_db()
    assert "https://pay.example/confirm" in leaving
    assert (back["Location"], payment.state) == ("/me/money/", "failed")
    assert client.get(f"/payments/{payment.pk}/leave/")["Location"] == "/me/money/"


def test_a_saved_card_is_offered_first_when_booking(client, member):
    method = add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)
    session = make_session(price=1_000)
    address = f"/sessions/{session.pk}/book/"

    shown = client.get(address).content.decode()
    client.post(address, {"provider": f"saved:{method.pk}", "agreed": 1_000})

    assert "Visa •••• 4242, saved" in shown
    assert Booking.objects.get().state == "confirmed"
    assert Payment.objects.get().saved_method == method


def test_a_card_of_somebody_else_is_no_choice(client, member):
    other = make_member()
    method = add_payment_method(other, provider="sandbox", source=SUCCEEDS, by=other)

    answer = client.post(
        f"/sessions/{make_session(price=1_000).pk}/book/", {"provider": f"saved:{method.pk}", "agreed": 1_000}
    )

    assert answer.status_code == 422
    assert not Booking.objects.exists()
