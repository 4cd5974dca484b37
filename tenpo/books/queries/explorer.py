"""Looking around in the books: from accounts to their transfers, and from a transfer to all that belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import BigIntegerField, Case, F, Q, QuerySet, Sum, When

from tenpo.books.queries.balances import balances_of
from tenpo.books.queries.days import end_of, start_of
from tenpo.core.paging import PAGE_SIZE, keyset_page
from tenpo.ledger.models import Account, Transfer
from tenpo.people.queries import called


@dataclass(frozen=True)
class Movement:
    """A transfer as one of its accounts sees it: what it added or took, and the balance after it (minor units).

    No balance where some of what moved in between is left out.
    """

    transfer: Transfer
    change: int
    balance: int | None

    @property
    def other(self) -> Account:
        """The account at the other end."""
        return self.transfer.debit if self.change > 0 else self.transfer.credit


def find_accounts(
    *, kind: str = "", owner_id: UUID | None = None, owner: str = "", currency: str = ""
) -> QuerySet[Account]:
    """Accounts by kind, currency, and owner: their id, or words of their name or address."""
    rows = Account.objects.select_related("owner")
    if kind:
        rows = rows.filter(kind=kind)
    if currency:
        rows = rows.filter(currency=currency)
    if owner_id:
        rows = rows.filter(owner=owner_id)
    return rows.filter(called(owner, of="owner__"))


def find_transfers(*, kind: str = "", day: date | None = None, account_id: UUID | None = None) -> QuerySet[Transfer]:
    """Transfers by kind, by the business's day, and by an account at one of their ends; with both ends."""
    rows = Transfer.objects.select_related("debit__owner", "credit__owner")
    if account_id:
        rows = rows.touching(account_id)
    if kind:
        rows = rows.filter(kind=kind)
    if day:
        rows = rows.filter(created_at__gte=start_of(day), created_at__lt=end_of(day))
    return rows


def movements_of(
    account: Account, *, kind: str = "", day: date | None = None, cursor: str | None = None, limit: int = PAGE_SIZE
) -> tuple[list[Movement], str | None]:
    """What moved on an account, the newest first, from `cursor` on, and the next cursor; at most five statements.

    Raises ValidationError for a cursor that we did not make.
    """
    rows = find_transfers(kind=kind, day=day, account_id=account.pk)
    page = keyset_page(rows, order=("-id",), cursor=cursor, limit=limit)
    balances = {} if kind else _balances_after(account, page.items)
    return [
        Movement(
            transfer,
            transfer.amount if transfer.credit_id == account.pk else -transfer.amount,
            balances.get(transfer.pk),
        )
        for transfer in page.items
    ], page.next_cursor


def _balances_after(account: Account, transfers: Sequence[Transfer]) -> dict[UUID, int]:
    """The balance of an account after each of some transfers (the newest first) that moved on it."""
    if not transfers:
        return {}
    moved = Transfer.objects.touching(account.pk).annotate(
        change=Case(When(credit=account.pk, then=F("amount")), default=-F("amount"), output_field=BigIntegerField())
    )
    since: int = moved.filter(pk__gt=transfers[0].pk).aggregate(sum=Sum("change"))["sum"] or 0
    balance = balances_of([account])[account.pk] - since
    found = {}
    between = moved.filter(pk__lte=transfers[0].pk, pk__gte=transfers[-1].pk).order_by("-id")
    for pk, change in between.values_list("pk", "change"):
        found[pk] = balance
        balance -= change
    return found


@dataclass(frozen=True)
class Family:
    """What belongs to a transfer: what it undoes, what undid it, and all else of the same cause."""

    undoes: Transfer | None
    undone_by: Transfer | None
    siblings: list[Transfer]


def family_of(transfer: Transfer) -> Family:
    """The relatives of a transfer, the oldest first. One statement."""
    rows = find_transfers().filter(
        Q(subject_id=transfer.subject_id) | Q(reverses=transfer.pk) | Q(pk=transfer.reverses_id)
    )
    others = [row for row in rows.order_by("id") if row.pk != transfer.pk]
    return Family(
        undoes=next((row for row in others if row.pk == transfer.reverses_id), None),
        undone_by=next((row for row in others if row.reverses_id == transfer.pk), None),
        siblings=[row for row in others if row.subject_id == transfer.subject_id],
    )
