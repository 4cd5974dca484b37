"""The journal of a period as accountants read it: one line for each transfer, a debit and a credit account in each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import batched
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from tenpo.books.queries.balances import moved_between
from tenpo.books.queries.days import end_of, start_of
from tenpo.books.queries.numbers import account_numbers
from tenpo.books.subjects import subjects_of
from tenpo.checkout.queries.money import causes_of
from tenpo.core.days import business_zone
from tenpo.core.money import minor_digits
from tenpo.ledger.models import Account, Transfer

READ_AT_ONCE = 500


@dataclass(frozen=True)
class NumberSum:
    """What one number of the business's chart moved in a period, in minor units."""

    number: str
    labels: list[str]
    currency: str
    debits: int
    credits: int

    @property
    def balance(self) -> int:
        return self.credits - self.debits


def journal_header() -> list[str]:
    """The columns of the journal."""
    return [
        _("Date"), _("Transfer"), _("Debit account"), _("Debit"), _("Credit account"), pgettext("books", "Credit"),
        _("Amount"), _("Currency"), _("Kind"), _("What for"), _("Reference"),
    ]  # fmt: skip


def journal_name(since: date, until: date) -> str:
    """What the file is called when it is saved."""
    return f"journal-{since.isoformat()}-{until.isoformat()}.csv"


def journal_rows(since: date, until: date) -> Iterator[list[Any]]:
    """The transfers of the business's days from `since` to `until`, the oldest first, read in steps."""
    numbers, zone = account_numbers(), business_zone()
    rows = Transfer.objects.filter(created_at__gte=start_of(since), created_at__lt=end_of(until))
    rows = rows.select_related("debit__owner", "credit__owner").order_by("created_at", "id")
    for batch in batched(rows.iterator(chunk_size=READ_AT_ONCE), READ_AT_ONCE):  # noqa: B911 (the last is shorter)
        causes, subjects = causes_of(batch), subjects_of(batch)
        for row in batch:
            subject = subjects.get(row.subject_id)
            yield [
                row.created_at.astimezone(zone).date().isoformat(),
                row.pk,
                numbers[row.debit.kind],
                _named(row.debit),
                numbers[row.credit.kind],
                _named(row.credit),
                decimal_of(row.amount, row.currency),
                row.currency,
                row.get_kind_display(),
                causes[row.pk].words,
                subject.reference if subject else row.key,
            ]


def number_sums(since: date, until: date) -> list[NumberSum]:
    """What the journal of a period comes to, by number and currency; debits and credits are equal. Two statements."""
    numbers = account_numbers()
    found: dict[tuple[str, str], NumberSum] = {}
    for row in moved_between(start_of(since), end_of(until)):
        if not row.debits and not row.credits:
            continue
        place = (row.currency, numbers[row.kind])
        before = found.get(place) or NumberSum(numbers[row.kind], [], row.currency, 0, 0)
        found[place] = NumberSum(
            before.number, [*before.labels, str(row)], row.currency, before.debits + row.debits,
            before.credits + row.credits,
        )  # fmt: skip
    return [found[place] for place in sorted(found)]


def decimal_of(amount: int, currency: str) -> str:
    """Minor units as a decimal with all its places and a point: "12.50", "1200" where there are no cents."""
    return str(Decimal(amount).scaleb(-minor_digits(currency)))


def _named(account: Account) -> str:
    return f"{account} ({account.owner})" if account.owner else str(account)
