"""The ledger holds, whatever is posted in whatever order."""

import contextlib
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import CheckViolation

from tenpo.core.errors import RuleError
from tenpo.core.invariants import find_faults
from tenpo.ledger.actions import _COLUMNS, Posting, Pot, _columns, post_transfers
from tenpo.ledger.models import GUARDED, OWING, Account, Transfer
from tenpo.ledger.queries import trial_balance
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tests.database import as_superuser

pytestmark = pytest.mark.django_db

SALES, RESERVED = Pot(Account.Kind.SALES, "EUR"), Pot(Account.Kind.RESERVED, "EUR")
PROVIDER = Pot(Account.Kind.PROVIDER, "EUR", name="sandbox")
SOURCES = [uuid4() for _ in range(3)]

# Which of two people, which of three credits, how much, and what is done with it.
operations = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 2),
        st.integers(1, 10_000),
        st.sampled_from(["issue", "spend", "reserve", "unreserve", "pay", "both"]),
    ),
    max_size=12,
)


def postings(owner: User, source: int, amount: int, what: str) -> list[Posting]:
    pot = Pot(Account.Kind.CREDIT, "EUR", owner.pk, SOURCES[source])
    other = Pot(Account.Kind.CREDIT, "EUR", owner.pk, SOURCES[(source + 1) % 3])
    kind = Transfer.Kind
    ends: dict[str, list[tuple[Any, Pot, Pot]]] = {
        "issue": [(kind.CREDIT_ISSUE, SALES, pot)],
        "spend": [(kind.CREDIT_SPEND, pot, SALES)],
        "reserve": [(kind.CREDIT_RESERVE, pot, RESERVED)],
        "unreserve": [(kind.CREDIT_UNRESERVE, RESERVED, pot)],
        "pay": [(kind.PAYMENT, PROVIDER, SALES)],
        "both": [(kind.CREDIT_ISSUE, SALES, other), (kind.CREDIT_SPEND, pot, SALES)],
    }
    return [Posting(name, debit, credit, amount, uuid4().hex, uuid4()) for name, debit, credit in ends[what]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
def test_random_postings_keep_every_balance(done):
    with transaction.atomic():
        people = [make_member(), make_member()]
        expected: dict[Any, int] = {}
        for who, source, amount, what in done:
            wanted = postings(people[who], source, amount, what)
            would = dict(expected)
            for posting in wanted:
                for pot, change in ((posting.debit, -amount), (posting.credit, amount)):
                    if pot.owner_id:
                        would[pot] = would.get(pot, 0) + change
            if min(would.values(), default=0) < 0:
                with pytest.raises(RuleError, match=r"^There is not enough credit"), transaction.atomic():
                    post_transfers(wanted)
                continue
            assert post_transfers(wanted) == len(wanted)
            expected = would
        accounts = Account.objects.filter(owner__in=people)
        balances = {(a.owner_id, a.source_id): a.balance for a in accounts if a.balance}
        assert balances == {(pot.owner_id, pot.source_id): amount for pot, amount in expected.items() if amount}
        sums = trial_balance()
        assert sum(row.debits for row in sums) == sum(row.credits for row in sums)
        # The people's credits come from payments that were never made.
        assert [fault for fault in find_faults() if fault.app == "ledger"] == []
        transaction.set_rollback(True)


def issue(owner: User, amount: int, *, key: str = "k", source: int = 0) -> Posting:
    pot = Pot(Account.Kind.CREDIT, "EUR", owner.pk, SOURCES[source])
    return Posting(Transfer.Kind.CREDIT_ISSUE, SALES, pot, amount, key, uuid4())


def test_a_key_posts_once():
    member = make_member()

    assert [post_transfers([issue(member, 100)]) for _ in range(3)] == [1, 0, 0]
    assert Account.objects.get(owner=member).balance == 100


def test_transfers_of_one_call_and_of_the_next_stand_in_the_order_in_which_they_are_said():
    member = make_member()
    keys = [f"k{number}" for number in range(20)]

    post_transfers([issue(member, 100, key=key) for key in keys[:15]])
    for key in keys[15:]:
        post_transfers([issue(member, 100, key=key)])

    assert list(Transfer.objects.order_by("id").values_list("key", flat=True)) == keys


def test_a_key_that_says_something_else_is_a_mistake():
    member = make_member()
    post_transfers([issue(member, 100)])

    for wrong in (issue(member, 101), issue(make_member(), 100)):
        with pytest.raises(ProgrammingError, match="posted with another"), transaction.atomic():
            post_transfers([wrong])
    assert Account.objects.get(owner=member).balance == 100


@pytest.mark.parametrize("is_posted", [False, True], ids=["new", "posted before"])
def test_a_key_stands_once_in_a_call(is_posted):
    posting = issue(make_member(), 100)
    if is_posted:
        post_transfers([posting])

    with pytest.raises(ProgrammingError, match="twice in one call"), transaction.atomic():
        post_transfers([posting, posting])
    assert Transfer.objects.count() == is_posted


def test_of_a_call_that_was_posted_in_part_only_the_rest_moves_a_balance():
    member = make_member()
    post_transfers([issue(member, 100)])

    assert post_transfers([issue(member, 100), issue(member, 30, key="second"), issue(member, 5, key="third")]) == 2
    assert Account.objects.get(owner=member).balance == 135


def test_amounts_are_positive_and_currencies_equal():
    member = make_member()
    dollars = Posting(Transfer.Kind.PAYMENT, PROVIDER, Pot(Account.Kind.SALES, "USD"), 5, "x", uuid4())

    for amount in (0, -5):
        with pytest.raises(IntegrityError, match="transfer_amount_is_positive"), transaction.atomic():
            post_transfers([issue(member, amount)])
    with pytest.raises(ProgrammingError, match="currencies differ"), transaction.atomic():
        post_transfers([dollars])
    assert not Transfer.objects.exists()


def test_a_reversal_mirrors_and_happens_once():
    member = make_member()
    post_transfers([issue(member, 100)])
    first = Transfer.objects.get()
    pot = Pot.of(Account.objects.get(owner=member))

    def back(amount: int, key: str) -> Posting:
        return Posting(Transfer.Kind.CREDIT_SPEND, pot, SALES, amount, key, uuid4(), reverses_id=first.pk)

    with pytest.raises(ProgrammingError, match="not the mirror"), transaction.atomic():
        post_transfers([back(99, "a")])
    post_transfers([back(100, "b")])
    post_transfers([issue(member, 100, key="more")])
    with pytest.raises(IntegrityError), transaction.atomic():
        post_transfers([back(100, "c")])
    assert Account.objects.get(owner=member).balance == 100


def test_what_undoes_a_transfer_is_final():
    member = make_member()
    post_transfers([issue(member, 100)])
    pot = Pot.of(Account.objects.get(owner=member))
    first = Transfer.objects.get()
    back = Posting(Transfer.Kind.CREDIT_SPEND, pot, SALES, 100, "back", uuid4(), reverses_id=first.pk)
    post_transfers([back])
    second = Transfer.objects.get(key="back")
    forth = Posting(Transfer.Kind.CREDIT_ISSUE, SALES, pot, 100, "forth", uuid4(), reverses_id=second.pk)

    with pytest.raises(ProgrammingError, match="a reversal is final"), transaction.atomic():
        post_transfers([forth])

    assert post_transfers([back]) == 0
    assert Account.objects.get(owner=member).balance == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_account SET balance = 1000000",
        "INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id)"
        " SELECT debit_id, credit_id, amount, currency, kind, 'more', subject_id FROM ledger_transfer",
        "UPDATE ledger_transfer SET amount = 1",
        "DELETE FROM ledger_transfer",
        "DELETE FROM ledger_account",
    ],
)
def test_the_application_cannot_write_the_books_by_itself(statement):
    post_transfers([issue(make_member(), 100)])

    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_money_moves_only_inside_a_transaction():
    with pytest.raises(AssertionError, match="in the transaction"):
        post_transfers([issue(make_member(), 100)])


@pytest.mark.parametrize(
    ("own", "comes", "goes", "other"),
    [
        (Account.Kind.WALLET, Transfer.Kind.TOP_UP, Transfer.Kind.WALLET_SPEND, PROVIDER),
        (Account.Kind.GRANTED, Transfer.Kind.GRANT, Transfer.Kind.GRANT_BACK, Pot(Account.Kind.GRANTS, "EUR")),
        (Account.Kind.EARNINGS, Transfer.Kind.EARNING, Transfer.Kind.EARNING_BACK, SALES),
    ],
)
def test_whatever_a_person_owns_is_opened_at_nothing_and_never_goes_below(own, comes, goes, other):
    pot = Pot(own, "EUR", make_member().pk)
    out = SALES if goes == Transfer.Kind.WALLET_SPEND else other
    with transaction.atomic():
        post_transfers([Posting(comes, other, pot, 700, uuid4().hex, uuid4())])
        post_transfers([Posting(goes, pot, out, 700, uuid4().hex, uuid4())])

    with pytest.raises(RuleError, match="not enough") as refused, transaction.atomic():
        post_transfers([Posting(goes, pot, out, 1, uuid4().hex, uuid4())])

    assert refused.value.code == "insufficient_funds"
    assert Account.objects.get(kind=own).balance == 0


@pytest.mark.parametrize("kind", Account.Kind.values)
@pytest.mark.parametrize("has_owner", [True, False])
@pytest.mark.parametrize("has_balance", [True, False])
def test_an_account_has_an_owner_and_a_balance_as_its_kind_says(kind, has_owner, has_balance):
    """Even who owns the tables can write no other one."""
    row = [kind, uuid4() if has_owner else None, 0 if has_balance else None, uuid4()]
    is_right = (has_owner, has_balance) == (kind in [*GUARDED, *OWING], kind in GUARDED)

    with as_superuser() as admin, admin.transaction(force_rollback=True):
        refused = contextlib.nullcontext() if is_right else pytest.raises(CheckViolation, match="account_has_")
        with refused:
            admin.execute(
                "INSERT INTO ledger_account (kind, owner_id, balance, source_id, currency, name, code)"
                " VALUES (%s, %s, %s, %s, 'EUR', '', 'an account')",
                row,
            )


def test_what_somebody_owes_is_theirs_and_is_a_sum():
    owed = Pot(Account.Kind.OWED, "EUR", make_member().pk)
    with transaction.atomic():
        post_transfers([Posting(Transfer.Kind.CLAWBACK, owed, SALES, 300, uuid4().hex, uuid4())])

    account = Account.objects.get(kind=Account.Kind.OWED)
    assert (account.owner_id, account.balance) == (owed.owner_id, None)
    assert find_faults() == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8))
def test_each_transfer_of_one_call_has_its_own_ends(ends):
    """An end that the posting before has is not looked up again, so every order of ends is tried."""
    with transaction.atomic():
        mine = Pot(Account.Kind.WALLET, "EUR", make_member().pk), Pot(Account.Kind.WALLET, "EUR", make_member().pk)
        for pot in mine:
            post_transfers([Posting(Transfer.Kind.TOP_UP, PROVIDER, pot, 10_000, uuid4().hex, uuid4())])
        pots = [*mine, SALES, RESERVED, Pot(Account.Kind.FEES, "EUR")]
        wanted = [
            Posting(Transfer.Kind.FEE, pots[debit], pots[credit], n + 1, uuid4().hex, uuid4())
            for n, (debit, credit) in enumerate(ends)
            if debit != credit
        ]

        assert post_transfers(wanted) == len(wanted)

        found = Transfer.objects.filter(key__in=[posting.key for posting in wanted]).select_related("debit", "credit")
        by_key = {
            transfer.key: (Pot.of(transfer.debit), Pot.of(transfer.credit), transfer.amount) for transfer in found
        }
        assert by_key == {posting.key: (posting.debit, posting.credit, posting.amount) for posting in wanted}
        for pot in mine:
            change = sum(p.amount * ((p.credit == pot) - (p.debit == pot)) for p in wanted)
            assert Account.objects.get(owner=pot.owner_id).balance == 10_000 + change
        transaction.set_rollback(True)


def test_what_names_no_account_is_refused_and_not_taken_for_the_one_before():
    good = issue(make_member(), 100)
    nameless = replace(SALES, kind=SimpleNamespace(value=None))  # type: ignore[arg-type]
    bad = replace(good, key="bad")
    for one in (replace(bad, debit=nameless), replace(bad, credit=nameless)):
        with pytest.raises(IntegrityError, match="null value"), transaction.atomic():
            post_transfers([good, one])
    assert not Transfer.objects.exists()


def test_an_account_is_found_by_the_name_that_it_was_opened_under():
    """Python and the database make the code each by themselves."""
    pots = [SALES, PROVIDER, Pot(Account.Kind.CREDIT, "USD", make_member().pk, uuid4(), "a:b, c'd ü")]
    with connection.cursor() as cursor:
        for pot in pots:
            cursor.execute("SELECT ledger_code(%s::jsonb)", [json.dumps(pot.as_json())])
            assert cursor.fetchone() == (pot.code,)


@pytest.mark.parametrize(
    "wrong",
    [
        Pot(Account.Kind.SALES, "eur"),
        Pot(Account.Kind.SALES, "E:R"),
        Pot(SimpleNamespace(value="sales:EUR"), "USD"),  # type: ignore[arg-type]
        Pot(SimpleNamespace(value=""), ""),  # type: ignore[arg-type]
    ],
)
def test_no_account_is_opened_whose_name_could_be_read_as_that_of_another(wrong):
    for known in (SALES, Pot(Account.Kind.WALLET, "EUR", make_member().pk)):
        with pytest.raises(ProgrammingError, match="no such kind or currency"), transaction.atomic():
            post_transfers([Posting(Transfer.Kind.TOP_UP, wrong, known, 5, "k", uuid4())])
    assert not Account.objects.exists()


def test_a_person_has_one_account_of_a_kind_however_their_number_is_written():
    owner = str(make_member().pk)
    written, shouted = (Pot(Account.Kind.WALLET, "EUR", one) for one in (owner, owner.upper()))  # type: ignore[arg-type]
    with transaction.atomic():
        post_transfers([Posting(Transfer.Kind.TOP_UP, PROVIDER, written, 5, "k", uuid4())])

    with pytest.raises(IntegrityError, match="null value"), transaction.atomic():
        post_transfers([Posting(Transfer.Kind.TOP_UP, PROVIDER, shouted, 5, "l", uuid4())])


@pytest.mark.parametrize("column", range(8))
def test_columns_of_different_lengths_are_refused(column):
    """Else a reversal could be written as none."""
    values = _columns([issue(make_member(), 100)])
    values[column] = [*values[column], *values[column]]

    with pytest.raises(ProgrammingError, match="differ in length"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT ledger_post({_COLUMNS})", values)
    assert not Transfer.objects.exists()


def test_the_release_before_posts_as_it_did():
    """It goes on for a while beside this one, and brings no ids along."""
    posting, pot = issue(make_member(), 100), Pot(Account.Kind.WALLET, "EUR", make_member().pk)
    second = Posting(Transfer.Kind.TOP_UP, PROVIDER, pot, 7, "second", uuid4())
    _ids, *columns = _columns([posting, second])
    of_columns = _COLUMNS.removeprefix("%s::uuid[], ")
    for posted in (2, 0):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT ledger_post({of_columns})", columns)
            assert cursor.fetchone() == (posted,)
    assert list(Transfer.objects.order_by("id").values_list("key", flat=True)) == [posting.key, "second"]
    assert list(Account.objects.exclude(balance=None).order_by("balance").values_list("balance", flat=True)) == [7, 100]


def test_a_transfer_writes_no_index_that_nobody_reads():
    """Each costs every transfer; which ones there are is decided here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'ledger_transfer' ORDER BY 1")
        found = [name for (name,) in cursor.fetchall()]
    assert found == [
        "ledger_transfer_key_key",
        "ledger_transfer_pkey",
        "transfer_by_credit",
        "transfer_by_debit",
        "transfer_by_kind",
        "transfer_by_subject",
        "transfer_by_time",
        "transfer_reversed_once",
    ]
