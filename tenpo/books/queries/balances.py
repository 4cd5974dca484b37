"""What accounts came to: the trial balance at the end of any day, and the balance of each account.

Both read the last closed day and what moved since, never everything that ever moved.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tenpo.books.queries.days import end_of, last_closed
from tenpo.ledger.models import Account
from tenpo.ledger.queries import AccountSum

# The closed day's lines, and what moved between two moments, by the accounts' kind and the business's own names.
_TRIAL_BALANCE = """
    WITH sides AS (
        SELECT debit_id AS account_id, amount AS debit, 0 AS credit FROM ledger_transfer
        WHERE created_at >= %(since)s AND created_at < %(until)s
        UNION ALL
        SELECT credit_id, 0, amount FROM ledger_transfer WHERE created_at >= %(since)s AND created_at < %(until)s
    ), sums AS (
        SELECT account_id, sum(debit) AS debits, sum(credit) AS credits FROM sides GROUP BY account_id
    ), lines AS (
        SELECT a.kind, CASE WHEN a.owner_id IS NULL THEN a.name ELSE '' END AS title, a.currency,
               count(*) FILTER (WHERE a.created_at < %(until)s) AS accounts,
               coalesce(sum(s.debits), 0) AS debits, coalesce(sum(s.credits), 0) AS credits
        FROM ledger_account a LEFT JOIN sums s ON s.account_id = a.id
        GROUP BY a.kind, title, a.currency
        UNION ALL
        SELECT l.kind, l.name, c.currency, 0, l.debits_to_date, l.credits_to_date
        FROM books_daycloseline l JOIN books_dayclose c ON c.id = l.day_close_id WHERE c.day = %(closed)s
    )
    SELECT kind, title, currency, sum(accounts)::bigint, sum(debits)::bigint, sum(credits)::bigint
    FROM lines GROUP BY kind, title, currency HAVING sum(accounts) + sum(debits) + sum(credits) > 0
    ORDER BY currency, kind, title
"""

_BALANCES = """
    SELECT a.id, coalesce(l.closing, 0)
        + coalesce((SELECT sum(amount) FROM ledger_transfer
                    WHERE credit_id = a.id AND created_at >= %(since)s), 0)
        - coalesce((SELECT sum(amount) FROM ledger_transfer
                    WHERE debit_id = a.id AND created_at >= %(since)s), 0)
    FROM ledger_account a
    LEFT JOIN books_dayclose c ON c.day = %(closed)s AND c.currency = a.currency
    LEFT JOIN books_daycloseline l ON l.day_close_id = c.id AND l.kind = a.kind AND l.name = a.name
    WHERE a.id = ANY(%(ids)s)
"""
_BEGINNING, _END = "-infinity", "infinity"


def trial_balance_at(day: date | None = None) -> list[AccountSum]:
    """Every account's sums at the end of `day` (None: now), those of people together. Debits and credits are equal.

    Two statements.
    """
    closed = last_closed(until=day)
    values = {
        "closed": closed.day if closed else None,
        "since": closed.ends_at if closed else _BEGINNING,
        "until": _end_of(day, closed.ends_at if closed and closed.day == day else None),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRIAL_BALANCE, values)
        return [AccountSum(*row) for row in cursor.fetchall()]


def moved_between(since: datetime | None, until: datetime) -> list[AccountSum]:
    """What each kind of account moved from one moment to another. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_TRIAL_BALANCE, {"closed": None, "since": since or _BEGINNING, "until": until})
        return [AccountSum(*row) for row in cursor.fetchall()]


def balances_of(accounts: Sequence[Account]) -> dict[UUID, int]:
    """What each account holds now, by its id. At most three statements, however many.

    A guarded one knows its balance. The business's own sides come from the last closed day and what moved since, and
    what a person owes is the sum of what moved on that one account.
    """
    found = {account.pk: account.balance for account in accounts if account.balance is not None}
    own = [account.pk for account in accounts if account.balance is None and account.owner_id is None]
    owing = [account.pk for account in accounts if account.balance is None and account.owner_id is not None]
    if own:
        closed = last_closed()
        found |= _sums(own, closed=closed.day if closed else None, since=closed.ends_at if closed else _BEGINNING)
    if owing:
        found |= _sums(owing, closed=None, since=_BEGINNING)
    return found


def _sums(ids: list[UUID], *, closed: date | None, since: Any) -> dict[UUID, int]:
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, {"ids": ids, "closed": closed, "since": since})
        return {account_id: int(balance) for account_id, balance in cursor.fetchall()}


def _end_of(day: date | None, closed_at: datetime | None) -> Any:
    """When a day ends: as it was closed, or by the clock where the business is now."""
    if day is None:
        return _END
    return closed_at or end_of(day)
