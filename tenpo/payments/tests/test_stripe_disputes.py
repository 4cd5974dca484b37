"""Payments that a bank wants back, and money that comes in another sum than was asked for, as Stripe tells of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tenpo.audit.models import AuditLog
from tenpo.books.queries.reconciling import pairs_of
from tenpo.checkout.actions import settling
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.disputing import ask_about_disputes
from tenpo.checkout.actions.refunding import ask_for_refund, give_refund_elsewhere
from tenpo.checkout.actions.settling import receive_event, reconcile_payments
from tenpo.checkout.tests.make import told
from tenpo.checkout.tests.refund_make import make_refund_terms, takes_place
from tenpo.core.days import day_here
from tenpo.core.errors import RuleError
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.tests.make import credit_left, ledger_sum
from tenpo.payments.actions.auto_top_ups import TopUpWish, set_auto_top_up
from tenpo.payments.actions.methods import add_payment_method, settle_method
from tenpo.payments.actions.refund_sending import send_waiting_refunds
from tenpo.payments.models import Payment, Refund
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.payments.tests.stripe_contract import contract_folder
from tenpo.payments.tests.stripe_double import DISPUTE_FEE, LATE, StripeDouble, signed, stripe_by_double
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.invariants,
    pytest.mark.skipif(contract_folder() is None, reason="Stripe's description of its API is missing"),
]
STRIPE = provider_of("stripe")
PRICE = 2_000


@pytest.fixture
def double(settings: Any) -> Iterator[StripeDouble]:
    with stripe_by_double(settings) as one:
        yield one


def make_paid(double: StripeDouble, member: User) -> tuple[Booking, Payment]:
    booking = book_session(
        make_session(price=PRICE), participant=member.participant, by=member, provider="stripe", use_wallet=False
    )
    double.enter_card(Payment.objects.get().reference)
    settling.settle_from_provider(Payment.objects.get())
    return Booking.objects.select_related("line__order").get(pk=booking.pk), Payment.objects.get()


def make_disputed(double: StripeDouble, member: User) -> tuple[Booking, Payment]:
    booking, payment = make_paid(double, member)
    double.dispute(payment.reference)
    tell(double)
    payment.refresh_from_db()
    return booking, payment


def tell(double: StripeDouble, *, times: int = 1) -> None:
    for number in range(times):
        receive_event("stripe", *signed(double.events[-1] | {"id": f"{double.events[-1]['id']}_{number}"}))


def make_filling(double: StripeDouble, member: User) -> AutoTopUp:
    """A wallet that a kept card fills by itself."""
    method = add_payment_method(member, provider="stripe", by=member)
    double.enter_card(method.reference)
    wish = TopUpWish(True, threshold=1_000, kind="fixed", amount=2_500, daily_cap=5_000, method=settle_method(method))
    return set_auto_top_up(member, wish, by=member)


def test_a_dispute_is_noted_once_told_to_the_admins_and_charges_no_card_again(double):
    admin, member = make_admin(), make_member()
    filling = make_filling(double, member)
    booking, payment = make_paid(double, member)
    double.dispute(payment.reference)

    tell(double, times=3)

    payment.refresh_from_db()
    filling.refresh_from_db()
    booking.refresh_from_db()
    assert (payment.state, payment.disputed_at is not None, booking.state) == ("succeeded", True, "confirmed")
    assert (filling.is_on, filling.failure_code) == (False, "disputed")
    assert AuditLog.objects.filter(object_id=payment.pk, action="payment.disputed").count() == 1
    assert told(admin).count("admin.payment_disputed") == 1
    assert told(member).count("auto_top_up.switched_off") == 1
    page = signed_in(admin).get(f"/money/payments/{payment.pk}/").content.decode()
    assert ("Their bank wants it back" in page, "Payment: disputed" in page) == (True, True)


def test_what_is_told_of_a_dispute_only_says_where_to_look(double):
    _booking, payment = make_paid(double, make_member())
    double.dispute(payment.reference)
    double.of_kind("charge")[0]["disputed"] = False

    tell(double)

    assert Payment.objects.get().disputed_at is None


@pytest.mark.parametrize("is_disputed", [True, False])
def test_cancelling_what_is_disputed_gives_nothing_back_twice(double, is_disputed):
    member = make_member()
    booking, _payment = (make_disputed if is_disputed else make_paid)(double, member)

    cancel_booking(booking, by=member)
    send_waiting_refunds()

    # What goes to the provider is refused there, and waits for an admin.
    assert credit_left(member) == (0 if is_disputed else PRICE)
    assert ledger_sum(Account.Kind.REFUNDS) == (PRICE if is_disputed else 0)
    found = list(Refund.objects.values_list("state", "failure_code", "own"))
    assert found == ([("failed", "charge_disputed", PRICE)] if is_disputed else [])
    assert double.of_kind("refund") == []


@pytest.mark.parametrize(("is_disputed", "state"), [(True, "asked"), (False, "done")])
def test_what_the_terms_would_grant_waits_for_an_admin(double, is_disputed, state):
    member = make_member()
    make_refund_terms(automatic_amount=PRICE)
    booking, _payment = (make_disputed if is_disputed else make_paid)(double, member)
    assert booking.line
    line = takes_place(booking.line)

    refund = ask_for_refund(line=line, amount=PRICE, to="wallet", reason="It rained.", by=member)

    assert refund.state == state


def compared() -> dict[str, tuple[Any, ...]]:
    """What Stripe's list and the books say of each reference: in which way they differ, and what changed."""
    now, today = datetime.now(UTC), day_here()
    theirs = list(STRIPE.movements(now - timedelta(days=1), now + timedelta(days=1)))
    pairs = pairs_of("stripe", today, today, theirs)
    return {pair.reference: (pair.what, pair.ours and (pair.ours.amount, pair.ours.fee)) for pair in pairs}


@pytest.mark.parametrize(
    ("status", "fee", "state", "taken", "kept"),
    [("lost", 0, "lost", PRICE, DISPUTE_FEE), ("won", 0, "won", 0, DISPUTE_FEE), ("won", DISPUTE_FEE, "won", 0, 0),
     ("warning_closed", 0, "won", PRICE, DISPUTE_FEE)],
)  # fmt: skip
def test_what_the_bank_took_or_returned_is_in_the_books_as_it_is_at_stripe(double, status, fee, state, taken, kept):
    admin = make_admin()
    _booking, payment = make_disputed(double, make_member())
    dispute = payment.disputes.get()
    assert (dispute.state, dispute.taken, dispute.fee) == ("open", PRICE, DISPUTE_FEE)
    assert compared()[dispute.reference] == (None, (-PRICE, DISPUTE_FEE))

    double.close_dispute(status, fee=fee)
    tell(double, times=3)

    dispute.refresh_from_db()
    assert (dispute.state, dispute.taken, dispute.fee) == (state, taken, kept)
    assert {what for what, _ours in compared().values()} == {None}
    assert compared()[dispute.reference] == (None, (-taken, kept))
    assert ledger_sum(Account.Kind.DISPUTES) == (0 if state == "lost" else -taken)
    assert told(admin).count(f"admin.dispute_{state}") == 1


def test_an_end_that_no_webhook_told_is_asked_for(double):
    _booking, payment = make_disputed(double, make_member())
    double.close_dispute("lost")

    assert [ask_about_disputes() for _again in range(2)] == [1, 0]

    assert (payment.disputes.get().state, payment.disputes.get().lost) == ("lost", PRICE)


def test_what_was_won_is_asked_about_until_it_is_back(double):
    _booking, payment = make_disputed(double, make_member())
    # It is won, and its money is still to come: of that Stripe tells as well, but nobody hears it.
    double.close_dispute("warning_closed")
    tell(double)
    won = payment.disputes.get()
    double.reinstate()

    Payment.objects.update(asked_at=None)
    assert [ask_about_disputes() for _again in range(2)] == [1, 0]

    assert (won.state, won.taken, payment.disputes.get().taken) == ("won", PRICE, 0)
    Payment.objects.update(asked_at=None)
    assert ask_about_disputes() == 0


def test_what_stripe_does_not_answer_for_is_told_again(double):
    _booking, payment = make_disputed(double, make_member())
    double.close_dispute("lost")
    event = signed(double.events[-1])
    # The payment is found, and its refunds; the disputes are not.
    double.faults = ["", "500"]

    with pytest.raises(ProviderTimeout):
        receive_event("stripe", *event)
    assert payment.disputes.get().state == "open"
    receive_event("stripe", *event)

    assert payment.disputes.get().state == "lost"


def test_refunds_that_the_provider_refused_are_done_when_the_dispute_is_lost(double):
    member = make_member()
    booking, payment = make_disputed(double, member)
    cancel_booking(booking, by=member)
    send_waiting_refunds()
    assert Refund.objects.get().state == "failed"

    double.close_dispute("lost")
    tell(double, times=2)

    refund = Refund.objects.get()
    payment.refresh_from_db()
    assert (refund.state, refund.own, refund.origin, payment.refunded) == ("done", PRICE, "cancellation", PRICE)
    assert (ledger_sum(Account.Kind.REFUNDS), ledger_sum(Account.Kind.DISPUTES), credit_left(member)) == (0, 0, 0)
    with pytest.raises(RuleError, match="goes another way"):
        give_refund_elsewhere(refund, to="credit", by=make_admin())


@pytest.mark.parametrize("sum_", [{"amount_received": 1}, {"amount_received": PRICE + 1}, {"currency": "usd"}])
def test_money_that_comes_in_another_sum_buys_nothing(double, sum_):
    member = make_member()
    booking = book_session(make_session(price=PRICE), participant=member.participant, by=member, provider="stripe")
    double.enter_card(Payment.objects.get().reference, LATE)
    settling.settle_from_provider(Payment.objects.get())
    double.settle(Payment.objects.get().reference)
    intent = double.of_kind("payment_intent")[0]
    whole = dict(intent)
    intent |= sum_

    receive_event("stripe", *signed(double.events[-1]))
    Payment.objects.update(created_at=Now() - timedelta(minutes=2))
    reconcile_payments()

    booking.refresh_from_db()
    assert (booking.state, Payment.objects.get().state) == ("held", "pending")
    assert not Transfer.objects.exists()
    intent |= whole
    reconcile_payments()
    booking.refresh_from_db()
    assert (booking.state, Payment.objects.get().state) == ("confirmed", "succeeded")
