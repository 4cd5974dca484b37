"""Many calls of the ledger at the same moment."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from tenpo.core.invariants import find_faults
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.people.tests.make import make_member
from tenpo.runtime import postgres
from tests.at_once import JOIN_SECONDS, at_once, outcomes, without_index
from tests.database import as_superuser

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 12
SALES, PROVIDER = Pot(Account.Kind.SALES, "EUR"), Pot(Account.Kind.PROVIDER, "EUR", name="sandbox")
# Whoever came holds a lock that stands in nobody's way until the transaction ends, for the other one to see.
MEETING = f"""
CREATE VIEW who_came AS
    SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND objid = 1848 AND datname = current_database();
CREATE FUNCTION meet() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM who_came WHERE pid = pg_backend_pid()) THEN
        RETURN;  -- they met before
    END IF;
    PERFORM pg_advisory_xact_lock_shared(1848);
    FOR tries IN 1..{JOIN_SECONDS // 2 * 100} LOOP
        EXIT WHEN (SELECT count(*) FROM who_came) = 2;
        PERFORM pg_sleep(0.01);
    END LOOP;
END
$$;
CREATE FUNCTION meet_after_the_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- What the other one opens is not to be seen yet.
    IF EXISTS (SELECT FROM ledger_account WHERE owner_id = NEW.owner_id) THEN
        PERFORM meet();
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER meet_after_the_first BEFORE INSERT ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION meet_after_the_first();
"""


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


def reversals(pots: Sequence[Pot], *, copies: int) -> list[Posting]:
    """Each pot was given once; this takes it back so often, each time under another key."""
    issue(*pots)
    given = Transfer.objects.filter(kind=Transfer.Kind.CREDIT_ISSUE).select_related("credit").order_by("id")
    return [
        Posting(
            Transfer.Kind.CREDIT_SPEND, Pot.of(one.credit), SALES, one.amount, uuid4().hex, uuid4(), reverses_id=one.pk
        )
        for one in given
        for _copy in range(copies)
    ]  # fmt: skip


def post_each(postings: Sequence[Posting]) -> Counter[str]:
    """What became of each, one after the other: posted, or the name of what refused it."""
    found: Counter[str] = Counter()
    for posting in postings:
        try:
            found[str(post(posting))] += 1
        except IntegrityError as refusal:
            found["reversed before" if "transfer_reversed_once" in str(refusal) else str(refusal)] += 1
    return found


@pytest.mark.invariants(but={"credit-comes-from-a-payment-of-its-owner"})
def test_each_reversal_happens_once_though_sent_twice_at_once():
    owner = make_member()
    # One pot for all of them, so that the money for a second reversal is there.
    pot = Pot(Account.Kind.CREDIT, "EUR", owner.pk, uuid4())
    wanted = reversals([pot] * 100, copies=2)
    issue(*[pot] * 100)
    dice = random.Random(20270402)
    sides = [wanted[0::2], wanted[1::2]]
    for side in sides:
        dice.shuffle(side)
    # Four at a time: both copies of each transfer are in different hands, in another order.
    found = at_once([partial(post_each, side[part::2]) for side in sides for part in range(2)])

    assert sum(found, Counter()) == {"1": 100, "reversed before": 100}
    assert Transfer.objects.filter(reverses__isnull=False).values("reverses").distinct().count() == 100
    assert Account.objects.get(owner=owner).balance == 1_000


@pytest.mark.control
def test_a_reversal_that_is_sent_twice_control():
    """Without the index the second one finds nothing in its way, and more goes back than came."""
    pot = Pot(Account.Kind.CREDIT, "EUR", make_member().pk, uuid4())
    first, second = reversals([pot], copies=2)
    issue(pot)

    with without_index("transfer_reversed_once"):
        found = outcomes(at_once([partial(post, first), partial(post, second)]))
        broken = {finding.name for finding in find_faults()}
        with as_superuser() as admin:
            admin.execute("DELETE FROM ledger_transfer WHERE reverses_id IS NOT NULL")

    assert found == {"1": 2}
    assert "transfer-is-reversed-once" in broken


def issue(*pots: Pot) -> int:
    return post(*(Posting(Transfer.Kind.CREDIT_ISSUE, SALES, pot, 10, uuid4().hex, uuid4()) for pot in pots))


def two_pots(*, are_open: bool) -> tuple[Pot, Pot]:
    """Of one owner; what they are filled from is open in any case."""
    owner = make_member()
    one, other = (Pot(Account.Kind.CREDIT, "EUR", owner.pk, uuid4()) for _ in range(2))
    issue(*((one, other) if are_open else [Pot(Account.Kind.CREDIT, "EUR", make_member().pk, uuid4())]))
    return one, other


@pytest.mark.invariants(but={"credit-comes-from-a-payment-of-its-owner"})
@pytest.mark.parametrize("are_open", [False, True], ids=["new", "open"])
def test_who_post_to_the_same_accounts_in_another_order_all_get_through(are_open):
    one, other = two_pots(are_open=are_open)

    found = outcomes(at_once([partial(issue, one, other), partial(issue, other, one)] * MANY))

    assert found == {"2": 2 * MANY}
    balances = Account.objects.filter(source_id__in=[one.source_id, other.source_id]).values_list("balance", flat=True)
    assert list(balances) == [10 * (2 * MANY + are_open)] * 2


@pytest.mark.control
def test_accounts_opened_in_the_order_in_which_they_are_said_control():
    one, other = two_pots(are_open=False)

    said = "ORDER BY strpos(pots::jsonb::text, pot::text)"
    with meeting_between_two(), without("ORDER BY ledger_code(pot)", instead=said):
        found = outcomes(at_once([partial(issue, one, other), partial(issue, other, one)]))

    assert found == {"2": 1, "OperationalError": 1}


@pytest.mark.control
def test_balances_changed_in_the_order_in_which_they_are_said_control():
    one, other = two_pots(are_open=True)

    said = "ORDER BY min(array_position(changed, moved.account))"
    change = "UPDATE ledger_account SET balance = balance + change WHERE id = account;"
    with (
        meeting_between_two(),
        without("ORDER BY moved.account", instead=said),
        without(change, instead=f"{change} PERFORM meet();"),
    ):
        found = outcomes(at_once([partial(issue, one, other), partial(issue, other, one)]))

    assert found == {"2": 1, "OperationalError": 1}


@contextmanager
def meeting_between_two() -> Iterator[None]:
    """A function that waits until two transactions have called it; who opens a second account of an owner does so."""
    with as_superuser() as admin:
        admin.execute(MEETING)
        admin.execute(f"GRANT SELECT ON who_came TO {postgres.OWNER}")
        try:
            yield
        finally:
            admin.execute("DROP FUNCTION meet(), meet_after_the_first() CASCADE; DROP VIEW who_came")


@contextmanager
def without(text: str, *, instead: str = "") -> Iterator[None]:
    """The database's function without one of its lines, or with another in its place."""
    with as_superuser() as admin:
        row = admin.execute(
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'ledger_post' AND proargnames[1] = 'ids'"
        ).fetchone()
        assert row
        assert row[0].count(text) == 1
        admin.execute(row[0].replace(text, instead))
        try:
            yield
        finally:
            admin.execute(row[0])
