"""Many calls of the ledger at the same moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import pytest
from django.db import transaction

from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.people.tests.make import make_member
from tests.at_once import at_once, outcomes
from tests.database import as_superuser

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 12
SALES, PROVIDER = Pot(Account.Kind.SALES, "EUR"), Pot(Account.Kind.PROVIDER, "EUR", name="sandbox")


def post(*postings: Posting) -> int:
    with transaction.atomic():
        return post_transfers(postings)


def payments() -> list[Posting]:
    """The same transfer between two sides of the business, where no lock of an account makes one wait for another."""
    posting = Posting(Transfer.Kind.PAYMENT, PROVIDER, SALES, 500, "payment:1", uuid4())
    return [posting] * MANY


@pytest.mark.invariants
def test_a_key_that_many_say_at_once_posts_once():
    found = outcomes(at_once([partial(post, posting) for posting in payments()]))

    assert found == {"1": 1, "0": MANY - 1}
    assert Transfer.objects.count() == 1


@pytest.mark.control
def test_a_key_that_many_say_at_once_control():
    """Where a key that stands is not passed over, all but one fail."""
    with without("ON CONFLICT (key) DO NOTHING"):
        found = outcomes(at_once([partial(post, posting) for posting in payments()]))

    assert found == {"1": 1, "IntegrityError": MANY - 1}


def test_two_who_post_both_ways_do_not_wait_for_each_other():
    """Each opens the same accounts and locks them, and says them in another order."""
    owner = make_member()
    one, other = (Pot(Account.Kind.CREDIT, "EUR", owner.pk, uuid4()) for _ in range(2))

    def issue(*pots: Pot) -> list[Posting]:
        return [Posting(Transfer.Kind.CREDIT_ISSUE, SALES, pot, 10, uuid4().hex, uuid4()) for pot in pots]

    there, back = partial(issue, one, other), partial(issue, other, one)
    found = outcomes(at_once([partial(post, *say()) for say in [there, back] * MANY]))

    assert found == {"2": 2 * MANY}
    assert set(Account.objects.filter(owner=owner).values_list("balance", flat=True)) == {10 * 2 * MANY}


@contextmanager
def without(text: str) -> Iterator[None]:
    """The database's function without one of its lines."""
    with as_superuser() as admin:
        row = admin.execute("SELECT pg_get_functiondef('ledger_post(jsonb)'::regprocedure)").fetchone()
        assert row
        assert row[0].count(text) == 1
        admin.execute(row[0].replace(text, ""))
        try:
            yield
        finally:
            admin.execute(row[0])
