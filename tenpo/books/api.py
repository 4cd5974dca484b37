from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from tenpo.books.actions.closing import close_day
from tenpo.books.actions.numbers import set_account_numbers
from tenpo.books.models import NUMBER_LENGTH, DayClose
from tenpo.books.queries.balances import balances_of, trial_balance_at
from tenpo.books.queries.explorer import family_of, find_accounts, find_transfers, movements_of
from tenpo.books.queries.journal import journal_header, journal_name, journal_rows
from tenpo.books.queries.numbers import account_numbers
from tenpo.books.subjects import subjects_of
from tenpo.core.api import ApiRequest, DayIn, InSchema, OutSchema, PageOut, PageQuery, file_answer, problems
from tenpo.core.csv import csv_answer
from tenpo.core.paging import keyset_page
from tenpo.ledger.api import TransferOut
from tenpo.ledger.models import Account, Transfer
from tenpo.people.permissions import check_admin

router = Router(tags=["Books"])


class AccountSumOut(OutSchema):
    """One line of the trial balance: all that was debited and credited up to then, in minor units."""

    kind: str = Field(..., examples=["sales"])
    name: str = Field(..., examples=[""])
    currency: str = Field(..., examples=["EUR"])
    accounts: int = Field(..., examples=[1])
    debits: int = Field(..., examples=[0])
    credits: int = Field(..., examples=[12000])


class LedgerAccountOut(OutSchema):
    """One account of the ledger: a person's, or one side of the business."""

    id: UUID
    kind: str = Field(..., examples=["wallet"])
    name: str = Field(..., description="Tells the business's own apart: the provider.", examples=["sandbox"])
    currency: str = Field(..., examples=["EUR"])
    owner_id: UUID | None
    balance: int = Field(..., description="Credits less debits, in minor units.", examples=[4500])
    created_at: datetime
    expires_at: datetime | None


class MovementOut(TransferOut):
    """A transfer as one of its accounts sees it."""

    change: int = Field(..., description="What it added to the account; below zero, what it took.", examples=[-600])
    balance: int | None = Field(..., description="The balance after it; null where a kind is asked for.")


class SubjectOut(OutSchema):
    """What caused a transfer."""

    kind: str = Field(..., examples=["payment"])
    id: UUID
    reference: str = Field(..., description="The order's number, or the provider's reference.")


class TransferFamilyOut(TransferOut):
    """A transfer with all that belongs to it."""

    key: str = Field(..., description="What makes it one, however often it is posted.", examples=["payment:0197…"])
    subject: SubjectOut | None
    reversed_by_id: UUID | None = Field(..., description="The transfer that undid it.")
    siblings: list[UUID] = Field(..., description="Others of the same cause, the oldest first.")


class DayCloseOut(OutSchema):
    """A closed business day in one currency."""

    id: UUID
    day: date
    currency: str = Field(..., examples=["EUR"])
    starts_at: datetime
    ends_at: datetime
    transfers: int = Field(..., examples=[42])
    amount: int = Field(..., description="What moved in all, in minor units.", examples=[125000])
    fingerprint: str = Field(..., description="Over every transfer and line of it, and the day before.")
    closed_by_id: UUID | None = Field(..., description="Null: the nightly job.")
    created_at: datetime = Field(..., description="When it was closed.")


class DayLineOut(OutSchema):
    """What one kind of account came to on a closed day, in minor units."""

    kind: str = Field(..., examples=["sales"])
    name: str = Field(..., examples=[""])
    opening: int
    debits: int
    credits: int
    closing: int


class DayCloseDetailOut(DayCloseOut):
    """A closed day with its lines."""

    lines: list[DayLineOut]


class AccountNumberOut(OutSchema):
    """The number of one kind of account in the business's own chart."""

    kind: str = Field(..., examples=["sales"])
    number: str = Field(..., examples=["4400"])


class DayQuery(InSchema):
    """At the end of which day."""

    day: Annotated[DayIn | None, Field(description="The books at its end; without it, now.")] = None


class AccountQuery(PageQuery):
    """Which accounts to list."""

    kind: Annotated[Account.Kind | None, Field(description="Only those of this kind.")] = None
    owner_id: Annotated[UUID | None, Field(description="Only this person's.")] = None
    currency: Annotated[str, Field(max_length=3, description="Only those of this currency.")] = ""


class MovementQuery(PageQuery):
    """Which of an account's transfers to list."""

    kind: Annotated[Transfer.Kind | None, Field(description="Only those of this kind.")] = None
    day: Annotated[DayIn | None, Field(description="Only those of this business day.")] = None


class PeriodQuery(InSchema):
    """Which business days, both ends included."""

    since: Annotated[DayIn, Field(description="The first day.", examples=["2026-10-01"])]
    until: Annotated[DayIn, Field(description="The last day.", examples=["2026-10-31"])]

    @model_validator(mode="after")
    def _is_in_order(self) -> "PeriodQuery":
        if self.until < self.since:
            raise PydanticCustomError("order", "{words}", {"words": _("This is before the first day.")})
        return self


class ClosingIn(InSchema):
    """Which day to close."""

    day: DayIn = Field(..., examples=["2026-10-31"])


class AccountNumberIn(InSchema):
    """A kind of account and its number."""

    kind: Account.Kind = Field(..., examples=["sales"])
    number: str = Field(..., max_length=NUMBER_LENGTH, description="Empty: the usual one.", examples=["8400"])


@router.get("/ledger/trial-balance", response={200: list[AccountSumOut], **problems(403)}, summary="The trial balance")
def read_trial_balance(request: ApiRequest, query: Query[DayQuery]) -> Any:
    """Every account with its sums, those of people together; for admins. Debits and credits are equal."""
    check_admin(request.user)
    return trial_balance_at(query.day)


@router.get("/ledger/accounts", response={200: PageOut[LedgerAccountOut], **problems(403)}, summary="List accounts")
def list_ledger_accounts(request: ApiRequest, query: Query[AccountQuery]) -> Any:
    """Every account with what it holds now, the newest first; for admins."""
    check_admin(request.user)
    rows = find_accounts(kind=query.kind or "", owner_id=query.owner_id, currency=query.currency)
    page = keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit)
    balances = balances_of(page.items)
    items = [_account_out(account, balances[account.pk]) for account in page.items]
    return {"items": items, "next_cursor": page.next_cursor}


@router.get(
    "/ledger/accounts/{uuid:account_id}",
    response={200: LedgerAccountOut, **problems(403, 404)},
    summary="One account",
)
def read_ledger_account(request: ApiRequest, account_id: UUID) -> Any:
    """One account with what it holds now; for admins."""
    account = _account(request, account_id)
    return _account_out(account, balances_of([account])[account.pk])


@router.get(
    "/ledger/accounts/{uuid:account_id}/transfers",
    response={200: PageOut[MovementOut], **problems(403, 404)},
    summary="What moved on an account",
    by_alias=False,
)
def list_movements(request: ApiRequest, account_id: UUID, query: Query[MovementQuery]) -> Any:
    """An account's transfers, the newest first, each with the balance after it; for admins."""
    account = _account(request, account_id)
    movements, next_cursor = movements_of(
        account, kind=query.kind or "", day=query.day, cursor=query.cursor, limit=query.limit
    )
    items = [{**_transfer_out(one.transfer), "change": one.change, "balance": one.balance} for one in movements]
    return {"items": items, "next_cursor": next_cursor}


@router.get(
    "/ledger/transfers/{uuid:transfer_id}",
    response={200: TransferFamilyOut, **problems(403, 404)},
    summary="One transfer",
    by_alias=False,
)
def read_transfer(request: ApiRequest, transfer_id: UUID) -> Any:
    """One transfer, what caused it, what undid it, and what else has the same cause; for admins."""
    check_admin(request.user)
    transfer = get_object_or_404(find_transfers(), pk=transfer_id)
    family = family_of(transfer)
    return {
        **_transfer_out(transfer),
        "key": transfer.key,
        "subject": subjects_of([transfer]).get(transfer.subject_id),
        "reversed_by_id": family.undone_by.pk if family.undone_by else None,
        "siblings": [row.pk for row in family.siblings],
    }


@router.get("/ledger/days", response={200: PageOut[DayCloseOut], **problems(403)}, summary="List closed days")
def list_days(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """The business's closed days, the newest first; for admins."""
    check_admin(request.user)
    rows = DayClose.objects.visible_to(request.user)
    return PageOut.of(keyset_page(rows, order=("-day", "-currency"), cursor=query.cursor, limit=query.limit))


@router.post("/ledger/days", response={200: list[DayCloseOut], **problems(403, 409)}, summary="Close a day")
def close_one_day(request: ApiRequest, body: ClosingIn) -> Any:
    """Close a business day in every currency; closing it again is the same. For admins.

    Refused with `day_not_over`, `day_before_is_open` (days are closed in turn), `nothing_to_close` (nothing moved up
    to then), and `still_under_way` (something that began before midnight; try again in a few minutes).
    """
    return close_day(body.day, by=request.user)


@router.get(
    "/ledger/days/{uuid:day_close_id}",
    response={200: DayCloseDetailOut, **problems(403, 404)},
    summary="One closed day",
)
def read_day(request: ApiRequest, day_close_id: UUID) -> Any:
    """What each kind of account opened with, moved and closed with on a day; for admins."""
    check_admin(request.user)
    rows = DayClose.objects.visible_to(request.user).prefetch_related("lines")
    close = get_object_or_404(rows, pk=day_close_id)
    plain = {name: getattr(close, name) for name in DayCloseOut.model_fields}
    return {**plain, "lines": sorted(close.lines.all(), key=lambda line: (line.kind, line.name))}


@router.get(
    "/ledger/journal/csv-file",
    response=problems(403),
    summary="Export the journal",
    openapi_extra=file_answer("text/csv"),
)
def export_journal(request: ApiRequest, query: Query[PeriodQuery]) -> StreamingHttpResponse:
    """The double-entry journal of a period as `text/csv`, one line for each transfer, for accountants; for admins."""
    check_admin(request.user)
    name = journal_name(query.since, query.until)
    return csv_answer(name, journal_header(), journal_rows(query.since, query.until))


@router.get(
    "/ledger/account-numbers", response={200: list[AccountNumberOut], **problems(403)}, summary="List account numbers"
)
def list_account_numbers(request: ApiRequest) -> Any:
    """The number of each kind of account in the business's own chart, as exports have it; for admins."""
    check_admin(request.user)
    return _numbers_out(account_numbers())


@router.patch(
    "/ledger/account-numbers", response={200: list[AccountNumberOut], **problems(403)}, summary="Set an account number"
)
def change_account_number(request: ApiRequest, body: AccountNumberIn) -> Any:
    """Give one kind of account its number in the business's own chart; all numbers. For admins."""
    return _numbers_out(set_account_numbers({body.kind: body.number}, by=request.user))


def _account(request: ApiRequest, account_id: UUID) -> Account:
    check_admin(request.user)
    return get_object_or_404(Account.objects.visible_to(request.user), pk=account_id)


def _account_out(account: Account, balance: int) -> dict[str, Any]:
    plain = {name: getattr(account, name) for name in LedgerAccountOut.model_fields if name != "balance"}
    return {**plain, "balance": balance}


def _transfer_out(transfer: Transfer) -> dict[str, Any]:
    names = [field.alias or name for name, field in TransferOut.model_fields.items()]
    return {name: getattr(transfer, name) for name in names}


def _numbers_out(numbers: dict[str, str]) -> list[dict[str, str]]:
    return [{"kind": kind, "number": number} for kind, number in sorted(numbers.items())]
