"""Money that came when its seat was gone became credit; what is still there of it goes back the way it was paid."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.actions import refunding
from tenpo.checkout.actions.refunding import ask_for_refund, give_refund, give_refund_elsewhere, grant_refund
from tenpo.checkout.tests.make import make_booking, make_top_up
from tenpo.checkout.tests.refund_make import (
    make_bought,
    make_late_money,
    make_late_money_by_hand,
    make_refund_terms,
)
from tenpo.core.errors import RuleError
from tenpo.core.tokens import new_id
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import balance_of
from tenpo.orders.tests.make import ledger_sum
from tenpo.payments.actions import refunds
from tenpo.payments.actions.refund_sending import mark_refund_done, send_refund, send_waiting_refunds
from tenpo.payments.models import Payment, Refund
from tenpo.payments.provider_models import SandboxRefund
from tenpo.payments.providers.sandbox import REFUND_FAILS
from tenpo.people.models import User
from tenpo.people.tests.make import freshly_signed_in, make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, meet_after, outcomes, without_constraint

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def credit_of(user: User) -> int:
    return sum(pot.balance or 0 for pot in Account.objects.credits_of(user))


def wallet_of(user: User) -> int:
    return balance_of(user, "EUR", [Account.Kind.WALLET])["wallet"]


def given(payment: Payment, amount: int, **wanted: Any) -> Refund:
    return give_refund(payment=payment, amount=amount, to="method", by=make_admin(), **wanted)


def refused(code: str, act: Any) -> None:
    before = Refund.objects.count(), Transfer.objects.count(), list(Payment.objects.values_list("refunded"))
    with pytest.raises(RuleError) as refusal:
        act()
    assert refusal.value.code == code
    assert before == (
        Refund.objects.count(), Transfer.objects.count(), list(Payment.objects.values_list("refunded"))
    )  # fmt: skip


def test_it_leaves_the_credit_and_goes_back_to_the_card():
    member = make_member()
    payment = make_late_money(member, 10_000)
    assert (payment.became_credit, credit_of(member)) == (True, 10_000)

    refund = send_refund(given(payment, 4_000))

    assert (refund.state, refund.own, refund.to) == ("done", 4_000, "method")
    assert (credit_of(member), Payment.objects.get().refunded) == (6_000, 4_000)
    assert SandboxRefund.objects.get().amount == 4_000
    assert (ledger_sum(Account.Kind.REFUNDS), ledger_sum(Account.Kind.SALES)) == (0, 0)


def test_what_its_payer_asks_for_is_granted_by_somebody_else():
    member = make_member()
    payment = make_late_money(member)
    refund = ask_for_refund(payment=payment, amount=10_000, to="method", reason="I could not come", by=member)
    assert (refund.state, credit_of(member)) == ("asked", 10_000)

    granted = grant_refund(refund, by=make_admin())

    assert (granted.state, credit_of(member)) == ("approved", 0)


def test_as_often_as_something_is_left_and_never_more():
    member = make_member()
    payment = make_late_money(member, 1_000)

    for _part in range(3):
        given(payment, 333)

    refused("more_than_left", lambda: given(payment, 2))
    assert given(payment, 1).amount == 1
    refused("nothing_left", lambda: given(payment, 1))
    assert (credit_of(member), Payment.objects.get().left) == (0, 0)


def test_what_was_spent_of_it_does_not_go_back():
    member = make_member()
    payment = make_late_money(member, 10_000)
    make_booking(make_session(make_coach(), price=7_000), member)

    refused("more_than_left", lambda: given(payment, 3_001))
    given(payment, 3_000)

    assert credit_of(member) == 0


def test_what_was_spent_and_came_back_goes_back():
    member = make_member()
    payment = make_late_money(member, 10_000)
    cancel_booking(make_booking(make_session(make_coach(), price=7_000), member), by=member)

    given(payment, 10_000)

    assert credit_of(member) == 0


def test_other_credit_and_the_wallet_stay_as_they_are():
    member = make_member()
    payment = make_late_money(member, 2_000)
    # The credit pays a part of it, and comes back.
    other = make_late_money(member, 7_000)
    make_top_up(member, 3_000)
    assert (other.amount, credit_of(member)) == (5_000, 7_000)

    refused("more_than_left", lambda: given(payment, 2_001))
    given(payment, 2_000)

    assert (credit_of(member), wallet_of(member)) == (5_000, 3_000)
    assert Payment.objects.get(pk=other.pk).refunded == 0


def test_credit_that_has_lapsed_is_not_there_any_more_and_a_moment_before_it_is():
    member = make_member()
    payment = make_late_money(member)
    lapses = Account.objects.credits_of(member).get().expires_at
    assert lapses is not None

    with time_machine.travel(lapses, tick=False):
        refused("nothing_left", lambda: given(payment, 1))
    with time_machine.travel(lapses - timedelta(seconds=1), tick=False):
        assert given(payment, 10_000).state == "approved"


@pytest.mark.parametrize("to", ["credit", "wallet"])
def test_it_goes_nowhere_but_back_the_way_it_was_paid(to):
    payment = make_late_money()

    refused("no_such_way", lambda: give_refund(payment=payment, amount=100, to=to, by=make_admin()))


def test_nobody_gives_themselves_and_only_admins_give():
    admin = make_admin()
    payment = make_late_money(admin)

    for who in (admin, make_member(), make_coach()):
        with pytest.raises(PermissionDenied):
            give_refund(payment=payment, amount=100, to="method", by=who)

    assert (credit_of(admin), Refund.objects.count()) == (10_000, 0)


def test_what_the_terms_allow_is_granted_at_once():
    make_refund_terms(automatic_amount=2_000)
    member = make_member()
    payment = make_late_money(member)

    asked = partial(ask_for_refund, payment=payment, to="method", reason="Ill", by=member)

    assert (asked(amount=2_000).state, asked(amount=1).state) == ("approved", "asked")


def test_the_same_form_twice_gives_once():
    payment, once = make_late_money(), new_id()

    assert given(payment, 400, once=once) == given(payment, 400, once=once)

    assert Payment.objects.get().refunded == 400


def test_a_transfer_is_sent_back_by_hand():
    payment = make_late_money_by_hand()
    refund = given(payment, payment.amount)

    done = mark_refund_done(refund, by=make_admin())

    assert (done.state, credit_of(payment.payer)) == ("done", 0)
    assert ledger_sum(Account.Kind.REFUNDS) == 0


def failed(payment: Payment) -> Refund:
    refund = send_refund(given(payment, 6_000))
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        send_waiting_refunds()
    refund.refresh_from_db()
    assert refund.state == "failed"
    return refund


def test_what_does_not_arrive_is_held_and_goes_to_the_wallet():
    member = make_member()
    refund = failed(make_late_money(member, card=REFUND_FAILS))
    assert (credit_of(member), ledger_sum(Account.Kind.REFUNDS)) == (4_000, 6_000)

    refused("no_such_way", lambda: give_refund_elsewhere(refund, to="credit", by=make_admin()))
    for _again in range(2):
        give_refund_elsewhere(refund, to="wallet", by=make_admin())

    assert (wallet_of(member), credit_of(member), Payment.objects.get().refunded) == (6_000, 4_000, 0)
    # What is in the wallet is not credit any more.
    refused("more_than_left", lambda: given(Payment.objects.get(), 4_001))


def test_what_does_not_arrive_is_its_payers_though_their_credit_has_lapsed_meanwhile():
    member = make_member()
    payment = make_late_money(member, card=REFUND_FAILS)
    lapses = Account.objects.credits_of(member).get().expires_at
    assert lapses is not None
    refund = failed(payment)

    with time_machine.travel(lapses + timedelta(days=1), tick=False):
        give_refund_elsewhere(refund, to="wallet", by=make_admin())

    assert wallet_of(member) == 6_000


def test_what_buys_something_has_a_line_and_goes_back_by_it():
    line = make_bought()
    paid = Payment.objects.get(order_id=line.order_id)

    refused("nothing_left", lambda: given(paid, 100))


@pytest.mark.django_db(transaction=True)
def test_at_once_it_goes_back_as_far_as_it_is_there():
    member = make_member()
    payment = make_late_money(member, 10_000)
    session = make_session(make_coach(), price=3_000)
    admins = [make_admin() for _ in range(4)]
    works: list[Any] = [
        partial(give_refund, payment=payment, amount=1_500, to="method", by=admins[n % 4]) for n in range(12)
    ]

    answers = at_once([*works, partial(make_booking, session, member)])

    assert not [one for one in answers if isinstance(one, Exception) and not isinstance(one, RuleError)]
    spent = sum(Transfer.objects.filter(kind__in=["credit_spend", "credit_reserve"]).values_list("amount", flat=True))
    back = Payment.objects.get(pk=payment.pk).refunded
    assert back + spent + credit_of(member) == 10_000
    assert back == sum(Refund.objects.granted().values_list("own", flat=True)) >= 6 * 1_000


@pytest.mark.django_db(transaction=True)
@pytest.mark.control
def test_control_at_once_more_goes_back_without_the_lock_and_the_guards(monkeypatch):
    """Shows that the test above can fail: nobody waits, and the credit may go below zero."""
    payment, admins = make_late_money(make_member(), 1_000), [make_admin() for _ in range(4)]
    monkeypatch.setattr(refunding, "lock_payments", Payment.objects.in_bulk)
    meet_after(monkeypatch, refunding, "lock_payments", 4)
    meet_after(monkeypatch, refunds, "credit_from", 4)

    with (
        without_constraint("ledger_account", "account_never_below_zero"),
        without_constraint("payments_payment", "payment_refunds_within"),
    ):
        answers = at_once(
            [partial(give_refund, payment=payment, amount=1_000, to="method", by=admin) for admin in admins]
        )

    assert outcomes(answers) == {"approved": 4}
    assert sum(Refund.objects.granted().values_list("own", flat=True)) == 4_000


# The pages and the API.


def test_an_admin_finds_it_at_the_payment_and_gives_it_back():
    member = make_member("Mina")
    payment = make_late_money(member, 5_000)
    client = freshly_signed_in(make_admin())
    page = client.get(reverse("checkout:payment-detail", args=[payment.pk])).content.decode()
    url = reverse("checkout:payment-refund-give", args=[payment.pk])
    assert url in page

    form = client.get(url)
    assert "became credit" in form.content.decode()
    wanted = {"amount": "20", "word": "Sorry", "once": form.context["form"]["once"].value()}
    client.post(url, wanted)

    refund = Refund.objects.get()
    assert (refund.user, refund.amount, refund.word, credit_of(member)) == (member, 2_000, "Sorry", 3_000)
    assert "Refund of" in client.get(reverse("checkout:payment-detail", args=[payment.pk])).content.decode()
    assert "Refund of" in signed_in(member).get("/me/money/credit/").content.decode()


def test_its_payer_asks_from_their_money():
    member = make_member()
    payment = make_late_money(member, 5_000)
    client = signed_in(member)
    url = reverse("checkout:payment-refund-ask", args=[payment.pk])

    assert url in client.get("/me/money/").content.decode()
    form = client.get(url)
    assert "It leaves your credit" in form.content.decode()
    client.post(url, {"amount": "50", "reason": "Ill", "once": form.context["form"]["once"].value()})

    assert Refund.objects.get().state == "asked"
    assert signed_in(make_member()).get(url).status_code == 404


def test_by_api():
    member, admin = make_member(), make_admin()
    payment = make_late_money(member, 5_000)
    about = f"/api/v1/refundable?payment_id={payment.pk}"
    left = signed_in(member).get(about).json()
    assert (left["left"], left["to"], left["refusal"]) == (5_000, ["method"], None)

    body = {"payment_id": str(payment.pk), "amount": 5_000, "to": "method"}
    answer = freshly_signed_in(admin).post(
        "/api/v1/given-refunds", body, "application/json", headers={"Idempotency-Key": "late"}
    )

    assert (answer.status_code, answer.json()["own"], answer.json()["line_id"]) == (201, 5_000, None)
    assert signed_in(member).get(about).json()["refusal"] == "nothing_left"


def test_what_came_late_is_known_by_the_order_it_was_meant_for():
    member = make_member("Mina")
    payment = make_late_money(member, 5_000)
    late = Booking.objects.get(booked_by=member, ending="expired")
    other = make_booking(make_session(), member)
    cancel_booking(other, by=member)
    client, words = signed_in(member), "Your payment came after the seat was gone"

    assert (payment.order_id, payment.late_for) == (None, late.line.order_id)
    assert words in client.get(reverse("checkout:booking-result", args=[late.pk])).content.decode()
    assert words not in client.get(reverse("checkout:booking-result", args=[other.pk])).content.decode()
    page = signed_in(make_admin()).get(reverse("checkout:payment-detail", args=[payment.pk])).content.decode()
    receipt = reverse("checkout:receipt", args=[late.line.order_id])
    assert receipt in page
    assert signed_in(make_admin()).get(receipt).status_code == 200
