"""What left a provider and takes days to arrive differs in nothing: not on its way, nor once it is there."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenpo.books.actions import reconciling
from tenpo.books.actions.reconciling import reconcile_provider
from tenpo.books.models import Difference
from tenpo.books.queries.reconciling import looked_at, pairs_of
from tenpo.books.tests.make import today
from tenpo.checkout.tests.refund_make import make_bought, make_granted
from tenpo.payments.actions.payout_sending import apply_payout_outcome, mark_payout_sent
from tenpo.payments.actions.refund_sending import send_refund, send_waiting_refunds
from tenpo.payments.models import Payout, PayoutAccount, Refund
from tenpo.payments.payout_methods.base import PayoutOutcome
from tenpo.payments.provider_models import SandboxRefund
from tenpo.payments.providers.base import Movement, MovementKind
from tenpo.payments.providers.sandbox import REFUNDS_LATE
from tenpo.payments.providers.stripe_answers import movement_of
from tenpo.payments.tests.make import make_approved
from tenpo.people.tests.make import make_admin, make_coach

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

LONG_AGO = timedelta(days=6)


@pytest.fixture(autouse=True)
def _today_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "is_over", lambda day: True)


def make_on_its_way() -> Payout:
    """A payout that Stripe has sent to a bank some days ago, as its rows say it."""
    payout = mark_payout_sent(make_approved(make_coach()), by=make_admin())
    PayoutAccount.objects.filter(pk=payout.account_id).update(method="stripe")
    long_ago = timezone.now() - LONG_AGO
    Payout.objects.filter(pk=payout.pk).update(method="stripe", sent_at=long_ago, reference="tr_1")
    return Payout.objects.get(pk=payout.pk)


def left(payout: Payout, amount: int | None = None, *, at: datetime | None = None) -> Movement:
    when = at or payout.sent_at
    assert when is not None
    sent = -payout.sent_amount if amount is None else amount
    return Movement("tr_1", MovementKind.TRANSFER, sent, 0, "EUR", when)


def found(movements: list[Movement]) -> list[Any]:
    """What differs on the days since it left, as each night would find it on its own day."""
    days = [today() - LONG_AGO, today()]
    return [
        pair.what
        for day in days
        for pair in pairs_of("stripe", day, day, [one for one in movements if is_read(one, day)])
        if pair.what
    ]


def is_read(movement: Movement, day: Any) -> bool:
    begins, ends = looked_at("stripe", day, day)
    return begins <= movement.at < ends


def test_a_payout_differs_neither_on_its_way_nor_when_it_arrived():
    payout = make_on_its_way()
    assert found([left(payout)]) == []

    apply_payout_outcome(payout, PayoutOutcome(Payout.State.DONE, "tr_1"))

    assert found([left(payout)]) == []


@pytest.mark.parametrize("amount", [-1, -1_000_000])
def test_another_amount_differs_once_it_arrived(amount):
    payout = make_on_its_way()
    apply_payout_outcome(payout, PayoutOutcome(Payout.State.DONE, "tr_1"))

    assert set(found([left(payout, amount)])) == {Difference.What.DIFFERENT}


def test_what_was_taken_back_days_later_is_nothing_on_either_side():
    payout = make_on_its_way()
    apply_payout_outcome(payout, PayoutOutcome(Payout.State.FAILED, "tr_1", failure_code="account_closed"))

    assert found([left(payout), left(payout, payout.sent_amount, at=timezone.now())]) == []


def test_what_nobody_here_sent_is_found_at_once():
    stolen = Movement("tr_2", MovementKind.TRANSFER, -5_000, 0, "EUR", timezone.now())
    # One that has no name there yet hides nothing.
    Payout.objects.filter(pk=make_on_its_way().pk).update(reference=None)

    assert [pair.what for pair in pairs_of("stripe", today(), today(), [stolen])] == [Difference.What.ONLY_THEIRS]


def test_what_was_taken_back_of_a_transfer_is_known_by_the_transfer():
    line = {"id": "txn_1", "type": "transfer_refund", "amount": 1_950, "fee": 0, "currency": "eur", "created": 1}

    assert movement_of({**line, "source": {"id": "trr_1", "transfer": "tr_1"}}).reference == "tr_1"
    assert movement_of({**line, "type": "transfer", "source": {"id": "tr_1"}}).reference == "tr_1"


def test_a_refund_that_takes_days_differs_in_nothing_either():
    refund = send_refund(make_granted(make_bought(card=REFUNDS_LATE)))
    assert refund.state == Refund.State.SENT
    before = timezone.now() - LONG_AGO
    SandboxRefund.objects.update(created_at=before)
    Refund.objects.filter(pk=refund.pk).update(sent_at=before)
    gone = today() - LONG_AGO
    reconcile_provider("sandbox", since=gone, until=gone, by=None)
    assert not Difference.objects.exists()

    SandboxRefund.objects.update(state="succeeded")
    send_waiting_refunds()
    reconcile_provider("sandbox", since=today(), until=today(), by=None)

    assert Refund.objects.get().state == Refund.State.DONE
    assert not Difference.objects.exists()
