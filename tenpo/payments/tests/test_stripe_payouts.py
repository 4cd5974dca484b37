"""Payouts by Stripe Connect, against the double: a transfer, then on to the bank, and taken back where that fails."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from tenpo.checkout.actions.settling import receive_event
from tenpo.core.errors import RuleError
from tenpo.payments.actions.connect import open_stripe_account, settle_stripe_account
from tenpo.payments.actions.payout_accounts import add_payout_account
from tenpo.payments.actions.payout_sending import (
    ask_about_payout,
    ask_whether_back,
    mark_payout_done,
    send_payout,
    send_waiting_payouts,
)
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout
from tenpo.payments.models import Payout, PayoutAccount
from tenpo.payments.payout_methods import METHODS, offered_methods
from tenpo.payments.payout_methods.base import details_of
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.queries import payout_terms
from tenpo.payments.tests.make import earnings_left, make_earnings, make_terms, moved
from tenpo.payments.tests.stripe_contract import contract_folder
from tenpo.payments.tests.stripe_double import StripeDouble, signed, stripe_by_double
from tenpo.people.models import User
from tenpo.people.tests.make import freshly_signed_in, make_admin, make_coach
from tests.at_once import at_once

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.invariants,
    pytest.mark.skipif(contract_folder() is None, reason="Stripe's description of its API is missing"),
]
State = Payout.State


@pytest.fixture
def double(settings: Any) -> Iterator[StripeDouble]:
    with stripe_by_double(settings) as one:
        yield one


def opened(double: StripeDouble, coach: User, *, is_approved: bool = True) -> StripeAccount:
    open_stripe_account(coach, by=coach)
    account = StripeAccount.objects.get(user=coach)
    double.complete_account(account.reference, is_approved=is_approved)
    settle_stripe_account(account)
    return StripeAccount.objects.get(pk=account.pk)


def add(coach: User) -> PayoutAccount:
    return add_payout_account(coach, method="stripe", holder=coach.name, details={}, by=coach)


@pytest.fixture
def approved(double: StripeDouble) -> Callable[[], Payout]:
    def make() -> Payout:
        make_terms(fee=50)
        coach = make_coach()
        opened(double, coach)
        make_earnings(coach, 2_000)
        payout = ask_for_payout(add(coach), source="earnings", amount=2_000, by=coach)
        return approve_payout(payout, by=make_admin())

    return make


def fresh(payout: Payout) -> Payout:
    return Payout.objects.select_related("account", "payee").get(pk=payout.pk)


def later() -> None:
    """A moment later: what is on its way is asked about."""
    Payout.objects.filter(state=State.SENT).update(sent_at=timezone.now() - timedelta(minutes=5))
    send_waiting_payouts()


def tell_last(double: StripeDouble) -> None:
    receive_event("stripe", *signed(double.events[-1]))


def test_what_was_approved_is_sent_and_goes_on_to_the_bank(double, approved):
    payout = approved()

    send_waiting_payouts()
    on_its_way = fresh(payout)
    double.end_payout("paid")
    later()

    [sent], [bank] = double.of_kind("transfer"), double.of_kind("payout")
    assert (on_its_way.state, on_its_way.reference) == (State.SENT, sent["id"])
    assert (sent["amount"], sent["transfer_group"]) == (1_950, f"payout {payout.pk}")
    assert sent["destination"] == details_of(on_its_way.account)["account"] == bank["description"]
    assert (bank["amount"], bank["metadata"]) == (1_950, {"tenpo_transfer": str(payout.pk)})
    assert fresh(payout).state == State.DONE
    assert moved(payout) == {"payout_hold": 2_000, "payout": 1_950, "payout_fee": 50}
    assert on_its_way.account.masked == f"•••• {sent['destination'][-4:]}"


@pytest.mark.parametrize("status", ["failed", "canceled"])
@pytest.mark.parametrize("tells", ["webhook", "job"])
def test_what_the_bank_does_not_take_is_taken_back_and_its_payees_again(double, approved, status, tells):
    payout = approved()
    send_waiting_payouts()
    double.end_payout(status, code="account_closed" if status == "failed" else None)

    for _ in range(2):
        tell_last(double) if tells == "webhook" else later()

    ended = fresh(payout)
    assert (ended.state, ended.failure_code) == (State.FAILED, "account_closed" if status == "failed" else "returned")
    assert earnings_left(payout.payee) == 2_000
    [sent] = double.of_kind("transfer")
    assert sent["amount_reversed"] == 1_950
    assert double.balances[sent["destination"]] == 0
    assert len(double.of_kind("transfer_reversal")) == 1


@pytest.mark.parametrize("tells", ["webhook", "job"])
def test_what_a_bank_gives_back_after_it_arrived_is_its_payees_again(double, approved, tells):
    """Stripe says "paid", and days later that the bank did not keep it."""
    payout = approved()
    send_waiting_payouts()
    double.end_payout("paid")
    tell_last(double)
    assert fresh(payout).state == State.DONE
    double.end_payout("failed", code="account_closed")

    with time_machine.travel(timezone.now() + timedelta(days=3), tick=True):
        for _ in range(2):
            tell_last(double) if tells == "webhook" else send_waiting_payouts()

    ended = fresh(payout)
    assert (ended.state, ended.failure_code) == (State.FAILED, "account_closed")
    assert (earnings_left(payout.payee), ended.account.verified_at) == (2_000, None)
    [sent] = double.of_kind("transfer")
    assert (sent["amount_reversed"], double.balances[sent["destination"]]) == (1_950, 0)
    assert len(double.of_kind("payout")) == len(double.of_kind("transfer_reversal")) == 1


def test_what_arrived_is_asked_about_once_a_day_for_two_weeks(double, approved):
    payout = approved()
    send_waiting_payouts()
    double.end_payout("paid")
    tell_last(double)
    Payout.objects.update(asked_at=fresh(payout).ended_at)
    arrived = fresh(payout).ended_at
    assert arrived is not None

    def is_asked_after(**later: int) -> bool:
        with time_machine.travel(arrived + timedelta(**later), tick=False):
            return send_waiting_payouts() == 1

    assert [is_asked_after(hours=hours) for hours in (24, 25, 48, 50)] == [False, True, False, True]
    assert [is_asked_after(days=13, hours=23), is_asked_after(days=15)] == [True, False]
    assert fresh(payout).state == State.DONE


def test_who_does_not_say_whether_it_came_back_is_asked_again(double, approved):
    payout = approved()
    send_waiting_payouts()
    double.end_payout("paid")
    tell_last(double)
    double.end_payout("failed", code="account_closed")
    # The transfer and the payout are looked up, and the reversal is done but not heard of.
    double.faults = ["", "", "lost"]

    states = []
    for days in (2, 4):
        with time_machine.travel(timezone.now() + timedelta(days=days), tick=True):
            send_waiting_payouts()
        states.append(fresh(payout).state)

    assert states == [State.DONE, State.FAILED]
    assert earnings_left(payout.payee) == 2_000
    assert len(double.of_kind("transfer_reversal")) == 1


def test_one_that_comes_back_while_stripe_does_not_answer_is_told_of_again(double, approved, client):
    """No job asks about it any more, so Stripe has to say it once more."""
    payout = approved()
    send_waiting_payouts()
    double.end_payout("paid")
    tell_last(double)
    double.end_payout("failed", code="account_closed")

    def send() -> int:
        headers, body = signed(double.events[-1])
        answer = client.post("/api/v1/webhooks/stripe", body, content_type="application/json", headers=headers)
        return int(answer.status_code)

    with time_machine.travel(timezone.now() + timedelta(days=15), tick=True):
        double.faults = ["500"]
        assert send() == 503
        assert (send_waiting_payouts(), fresh(payout).state) == (0, State.DONE)

        assert (send(), send()) == (200, 200)

    assert (fresh(payout).state, earnings_left(payout.payee)) == (State.FAILED, 2_000)
    assert len(double.of_kind("transfer_reversal")) == 1


@pytest.mark.django_db(transaction=True)
def test_what_came_back_and_many_hear_of_at_once_comes_back_once(double, approved):
    payout = approved()
    send_waiting_payouts()
    double.end_payout("paid")
    tell_last(double)
    double.end_payout("failed", code="account_closed")

    at_once([lambda: ask_whether_back(fresh(payout))] * 5)

    assert (fresh(payout).state, earnings_left(payout.payee)) == (State.FAILED, 2_000)
    assert len(double.of_kind("transfer_reversal")) == 1


def test_a_webhook_tells_of_the_arrival(double, approved):
    payout = approved()
    send_waiting_payouts()
    double.end_payout("paid")

    for _ in range(3):
        tell_last(double)

    assert fresh(payout).state == State.DONE


def test_what_is_taken_back_at_stripe_itself_is_its_payees_again(double, approved):
    payout = approved()
    double.is_available = False
    send_waiting_payouts()
    [sent] = double.of_kind("transfer")
    double.reverse_transfer(sent["id"], asked={"amount": 1_950})

    tell_last(double)

    assert (fresh(payout).state, fresh(payout).failure_code) == (State.FAILED, "reversed")
    assert earnings_left(payout.payee) == 2_000


def test_money_that_is_not_there_yet_goes_on_another_day(double, approved):
    payout = approved()
    double.is_available = False
    send_waiting_payouts()
    later()
    assert (fresh(payout).state, double.of_kind("payout")) == (State.SENT, [])

    double.is_available = True
    # The same key gives the same refusal for the rest of the day.
    later()
    assert double.of_kind("payout") == []
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        send_waiting_payouts()

    assert len(double.of_kind("payout")) == len(double.of_kind("transfer")) == 1


@pytest.mark.parametrize("fault", ["lost", "dead", "500"])
@pytest.mark.parametrize("call", range(3))
def test_an_answer_that_is_lost_at_any_call_sends_it_once(double, approved, fault, call):
    """The transfer, the look for what went to the bank, and the payout to it."""
    payout = approved()
    double.faults = [""] * call + [fault]

    send_waiting_payouts()
    assert fresh(payout).state == State.SENT
    for _ in range(2):
        later()
    double.end_payout("paid")
    later()

    assert len(double.of_kind("transfer")) == len(double.of_kind("payout")) == 1
    assert fresh(payout).state == State.DONE


def test_an_answer_to_the_taking_back_that_is_lost_takes_back_once(double, approved):
    payout = approved()
    send_waiting_payouts()
    double.end_payout("failed", code="no_account")
    # The transfer and the payout are looked up, and the reversal is done but not heard of.
    double.faults = ["", "", "lost"]

    later()
    assert fresh(payout).state == State.SENT
    later()

    assert fresh(payout).state == State.FAILED
    assert len(double.of_kind("transfer_reversal")) == 1


def test_an_account_that_stripe_has_restricted_since_is_sent_nothing(double, approved):
    payout = approved()
    account = StripeAccount.objects.get()
    double.complete_account(account.reference, is_approved=False)
    tell_last(double)

    send_waiting_payouts()

    assert (fresh(payout).state, fresh(payout).failure_code) == (State.FAILED, "account_restricted")
    assert earnings_left(payout.payee) == 2_000
    assert double.of_kind("transfer") == []


def test_what_stripe_refuses_is_its_payees_again(double, approved):
    payout = approved()
    double.things[StripeAccount.objects.get().reference]["payouts_enabled"] = False

    send_waiting_payouts()

    assert (fresh(payout).state, fresh(payout).failure_code) == (
        State.FAILED, "insufficient_capabilities_for_transfer",
    )  # fmt: skip


def test_what_cannot_be_taken_back_stays_on_its_way(double, approved):
    payout = approved()
    send_waiting_payouts()
    double.end_payout("failed", code="account_closed")
    double.balances.clear()

    later()

    assert fresh(payout).state == State.SENT
    assert earnings_left(payout.payee) == 0


@pytest.mark.django_db(transaction=True)
def test_who_sends_and_asks_at_once_sends_it_once(double, approved):
    payout = approved()
    send_payout(payout)

    at_once([lambda: ask_about_payout(fresh(payout))] * 5 + [lambda: send_payout(payout)] * 3)
    double.end_payout("failed", code="account_closed")
    at_once([lambda: ask_about_payout(fresh(payout))] * 5)

    assert len(double.of_kind("transfer")) == len(double.of_kind("payout")) == 1
    assert len(double.of_kind("transfer_reversal")) == 1
    assert (fresh(payout).state, earnings_left(payout.payee)) == (State.FAILED, 2_000)


@pytest.mark.parametrize("is_approved", [None, False])
def test_nobody_is_paid_there_who_has_not_completed_an_account(double, is_approved):
    coach = make_coach()
    if is_approved is not None:
        opened(double, coach, is_approved=is_approved)

    with pytest.raises(ValidationError) as refusal:
        add(coach)

    assert "account" in refusal.value.error_dict
    assert not PayoutAccount.objects.exists()


def test_it_is_offered_with_a_key_only(double, settings):
    coach = make_coach()
    opened(double, coach)
    assert "stripe" in offered_methods(payout_terms(), "EUR")

    settings.STRIPE_KEY = ""

    assert "stripe" not in offered_methods(payout_terms(), "EUR")
    with pytest.raises(RuleError) as refusal:
        add(coach)
    assert refusal.value.code == "method_not_offered"


def test_no_admin_says_what_stripe_says(double, approved):
    payout = approved()
    send_waiting_payouts()

    with pytest.raises(RuleError) as refusal:
        mark_payout_done(payout, by=make_admin())

    assert refusal.value.code == "not_by_hand"
    with pytest.raises(NotImplementedError):
        METHODS["stripe"].write([payout], payout_terms(), on=timezone.localdate())


def test_an_event_of_what_has_ended_sends_nothing(double, approved):
    payout = approved()
    send_waiting_payouts()
    double.end_payout("paid")
    event = double.events[-1]
    tell_last(double)
    double.things.clear()

    receive_event("stripe", *signed(event | {"id": "evt_again"}))

    assert fresh(payout).state == State.DONE
    assert double.of_kind("transfer") == []


def test_the_page_names_the_account_and_the_way_there(double, client: Client):
    coach = make_coach()
    browser = freshly_signed_in(coach)
    page = "/me/money/payouts/accounts/?method=stripe"
    assert "Your account there" in browser.get(page).content.decode()

    refused = browser.post(page, {"holder": coach.name})
    assert refused.status_code == 422
    assert "Complete your account at Stripe first." in refused.content.decode()
    opened(double, coach)
    assert browser.post(page, {"holder": coach.name}).status_code == 302

    [account] = PayoutAccount.objects.all()
    assert (account.owner, account.method) == (coach, "stripe")
