"""Payouts' endpoints: one's own, and the admins'."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied
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
from tenpo.core.business import current_business
from tenpo.core.limits import hit
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.paging import keyset_page
from tenpo.payments.actions.payout_accounts import (
    add_payout_account,
    choose_payout_account,
    remove_payout_account,
    update_payout_terms,
)
from tenpo.payments.actions.payout_sending import (
    drop_payout_batch,
    finish_payout_batch,
    make_payout_batch,
    mark_payout_done,
    mark_payout_failed,
    mark_payout_sent,
    read_payout_batch,
    send_payout_batch,
)
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout, cancel_payout, reject_payout
from tenpo.payments.models import Payout, PayoutAccount, PayoutBatch, PayoutTerms
from tenpo.payments.queries import Payable, payable, payout_terms
from tenpo.people.http import check_fresh, visit_of
from tenpo.people.permissions import check_admin

router = Router(tags=["Payouts"])

Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]


class PayoutAccountOut(OutSchema):
    """A way in which somebody can be paid; its number is never shown in full."""

    id: UUID
    owner_id: UUID
    method: PayoutAccount.Method = Field(..., examples=["sepa"])
    holder: str = Field(..., examples=["Mia Berg"])
    masked: str = Field(..., examples=["DE89 •••• 3000"])
    is_default: bool = Field(..., description="Whether earnings that are paid out by themselves go there.")
    usable_from: datetime = Field(..., description="Nothing is paid there before.")
    verified_at: datetime | None = Field(..., description="When a payout first arrived there.")
    disabled_at: datetime | None


class PayoutAccountIn(InSchema):
    """A new way to be paid. Which fields are needed depends on the method; `stripe` needs your account there alone."""

    method: PayoutAccount.Method = Field(..., examples=["manual"])
    holder: str = Field(
        ..., min_length=1, max_length=70, description="As the account has its name.", examples=["Mia Berg"]
    )
    iban: str = Field("", max_length=100, description="For `sepa`.")
    bic: str = Field("", max_length=100, description="For `sepa`, if it is known.")
    email: str = Field("", max_length=254, description="For `paypal`.")
    network: str = Field("", max_length=20, description="For `crypto`: `bitcoin` or `ethereum`.")
    address: str = Field("", max_length=100, description="For `crypto`.")
    note: str = Field("", max_length=200, description="For `manual`: how it is paid.", examples=["With my salary"])
    is_default: bool = False


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


class TermsOut(OutSchema):
    """What the business decided about payouts, in minor units."""

    minimum: int = Field(..., examples=[1000])
    fee: int = Field(..., examples=[0])
    second_amount: int | None = Field(..., description="From here on two admins approve.", examples=[100000])
    schedule: PayoutTerms.Schedule = Field(..., examples=["monthly"])
    pays_wallets: bool
    pays_crypto: bool
    bank_iban: str = Field(..., examples=["DE02120300000000202051"])
    bank_bic: str = Field(..., examples=["BYLADEM1001"])


class PayoutTermsIn(InSchema):
    """What changes; fields that are left out stay."""

    minimum: Amount | None = Field(None, examples=[2000])
    fee: Amount | None = Field(None, examples=[100])
    second_amount: Amount | None = Field(None, description="Null: one admin is always enough.", examples=[100_000])
    schedule: PayoutTerms.Schedule | None = None
    pays_wallets: bool | None = Field(None, examples=[True])
    pays_crypto: bool | None = None
    bank_iban: Annotated[str, Field(max_length=100, examples=["DE02120300000000202051"])] | None = None
    bank_bic: Annotated[str, Field(max_length=100, examples=["BYLADEM1001"])] | None = None


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


@router.get("/payout-accounts", response={200: PageOut[PayoutAccountOut], **problems()}, summary="List payout accounts")
def list_payout_accounts(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """The ways in which you can be paid, newest first, removed ones too."""
    rows = PayoutAccount.objects.filter(owner=request.user)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post(
    "/payout-accounts", response={201: PayoutAccountOut, **problems(403, 409, 429)}, summary="Add a payout account"
)
def create_payout_account(request: ApiRequest, body: PayoutAccountIn) -> tuple[int, PayoutAccount]:
    """The first one can be paid to at once, a further one after two days; its owner is written to.

    Needs the session of a browser, in which its owner showed their password or second factor in the last quarter of
    an hour (403); a key says nobody where money goes (403). Refusals: `method_not_offered`,
    `too_many_payout_accounts`.
    """
    refuse_keys(request, _("A key cannot say where you are paid. Sign in to do so."))
    check_fresh(request)
    hit("payout-account-user", request.user.pk)
    details = body.dict(include={"iban", "bic", "email", "network", "address", "note"})
    account = add_payout_account(
        request.user, method=body.method, holder=body.holder, details=details, is_default=body.is_default,
        by=request.user, visit=visit_of(request),
    )  # fmt: skip
    return 201, account


@router.post(
    "/payout-accounts/{uuid:payout_account_id}/default",
    response={200: PayoutAccountOut, **problems(404, 409)},
    summary="Choose a payout account",
)
def choose_default_payout_account(request: ApiRequest, payout_account_id: UUID) -> PayoutAccount:
    """Earnings that are paid out by themselves go there; you are told. 409 `account_disabled`."""
    return choose_payout_account(_own_account(request, payout_account_id), by=request.user)


@router.delete(
    "/payout-accounts/{uuid:payout_account_id}",
    response={200: PayoutAccountOut, **problems(404, 409)},
    summary="Remove a payout account",
)
def delete_payout_account(request: ApiRequest, payout_account_id: UUID) -> PayoutAccount:
    """Nothing is paid there any more. Your own, or, for an admin, somebody's. Removing twice changes nothing.

    409 `payout_under_way`.
    """
    account = get_object_or_404(PayoutAccount.objects.visible_to(request.user), pk=payout_account_id)
    return remove_payout_account(account, by=request.user)


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
    account = _own_account(request, payload.account_id)
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
    (403). Refusals: `not_asked`, `account_disabled`.
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
    """An admin sent it by hand. Refusals: `not_approved`, `not_by_hand`."""
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
    """It came back, and is its payee's again. Refusals: `not_sent`, `not_by_hand`."""
    return mark_payout_failed(_deciding(request, payout_id), word=payload.word, by=request.user)


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
    """The bank has it: its payouts are on their way. Marking twice changes nothing. Refusal: `dropped`."""
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


@router.get("/payout-terms", response={200: TermsOut, **problems(403)}, summary="Read the terms of payouts")
def get_payout_terms(request: ApiRequest) -> PayoutTerms:
    """What holds for whatever is asked for now; for admins."""
    check_admin(request.user)
    return payout_terms()


@router.patch("/payout-terms", response={200: TermsOut, **problems(403)}, summary="Change the terms of payouts")
def update_terms(request: ApiRequest, body: PayoutTermsIn) -> PayoutTerms:
    """For admins, in the session of a browser where they have just shown who they are (403)."""
    check_admin(request.user)
    refuse_keys(request, _("A key cannot change the terms of payouts. Sign in to do so."))
    check_fresh(request)
    sent = body.dict(exclude_unset=True)
    changes = {name: value for name, value in sent.items() if value is not None or name == "second_amount"}
    return update_payout_terms(by=request.user, visit=visit_of(request), **changes)


def _own_account(request: ApiRequest, account_id: UUID) -> PayoutAccount:
    return get_object_or_404(PayoutAccount.objects.select_related("owner"), pk=account_id, owner=request.user)


def _visible(request: ApiRequest, payout_id: UUID) -> Payout:
    return get_object_or_404(Payout.objects.visible_to(request.user), pk=payout_id)


def _deciding(request: ApiRequest, payout_id: UUID) -> Payout:
    """A payout before an admin; whoever sees it as its payee alone may not decide."""
    payout = _visible(request, payout_id)
    if not request.user.is_admin:
        raise PermissionDenied
    return payout


def _batch(request: ApiRequest, batch_id: UUID) -> PayoutBatch:
    return get_object_or_404(PayoutBatch.objects.visible_to(request.user), pk=batch_id)
