"""Stripe, against a double that is held to Stripe's own description of its API."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
import time_machine
from django.db.models.functions import Now
from django.utils import timezone

from tenpo.checkout.actions import settling
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.settling import receive_event, reconcile_payments
from tenpo.core.business import current_business
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.tests.make import credit_left, ledger_sum
from tenpo.payments.actions.methods import add_payment_method, remove_payment_method, settle_methods
from tenpo.payments.actions.starting import start_payment
from tenpo.payments.models import Payment, ProviderEvent
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers import offered_providers, provider_of
from tenpo.payments.providers.base import BadSignature, MovementKind, Outcome, ProviderTimeout, RefundState
from tenpo.payments.providers.stripe_client import from_stripe, to_stripe
from tenpo.payments.tests.stripe_contract import answer_faults, contract_folder, read_form, sample
from tenpo.payments.tests.stripe_double import (
    ASKS,
    DECLINED,
    LATE,
    PAYS,
    POOR,
    SECRET,
    StripeDouble,
    signed,
    stripe_double,
)
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.invariants,
    pytest.mark.skipif(
        contract_folder() is None, reason="Stripe's description of its API is not beside the repository"
    ),
]
STRIPE = provider_of("stripe")


@pytest.fixture
def double(settings: Any) -> Iterator[StripeDouble]:
    with stripe_double() as one:
        settings.STRIPE_KEY, settings.STRIPE_API = "sk_test_double", one.address
        settings.STRIPE_WEBHOOK_SECRETS = ["whsec_another", SECRET]
        yield one
        assert one.broken_contract == []


def book(member: User, *, source: str = "", price: int = 2_000) -> Booking:
    session = make_session(price=price)
    return book_session(session, participant=member.participant, by=member, provider="stripe", source=source)


def payment_of(booking: Booking) -> Payment:
    return Payment.objects.get(order_id=booking.line.order_id)


def paid(double: StripeDouble, card: str = PAYS) -> Payment:
    """A payment whose payer entered that card, and came back."""
    payment = payment_of(book(make_member()))
    double.enter_card(payment.reference, card)
    settling.settle_from_provider(payment)
    return Payment.objects.get(pk=payment.pk)


def keep(double: StripeDouble, user: User, card: str = PAYS) -> PaymentMethod:
    method = add_payment_method(user, provider="stripe", by=user)
    double.enter_card(method.reference, card)
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        settle_methods()
    return PaymentMethod.objects.get(pk=method.pk)


def tell(event: dict[str, Any]) -> bool:
    return receive_event("stripe", *signed(event))


def reconcile() -> int:
    Payment.objects.open().update(created_at=Now() - timedelta(minutes=2))
    return reconcile_payments()


def test_without_a_key_nothing_of_stripe_is_offered_or_loaded():
    assert "stripe" not in offered_providers()
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tenpo.config.settings_test';"
        "import django; django.setup(); import tenpo.config.urls, tenpo.payments.api;"
        "sys.exit('stripe' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_card_is_entered_on_stripes_page_and_buys_the_seat(double):
    booking = book(make_member())
    payment = payment_of(booking)
    assert (booking.state, payment.state) == ("held", "needs_action")
    assert payment.action_url == f"{double.address}/pay/{payment.reference}"

    double.enter_card(payment.reference)
    tell(double.events[-1])

    payment.refresh_from_db()
    booking.refresh_from_db()
    assert (booking.state, payment.state, payment.method) == ("confirmed", "succeeded", "Visa •••• 4242")
    assert (str(payment.reference)[:3], payment.fee, payment.action_url) == ("pi_", 53, "")
    assert ledger_sum(Account.Kind.FEES) == -53


def test_the_page_of_a_booking_leads_to_where_the_card_is_entered(double, client):
    member = make_member()
    client.force_login(member)
    session = make_session(price=1_000)

    left = client.post(f"/sessions/{session.pk}/book/", {"provider": "stripe", "agreed": 1_000})
    payment = Payment.objects.get()
    result = client.get(f"/bookings/{Booking.objects.get().pk}/result/").content.decode()
    double.enter_card(payment.reference)
    back = client.get(f"/payments/{payment.pk}/back/", follow=True).content.decode()

    assert left["Location"] == f"/payments/{payment.pk}/leave/"
    assert "Your payment waits for you" in result
    assert "You are booked" in back


def test_one_that_is_declined_may_enter_another_card(double):
    booking = book(make_member())
    payment = payment_of(booking)

    double.enter_card(payment.reference, DECLINED)
    settling.settle_from_provider(payment)
    assert Payment.objects.get().state == "needs_action"
    double.enter_card(payment.reference)
    settling.settle_from_provider(payment)

    booking.refresh_from_db()
    assert booking.state == "confirmed"


@pytest.mark.parametrize(("succeeds", "ends"), [(True, "succeeded"), (False, "failed")])
def test_money_that_takes_its_time(double, succeeds, ends):
    payment = paid(double, LATE)
    assert payment.state == "pending"

    double.settle(payment.reference, succeeds=succeeds)
    tell(double.events[-1])

    assert Payment.objects.get().state == ends
    assert Payment.objects.get().failure_code == ("" if succeeds else "card_declined")


def test_a_page_that_is_left_alone_is_closed(double):
    payment = payment_of(book(make_member()))

    with time_machine.travel(timezone.now() + timedelta(minutes=current_business().hold_minutes + 1), tick=False):
        reconcile_payments()

    assert Payment.objects.get().state == "cancelled"
    assert double.things[payment.reference]["status"] == "expired"


def test_closing_a_page_finds_the_money_that_had_come(double):
    booking = book(make_member())
    payment = payment_of(booking)
    double.enter_card(payment.reference)

    settling.give_up_attempt(payment)

    booking.refresh_from_db()
    assert (booking.state, Payment.objects.get().state) == ("confirmed", "succeeded")


def test_money_that_comes_when_the_seat_is_gone_is_credit(double):
    member = make_member()
    payment = payment_of(book(member))
    double.enter_card(payment.reference, LATE)
    settling.settle_from_provider(payment)
    booking = Booking.objects.get()
    Booking.objects.update(held_until=Now() - timedelta(seconds=1))
    release_lapsed_everywhere()
    payment.refresh_from_db()
    double.settle(payment.reference)
    reconcile()

    booking.refresh_from_db()
    assert booking.state == "cancelled"
    assert credit_left(member) == 2_000


@pytest.mark.parametrize("fault", ["lost", "dead", "500", "429"])
def test_an_opening_that_is_not_answered_is_unknown_and_found_again(double, fault):
    double.faults = ["", fault]  # the customer is made; then the page is asked for

    payment = payment_of(book(make_member()))
    assert (payment.state, payment.reference) == ("unknown", None)
    reconcile()

    payment.refresh_from_db()
    assert payment.state == "needs_action"
    assert len(double.of_kind("checkout.session")) == 1


def test_a_saved_card_pays_at_once(double):
    member = make_member()
    method = keep(double, member)
    assert (method.state, method.is_default, str(method.reference)[:3], str(method)) == (
        "ready",
        True,
        "pm_",
        "Visa •••• 4242",
    )

    booking = book(member, source=str(method.pk))

    payment = payment_of(booking)
    assert (booking.state, payment.saved_method, payment.fee) == ("confirmed", method, 53)
    assert len(double.of_kind("customer")) == 1


@pytest.mark.parametrize("fault", ["lost", "500", "dead"])
def test_a_charge_whose_answer_is_lost_is_counted_once(double, fault):
    member = make_member()
    method = keep(double, member)
    double.faults = [fault]

    booking = book(member, source=str(method.pk))
    assert payment_of(booking).state == "unknown"
    reconcile()
    reconcile()

    booking.refresh_from_db()
    reached = fault == "lost"
    assert booking.state == ("confirmed" if reached else "held")
    assert payment_of(booking).failure_code == ("" if reached else "never_started")
    assert len(double.of_kind("charge")) == reached
    assert Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).count() == reached


@pytest.mark.parametrize(("card", "code"), [(DECLINED, "card_declined"), (POOR, "insufficient_funds")])
def test_a_saved_card_may_be_declined(double, card, code):
    member = make_member()
    method = keep(double, member, card)

    booking = book(member, source=str(method.pk))

    assert (booking.state, payment_of(booking).failure_code) == ("held", code)
    assert str(payment_of(booking).reference)[:3] == "pi_"


@pytest.mark.parametrize("succeeds", [True, False], ids=["yes", "no"])
def test_a_bank_that_asks_is_asked_on_its_own_page(double, succeeds):
    member = make_member()
    booking = book(member, source=str(keep(double, member, ASKS).pk))
    payment = payment_of(booking)
    assert (payment.state, payment.action_url) == ("needs_action", f"{double.address}/bank/{payment.reference}")

    double.settle(payment.reference, succeeds=succeeds)
    tell(double.events[0])  # an old one: it only says where to look
    tell(double.events[-1])

    payment.refresh_from_db()
    assert payment.state == ("succeeded" if succeeds else "failed")


def test_what_is_charged_by_itself_fails_where_the_bank_would_ask(double):
    member = make_member()
    method = keep(double, member, ASKS)
    payment = Payment.objects.create(payer=member, provider="stripe", amount=500, currency="EUR", description="x")

    outcome = start_payment(payment, str(method.pk), is_automatic=True)

    assert (outcome.state, outcome.failure_code) == ("failed", "authentication_required")


def test_a_payment_at_the_bank_can_be_given_up(double):
    member = make_member()
    payment = payment_of(book(member, source=str(keep(double, member, ASKS).pk)))

    settling.give_up_attempt(payment)

    assert Payment.objects.get().state == "cancelled"
    assert double.things[payment.reference]["status"] == "canceled"


def test_a_key_that_stripe_refuses_fails_and_hides_nothing(double, settings):
    payment = payment_of(book(make_member()))
    double.faults = ["401", "401"]

    refused = STRIPE.start(Payment(pk=payment.pk, payer=payment.payer, amount=1, currency="EUR", description="y"), "")

    assert refused == Outcome(Payment.State.FAILED, failure_code="refused")
    with pytest.raises(ProviderTimeout):
        STRIPE.retrieve(payment)


def test_a_removed_card_is_let_go(double):
    member = make_member()
    method = keep(double, member)

    remove_payment_method(method, by=member)
    STRIPE.forget_method(method)  # again: it is gone already

    assert double.things[method.reference]["customer"] is None


@pytest.mark.parametrize("has_entered", [True, False])
def test_a_card_that_is_removed_while_it_is_entered_is_let_go(double, has_entered):
    member = make_member()
    method = add_payment_method(member, provider="stripe", by=member)
    if has_entered:
        double.enter_card(method.reference)

    remove_payment_method(method, by=member)

    assert [one["customer"] for one in double.of_kind("payment_method")] == [None] * has_entered
    assert double.things[method.reference]["status"] == ("complete" if has_entered else "expired")


def test_a_webhook_tells_of_a_kept_card(double):
    member = make_member()
    method = add_payment_method(member, provider="stripe", by=member)
    double.enter_card(method.reference)

    assert tell(double.events[-1])

    method.refresh_from_db()
    assert method.state == "ready"
    assert ProviderEvent.objects.get().applied_at is not None


def test_refunds_come_back_once_for_a_key_and_never_above_the_payment(double):
    payment = paid(double)

    first, again = (STRIPE.refund(payment, amount=600, key="one") for _ in range(2))
    rest = [STRIPE.refund(payment, amount=amount, key=str(amount)) for amount in (1_401, 1_400, 1)]

    assert first == again == STRIPE.retrieve_refund(payment, key="one")
    assert (first.state, str(first.reference)[:3]) == (RefundState.SUCCEEDED, "re_")
    assert [one.state for one in rest] == ["failed", "succeeded", "failed"]
    assert rest[2].failure_code == "charge_already_refunded"


@pytest.mark.parametrize("fault", ["lost", "500"])
def test_a_refund_whose_answer_is_lost_is_found(double, fault):
    payment = paid(double)
    double.faults = [fault]

    with pytest.raises(ProviderTimeout):
        STRIPE.refund(payment, amount=600, key="one")
    found = STRIPE.retrieve_refund(payment, key="one")
    STRIPE.refund(payment, amount=600, key="one")

    assert (found is not None) == (fault == "lost")
    assert [one["amount"] for one in double.of_kind("refund")] == [600]


def test_movements_name_what_they_are_of(double):
    payments = [paid(double) for _ in range(3)]
    refund = STRIPE.refund(payments[0], amount=500, key="one")
    now = datetime.now(UTC)

    found = list(STRIPE.movements(now - timedelta(hours=1), now + timedelta(hours=1)))

    kinds = [(one.kind, one.reference, one.amount, one.fee, one.currency) for one in reversed(found)]
    assert kinds == [
        *((MovementKind.PAYMENT, payment.reference, 2_000, 53, "EUR") for payment in payments),
        (MovementKind.REFUND, refund.reference, -500, 0, "EUR"),
    ]
    assert list(STRIPE.movements(now + timedelta(hours=1), now + timedelta(hours=2))) == []


FORGERIES: dict[str, Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]] = {
    "no-signature": lambda headers, body: ({}, body),
    "body": lambda headers, body: (headers, body + b" "),
    "other-secret": lambda headers, body: signed({"id": "evt"}, secret="whsec_of_nobody"),
    "too-old": lambda headers, body: signed({"id": "evt"}, at=time.time() - 301),
    "too-new": lambda headers, body: signed({"id": "evt"}, at=time.time() + 320),
    "no-event": lambda headers, body: signed({"id": "evt"}),
    "two-times": lambda headers, body: ({"stripe-signature": "t=1," + headers["stripe-signature"]}, body),
    "no-time": lambda headers, body: ({"stripe-signature": headers["stripe-signature"].partition(",")[2]}, body),
    "endless-time": lambda headers, body: ({"stripe-signature": f"t={'9' * 5_000},v1=a"}, body),
    "half-a-character": lambda headers, body: (
        {"stripe-signature": headers["stripe-signature"].partition(",")[0] + ",v1=\udcff"},
        body,
    ),
    "only-the-old-scheme": lambda headers, body: (
        {"stripe-signature": headers["stripe-signature"].replace("v1=", "v0=")},
        body,
    ),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_event_changes_nothing(double, forge):
    payment = payment_of(book(make_member()))
    double.enter_card(payment.reference)

    with pytest.raises(BadSignature):
        receive_event("stripe", *forge(*signed(double.events[-1])))

    assert Payment.objects.get().state == "needs_action"
    assert not ProviderEvent.objects.exists()


def test_our_check_takes_what_stripes_own_library_takes(double):
    payment = payment_of(book(make_member()))
    double.enter_card(payment.reference)
    headers, body = signed(double.events[-1])

    stripe.WebhookSignature.verify_header(body.decode(), headers["stripe-signature"], SECRET, 300)

    assert STRIPE.read_event(headers, body).payment_id == str(payment.pk)


def test_an_event_of_somebody_elses_business_at_the_same_account_is_noted_alone(double):
    event = {"id": "evt_x", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_elsewhere"}}}

    assert tell(event)

    assert ProviderEvent.objects.get().applied_at is None
    assert not Payment.objects.exists()


def test_an_event_of_somebodys_own_account_that_names_a_payment_of_ours_pays_nothing(double):
    booking = book(make_member())
    payment = payment_of(booking)
    theirs: dict[str, Any] = {"id": "pi_theirs", "status": "succeeded", "metadata": {"tenpo_payment": str(payment.pk)}}
    named = theirs | {"id": payment.reference}
    for number, thing in enumerate([theirs, named]):
        event = {"id": f"evt_{number}", "type": "payment_intent.succeeded", "account": "acct_theirs"}
        tell(event | {"data": {"object": thing | {"amount_received": payment.amount}}})

    booking.refresh_from_db()
    assert (booking.state, Payment.objects.get().state) == ("held", "needs_action")
    assert Payment.objects.get().reference == payment.reference
    assert not Transfer.objects.exists()


def test_amounts_are_said_in_stripes_smallest_unit():
    assert [to_stripe(5, currency) for currency in ("EUR", "JPY", "ISK", "UGX")] == [5, 5, 500, 500]
    assert [from_stripe(500, currency) for currency in ("eur", "JPY", "ISK")] == [500, 500, 5]


@pytest.mark.control
def test_control_a_request_that_stripe_would_not_take_is_noticed():
    _asked, wrong = read_form("/v1/refunds", [("payment", "pi_1"), ("amount", "lots")])

    assert len(wrong) == 2
    assert len(answer_faults("refund", sample("refund") | {"amount": "lots", "status": 3})) == 2


@pytest.mark.control
def test_control_without_idempotency_a_lost_answer_charges_twice(double, monkeypatch):
    member = make_member()
    method = keep(double, member)
    monkeypatch.setattr("tenpo.payments.providers.stripe.under", lambda _key: {})
    payment = Payment.objects.create(payer=member, provider="stripe", amount=500, currency="EUR", description="x")
    double.faults = ["lost"]

    start_payment(payment, str(method.pk))
    start_payment(payment, str(method.pk))

    assert len(double.of_kind("charge")) == 2


def test_five_hundred_webhooks_tripled_shuffled_and_a_tenth_forged_have_their_effects_once(double):
    dice = random.Random(20270401)
    members = [make_member() for _ in range(5)]
    payments = []
    for number in range(500):
        payment = Payment.objects.create(
            payer=members[number % 5], provider="stripe", amount=100 + number, currency="EUR", description="x",
        )  # fmt: skip
        settling.apply_outcome(payment, STRIPE.start(payment, ""))
        payments.append(payment)
    double.events.clear()
    for payment in payments:
        double.enter_card(payment.reference)
    events = [event for event in double.events if event["type"] == "payment_intent.succeeded"]
    sent = [signed(event) for event in events for _copy in range(3)]
    forged = [signed(event, secret="whsec_of_nobody") for event in dice.sample(events, 150)]
    queue = [(True, one) for one in sent] + [(False, one) for one in forged]
    dice.shuffle(queue)

    said: Counter[str] = Counter()
    for _is_true, (headers, body) in queue:
        try:
            said["new" if receive_event("stripe", headers, body) else "known"] += 1
        except BadSignature:
            said["forged"] += 1

    assert said == {"new": 500, "known": 1_000, "forged": 150}
    assert Payment.objects.filter(state="succeeded").count() == len(double.of_kind("charge")) == 500
    assert Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).count() == 500
    assert sum(credit_left(member) for member in members) == sum(range(100, 600))
