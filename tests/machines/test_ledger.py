"""The ledger does what the model says, whatever is posted in whatever order."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from tenpo.ledger import actions
from tenpo.ledger.models import Transfer
from tests.machines.ledger import LedgerMachine
from tests.machines.machine import finds_a_difference, run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]


def test_the_ledger_agrees_with_the_model():
    run(LedgerMachine)


@pytest.mark.control
def test_a_key_that_posts_twice_control(monkeypatch):
    post = actions.post_transfers

    def post_anyhow(postings: Sequence[actions.Posting]) -> int:
        posted = set(Transfer.objects.values_list("key", flat=True))
        return post([replace(p, key=uuid4().hex) if p.key in posted else p for p in postings])

    monkeypatch.setattr(actions, "post_transfers", post_anyhow)

    assert finds_a_difference(LedgerMachine)


@pytest.mark.control
def test_a_batch_that_is_not_counted_as_one_control(monkeypatch):
    """Posted one by one, what comes in later cannot pay for what goes out first."""
    post = actions.post_transfers
    monkeypatch.setattr(actions, "post_transfers", lambda postings: sum(post([one]) for one in postings))

    assert finds_a_difference(LedgerMachine)
