"""Whoever pays by bank transfer reads where to, how much and which reference: on pages, by mail and by API."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.actions.settling import mark_paid
from tenpo.checkout.actions.topping_up import top_up
from tenpo.core.errors import RuleError
from tenpo.core.outbox import drain
from tenpo.core.tests.make import ACCOUNT, make_account_to_pay_to
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.orders.actions.business import update_business
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session
from tests.work import work

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

IN_FOURS = "DE02 1203 0000 0000 2020 51"


def held(member: User, *, provider: str = "transfer") -> Booking:
    return book_session(make_session(price=5_000), participant=member.participant, by=member, provider=provider)


def payment_of(booking: Booking) -> Payment:
    assert booking.line is not None
    return Payment.objects.get(order_id=booking.line.order_id)


def text_of(client: Client, page: str) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", client.get(page).content.decode()))


def copied(client: Client, page: str) -> list[str]:
    return re.findall(r'data-copy="([^"]*)"', client.get(page).content.decode())


@pytest.mark.usefixtures("takes_transfers")
def test_the_page_of_a_held_seat_says_it_line_by_line_with_a_code():
    member = make_member()
    booking = held(member)
    assert booking.line is not None
    page, client = reverse("checkout:booking-result", args=[booking.pk]), signed_in(member)

    assert f"IBAN {IN_FOURS} " in text_of(client, page)
    assert copied(client, page) == [
        ACCOUNT["bank_holder"], ACCOUNT["bank_iban"], ACCOUNT["bank_bic"], booking.line.order.number, "50"
    ]  # fmt: skip
    assert 'class="qr"' in client.get(page).content.decode()


@pytest.mark.usefixtures("takes_transfers")
def test_so_do_the_order_and_the_page_of_a_top_up():
    member = make_member()
    booking, payment = held(member), top_up(member, amount=2_050, provider="transfer", by=member)
    assert booking.line is not None
    client = signed_in(member)
    receipt = reverse("checkout:receipt", args=[booking.line.order_id])
    waiting = reverse("checkout:top-up-result", args=[payment.pk])

    assert IN_FOURS in text_of(client, receipt)
    assert copied(client, receipt)[-2:] == [booking.line.order.number, "50"]
    assert IN_FOURS in text_of(client, waiting)
    assert copied(client, waiting)[-2:] == [payment.transfer_reference, "20.50"]


@pytest.mark.usefixtures("takes_transfers")
def test_once_it_is_paid_or_paid_otherwise_nobody_is_told_to():
    member = make_member()
    booking, other = held(member), held(member, provider="payroll")
    mark_paid(payment_of(booking), by=make_admin())
    client = signed_in(member)

    for one in (booking, other):
        assert one.line is not None
        for page in (
            reverse("checkout:booking-result", args=[one.pk]),
            reverse("checkout:receipt", args=[one.line.order_id]),
        ):
            assert IN_FOURS not in text_of(client, page)
        assert client.get(f"/api/v1/payments/{payment_of(one).pk}/transfer").status_code == 404


def test_in_another_currency_there_is_no_code():
    update_business(by=None, currency="CHF")
    make_account_to_pay_to()
    member = make_member()
    payment = top_up(member, amount=2_000, provider="transfer", by=member)

    text = signed_in(member).get(reverse("checkout:top-up-result", args=[payment.pk])).content.decode()

    assert IN_FOURS in text
    assert 'class="qr"' not in text


def test_where_no_account_was_said_the_page_says_so():
    """It was offered before there was an account to set."""
    make_account_to_pay_to(**dict.fromkeys(ACCOUNT, ""))
    member = make_member()
    booking = held(member)
    assert booking.line is not None
    page, client = reverse("checkout:booking-result", args=[booking.pk]), signed_in(member)

    assert "tells you which account it goes to" in text_of(client, page)
    assert copied(client, page) == [booking.line.order.number, "50"]


def test_where_it_is_not_offered_nobody_pays_by_it():
    member, session = make_member(), make_session(price=5_000)
    client = signed_in(member)

    with pytest.raises(RuleError) as refusal:
        book_session(session, participant=member.participant, by=member, provider="transfer")
    assert refusal.value.code == "payment_needed"
    with pytest.raises(RuleError):
        top_up(member, amount=2_000, provider="transfer", by=member)

    assert not Booking.objects.exists()
    assert not Payment.objects.exists()
    assert 'value="transfer"' not in client.get(reverse("checkout:book", args=[session.pk])).content.decode()
    make_account_to_pay_to()
    assert 'value="transfer"' in client.get(reverse("checkout:book", args=[session.pk])).content.decode()


@pytest.mark.usefixtures("takes_transfers")
@pytest.mark.parametrize(("minutes", "is_offered"), [(150, False), (24 * 60 - 1, False), (24 * 60 + 1, True)])
def test_it_is_offered_only_where_the_money_can_be_there_before_it_starts(minutes, is_offered):
    member, session = make_member(), make_session(price=5_000, starts_in=timedelta(minutes=minutes))
    page = reverse("checkout:book", args=[session.pk])
    how: dict[str, Any] = {"participant": member.participant, "by": member}

    shown = signed_in(member).get(page).content.decode()
    sent = signed_in(member).post(page, {"provider": "transfer", "agreed": 5_000})

    assert ('value="transfer"' in shown) is is_offered
    assert 'value="payroll"' in shown
    assert sent.status_code == (302 if is_offered else 422)
    if is_offered:
        return
    with pytest.raises(RuleError) as refusal:
        book_session(session, **how, provider="transfer")
    assert (refusal.value.code, Booking.objects.count()) == ("payment_needed", 0)
    assert "would not be there before it starts" in str(refusal.value)
    held = book_session(session, **how, provider="sandbox", source=DECLINED)
    with pytest.raises(RuleError):
        pay_booking(held, provider="transfer", by=member)
    assert Payment.objects.filter(provider="transfer").count() == 0
    # What is paid ahead is for no date.
    assert top_up(member, amount=2_000, provider="transfer", by=member).provider == "transfer"


@pytest.mark.usefixtures("takes_transfers")
def test_what_waits_already_is_paid_though_it_is_not_offered_any_more():
    member = make_member()
    payment = payment_of(held(member))

    update_business(by=None, offers_bank_transfer=False)

    assert mark_paid(payment, by=make_admin()).state == "succeeded"


@pytest.mark.usefixtures("takes_transfers")
def test_by_api_with_the_text_of_the_code():
    member = make_member()
    booking = held(member)
    assert booking.line is not None
    path = f"/api/v1/payments/{payment_of(booking).pk}/transfer"

    answer = signed_in(member).get(path)

    said = answer.json()
    assert (answer.status_code, said.pop("epc").split("\n")[6:8]) == (200, [ACCOUNT["bank_iban"], "EUR50"])
    assert said == {
        "holder": ACCOUNT["bank_holder"], "iban": ACCOUNT["bank_iban"], "bic": ACCOUNT["bank_bic"],
        "bank": ACCOUNT["bank_name"], "reference": booking.line.order.number, "amount": 5_000, "currency": "EUR",
    }  # fmt: skip
    assert signed_in(make_member()).get(path).status_code == 404


def facts_told(user: User) -> list[dict[str, str]]:
    drain(1_000)
    rows = Notification.objects.filter(user=user, kind="payment.awaited").order_by("id")
    return [dict(say(row.kind, row.payload).facts) for row in rows]


@pytest.mark.usefixtures("takes_transfers")
def test_whoever_owes_it_is_told_where_to_but_not_who_pays_by_payroll():
    member = make_member()
    booking, payment = held(member), top_up(member, amount=2_000, provider="transfer", by=member)
    held(member, provider="payroll")
    top_up(member, amount=3_000, provider="payroll", by=member)
    assert booking.line is not None

    account = {"To": "Nordlicht GmbH", "IBAN": IN_FOURS, "BIC": "BYLADEM1001", "Bank": "DKB"}
    assert facts_told(member) == [
        {**account, "Reference": booking.line.order.number, "Amount": "€50.00"},
        {**account, "Reference": payment.transfer_reference, "Amount": "€20.00"},
        {},
    ]


@pytest.mark.usefixtures("takes_transfers")
def test_the_mail_holds_it_as_text():
    member = make_member()
    held(member)
    work()

    [sent] = [one for one in mail.outbox if member.email in one.to[0]]

    assert f"IBAN: {IN_FOURS}" in sent.body
    assert "Reference: " in sent.body


@pytest.mark.usefixtures("takes_transfers")
def test_an_admin_reads_what_the_payer_wrote_on_it():
    booking = held(make_member())
    payment = payment_of(booking)
    assert booking.line is not None

    text = text_of(signed_in(make_admin()), reverse("checkout:payment-detail", args=[payment.pk]))

    assert f"On the transfer {booking.line.order.number}" in text
    assert str(payment.reference) not in text
