"""Two hold the same days against the books at the same moment: what differs is kept once, and told once."""

import threading
from functools import partial
from typing import Any

import pytest

from tenpo.books.actions import reconciling
from tenpo.books.actions.reconciling import reconcile_provider
from tenpo.books.models import Difference, Reconciliation
from tenpo.books.tests.make import today
from tenpo.checkout.tests.make import make_booking
from tenpo.core.business import current_business
from tenpo.core.models import Business, OutboxMessage
from tenpo.payments.providers.sandbox import NEVER_ANSWERS
from tenpo.people.tests.make import make_member
from tenpo.schedule.tests.make import make_session
from tests.at_once import JOIN_SECONDS, at_once, outcomes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

BOTH = 2


def compare_at_once(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Of a payment of which only the provider knows, because its answer was lost."""
    monkeypatch.setattr(reconciling, "is_over", lambda day: True)
    current_business()
    make_booking(make_session(), make_member(), card=NEVER_ANSWERS)
    compare = partial(reconcile_provider, "sandbox", since=today(), until=today(), by=None)
    return at_once([compare] * BOTH)


def told() -> int:
    messages = OutboxMessage.objects.filter(name="reconciliation.differs")
    return messages.values("event_id").distinct().count()


def test_a_difference_is_kept_and_told_once(monkeypatch):
    runs = compare_at_once(monkeypatch)

    assert [(run.equal, run.only_theirs) for run in runs] == [(0, 1)] * BOTH
    assert Reconciliation.objects.count() == BOTH
    assert Difference.objects.count() == told() == 1


@pytest.mark.control
def test_a_difference_is_kept_once_control(monkeypatch):
    """Where nobody waits for the other, both see that it is not known yet, and write it."""
    looked, clear = threading.Barrier(BOTH), reconciling._clear

    def clear_when_both_have_looked(*gone: Any, **said: Any) -> None:
        looked.wait(JOIN_SECONDS)
        clear(*gone, **said)

    monkeypatch.setattr(type(Business.objects.all()), "select_for_update", lambda rows, **_how: rows)
    monkeypatch.setattr(reconciling, "_clear", clear_when_both_have_looked)
    runs = compare_at_once(monkeypatch)

    # The constraint stands behind the lock: one of the two comparisons is lost.
    assert outcomes(runs)["IntegrityError"] == 1
