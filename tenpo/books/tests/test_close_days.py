"""Closing a business day: what is kept, what is refused, and that it is a snapshot to go on from."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import ProgrammingError, transaction

from tenpo.audit.models import AuditLog
from tenpo.books.actions import closing
from tenpo.books.actions.closing import close_day, close_days, close_days_tonight
from tenpo.books.models import DayClose, DayCloseLine
from tenpo.books.queries.balances import balances_of, trial_balance_at
from tenpo.books.queries.days import days_to_close
from tenpo.books.tests.make import FIRST, at, noon, post, post_fee
from tenpo.core.business import current_business, forget_business
from tenpo.core.errors import RuleError
from tenpo.core.models import Business
from tenpo.ledger.models import Account
from tenpo.ledger.queries import trial_balance
from tenpo.payments.tests.make import make_wallet_money
from tenpo.people.tests.make import make_admin, make_member
from tests.machines.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_moves"), pytest.mark.invariants]

NEXT = FIRST + timedelta(days=1)


@pytest.fixture
def clock() -> Iterator[Clock]:
    """It is noon of the first day, until a test moves on."""
    current_business()
    with at(noon()) as clock:
        yield clock


def lines(close: DayClose) -> dict[str, tuple[int, int, int, int]]:
    return {str(line): (line.opening, line.debits, line.credits, line.closing) for line in close.lines.all()}


def test_a_closed_day_says_what_each_kind_of_account_moved(clock):
    admin = make_admin()
    post(1_000)
    post(500)
    post_fee(40)
    clock.move(timedelta(days=1))

    [close] = close_day(FIRST, by=admin)

    assert (close.day, close.currency, close.transfers, close.amount) == (FIRST, "EUR", 3, 1_540)
    assert close.starts_at == datetime(2026, 8, 31, 22, tzinfo=UTC)
    assert close.ends_at == datetime(2026, 9, 1, 22, tzinfo=UTC)
    assert lines(close) == {
        "Test cards": (0, 1_500, 40, -1_460),
        "Provider fees": (0, 40, 0, -40),
        "Sales": (0, 0, 1_500, 1_500),
    }
    assert len(close.fingerprint) == 64
    record = AuditLog.objects.get(action="day.closed")
    assert (record.actor_id, record.object_id, record.after) == (admin.pk, close.pk, {"transfers": 3, "amount": 1_540})


def test_the_next_day_goes_on_from_the_one_before(clock):
    post(1_000)
    clock.move(timedelta(days=1))
    post(200)
    post(300, currency="USD")
    clock.move(timedelta(days=2))

    first, euros, dollars, *quiet = close_days()

    assert [(close.day, close.currency) for close in (first, euros, dollars)] == [
        (FIRST, "EUR"), (NEXT, "EUR"), (NEXT, "USD"),
    ]  # fmt: skip
    assert lines(euros)["Sales"] == (1_000, 0, 200, 1_200)
    assert lines(dollars)["Sales"] == (0, 0, 300, 300)
    # A day without any transfer carries on what there was.
    assert [(close.day, close.currency, close.transfers) for close in quiet] == [
        (NEXT + timedelta(days=1), "EUR", 0), (NEXT + timedelta(days=1), "USD", 0),
    ]  # fmt: skip
    assert lines(quiet[0])["Sales"] == (1_200, 0, 0, 1_200)


def test_closing_twice_is_the_same(clock):
    post(1_000)
    clock.move(timedelta(days=1))
    before = close_day(FIRST, by=make_admin())

    again = close_day(FIRST, by=make_admin("Another"))

    assert again == before
    assert DayClose.objects.count() == 1
    assert AuditLog.objects.filter(action="day.closed").count() == 1


def test_only_an_admin_closes(clock):
    post(1_000)
    clock.move(timedelta(days=1))

    with pytest.raises(PermissionDenied):
        close_day(FIRST, by=make_member())

    assert not DayClose.objects.exists()


@pytest.mark.parametrize(
    ("minutes", "may"),
    [
        pytest.param(-1, False, id="before-midnight"),
        pytest.param(0, False, id="at-midnight"),
        pytest.param(1, True, id="a-minute-later"),
    ],
)
def test_a_day_is_closed_a_minute_after_it_is_over(clock, minutes, may):
    post(1_000)
    clock.move_to(datetime(2026, 9, 1, 22, tzinfo=UTC) + timedelta(minutes=minutes))

    assert days_to_close() == ([FIRST] if may else [])
    if may:
        assert close_day(FIRST, by=None)
    else:
        with pytest.raises(RuleError) as refusal:
            close_day(FIRST, by=None)
        assert refusal.value.code == "day_not_over"


@pytest.mark.parametrize(
    ("day", "code"),
    [
        pytest.param(FIRST - timedelta(days=1), "nothing_to_close", id="before-the-first-transfer"),
        pytest.param(NEXT, "day_before_is_open", id="out-of-turn"),
    ],
)
def test_days_are_closed_in_turn(clock, day, code):
    post(1_000)
    clock.move(timedelta(days=5))

    with pytest.raises(RuleError) as refusal:
        close_day(day, by=None)

    assert refusal.value.code == code
    assert not DayClose.objects.exists()


def test_without_a_transfer_there_is_nothing_to_close(clock):
    with pytest.raises(RuleError) as refusal:
        close_day(FIRST - timedelta(days=3), by=None)

    assert refusal.value.code == "nothing_to_close"
    assert close_days_tonight() == 0


def test_the_night_closes_all_that_is_over(clock):
    post(1_000)
    clock.move(timedelta(days=3))

    assert close_days_tonight() == 3
    assert close_days_tonight() == 0
    assert set(DayClose.objects.values_list("closed_by", flat=True)) == {None}


@pytest.mark.parametrize(
    ("zone", "ends_at"),
    [
        pytest.param("America/Los_Angeles", datetime(2026, 9, 3, 7, tzinfo=UTC), id="west"),
        pytest.param("Pacific/Kiritimati", datetime(2026, 9, 2, 10, tzinfo=UTC), id="east"),
    ],
)
def test_a_business_that_moves_leaves_no_gap_between_its_days(clock, zone, ends_at):
    post(1_000)
    clock.move(timedelta(days=1))
    close_days()
    post(500)
    Business.objects.update(time_zone=zone)
    forget_business()
    clock.move(timedelta(days=2))

    [close] = close_day(NEXT, by=None)

    assert (close.starts_at, close.ends_at) == (datetime(2026, 9, 1, 22, tzinfo=UTC), ends_at)
    assert close.transfers == int(noon(1) < ends_at)
    forget_business()


def test_the_trial_balance_of_any_day_reads_the_closed_ones_and_what_came_after(clock):
    owner = make_member()
    for amount in (1_000, 200, 30):
        post(amount)
        make_wallet_money(owner, amount)
        clock.move(timedelta(days=1))
    after_each = [trial_balance_at(FIRST + timedelta(days=days)) for days in range(3)]

    close_day(FIRST, by=None)
    close_day(NEXT, by=None)

    # Closed or not, a day is the same; and the last one is all there is.
    assert [trial_balance_at(FIRST + timedelta(days=days)) for days in range(3)] == after_each
    assert trial_balance_at() == after_each[-1] == trial_balance()
    assert [{row.kind: row.balance for row in rows} for rows in after_each] == [
        {"provider": -2_000, "sales": 1_000, "wallet": 1_000},
        {"provider": -2_400, "sales": 1_200, "wallet": 1_200},
        {"provider": -2_460, "sales": 1_230, "wallet": 1_230},
    ]
    assert trial_balance_at(FIRST - timedelta(days=1)) == []


def test_balances_read_the_closed_days_and_what_came_after(clock):
    owner = make_member()
    make_wallet_money(owner, 700)
    post(1_000)
    post(99, provider="transfer")
    clock.move(timedelta(days=1))
    close_days()
    post(10)
    post_fee(3)

    accounts = list(Account.objects.all())

    assert {str(account): balances_of(accounts)[account.pk] for account in accounts} == {
        "Wallet": 700,
        "Test cards": -1_707,
        "Bank transfers": -99,
        "Sales": 1_109,
        "Provider fees": -3,
    }


def test_the_application_cannot_change_what_is_closed(clock):
    post(1_000)
    clock.move(timedelta(days=1))
    [close] = close_days()

    for change in (
        lambda: DayClose.objects.filter(pk=close.pk).update(amount=1),
        lambda: DayCloseLine.objects.filter(day_close=close).update(debits=1),
        lambda: DayCloseLine.objects.filter(day_close=close).delete(),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            change()


def test_a_day_that_ends_later_since_the_business_moved_is_not_closed(clock, monkeypatch):
    """An admin moves the business west while whoever closes waits for the old midnight."""
    post(1_000)
    clock.move(timedelta(days=1))
    close_day(FIRST, by=None)
    post(500)
    clock.move(timedelta(hours=11))  # 23:00 in UTC: the next day is over in Berlin, and not in Los Angeles

    def moves(_moment: datetime) -> None:
        Business.objects.update(time_zone="America/Los_Angeles")

    monkeypatch.setattr(closing, "wait_for_older", moves)
    with pytest.raises(RuleError) as refused:
        close_day(NEXT, by=None)

    assert refused.value.code == "day_not_over"
    assert DayClose.objects.get().day == FIRST
    assert current_business().time_zone == "America/Los_Angeles"
    forget_business()
