"""Somebody whom Stripe does not know any more, as a customer was deleted there: they are made known anew, and pay."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.functions import Now

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions import settling
from tenpo.checkout.actions.topping_up import top_up
from tenpo.core.tokens import new_id
from tenpo.payments.actions.auto_top_ups import TopUpWish, set_auto_top_up
from tenpo.payments.actions.methods import add_payment_method, settle_method
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod, ProviderCustomer
from tenpo.payments.providers import stripe
from tenpo.payments.tests.stripe_contract import answer_faults, contract_folder
from tenpo.payments.tests.stripe_double import StripeDouble, stripe_by_double
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.payments.words import say_failure
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tests.at_once import at_once, meet_before

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.invariants,
    pytest.mark.skipif(contract_folder() is None, reason="Stripe's description of its API is missing"),
]


@pytest.fixture
def double(settings: Any) -> Iterator[StripeDouble]:
    with stripe_by_double(settings) as one:
        yield one


def keep(double: StripeDouble, user: User) -> PaymentMethod:
    method = add_payment_method(user, provider="stripe", by=user)
    double.enter_card(method.reference)
    return settle_method(method)


def pay(user: User, source: str = "") -> Payment:
    return top_up(user, amount=2_000, provider="stripe", source=source, by=user)


def forget(double: StripeDouble, user: User) -> str:
    """Their customer is deleted at Stripe; how it was called."""
    reference = ProviderCustomer.objects.get(user=user).reference
    double.delete_customer(reference)
    assert answer_faults("deleted_customer", double.things[reference]) == []
    return reference


def test_a_page_is_opened_for_one_who_is_made_known_anew_and_what_they_kept_is_gone(double):
    user = make_member()
    method = keep(double, user)
    gone = forget(double, user)

    payment = pay(user)
    double.enter_card(payment.reference)
    settling.settle_from_provider(payment)

    payment.refresh_from_db()
    method.refresh_from_db()
    known = ProviderCustomer.objects.get(user=user).reference
    assert (payment.state, known != gone) == ("succeeded", True)
    assert (method.state, method.is_default, method.forgotten_at is not None) == ("removed", False, True)
    assert double.of_kind("payment_intent")[-1]["customer"] == known
    # The next ones ask nobody twice.
    made = double.asked.count("POST /v1/customers")
    pay(user)
    assert double.asked.count("POST /v1/customers") == made == 2


def test_a_kept_card_that_is_gone_fails_in_words_and_another_one_is_kept(double):
    user = make_member()
    method = keep(double, user)
    set_auto_top_up(user, TopUpWish(True, 1_000, "fixed", 2_500, 5_000, method=method), by=user)
    forget(double, user)

    payment = pay(user, str(method.pk))

    assert (payment.state, payment.failure_code) == ("failed", "method_gone")
    assert "does not keep this card any more" in say_failure(payment.failure_code)
    method.refresh_from_db()
    assert method.state == "removed"
    assert AuditLog.objects.filter(object_id=method.pk, action="payment_method.removed").count() == 1
    assert AutoTopUp.objects.get().is_on is False
    other = keep(double, user)
    assert (other.state, other.is_default) == ("ready", True)
    assert pay(user, str(other.pk)).state == "succeeded"


def test_adding_a_card_makes_them_known_anew(double):
    user = make_member()
    first = keep(double, user)
    forget(double, user)

    second = keep(double, user)

    first.refresh_from_db()
    assert (first.state, second.state, second.is_default) == ("removed", "ready", True)


def test_a_card_that_alone_is_gone_takes_no_other_with_it(double):
    user = make_member()
    lost, other = keep(double, user), keep(double, user)
    double.things[lost.reference]["customer"] = None

    payment = pay(user, str(lost.pk))

    assert (payment.state, payment.failure_code) == ("failed", "method_gone")
    assert list(PaymentMethod.objects.ready()) == [other]
    assert pay(user, str(other.pk)).state == "succeeded"


@pytest.mark.parametrize("fault", ["lost", "dead"])
def test_an_answer_that_is_lost_on_the_way_makes_no_second_customer(double, fault):
    user = make_member()
    pay(user)
    forget(double, user)
    # The page is refused, the customer made anew, its answer lost.
    double.faults = ["", fault]

    payment = pay(user)
    assert payment.state == "unknown"
    assert settling.settle_from_provider(payment)

    payment.refresh_from_db()
    assert payment.state == "needs_action"
    assert len([one for one in double.of_kind("customer") if not one.get("deleted")]) == 1


@pytest.mark.parametrize("is_known_anew", [False, True])
def test_a_charge_whose_answer_was_lost_is_found_though_its_customer_is_gone(double, is_known_anew):
    user = make_member()
    method = keep(double, user)
    ProviderCustomer.objects.update(created_at=Now())
    double.faults = ["lost"]
    payment = pay(user, str(method.pk))
    assert payment.state == "unknown"
    forget(double, user)
    if is_known_anew:
        pay(user)

    settling.settle_from_provider(payment)

    payment.refresh_from_db()
    assert payment.state == "succeeded"
    assert len(double.of_kind("payment_intent")) == 1


def find_out_at_once(double: StripeDouble) -> tuple[int, int]:
    """Four find that somebody's customer is gone: under how many names they pay, and how many were made."""
    user = make_member()
    pay(user)
    forget(double, user)
    opened = len(double.of_kind("checkout.session"))

    found = at_once([lambda: pay(user).state] * 4)

    assert set(found) == {"needs_action"}
    assert ProviderCustomer.objects.count() == 1
    pages = double.of_kind("checkout.session")[opened:]
    made = [one for one in double.of_kind("customer") if not one.get("deleted")]
    return len({page["customer"] for page in pages}), len(made)


@pytest.mark.django_db(transaction=True)
def test_four_who_find_out_at_once_make_one_customer(double):
    assert find_out_at_once(double) == (1, 1)


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_their_common_key_each_makes_one(double, monkeypatch):
    make = stripe._make_customer
    monkeypatch.setattr(stripe, "_make_customer", lambda user, key: make(user, f"{key}:{new_id()}"))
    meet_before(monkeypatch, stripe, "_replace_customer", 4)

    assert find_out_at_once(double)[1] == 4


def test_what_stripe_refuses_for_another_reason_forgets_nobody(double):
    user = make_member()
    method = keep(double, user)
    double.faults = ["400"]

    payment = pay(user, str(method.pk))

    assert (payment.state, payment.failure_code) == ("failed", "refused")
    method.refresh_from_db()
    assert method.state == "ready"
