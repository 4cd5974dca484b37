"""What the books say: balances, a person's statement, what each month cost whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, models
from django.db.models import Case, F, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, TruncMonth

from tenpo.core.paging import PAGE_SIZE, keyset_page
from tenpo.ledger.models import Account, Transfer, title_of
from tenpo.people.models import User

# Of which accounts a person reads a statement.
CREDIT = (Account.Kind.CREDIT,)
WALLET = (Account.Kind.GRANTED, Account.Kind.WALLET)
_AMOUNT = models.BigIntegerField()


def credit_from(source_id: UUID, owner: User, *, at: datetime) -> Account | None:
    """Of somebody's credits that came from one payment and hold at a time, the one with the most left."""
    credits = Account.objects.credits_of(owner).filter(source_id=source_id, balance__gt=0)
    return credits.filter(Q(expires_at=None) | Q(expires_at__gt=at)).order_by("-balance", "id").first()


@dataclass(frozen=True)
class AccountSum:
    """One line of the trial balance: all that was ever debited and credited, in minor units."""

    kind: str
    name: str
    currency: str
    accounts: int
    debits: int
    credits: int

    def __str__(self) -> str:
        return title_of(self.kind, self.name)

    @property
    def balance(self) -> int:
        return self.credits - self.debits


_TRIAL_BALANCE = """
    WITH sides AS (
        SELECT debit_id AS account_id, amount AS debit, 0 AS credit FROM ledger_transfer
        UNION ALL
        SELECT credit_id, 0, amount FROM ledger_transfer
    ), sums AS (
        SELECT account_id, sum(debit) AS debits, sum(credit) AS credits FROM sides GROUP BY account_id
    )
    SELECT a.kind, CASE WHEN a.owner_id IS NULL THEN a.name ELSE '' END AS title,
           a.currency, count(*) AS accounts,
           coalesce(sum(s.debits), 0)::bigint AS debits, coalesce(sum(s.credits), 0)::bigint AS credits
    FROM ledger_account a LEFT JOIN sums s ON s.account_id = a.id
    GROUP BY a.kind, title, a.currency
    ORDER BY a.currency, a.kind, title
"""


def trial_balance() -> list[AccountSum]:
    """Every account with its sums, those of people together by kind. Debits and credits are equal. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_TRIAL_BALANCE)
        return [AccountSum(*row) for row in cursor.fetchall()]


def figures() -> dict[str, dict[str, int]]:
    """The trial balance as plain numbers, for the manifest of a backup."""
    return {
        ":".join(filter(None, (line.kind, line.name, line.currency))): {
            "accounts": line.accounts,
            "debits": line.debits,
            "credits": line.credits,
        }
        for line in trial_balance()
    }


@dataclass(frozen=True)
class StatementRow:
    """One transfer as its owner sees it: what it added or took (minor units), and the balance after it."""

    transfer: Transfer
    change: int
    balance: int


def statement(
    owner: User,
    currency: str,
    *,
    of: Sequence[Account.Kind] = CREDIT,
    only: Q | None = None,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> tuple[list[StatementRow], str | None]:
    """What moved on a person's accounts of these kinds, newest first, from `cursor` on, and the next cursor.

    `only` leaves rows out, but the balances are of all of them. Four statements at most, whatever the length. Raises
    ValidationError for a cursor that we did not make.
    """
    accounts = _accounts(owner, currency, of)
    page = keyset_page(_moved(accounts).filter(only or Q()), order=("-id",), cursor=cursor, limit=limit)
    return _with_balances(accounts, page.items, has_gaps=only is not None), page.next_cursor


def part_of_statement(
    owner: User, currency: str, *, of: Sequence[Account.Kind], only: Q, most: int
) -> list[StatementRow] | None:
    """The rows of a statement that are like `only`, oldest first; None where there are more than `most`."""
    accounts = _accounts(owner, currency, of)
    found = list(_moved(accounts).filter(only).order_by("-id")[: most + 1])
    return None if len(found) > most else _with_balances(accounts, found, has_gaps=True)[::-1]


def whole_statement(owner: User, currency: str, *, of: Sequence[Account.Kind] = CREDIT) -> list[StatementRow]:
    """All that ever moved on a person's accounts of these kinds, oldest first. Two statements."""
    rows: list[StatementRow] = []
    for transfer in _moved(_accounts(owner, currency, of)).order_by("id"):
        before = rows[-1].balance if rows else 0
        rows.append(StatementRow(transfer, transfer.change, before + transfer.change))  # type: ignore[attr-defined]
    return rows


def _accounts(owner: User, currency: str, kinds: Sequence[Account.Kind]) -> list[UUID]:
    return list(Account.objects.filter(owner=owner, currency=currency, kind__in=kinds).values_list("pk", flat=True))


def _moved(accounts: Sequence[UUID]) -> QuerySet[Transfer]:
    """What moved on some accounts, and how it changed what is on them together; each is found by an index."""
    change = Case(When(credit__in=accounts, then=F("amount")), default=-F("amount"), output_field=_AMOUNT)
    return Transfer.objects.filter(Q(credit__in=accounts) | Q(debit__in=accounts)).annotate(change=change)


def _with_balances(accounts: Sequence[UUID], newest_first: Sequence[Any], *, has_gaps: bool) -> list[StatementRow]:
    """Transfers with the balance after each: the one after the newest, then down row by row, through gaps as well.

    The balance now and what came after the newest row are read in one statement, so that nothing comes in between.
    """
    if not newest_first:
        return []
    newest, oldest = newest_first[0].pk, newest_first[-1].pk
    after = _moved(accounts).filter(pk__gt=newest).order_by().values("currency").annotate(sum=Sum("change"))
    since = Coalesce(Subquery(after.values("sum")), 0, output_field=_AMOUNT)
    balance = Account.objects.filter(pk__in=accounts).aggregate(left=Sum("balance") - since)["left"]
    between: Any = _moved(accounts).filter(pk__lte=newest, pk__gte=oldest).order_by("-id")
    changes = between.values_list("pk", "change") if has_gaps else [(row.pk, row.change) for row in newest_first]
    found = {}
    for pk, change in changes:
        found[pk] = balance
        balance -= change
    return [StatementRow(row, row.change, found[row.pk]) for row in newest_first]


def balance_of(owner: User, currency: str, kinds: Sequence[Account.Kind]) -> dict[str, int]:
    """What a person has on guarded accounts of these kinds, by kind (minor units). One statement."""
    pots = Account.objects.filter(owner=owner, currency=currency, kind__in=kinds)
    sums = dict(pots.values_list("kind").annotate(sum=Coalesce(Sum("balance"), 0)))
    return {kind.value: sums.get(kind.value, 0) for kind in kinds}


@dataclass(frozen=True)
class MonthSpend:
    """What one month's bookings cost: the company, sponsors, people by payment, people by credit (minor units)."""

    month: date
    company: int
    sponsors: int
    users: int
    credits: int

    @property
    def total(self) -> int:
        return self.company + self.sponsors + self.users + self.credits


def spend_by_month(*, since: datetime, currency: str, zone: ZoneInfo) -> list[MonthSpend]:
    """Who paid what in each month since; months without any left out.

    What goes back is taken off in the month in which it does, to whomever and wherever: a payment that became credit,
    or went back to a card, was not spent, and that credit counts when it is. A wallet counts when it is spent. A month
    in which more went back than was paid is below zero. One statement.
    """

    def total(plus: list[Transfer.Kind], minus: list[Transfer.Kind]) -> Coalesce:
        # What is held for a refund comes from sales, or from a wallet that was never spent.
        of_sales = Q(debit__kind=Account.Kind.SALES) | Q(credit__kind=Account.Kind.SALES)
        held = Q(kind__in=[kind.REFUND_HOLD, kind.REFUND_RELEASE])
        signed = Case(
            When(held & ~of_sales, then=Value(0)),
            When(kind__in=plus, then=F("amount")),
            When(kind__in=minus, then=-F("amount")),
            default=Value(0),
            output_field=models.BigIntegerField(),
        )
        return Coalesce(Sum(signed), 0, output_field=models.BigIntegerField())

    kind = Transfer.Kind
    # Credit that was set aside and then spent is one spending: the second transfer says when.
    spends = Transfer.objects.filter(created_at__gte=since, currency=currency)
    months = spends.annotate(month=TruncMonth("created_at", tzinfo=zone)).values("month").order_by("month")
    rows = months.annotate(
        company=total([kind.COMPANY_SHARE], [kind.COMPANY_RELEASE]),
        sponsors=total([kind.SPONSOR_SHARE], [kind.SPONSOR_RELEASE]),
        users=total(
            [kind.PAYMENT, kind.WALLET_SPEND, kind.CREDIT_BACK, kind.REFUND_RELEASE],
            [kind.WALLET_RESTORE, kind.WALLET_REFUND, kind.CREDIT_ISSUE, kind.REFUND_HOLD],
        ),
        credits=total([kind.CREDIT_SPEND], [kind.CREDIT_RESTORE]),
    )
    return [
        MonthSpend(row["month"].date(), row["company"], row["sponsors"], row["users"], row["credits"]) for row in rows
    ]
