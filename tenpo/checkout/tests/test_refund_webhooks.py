"""What the sandbox tells of refunds: that one arrived or did not, late, twice, in any order, forged, or never."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.checkout import jobs
from tenpo.checkout.actions.refunding import give_refund
from tenpo.checkout.actions.settling import receive_event
from tenpo.checkout.tests.make import left_in_wallet, make_top_up, told
from tenpo.checkout.tests.refund_make import make_bought, make_granted
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.tests.make import ledger_sum
from tenpo.payments.actions.refund_sending import send_refund, send_refund_again, send_waiting_refunds
from tenpo.payments.models import ProviderEvent, Refund, SandboxCharge
from tenpo.payments.provider_models import SandboxRefund
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import BadSignature, ProviderTimeout
from tenpo.payments.providers.sandbox import (
    LATE_SECONDS,
    NEVER_ANSWERS,
    REFUND_FAILS,
    REFUNDS_LATE,
    SUCCEEDS,
    decide_refund,
    signed_event,
)
from tenpo.people.tests.make import make_admin, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

type Event = tuple[dict[str, str], bytes]


def make_sent(card: str, price: int = 4_000) -> Refund:
    """A refund of what that card paid, on its way."""
    return send_refund(make_granted(make_bought(card=card, price=price)))


def event_of(refund: Refund) -> Event:
    """What the sandbox says of a refund, once its bank has decided."""
    decided = decide_refund(SandboxRefund.objects.get(key=refund.key).pk)
    assert decided is not None
    return signed_event(decided)


def hear(event: Event) -> bool:
    return receive_event("sandbox", *event)


def now(refund: Refund) -> Refund:
    return Refund.objects.select_related("payment", "user").get(pk=refund.pk)


@pytest.mark.parametrize(
    ("card", "ends", "code", "held"),
    [(REFUNDS_LATE, "done", "", 0), (REFUND_FAILS, "failed", "lost_or_stolen_card", 4_000)],
    ids=["arrives", "does not"],
)
def test_what_goes_back_late_is_told_of_by_webhook_once(card, ends, code, held):
    refund, admin = make_sent(card), make_admin()
    assert (refund.state, ledger_sum(Account.Kind.REFUNDS)) == ("sent", 4_000)
    job = ProcrastinateJob.objects.get(task_name="checkout.refund_late")
    assert job.scheduled_at is not None
    assert abs(job.scheduled_at - timezone.now() - timedelta(seconds=LATE_SECONDS)) < timedelta(seconds=5)

    for _again in range(3):
        jobs.refund_late(job.args["refund_id"])
    jobs.refund_late(str(uuid4()))

    refund = now(refund)
    assert (refund.state, refund.failure_code, refund.reference) == (ends, code, job.args["refund_id"])
    assert ledger_sum(Account.Kind.REFUNDS) == held
    assert Transfer.objects.filter(kind="refund").count() == (ends == "done")
    event = ProviderEvent.objects.get()
    assert event.reference == str(SandboxCharge.objects.get().pk)
    assert event.payload["type"] == ("refund.succeeded" if ends == "done" else "refund.failed")
    assert event.applied_at is not None
    assert told(admin).count("admin.refund_failed") == (ends == "failed")
    assert told(refund.user).count("refund.done") == (ends == "done")


def test_what_goes_back_at_once_waits_for_no_bank():
    assert make_sent(SUCCEEDS).state == "done"

    assert not ProcrastinateJob.objects.filter(task_name="checkout.refund_late").exists()


def test_whether_it_asks_or_is_told_first_it_arrives_once():
    refund = make_sent(REFUNDS_LATE)
    event = event_of(refund)

    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert send_waiting_refunds() == 1
        assert hear(event_of(refund))
    assert not hear(event)

    assert now(refund).state == "done"
    assert Transfer.objects.filter(kind="refund").count() == 1


def test_one_whose_answer_was_lost_is_found_by_its_webhook():
    refund = make_granted(make_bought())
    SandboxCharge.objects.update(card=NEVER_ANSWERS)
    assert send_refund(refund).reference is None

    assert hear(event_of(refund))

    assert (now(refund).state, now(refund).reference) == ("done", str(SandboxRefund.objects.get().pk))


def test_what_did_not_arrive_and_is_sent_again_is_not_settled_by_what_is_told_of_the_first():
    refund = make_sent(REFUND_FAILS)
    first = event_of(refund)
    hear(first)
    SandboxCharge.objects.update(card=REFUNDS_LATE)
    again = send_refund(send_refund_again(now(refund), by=make_admin()))
    assert (again.state, again.attempt) == ("sent", 2)

    assert not hear(first)
    assert now(refund).state == "sent"
    assert hear(event_of(again))

    assert (now(refund).state, ledger_sum(Account.Kind.REFUNDS)) == ("done", 0)


@pytest.mark.parametrize(("card", "left"), [(REFUNDS_LATE, 0), (REFUND_FAILS, 4_000)], ids=["arrives", "does not"])
def test_a_top_up_goes_back_by_webhook_too(card, left):
    member = make_member()
    paid = make_top_up(member, 5_000, card=card)
    refund = send_refund(give_refund(payment=paid, amount=4_000, to="method", by=make_admin()))

    assert hear(event_of(refund))

    assert (left_in_wallet(member), ledger_sum(Account.Kind.REFUNDS)) == (1_000, left)


FORGERIES: dict[str, Callable[[dict[str, str], bytes], Event]] = {
    "says another": lambda headers, body: (headers, body.replace(b"failed", b"succeeded")),
    "of another": lambda headers, body: (headers | {"webhook-id": "evt_other"}, body),
    "other key": lambda headers, body: (headers | {"webhook-signature": "v1," + "0" * 64}, body),
    "unsigned": lambda _headers, body: ({}, body),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_what_is_forged_changes_nothing(forge):
    refund = make_sent(REFUND_FAILS)
    event = event_of(refund)

    with pytest.raises(BadSignature):
        hear(forge(*event))

    assert now(refund).state == "sent"
    assert not ProviderEvent.objects.exists()
    assert hear(event)


def test_what_is_told_only_says_where_to_look():
    """True, but too early: the bank has not decided."""
    refund = make_sent(REFUNDS_LATE)
    early = SandboxRefund.objects.select_related("charge").get(key=refund.key)
    early.state = "succeeded"

    assert hear(signed_event(early))

    assert (now(refund).state, ledger_sum(Account.Kind.REFUNDS)) == ("sent", 4_000)


def test_twenty_over_a_bad_line_told_of_three_times_in_any_order_a_tenth_forged_leave_once(monkeypatch):
    dice, sandbox = random.Random(20270404), provider_of("sandbox")
    lines = [make_bought(card=dice.choice([SUCCEEDS, REFUNDS_LATE, REFUND_FAILS]), price=2_000) for _ in range(10)]
    # Of each two, so that what is told of one says where to look for both.
    refunds = [make_granted(line, amount) for amount in (700, 900) for line in lines]
    with monkeypatch.context() as bad_line:
        for name in ("refund", "retrieve_refund"):
            bad_line.setattr(sandbox, name, over_a_bad_line(getattr(sandbox, name), dice))
        for refund in refunds:
            send_refund(refund)
    there = SandboxRefund.objects.select_related("charge")
    assert 0 < there.count() < len(refunds)
    events = [signed_event(decided) for one in there if (decided := decide_refund(one.pk))]
    # One in five never.
    told_of = [event for event in events if dice.random() > 0.2]
    forged = [
        (headers | {"webhook-id": "evt_forged"}, body) for headers, body in dice.sample(told_of, len(told_of) // 10)
    ]
    queue = told_of * 3 + forged
    dice.shuffle(queue)

    said: Counter[str] = Counter()
    for event in queue:
        try:
            said["new" if hear(event) else "known"] += 1
        except BadSignature:
            said["forged"] += 1
    for _again in range(2):
        with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
            send_waiting_refunds()

    assert said == {"new": len(told_of), "known": 2 * len(told_of), "forged": len(forged)}
    states = {refund.pk: "failed" if refund.payment.method[-4:] == "5126" else "done" for refund in map(now, refunds)}
    assert {refund.pk: refund.state for refund in map(now, refunds)} == states
    arrived = sum(now(refund).own for refund in refunds if states[refund.pk] == "done")
    assert sum(Transfer.objects.filter(kind="refund").values_list("amount", flat=True)) == arrived
    assert SandboxRefund.objects.count() == len(refunds)
    assert ledger_sum(Account.Kind.REFUNDS) == sum(refund.own for refund in refunds) - arrived


def over_a_bad_line(call: Callable[..., object], dice: random.Random) -> Callable[..., object]:
    """Calls are lost before, or after, they did their work."""

    def moody(*arguments: object, **options: object) -> object:
        fate = dice.random()
        if fate < 0.2:
            raise ProviderTimeout
        answer = call(*arguments, **options)
        if fate < 0.4:
            raise ProviderTimeout
        return answer

    return moody
