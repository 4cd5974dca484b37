from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, OutSchema, PageOut, PageQuery, problems
from tenpo.core.paging import keyset_page
from tenpo.ledger.models import Account, Transfer
from tenpo.people.permissions import check_admin

router = Router(tags=["Credit and ledger"])


class CreditOut(OutSchema):
    """Store credit from one payment, in minor units. What expires first is spent first, then the oldest."""

    id: UUID
    balance: int = Field(..., description="What is left.", examples=[600])
    currency: str = Field(..., examples=["EUR"])
    source_payment_id: UUID = Field(..., alias="source_id")
    created_at: datetime
    expires_at: datetime | None


class TransferOut(OutSchema):
    """A whole positive amount from one account to another; never changed."""

    id: UUID
    created_at: datetime
    kind: str = Field(..., examples=["credit_issue"])
    amount: int = Field(..., examples=[600])
    currency: str = Field(..., examples=["EUR"])
    debit_account_id: UUID = Field(..., alias="debit_id")
    credit_account_id: UUID = Field(..., alias="credit_id")
    subject_id: UUID = Field(..., description="The order line or payment that caused it.")
    reverses_id: UUID | None


class CreditQuery(PageQuery):
    """Which credits to list."""

    owner_id: Annotated[UUID | None, Field(description="Somebody else's; for admins.")] = None


class TransferQuery(PageQuery):
    """Which transfers to list."""

    kind: Annotated[Transfer.Kind | None, Field(description="Only those of this kind.")] = None
    account_id: Annotated[UUID | None, Field(description="Only those from or to this account.")] = None
    subject_id: Annotated[UUID | None, Field(description="Only those caused by this order line or payment.")] = None


@router.get("/credits", response={200: PageOut[CreditOut], **problems()}, summary="List credits", by_alias=False)
def list_credits(request: ApiRequest, query: Query[CreditQuery]) -> Any:
    """Your store credits, the oldest first, used-up ones too; each with the payment that it comes from."""
    owner = query.owner_id or request.user.pk
    rows = Account.objects.visible_to(request.user).filter(kind=Account.Kind.CREDIT, owner=owner)
    return PageOut.of(keyset_page(rows, order=("id",), cursor=query.cursor, limit=query.limit))


@router.get(
    "/credits/{uuid:credit_id}/transfers",
    response={200: PageOut[TransferOut], **problems(404)},
    summary="What became of a credit",
    by_alias=False,
)
def list_credit_transfers(request: ApiRequest, credit_id: UUID, query: Query[PageQuery]) -> Any:
    """Every amount that was added to or taken from one credit, newest first."""
    credits = Account.objects.visible_to(request.user).filter(kind=Account.Kind.CREDIT)
    credit = get_object_or_404(credits, pk=credit_id)
    rows = Transfer.objects.touching(credit.pk)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.get(
    "/ledger/transfers",
    response={200: PageOut[TransferOut], **problems(403)},
    summary="List transfers",
    by_alias=False,
)
def list_ledger_transfers(request: ApiRequest, query: Query[TransferQuery]) -> Any:
    """Every transfer, newest first; for admins."""
    check_admin(request.user)
    rows = Transfer.objects.all()
    if query.account_id:
        rows = rows.touching(query.account_id)
    if query.kind:
        rows = rows.filter(kind=query.kind)
    if query.subject_id:
        rows = rows.filter(subject_id=query.subject_id)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))
