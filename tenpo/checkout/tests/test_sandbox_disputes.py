"""The test card whose bank takes the money back: told by webhook, counted as taken, and lost a week later."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tenpo.books.actions import reconciling
from tenpo.books.actions.reconciling import reconcile_provider
from tenpo.books.models import Difference
from tenpo.books.tests.make import today
from tenpo.checkout.actions.disputing import ask_about_disputes
from tenpo.checkout.actions.settling import take_back_sandbox_charge
from tenpo.checkout.queries.refunds import what_is_left
from tenpo.checkout.tests.refund_make import make_bought, make_earning_coach
from tenpo.orders.models import Line
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.sandbox import DISPUTE_FEE, LOST_AFTER, SUCCEEDS, TAKEN_BACK
from tenpo.payments.tests.make import earnings_left
from tenpo.people.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
PRICE = 10_000
A_LITTLE_LATER = timedelta(seconds=11)


def make_taken_back(coach: User, *, card: str = TAKEN_BACK) -> tuple[Line, Payment]:
    """What a card paid a little ago, and what its bank did meanwhile."""
    line = make_bought(coach=coach, card=card)
    SandboxCharge.objects.update(succeeded_at=timezone.now() - A_LITTLE_LATER)
    take_back_sandbox_charge(SandboxCharge.objects.get().pk)
    return line, Payment.objects.get()


def test_at_first_it_is_paid_as_any_other():
    make_bought(card=TAKEN_BACK)

    assert not take_back_sandbox_charge(SandboxCharge.objects.get().pk)
    assert Payment.objects.get().disputed_at is None


def test_another_card_is_not_taken_back():
    _line, payment = make_taken_back(make_earning_coach(), card=SUCCEEDS)

    assert payment.disputed_at is None


def test_its_bank_takes_it_back_once_and_a_week_later_it_is_lost():
    coach = make_earning_coach()
    _line, payment = make_taken_back(coach)
    assert not take_back_sandbox_charge(SandboxCharge.objects.get().pk)
    dispute = payment.disputes.get()
    assert (dispute.state, dispute.taken, dispute.fee, dispute.lost) == ("open", PRICE, DISPUTE_FEE, 0)
    assert (payment.is_wanted_back, earnings_left(coach)) == (True, 8_500)

    with time_machine.travel(timezone.now() + LOST_AFTER):
        assert [ask_about_disputes() for _again in range(2)] == [1, 0]

    dispute.refresh_from_db()
    assert (dispute.state, dispute.taken, dispute.lost) == ("lost", PRICE, PRICE)
    assert (earnings_left(coach), what_is_left(Line.objects.get(), Payment.objects.get()).own) == (0, 0)


def test_nothing_is_refunded_that_was_taken_back():
    _line, payment = make_taken_back(make_earning_coach())

    assert provider_of("sandbox").refund(payment, amount=1, key="late").state == "failed"


def test_what_was_refunded_before_is_not_taken_back():
    line = make_bought(card=TAKEN_BACK)
    payment = Payment.objects.get()
    provider_of("sandbox").refund(payment, amount=4_000, key="before")
    SandboxCharge.objects.update(succeeded_at=timezone.now() - timedelta(seconds=5))

    with time_machine.travel(timezone.now() + A_LITTLE_LATER):
        [outcome] = provider_of("sandbox").disputes(payment)

    assert (outcome.amount, line.price) == (6_000, PRICE)


def test_its_list_and_ours_agree(monkeypatch):
    monkeypatch.setattr(reconciling, "is_over", lambda day: True)
    make_taken_back(make_earning_coach())

    reconcile_provider("sandbox", since=today(), until=today(), by=None)

    assert not Difference.objects.exists()
