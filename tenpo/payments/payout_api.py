"""Payouts by API: one's own, and the admins'."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied
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
    problems,
    refuse_keys,
)
from tenpo.core.business import current_business
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.paging import keyset_page
from tenpo.payments.actions.payout_sending import (
    mark_payout_done,
    mark_payout_failed,
    mark_payout_sent,
)
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout, cancel_payout, reject_payout
from tenpo.payments.models import Payout, PayoutAccount
from tenpo.payments.payout_account_api import own_payout_account
from tenpo.payments.queries import Payable, payable
from tenpo.people.http import check_fresh, visit_of

router = Router(tags=["Payouts"])


class PayoutOut(OutSchema):
    """Money that leaves to a person, in minor units."""

    id: UUID
    payee_id: UUID
    account_id: UUID
    method: PayoutAccount.Method = Field(..., examples=["sepa"])
    source: Payout.Source = Field(..., examples=["earnings"])
    state: str = Field(..., examples=["asked"])
    amount: int = Field(..., description="What leaves the balance.", examples=[12000])
    fee: int = Field(..., description="What is kept of it.", examples=[100])
    sent_amount: int = Field(..., description="What arrives.", examples=[11900])
    settled: int = Field(..., description="What was given back first, for refunds after an earlier payout.")
    currency: str = Field(..., examples=["EUR"])
    is_automatic: bool
    needs_second: bool = Field(..., description="Whether two admins approve it.")
    approved_by_id: UUID | None
    seconded_by_id: UUID | None
    approved_at: datetime | None
    sent_at: datetime | None
    ended_at: datetime | None
    reference: str | None
    word: str = ""
    failure_code: str = ""
    created_at: datetime


class PayoutIn(InSchema):
    """What is to be paid out, and where to."""

    account_id: UUID
    source: Payout.Source = Field(..., examples=["wallet"])
    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT)] = Field(..., examples=[1000])


class WordIn(InSchema):
    """Why."""

    word: str = Field("", max_length=300, description="Its payee reads it.", examples=["Please add your BIC."])


class PayableOut(OutSchema):
    """What can be paid out of one source now, in minor units."""

    source: Payout.Source
    currency: str = Field(..., examples=["EUR"])
    balance: int = Field(..., examples=[12000])
    owed: int = Field(..., description="To be given back first, for refunds after an earlier payout.", examples=[0])
    left: int = Field(..., description="The most that can be asked for.", examples=[12000])


class PayoutQuery(PageQuery):
    """Which payouts to list."""

    # Not the enum: the schema knows another one by the name of `State`.
    state: Annotated[
        Literal["asked", "approved", "sent", "done", "failed", "rejected", "cancelled"] | None,
        Field(description="Only those in this state."),
    ] = None
    payee_id: Annotated[UUID | None, Field(description="Only those to this person; for admins.")] = None
    batch_id: Annotated[UUID | None, Field(description="Only those of this file; for admins.")] = None


@router.get("/payout-balances", response={200: list[PayableOut], **problems()}, summary="What can be paid out to you")
def list_payout_balances(request: ApiRequest) -> list[Payable]:
    """Your earnings and your wallet, and how much of each can be asked for."""
    return [payable(request.user, source, current_business().currency) for source in Payout.Source.values]


@router.get("/payouts", response={200: PageOut[PayoutOut], **problems()}, summary="List payouts")
def list_payouts(request: ApiRequest, query: Query[PayoutQuery]) -> Any:
    """Your payouts, newest first; an admin sees everybody's."""
    rows = Payout.objects.visible_to(request.user)
    wanted = {"state": query.state, "payee": query.payee_id, "batch": query.batch_id}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post("/payouts", response={201: PayoutOut, **problems(403, 404, 409, 429)}, summary="Ask for a payout")
@once(PayoutOut, 201, limit="payout-user", is_whole=True)
def create_payout(request: ApiRequest, payload: PayoutIn) -> Payout:
    """The amount is set aside until an admin decides. What you owe for refunds is given back first.

    Refusals: `insufficient_funds`, `below_minimum`, `account_too_new`, `account_disabled`, `method_not_offered`,
    `wallet_not_paid_out`, `too_many_payouts`.
    """
    account = own_payout_account(request, payload.account_id)
    return ask_for_payout(account, source=payload.source, amount=payload.amount, by=request.user)


@router.get("/payouts/{uuid:payout_id}", response={200: PayoutOut, **problems(404)}, summary="Get a payout")
def get_payout(request: ApiRequest, payout_id: UUID) -> Payout:
    """One payout and its state."""
    return _visible(request, payout_id)


@router.post(
    "/payouts/{uuid:payout_id}/cancellation",
    response={200: PayoutOut, **problems(403, 404, 409)},
    summary="Take a payout back",
)
@once(PayoutOut, is_whole=True)
def create_payout_cancellation(request: ApiRequest, payout_id: UUID) -> Payout:
    """By whoever asked for it, while nobody approved it. Taking it back twice changes nothing. Refusal: `not_asked`."""
    return cancel_payout(_visible(request, payout_id), by=request.user)


@router.post(
    "/payouts/{uuid:payout_id}/approval",
    response={200: PayoutOut, **problems(403, 404, 409)},
    summary="Approve a payout",
)
def create_payout_approval(request: ApiRequest, payout_id: UUID) -> Payout:
    """By an admin to whom it does not go; a large one needs a second admin. Approving twice changes nothing.

    Needs the session of a browser, in which that admin has just shown who they are (403); a key lets no money out
    (403). Refusals: `not_asked`, `account_disabled`, `payee_disabled`.
    """
    payout = _deciding(request, payout_id)
    refuse_keys(request, _("A key lets no money out. Sign in to approve."))
    check_fresh(request)
    return approve_payout(payout, by=request.user, visit=visit_of(request))


@router.post(
    "/payouts/{uuid:payout_id}/rejection",
    response={200: PayoutOut, **problems(403, 404, 409)},
    summary="Reject a payout",
)
@once(PayoutOut, is_whole=True)
def create_payout_rejection(request: ApiRequest, payout_id: UUID, payload: WordIn) -> Payout:
    """The money is its payee's again. For an admin to whom it does not go. Refusals: `not_asked`, `in_a_batch`."""
    return reject_payout(_deciding(request, payout_id), word=payload.word, by=request.user)


@router.post(
    "/payouts/{uuid:payout_id}/sending",
    response={200: PayoutOut, **problems(403, 404, 409)},
    summary="Mark a payout sent",
)
@once(PayoutOut, is_whole=True)
def create_payout_sending(request: ApiRequest, payout_id: UUID) -> Payout:
    """An admin sent it by hand. Refusals: `not_approved`, `not_by_hand`, `payee_disabled`."""
    return mark_payout_sent(_deciding(request, payout_id), by=request.user)


@router.post(
    "/payouts/{uuid:payout_id}/arrival",
    response={200: PayoutOut, **problems(403, 404, 409)},
    summary="Mark a payout done",
)
@once(PayoutOut, is_whole=True)
def create_payout_arrival(request: ApiRequest, payout_id: UUID) -> Payout:
    """An admin saw that it arrived. Refusals: `not_sent`, `not_by_hand`."""
    return mark_payout_done(_deciding(request, payout_id), by=request.user)


@router.post(
    "/payouts/{uuid:payout_id}/failure",
    response={200: PayoutOut, **problems(403, 404, 409)},
    summary="Mark a payout failed",
)
@once(PayoutOut, is_whole=True)
def create_payout_failure(request: ApiRequest, payout_id: UUID, payload: WordIn) -> Payout:
    """It came back, also after it had arrived, and is its payee's again. Refusals: `not_sent`, `not_by_hand`."""
    return mark_payout_failed(_deciding(request, payout_id), word=payload.word, by=request.user)


def _visible(request: ApiRequest, payout_id: UUID) -> Payout:
    return get_object_or_404(Payout.objects.visible_to(request.user), pk=payout_id)


def _deciding(request: ApiRequest, payout_id: UUID) -> Payout:
    """A payout before an admin; whoever sees it as its payee alone may not decide."""
    payout = _visible(request, payout_id)
    if not request.user.is_admin:
        raise PermissionDenied
    return payout
