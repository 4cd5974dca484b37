"""Files of payouts for the bank, by API."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from tenpo.access.api_auth import once
from tenpo.core.api import (
    ApiRequest,
    InSchema,
    OutSchema,
    PageOut,
    PageQuery,
    TimeIn,
    file_answer,
    problems,
    refuse_keys,
)
from tenpo.core.paging import keyset_page
from tenpo.payments.actions.payout_sending import (
    drop_payout_batch,
    finish_payout_batch,
    make_payout_batch,
    read_payout_batch,
    send_payout_batch,
)
from tenpo.payments.models import PayoutAccount, PayoutBatch
from tenpo.people.http import check_fresh
from tenpo.people.permissions import check_admin

router = Router(tags=["Payouts"])


class BatchOut(OutSchema):
    """Approved payouts that leave by one file."""

    id: UUID
    method: PayoutAccount.Method = Field(..., examples=["sepa"])
    state: str = Field(..., examples=["made"])
    count: int = Field(..., examples=[3])
    total: int = Field(..., examples=[36000])
    currency: str = Field(..., examples=["EUR"])
    made_by_id: UUID
    created_at: datetime
    sent_at: datetime | None
    read_at: datetime | None = Field(..., description="When somebody took the file last.")


class BatchIn(InSchema):
    """Of what a file is made."""

    method: PayoutAccount.Method = Field(..., examples=["sepa"])


class DropQuery(InSchema):
    """What whoever drops a file knows of it."""

    taken_at: Annotated[TimeIn | None, Field(description="The `read_at` of a file that somebody took.")] = None


class FinishedOut(OutSchema):
    """How many payouts of a batch arrived by this call."""

    arrived: int = Field(..., examples=[3])


@router.get("/payout-batches", response={200: PageOut[BatchOut], **problems(403)}, summary="List files of payouts")
def list_payout_batches(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """The newest first; for admins."""
    check_admin(request.user)
    rows = PayoutBatch.objects.visible_to(request.user)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post("/payout-batches", response={201: BatchOut, **problems(403, 409)}, summary="Make a file of payouts")
@once(BatchOut, 201, is_whole=True)
def create_payout_batch(request: ApiRequest, payload: BatchIn) -> PayoutBatch:
    """Of all approved payouts of a method that stand in no other file; for admins.

    Refusals: `nothing_to_send`, `method_not_offered`.
    """
    return make_payout_batch(payload.method, by=request.user)


@router.get(
    "/payout-batches/{uuid:batch_id}", response={200: BatchOut, **problems(403, 404)}, summary="Get a file of payouts"
)
def get_payout_batch(request: ApiRequest, batch_id: UUID) -> PayoutBatch:
    """What a file holds, and its state; for admins."""
    return _batch(request, batch_id)


@router.get(
    "/payout-batches/{uuid:batch_id}/file",
    response={200: None, **problems(403, 404)},
    summary="Download a file of payouts",
    openapi_extra=file_answer("application/xml"),
)
def get_payout_batch_file(request: ApiRequest, batch_id: UUID) -> HttpResponse:
    """The file as it was made: pain.001 for a bank, CSV for coins.

    It names accounts in the clear, so who takes it is written down. For admins who have just shown who they
    are, and for no key.
    """
    batch = _batch(request, batch_id)
    refuse_keys(request, _("A key reads no accounts in the clear. Sign in to take the file."))
    check_fresh(request)
    file = read_payout_batch(batch, by=request.user)
    disposition = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return HttpResponse(file.text, content_type=file.content_type, headers=disposition)


@router.post(
    "/payout-batches/{uuid:batch_id}/sending",
    response={200: BatchOut, **problems(403, 404, 409)},
    summary="Mark a file of payouts sent",
)
@once(BatchOut, is_whole=True)
def create_payout_batch_sending(request: ApiRequest, batch_id: UUID) -> PayoutBatch:
    """The bank has it: its payouts are on their way. Marking twice changes nothing.

    Refusals: `dropped`, `payee_disabled`.
    """
    return send_payout_batch(_batch(request, batch_id), by=request.user)


@router.post(
    "/payout-batches/{uuid:batch_id}/arrival",
    response={200: FinishedOut, **problems(403, 404)},
    summary="Mark a file of payouts done",
)
@once(FinishedOut, is_whole=True)
def create_payout_batch_arrival(request: ApiRequest, batch_id: UUID) -> dict[str, int]:
    """All of its payouts that are on their way have arrived, but for your own."""
    return {"arrived": finish_payout_batch(_batch(request, batch_id), by=request.user)}


@router.delete(
    "/payout-batches/{uuid:batch_id}",
    response={200: BatchOut, **problems(403, 404, 409)},
    summary="Drop a file of payouts",
)
def delete_payout_batch(request: ApiRequest, batch_id: UUID, query: Query[DropQuery]) -> PayoutBatch:
    """Nobody handed it on: its payouts wait for another. Dropping twice changes nothing.

    A file that somebody took is dropped by no key: the bank may have it, and would pay twice. Refusals: `already_sent`,
    `taken` (say in `taken_at` that you know).
    """
    batch = _batch(request, batch_id)
    if batch.read_at is not None:
        refuse_keys(request, _("Somebody took this file. Sign in to drop it."))
        check_fresh(request)
    return drop_payout_batch(batch, by=request.user, taken_at=query.taken_at)


def _batch(request: ApiRequest, batch_id: UUID) -> PayoutBatch:
    return get_object_or_404(PayoutBatch.objects.visible_to(request.user), pk=batch_id)
