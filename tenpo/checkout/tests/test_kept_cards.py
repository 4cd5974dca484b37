"""A card that is kept while something is paid with it: for a seat, and for a wallet; nothing is when it fails."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.actions.settling import (
    decide_sandbox_charge,
    receive_event,
    reconcile_payments,
    settle_from_provider,
)
from tenpo.checkout.actions.topping_up import top_up
from tenpo.core.limits import METHODS_KEPT
from tenpo.payments.actions.methods import add_payment_method, remove_payment_method, settle_methods
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.provider_models import PaymentMethod, SandboxCard
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, NEVER_ANSWERS, SUCCEEDS, SUCCEEDS_LATE
from tenpo.payments.tests.stripe_contract import contract_folder
from tenpo.payments.tests.stripe_double import ASKS, LATE, PAYS, StripeDouble, signed, stripe_by_double
from tenpo.payments.tests.stripe_double import DECLINED as STRIPE_DECLINES
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]
by_stripe = pytest.mark.skipif(contract_folder() is None, reason="Stripe's description of its API is missing")


@pytest.fixture
def double(settings: Any) -> Iterator[StripeDouble]:
    with stripe_by_double(settings) as one:
        yield one


def book(member: User, *, card: str = SUCCEEDS, provider: str = "sandbox", keep: bool = True) -> Booking:
    source = card if provider == "sandbox" else ""
    return book_session(
        make_session(price=2_000),
        participant=member.participant,
        by=member,
        provider=provider,
        source=source,
        keep=keep,
    )


def fill(member: User, *, card: str = SUCCEEDS, provider: str = "sandbox", keep: bool = True) -> Payment:
    source = card if provider == "sandbox" else ""
    return top_up(member, amount=2_000, provider=provider, source=source, keep=keep, by=member)


def kept(member: User) -> list[str]:
    return [str(one) for one in PaymentMethod.objects.ready().filter(user=member).order_by("id")]


@pytest.mark.parametrize("pay", [book, fill])
def test_a_card_that_pays_is_kept_and_pays_again(pay):
    member = make_member()

    pay(member)

    method = PaymentMethod.objects.get(user=member)
    assert (kept(member), method.is_default, method.expires_year) == (["Visa •••• 4242"], True, 2045)
    assert AuditLog.objects.get(action="payment_method.added").actor_id == member.pk
    again = top_up(member, amount=2_000, provider="sandbox", source=str(method.pk), keep=True, by=member)
    assert (again.state, again.saved_method, again.keeps_method) == ("succeeded", method, False)
    assert PaymentMethod.objects.count() == 1


@pytest.mark.parametrize("pay", [book, fill])
def test_nothing_is_kept_that_was_not_wished_or_did_not_pay(pay):
    member = make_member()

    pay(member, keep=False)
    pay(member, card=DECLINED)
    pay(member, card="4000000000009999")

    assert not PaymentMethod.objects.exists()
    assert not SandboxCard.objects.exists()


@pytest.mark.parametrize("card", [NEEDS_CONFIRMATION, SUCCEEDS_LATE])
@pytest.mark.parametrize("pay", [book, fill])
def test_what_pays_later_is_kept_then_once(pay, card):
    member = make_member()
    pay(member, card=card)
    assert kept(member) == []

    for _ in range(2):
        decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=True)

    assert kept(member) == [f"Visa •••• {card[-4:]}"]


def test_what_does_not_pay_later_is_not_kept():
    member = make_member()
    fill(member, card=NEEDS_CONFIRMATION)

    decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=False)

    assert not PaymentMethod.objects.exists()


def test_an_answer_that_is_lost_keeps_it_all_the_same():
    member = make_member()
    fill(member, card=NEVER_ANSWERS)
    Payment.objects.update(created_at=Now() - timedelta(minutes=2))

    assert reconcile_payments() == 1

    assert kept(member) == ["Visa •••• 0119"]


def test_another_try_keeps_its_own_card():
    member = make_member()
    booking = book(member, card=DECLINED)

    pay_booking(booking, by=member, provider="sandbox", source=SUCCEEDS, keep=True)

    assert kept(member) == ["Visa •••• 4242"]


def test_a_second_card_is_not_the_usual_one():
    member = make_member()
    first = add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)

    fill(member)

    assert PaymentMethod.objects.filter(is_default=True).get() == first
    assert len(kept(member)) == 2


@pytest.mark.parametrize("way", ["transfer", "payroll"])
def test_where_no_card_is_nothing_is_kept(way):
    member = make_member()

    payment = top_up(member, amount=2_000, provider=way, keep=True, by=member)

    assert not payment.keeps_method


def test_whoever_keeps_as_many_as_there_can_be_keeps_no_more():
    member = make_member()
    late = fill(member, card=NEEDS_CONFIRMATION)
    for _ in range(METHODS_KEPT):
        add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)

    refused = fill(member)
    decide_sandbox_charge(SandboxCharge.objects.get(key=str(late.pk)).pk, succeeds=True)
    settle_methods()

    assert (refused.state, refused.keeps_method) == ("succeeded", False)
    assert len(kept(member)) == METHODS_KEPT
    # What paid meanwhile is let go at its provider as well.
    assert SandboxCard.objects.get(key=str(late.pk)).state == "forgotten"
    assert PaymentMethod.objects.filter(state="removed").count() == 1


def test_it_can_be_removed_like_any_other():
    member = make_member()
    payment = fill(member)

    remove_payment_method(PaymentMethod.objects.get(), by=member)
    settle_from_provider(Payment.objects.get(pk=payment.pk))

    assert kept(member) == []
    assert SandboxCard.objects.get().state == "forgotten"


@by_stripe
@pytest.mark.parametrize("pay", [book, fill])
@pytest.mark.parametrize("tells", ["webhook", "return"])
def test_stripe_keeps_it_when_it_has_paid(double, pay, tells):
    member = make_member()
    pay(member, provider="stripe")
    payment = Payment.objects.get()

    double.enter_card(payment.reference, PAYS)
    if tells == "webhook":
        for event in double.events * 2:
            receive_event("stripe", *signed(event))
    else:
        settle_from_provider(payment)

    method = PaymentMethod.objects.get(user=member)
    assert (str(method), method.state, str(method.reference)[:3]) == ("Visa •••• 4242", "ready", "pm_")
    again = top_up(member, amount=900, provider="stripe", source=str(method.pk), by=member)
    assert again.state == "succeeded"


@by_stripe
def test_stripe_keeps_nothing_that_does_not_pay_or_was_not_wished(double):
    member = make_member()
    declined = fill(member, provider="stripe")
    double.enter_card(declined.reference, STRIPE_DECLINES)
    settle_from_provider(declined)
    only_paid = fill(member, provider="stripe", keep=False)
    double.enter_card(only_paid.reference, PAYS)
    settle_from_provider(only_paid)

    assert not PaymentMethod.objects.exists()
    assert [one["customer"] for one in double.of_kind("payment_method")] == [None, None]


@by_stripe
@pytest.mark.parametrize("card", [LATE, ASKS])
def test_stripe_keeps_what_pays_later(double, card):
    member = make_member()
    payment = fill(member, provider="stripe")
    double.enter_card(payment.reference, card)
    settle_from_provider(payment)
    assert kept(member) == []

    double.settle(double.of_kind("payment_intent")[0]["id"])
    receive_event("stripe", *signed(double.events[-1]))

    assert kept(member) == [f"Visa •••• {card}"]
