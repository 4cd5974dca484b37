"""Refunds through Stripe, and what it tells of them: doubled, shuffled, forged, lost."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from tenpo.books.queries.reconciling import pairs_of
from tenpo.checkout.actions import settling
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.refunding import give_refund_elsewhere
from tenpo.checkout.actions.settling import receive_event
from tenpo.checkout.tests.make import told
from tenpo.checkout.tests.refund_make import make_granted, takes_place
from tenpo.core.days import day_here
from tenpo.ledger.models import Account, Transfer
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.orders.models import Line
from tenpo.orders.tests.make import ledger_sum
from tenpo.payments.actions.refund_sending import send_refund, send_refund_again, send_waiting_refunds
from tenpo.payments.models import Payment, ProviderEvent, Refund
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import BadSignature, ProviderTimeout
from tenpo.payments.tests.stripe_contract import contract_folder
from tenpo.payments.tests.stripe_double import BACK_LATE, PAYS, StripeDouble, signed, stripe_by_double
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.tests.make import make_session

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.invariants,
    pytest.mark.skipif(
        contract_folder() is None, reason="Stripe's description of its API is not beside the repository"
    ),
]
STRIPE = provider_of("stripe")
PRICE = 2_000


@pytest.fixture
def double(settings: Any) -> Iterator[StripeDouble]:
    with stripe_by_double(settings) as one:
        yield one


def make_bought(double: StripeDouble, card: str, member: User | None = None) -> Line:
    """A line that this card paid on Stripe's page, of a session that took place."""
    member = member or make_member()
    booking = book_session(
        make_session(price=PRICE), participant=member.participant, by=member, provider="stripe", use_wallet=False
    )
    assert booking.line is not None
    payment = Payment.objects.get(order_id=booking.line.order_id)
    double.enter_card(payment.reference, card)
    settling.settle_from_provider(payment)
    return takes_place(booking.line)


def make_sent(double: StripeDouble, card: str = BACK_LATE, amount: int = 1_500) -> Refund:
    """A refund that was sent by Stripe; nothing of before is told any more."""
    granted = make_granted(make_bought(double, card), amount)
    double.events.clear()
    return send_refund(granted)


def tell(event: dict[str, Any]) -> bool:
    return receive_event("stripe", *signed(event))


def now(refund: Refund) -> Refund:
    return Refund.objects.select_related("payment", "user").get(pk=refund.pk)


def kinds(double: StripeDouble) -> list[str]:
    return [event["type"] for event in double.events]


def differences() -> list[object]:
    """What Stripe's own list says otherwise than the books."""
    moment, today = datetime.now(UTC), day_here()
    theirs = STRIPE.movements(moment - timedelta(hours=1), moment + timedelta(hours=1))
    return [what for pair in pairs_of("stripe", today, today, theirs) if (what := pair.what)]


@pytest.mark.parametrize("kind", ["refund.updated", "charge.refund.updated"])
def test_one_that_waits_for_the_bank_arrives_when_stripe_tells(double, kind):
    refund = make_sent(double)
    assert (refund.state, str(refund.reference)[:3], ledger_sum(Account.Kind.REFUNDS)) == ("sent", "re_", 1_500)
    assert kinds(double) == ["charge.refunded", "refund.created"]
    for event in double.events:
        assert tell(event)
    # It was told of, and asked: the bank has not said yes.
    assert (now(refund).state, ledger_sum(Account.Kind.REFUNDS)) == ("sent", 1_500)

    double.end_refund(refund.reference)
    event = next(event for event in double.events if event["type"] == kind)
    heard = [tell(event) for _again in range(3)]

    refund = now(refund)
    assert heard == [True, False, False]
    assert (refund.state, refund.failure_code, ledger_sum(Account.Kind.REFUNDS)) == ("done", "", 0)
    assert Transfer.objects.filter(kind="refund").count() == 1
    assert told(refund.user).count("refund.done") == 1
    assert differences() == []


def test_one_that_does_not_arrive_is_held_until_it_is_sent_again_or_given_another_way(double):
    refund, admin = make_sent(double), make_admin()

    double.end_refund(refund.reference, reason="lost_or_stolen_card")
    for event in double.events * 2:
        tell(event)

    refund = now(refund)
    assert (refund.state, refund.failure_code) == ("failed", "lost_or_stolen_card")
    assert (ledger_sum(Account.Kind.REFUNDS), Transfer.objects.filter(kind="refund").count()) == (1_500, 0)
    assert told(admin).count("admin.refund_failed") == 1
    assert differences() == []

    again = send_refund(send_refund_again(refund, by=admin))
    assert (again.state, again.reference != refund.reference) == ("sent", True)
    for event in double.events:
        tell(event)
    assert now(refund).state == "sent"
    double.end_refund(again.reference)
    tell(double.events[-1])

    assert (now(refund).state, ledger_sum(Account.Kind.REFUNDS)) == ("done", 0)
    assert differences() == []


def test_one_that_had_arrived_and_comes_back_is_held_again(double):
    refund = make_sent(double, PAYS)
    assert (refund.state, ledger_sum(Account.Kind.REFUNDS)) == ("done", 0)

    double.end_refund(refund.reference, reason="expired_or_canceled_card")
    double.events.reverse()
    for event in double.events * 2:
        tell(event)

    refund = now(refund)
    assert (refund.state, refund.failure_code) == ("failed", "expired_or_canceled_card")
    assert ledger_sum(Account.Kind.REFUNDS) == 1_500
    kinds_of = Transfer.objects.filter(subject_id=refund.pk).order_by("id").values_list("kind", flat=True)
    assert list(kinds_of)[-2:] == ["refund", "refund_back"]
    assert differences() == []

    give_refund_elsewhere(refund, to="wallet", by=make_admin())
    for event in double.events:
        tell(event | {"id": event["id"] + "_late"})
    assert (now(refund).state, now(refund).to, ledger_sum(Account.Kind.REFUNDS)) == ("done", "wallet", 0)


@pytest.mark.parametrize("then", ["elsewhere", "again"])
def test_its_buyer_reads_where_it_is_in_the_end(double, then):
    """They were told that it went back the way they paid. It did not, and is somewhere else."""
    refund = make_sent(double, PAYS)
    assert told(refund.user).count("refund.done") == 1
    double.end_refund(refund.reference, reason="expired_or_canceled_card")
    tell(double.events[-1])

    if then == "elsewhere":
        for _ in range(2):
            give_refund_elsewhere(now(refund), to="wallet", by=make_admin())
    else:
        send_refund(send_refund_again(now(refund), by=make_admin()))

    assert told(refund.user).count("refund.done") == 2
    last = Notification.objects.filter(user=refund.user, kind="refund.done").latest("id")
    words = "is in your wallet" if then == "elsewhere" else "went back the way you paid"
    assert words in say("refund.done", last.payload).text


def test_one_that_comes_back_while_stripe_does_not_answer_is_told_of_again(double, client):
    refund = make_sent(double, PAYS)
    double.end_refund(refund.reference, reason="expired_or_canceled_card")

    def send() -> int:
        headers, body = signed(double.events[-1])
        answer = client.post("/api/v1/webhooks/stripe", body, content_type="application/json", headers=headers)
        return int(answer.status_code)

    double.faults = ["500"]
    assert send() == 503
    double.faults = []
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        assert (send_waiting_refunds(), now(refund).state) == (0, "done")  # no job asks about it

    assert (send(), send()) == (200, 200)
    assert (now(refund).state, ledger_sum(Account.Kind.REFUNDS)) == ("failed", 1_500)
    assert ProviderEvent.objects.get().applied_at is not None


@pytest.mark.parametrize("kind", ["charge.refunded", "refund.created"])
def test_one_whose_answer_was_lost_is_found_by_what_stripe_tells(double, kind):
    granted = make_granted(make_bought(double, PAYS), 1_500)
    double.events.clear()
    double.faults = ["lost"]
    refund = send_refund(granted)
    assert (refund.state, refund.reference) == ("sent", None)

    tell(next(event for event in double.events if event["type"] == kind))

    assert now(refund).state == "done"
    assert len(double.of_kind("refund")) == 1


def test_what_stripe_told_and_we_could_not_ask_about_counts_when_it_is_told_again(double):
    refund = make_sent(double)
    double.end_refund(refund.reference)
    event = double.events[-1]
    double.faults = ["500"] * 6

    with pytest.raises(ProviderTimeout):
        tell(event)
    assert (now(refund).state, ProviderEvent.objects.get().applied_at) == ("sent", None)
    double.faults = []

    # It is the same event: no news, and settled now.
    assert not tell(event)
    assert now(refund).state == "done"
    assert ProviderEvent.objects.get().applied_at is not None


def test_what_stripe_never_told_is_asked_about(double):
    refund = make_sent(double)
    double.end_refund(refund.reference)

    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert send_waiting_refunds() == 1

    assert now(refund).state == "done"


def test_what_is_told_only_says_where_to_look(double):
    """Signed, but the bank has not decided: an event of before, or one that says more than is true."""
    refund = make_sent(double)
    [_charge, created] = double.events
    thing = created["data"]["object"] | {"status": "succeeded"}

    assert tell({"id": "evt_early", "type": "refund.updated", "data": {"object": thing}})

    assert (now(refund).state, ledger_sum(Account.Kind.REFUNDS)) == ("sent", 1_500)


FORGERIES: dict[str, Callable[[dict[str, Any]], tuple[dict[str, str], bytes]]] = {
    "other key": lambda event: signed(event, secret="whsec_of_nobody"),
    "unsigned": lambda event: ({}, signed(event)[1]),
    "says another": lambda event: (signed(event)[0], signed(event)[1].replace(b"failed", b"succeeded")),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_event_changes_nothing(double, forge):
    refund = make_sent(double)
    double.end_refund(refund.reference, reason="unknown")

    with pytest.raises(BadSignature):
        receive_event("stripe", *forge(double.events[-1]))

    assert now(refund).state == "sent"
    assert not ProviderEvent.objects.exists()


def test_twenty_refunds_told_of_three_times_shuffled_and_a_tenth_forged_are_settled_once(double):
    dice = random.Random(20270405)
    member = make_member()
    lines = [make_bought(double, dice.choice([PAYS, BACK_LATE]), member) for _ in range(10)]
    granted = [make_granted(line, amount) for amount in (700, 900) for line in lines]
    double.events.clear()
    refunds = [send_refund(refund) for refund in granted]
    fails = {refund.pk for refund in dice.sample(refunds, 7)}
    for refund in refunds:
        if refund.pk in fails or refund.state == "sent":
            double.end_refund(refund.reference, reason="unknown" if refund.pk in fails else "")
    forged = [signed(event, secret="whsec_of_nobody") for event in dice.sample(double.events, len(double.events) // 10)]
    queue = [signed(event) for event in double.events for _copy in range(3)] + forged
    dice.shuffle(queue)

    said: Counter[str] = Counter()
    for event in queue:
        try:
            said["new" if receive_event("stripe", *event) else "known"] += 1
        except BadSignature:
            said["forged"] += 1

    told_of = len(double.events)
    assert said == {"new": told_of, "known": 2 * told_of, "forged": len(forged)}
    ends = {refund.pk: "failed" if refund.pk in fails else "done" for refund in refunds}
    assert dict(Refund.objects.values_list("pk", "state")) == ends
    assert ledger_sum(Account.Kind.REFUNDS) == sum(refund.own for refund in refunds if refund.pk in fails)
    left = Counter(Transfer.objects.filter(kind__in=["refund", "refund_back"]).values_list("subject_id", "kind"))
    assert all(times == 1 for times in left.values())
    came_back = {pk for pk, kind in left if kind == "refund_back"}
    assert came_back == {refund.pk for refund in refunds if refund.pk in fails and refund.state == "done"}
    assert {pk for pk, kind in left if kind == "refund"} - came_back == {pk for pk in ends if pk not in fails}
    assert differences() == []
