import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db.models import Sum
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking, make_manual
from tenpo.core.invariants import find_faults
from tenpo.payments.models import Payment, SandboxCharge, SandboxChargeQuerySet
from tenpo.payments.provider_models import SandboxRefund
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import MovementKind, ProviderTimeout, RefundOutcome, RefundState
from tenpo.payments.providers.sandbox import (
    LATE_SECONDS,
    NEEDS_CONFIRMATION,
    NEVER_ANSWERS,
    REFUND_FAILS,
    REFUNDS_LATE,
    SUCCEEDS,
    decide_charge,
)
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once

SANDBOX = provider_of("sandbox")


def paid_by(card: str, amount: int = 1_000) -> Payment:
    """A payment of that card."""
    booking = make_booking(make_session(price=amount), make_member(), card=card)
    return Payment.objects.get(order_id=booking.line.order_id)


def refund(payment: Payment, amount: int, key: str = "") -> RefundOutcome:
    return SANDBOX.refund(payment, amount=amount, key=key or str(uuid4()))


@pytest.mark.django_db
@pytest.mark.invariants
def test_a_refund_gives_back_once_however_often_it_is_asked_for():
    payment = paid_by(SUCCEEDS)

    first, again = refund(payment, 400, "one"), refund(payment, 400, "one")

    assert first == again == SANDBOX.retrieve_refund(payment, key="one")
    assert (first.state, first.reference) == (RefundState.SUCCEEDED, str(SandboxRefund.objects.get().pk))


@pytest.mark.django_db
@pytest.mark.invariants
def test_parts_come_back_up_to_the_whole_and_no_further():
    payment = paid_by(SUCCEEDS)

    states = [refund(payment, amount).state for amount in (600, 401, 400, 1)]

    assert states == ["succeeded", "failed", "succeeded", "failed"]
    assert SandboxRefund.objects.aggregate(total=Sum("amount"))["total"] == 1_000


@pytest.mark.django_db
@pytest.mark.invariants
def test_nothing_comes_back_of_what_was_not_taken():
    payment = paid_by(NEEDS_CONFIRMATION)

    assert refund(payment, 1) == RefundOutcome(RefundState.FAILED, failure_code="nothing_left")
    assert refund(Payment(pk=uuid4()), 1).state == RefundState.FAILED
    assert SANDBOX.retrieve_refund(payment, key="unheard") is None


@pytest.mark.django_db
@pytest.mark.parametrize(("card", "ends"), [(REFUNDS_LATE, "succeeded"), (REFUND_FAILS, "failed")])
def test_what_goes_back_late_is_decided_in_its_time(card, ends):
    payment = paid_by(card)

    assert refund(payment, 1_000, "late").state == RefundState.PENDING
    assert refund(payment, 1).failure_code == "nothing_left"
    with time_machine.travel(timezone.now() + timedelta(seconds=LATE_SECONDS - 2), tick=False):
        assert SANDBOX.retrieve_refund(payment, key="late").state == "pending"
    with time_machine.travel(timezone.now() + timedelta(seconds=LATE_SECONDS + 1), tick=False):
        assert SANDBOX.retrieve_refund(payment, key="late").state == ends
        assert SANDBOX.retrieve_refund(payment, key="late").state == ends
    assert refund(payment, 1_000).state == ("failed" if ends == "succeeded" else "pending")


@pytest.mark.django_db
def test_a_refund_whose_answer_gets_lost_is_found_again():
    payment = Payment.objects.get(pk=paid_by(NEVER_ANSWERS).pk)

    with pytest.raises(ProviderTimeout):
        refund(payment, 300, "lost")

    assert refund(payment, 300, "lost").state == RefundState.SUCCEEDED
    assert SandboxRefund.objects.get().amount == 300


@pytest.mark.django_db(transaction=True)
@pytest.mark.invariants
def test_twenty_of_a_tenth_and_twenty_of_the_whole_at_once_give_back_what_was_paid():
    payment = paid_by(SUCCEEDS)
    works = [lambda part=part: refund(payment, part) for part in [100, 1_000] * 20]

    states = [outcome.state for outcome in at_once(works)]

    given = SandboxRefund.objects.aggregate(total=Sum("amount"))["total"]
    assert given == 1_000
    assert states.count(RefundState.SUCCEEDED) == SandboxRefund.objects.count()


@pytest.mark.django_db(transaction=True)
@pytest.mark.control
def test_control_without_the_lock_the_whole_is_given_back_twice(monkeypatch):
    payment, both_looked = paid_by(SUCCEEDS), threading.Barrier(2)
    save = SandboxRefund.save

    def save_late(row: SandboxRefund, **wanted: Any) -> None:
        both_looked.wait(30)
        save(row, **wanted)

    monkeypatch.setattr(SandboxChargeQuerySet, "select_for_update", lambda rows, **_locks: rows.all())
    monkeypatch.setattr(SandboxRefund, "save", save_late)

    at_once([lambda: refund(payment, 1_000), lambda: refund(payment, 1_000)])

    assert SandboxRefund.objects.aggregate(total=Sum("amount"))["total"] == 2_000
    assert {finding.name for finding in find_faults()} == {"sandbox-gives-back-what-it-took"}


@pytest.mark.django_db
def test_movements_are_what_came_and_went_in_their_time():
    payment = paid_by(SUCCEEDS)
    asked = paid_by(NEEDS_CONFIRMATION)
    paid_by("4000000000000002")
    refund(payment, 400, "back")
    start = timezone.now() - timedelta(minutes=1)
    end = start + timedelta(minutes=2)
    approved = SandboxCharge.objects.get(key=str(asked.pk))
    with time_machine.travel(end + timedelta(days=1), tick=False):
        decide_charge(approved.pk, succeeds=True)

    now, later = (list(SANDBOX.movements(*days)) for days in ((start, end), (end, end + timedelta(days=2))))

    found = [(one.kind, one.reference, one.amount, one.fee, one.currency) for one in now]
    assert found == [
        (MovementKind.PAYMENT, payment.reference, 1_000, 40, "EUR"),
        (MovementKind.REFUND, str(SandboxRefund.objects.get().pk), -400, 0, "EUR"),
    ]
    assert [(one.reference, one.at) for one in later] == [(str(approved.pk), end + timedelta(days=1))]


@pytest.mark.django_db
@pytest.mark.usefixtures("takes_transfers")
def test_what_is_marked_by_hand_goes_back_by_hand():
    payment = Payment.objects.get(order_id=make_manual(make_coach()).line.order_id)
    transfer = provider_of("transfer")

    outcome = transfer.refund(payment, amount=10, key="by-hand")

    assert outcome == transfer.retrieve_refund(payment, key="by-hand")
    assert outcome == RefundOutcome(RefundState.PENDING, reference="by-hand")
    assert list(transfer.movements(datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))) == []
