"""Movements on the books for tests, on whatever day the tests' clock shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

from django.db import transaction

from tenpo.books.models import DayClose, DayCloseLine, Difference, Reconciliation
from tenpo.books.queries.days import end_of, start_of
from tenpo.core.days import day_here
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.people.models import User
from tests.database import as_superuser
from tests.machines.clock import Clock

# The business of the tests is in Berlin, two hours before UTC in September.
FIRST = date(2026, 9, 1)


def pot(kind: Account.Kind, name: str = "", currency: str = "EUR") -> Pot:
    """An account of the business's own."""
    return Pot(kind, currency, name=name)


def post(amount: int, *, currency: str = "EUR", provider: str = "sandbox", key: str = "") -> Transfer:
    """Somebody pays for something: provider to sales."""
    key = key or uuid4().hex
    ends = pot(Account.Kind.PROVIDER, provider, currency), pot(Account.Kind.SALES, currency=currency)
    with transaction.atomic():
        post_transfers([Posting(Transfer.Kind.PAYMENT, *ends, amount, key, uuid4())])
    return Transfer.objects.get(key=key)


def post_fee(amount: int, *, provider: str = "sandbox") -> Transfer:
    """The provider keeps something: fees to provider."""
    key = uuid4().hex
    ends = pot(Account.Kind.FEES), pot(Account.Kind.PROVIDER, provider)
    with transaction.atomic():
        post_transfers([Posting(Transfer.Kind.FEE, *ends, amount, key, uuid4())])
    return Transfer.objects.get(key=key)


def noon(days: int = 0) -> datetime:
    """Noon of the first day, or of so many days later."""
    return datetime.combine(FIRST + timedelta(days=days), time(12), UTC)


def today() -> date:
    """The business's day."""
    return day_here()


@contextmanager
def at(moment: datetime) -> Iterator[Clock]:
    """Let it be `moment` for Python and for the database; the test's module has the fixture `clock_moves`."""
    clock = Clock(moment)
    try:
        yield clock
    finally:
        clock.stop()


def move_transfers_back(days: int) -> None:
    """Let everything that was posted so far have been posted some days earlier, for tests with real transactions."""
    with as_superuser() as admin:
        admin.execute("UPDATE ledger_transfer SET created_at = created_at - make_interval(days => %s)", [days])


def make_close(day: date, *, currency: str = "EUR") -> DayClose:
    """A closed day on which nothing moved, wherever the days around it are."""
    close = DayClose.objects.create(
        day=day, currency=currency, starts_at=start_of(day), ends_at=end_of(day), transfers=0, amount=0,
        fingerprint="0" * 64,
    )  # fmt: skip
    DayCloseLine.objects.create(
        day_close=close, kind=Account.Kind.SALES, opening=0, debits=0, credits=0, closing=0, debits_to_date=0,
        credits_to_date=0,
    )  # fmt: skip
    return close


def make_difference(reference: str, *, by: User | None = None, of: Reconciliation | None = None) -> Difference:
    """Something that only the sandbox knows of; of a comparison of its own unless one is named."""
    day = today() - timedelta(days=1)
    run = of or Reconciliation.objects.create(
        provider="sandbox", since=day, until=day, made_by=by, equal=0, only_theirs=1, only_ours=0, different=0
    )
    return Difference.objects.create(
        reconciliation=run, provider="sandbox", reference=reference, what=Difference.What.ONLY_THEIRS, currency="EUR",
        their_amount=500, their_fee=25, at=start_of(day),
    )  # fmt: skip
