"""Refunds' endpoints: one's own, and the admins'."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from tenpo.access.api_auth import once
from tenpo.checkout.actions.refunding import ask_for_refund, give_refund, give_refund_elsewhere, grant_refund
from tenpo.checkout.queries.refunds import payment_of, refund_effect, refundable
from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, problems, refuse_keys
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.paging import keyset_page
from tenpo.orders.models import Line
from tenpo.payments.actions.refund_sending import mark_refund_done, send_refund_again
from tenpo.payments.actions.refunds import reject_refund, update_refund_terms, withdraw_refund
from tenpo.payments.models import Payment, Refund, RefundTerms
from tenpo.payments.queries import refund_terms
from tenpo.payments.refund_models import RefundTo
from tenpo.people.http import check_fresh, visit_of
from tenpo.people.permissions import check_admin

router = Router(tags=["Refunds"])

Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT, description="Of the whole price, whoever paid it.", examples=[1000])]


class RefundPartsOut(OutSchema):
    """An amount by who gets it, in minor units."""

    company: int = Field(..., description="To the company.", examples=[600])
    sponsor: int = Field(..., description="To a sponsor.", examples=[0])
    credit: int = Field(..., description="To the credit that was spent.", examples=[0])
    wallet: int = Field(..., description="To the wallet that was spent.", examples=[0])
    own: int = Field(..., description="What was paid from outside.", examples=[400])


class RefundOut(OutSchema):
    """Money that goes back to who paid it, in minor units."""

    id: UUID
    user_id: UUID = Field(..., description="Who bought it.")
    line_id: UUID | None = Field(..., description="The line of an order; null for a payment without one.")
    payment_id: UUID | None
    description: str = Field(..., examples=["Coaching session"])
    origin: str = Field(
        ...,
        description="`request`, `admin`, `cancellation`, or `dispute`: the bank took it back.",
        examples=["request"],
    )
    state: str = Field(..., examples=["asked"])
    asked: int = Field(..., description="How much was asked for.", examples=[1000])
    amount: int = Field(..., description="How much was granted.", examples=[1000])
    company: int = Field(..., examples=[600])
    sponsor: int = Field(..., examples=[0])
    credit: int = Field(..., examples=[0])
    wallet: int = Field(..., examples=[0])
    own: int = Field(..., description="What of it goes where `to` says.", examples=[400])
    currency: str = Field(..., examples=["EUR"])
    to: RefundTo = Field(..., examples=["method"])
    reason: str = Field(..., examples=["I was ill."])
    word: str = Field(..., description="What whoever decided said.", examples=[""])
    by_policy: bool = Field(..., description="Granted by the terms, without a review.")
    reviewed_by_id: UUID | None
    reviewed_at: datetime | None
    sent_at: datetime | None
    ended_at: datetime | None
    reference: str | None = Field(..., description="The provider's.")
    failure_code: str = Field(..., examples=[""])
    created_at: datetime


class RefundIn(InSchema):
    """Of what, how much, where to, and why. Either `line_id` or, for what no order accounts for, `payment_id`."""

    line_id: UUID | None = Field(None, description="The line of an order.")
    payment_id: UUID | None = Field(None, description="A top-up, or money that came late and became credit.")
    amount: Amount
    to: RefundTo = Field(RefundTo.METHOD, description="Where what was paid from outside goes.", examples=["method"])
    reason: str = Field(..., min_length=1, max_length=500, examples=["I was ill."])


class GivenRefundIn(InSchema):
    """Of what, how much, and where to. Either `line_id` or, for what no order accounts for, `payment_id`."""

    line_id: UUID | None = Field(None, description="The line of an order.")
    payment_id: UUID | None = Field(None, description="A top-up, or money that came late and became credit.")
    amount: Amount
    to: RefundTo = Field(RefundTo.METHOD, description="Where what was paid from outside goes.", examples=["method"])
    word: str = Field("", max_length=300, description="The buyer reads it.", examples=["Sorry for the noise."])


class RefundApprovalIn(InSchema):
    """What is granted; what is left out is as it was asked for."""

    amount: Amount | None = None
    to: RefundTo | None = None
    word: str = Field("", max_length=300, description="The buyer reads it.", examples=["Half of it."])


class RefundWordIn(InSchema):
    """Why not."""

    word: str = Field(..., min_length=1, max_length=300, description="The buyer reads it.", examples=["It took place."])


class RefundPlaceIn(InSchema):
    """Where it goes instead."""

    to: Literal["wallet", "credit"] = Field(..., examples=["wallet"])


class RefundQuery(PageQuery):
    """Which refunds to list."""

    # Not the enum: the schema knows another one by the name of `State`.
    state: Annotated[
        Literal["asked", "approved", "sent", "done", "failed", "rejected", "withdrawn"] | None,
        Field(description="Only those in this state."),
    ] = None
    user_id: Annotated[UUID | None, Field(description="Only those of this person; for admins.")] = None
    line_id: Annotated[UUID | None, Field(description="Only those of this line.")] = None
    payment_id: Annotated[UUID | None, Field(description="Only those of this payment.")] = None


class RefundableQuery(InSchema):
    """Of what. Either `line_id` or, for what no order accounts for, `payment_id`."""

    line_id: UUID | None = None
    payment_id: UUID | None = None
    amount: Annotated[int | None, Field(ge=1, le=MAX_AMOUNT, description="What would go back to whom.")] = None


class RefundableOut(OutSchema):
    """What can go back now, in minor units."""

    left: int = Field(..., examples=[8000])
    parts: RefundPartsOut = Field(..., description="What `amount`, or all of it, would give back to whom.")
    currency: str = Field(..., examples=["EUR"])
    to: list[RefundTo] = Field(..., description="Where what was paid from outside may go.")
    until: datetime = Field(..., description="The last moment to ask.")
    refusal: str | None = Field(..., description="Why nobody can ask now: a code.", examples=[None])
    open_refund_id: UUID | None


class RefundTermsOut(OutSchema):
    """What the business decided about refunds."""

    ask_days: int = Field(..., description="So many days after it took place one may ask.", examples=[14])
    automatic_amount: int | None = Field(
        ..., description="Up to this amount in all for each thing it is granted without a review.", examples=[1000]
    )
    cancellation_to: RefundTo = Field(
        ..., description="Where the own share of what is sold now goes when it is cancelled.", examples=["credit"]
    )


class RefundTermsIn(InSchema):
    """What changes; fields that are left out stay."""

    ask_days: Annotated[int | None, Field(ge=0, le=730, examples=[14])] = None
    automatic_amount: Annotated[
        int | None, Field(ge=1, le=MAX_AMOUNT, description="Null: an admin always looks.", examples=[1000])
    ] = None
    cancellation_to: RefundTo | None = Field(None, examples=["credit"])


@router.get(
    "/refundable", response={200: RefundableOut, **problems(404)}, summary="What of a line or payment can go back"
)
def get_refundable(request: ApiRequest, query: Query[RefundableQuery]) -> dict[str, Any]:
    """What is left of what was paid, by who gets it. Refusals: `nothing_left`, `cancel_first`, `too_late`."""
    line, payment = _bought(request, query.line_id, query.payment_id)
    found = refundable(line, payment_of(line) if line else payment)
    return {
        "left": found.left.whole,
        "parts": refund_effect(None, found.left, query.amount or found.left.whole).parts,
        "currency": found.currency,
        "to": found.places,
        "until": found.until,
        "refusal": found.refusal.code if found.refusal else None,
        "open_refund_id": found.open_request.pk if found.open_request else None,
    }


@router.get("/refunds", response={200: PageOut[RefundOut], **problems()}, summary="List refunds")
def list_refunds(request: ApiRequest, query: Query[RefundQuery]) -> Any:
    """Your refunds, newest first; an admin sees everybody's."""
    rows = Refund.objects.visible_to(request.user)
    wanted = {"state": query.state, "user": query.user_id, "line_id": query.line_id, "payment": query.payment_id}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post("/refunds", response={201: RefundOut, **problems(403, 404, 409, 429)}, summary="Ask for a refund")
@once(RefundOut, 201, limit="refund-user", is_whole=True)
def create_refund(request: ApiRequest, payload: RefundIn) -> Refund:
    """Of what you bought, or of what is still there of a top-up, or of money that came late and became credit.

    What the terms allow is granted at once. Each part goes back to who paid it; what you paid from outside, to where
    you say. Refusals: `nothing_left`, `cancel_first`, `too_late`, `more_than_left`, `no_such_way`,
    `refund_asked_already`, `spent`.
    """
    line, payment = _bought(request, payload.line_id, payload.payment_id)
    return ask_for_refund(
        line=line, payment=payment, amount=payload.amount, to=payload.to, reason=payload.reason, by=request.user
    )


@router.post("/given-refunds", response={201: RefundOut, **problems(403, 404, 409, 429)}, summary="Give a refund")
@once(RefundOut, 201, limit="refund-user", is_whole=True)
def create_given_refund(request: ApiRequest, payload: GivenRefundIn) -> Refund:
    """Money back that nobody asked for; by an admin, never to themselves.

    Needs the session of a browser, in which that admin has just shown who they are (403); a key lets no money out
    (403). Refusals: `nothing_left`, `more_than_left`, `no_such_way`, `own_sponsorship`, `spent`.
    """
    check_admin(request.user)
    refuse_keys(request, _("A key lets no money out. Sign in to give it back."))
    check_fresh(request)
    line, payment = _bought(request, payload.line_id, payload.payment_id)
    return give_refund(
        line=line, payment=payment, amount=payload.amount, to=payload.to, word=payload.word, by=request.user,
        visit=visit_of(request),
    )  # fmt: skip


@router.get("/refunds/{uuid:refund_id}", response={200: RefundOut, **problems(404)}, summary="Get a refund")
def get_refund(request: ApiRequest, refund_id: UUID) -> Refund:
    """One refund and its state."""
    return _visible(request, refund_id)


@router.post(
    "/refunds/{uuid:refund_id}/withdrawal",
    response={200: RefundOut, **problems(403, 404, 409)},
    summary="Withdraw a refund",
)
@once(RefundOut, is_whole=True)
def create_refund_withdrawal(request: ApiRequest, refund_id: UUID) -> Refund:
    """By whoever asked for it, while nobody decided. Withdrawing twice changes nothing. Refusal: `not_asked`."""
    return withdraw_refund(_visible(request, refund_id), by=request.user)


@router.post(
    "/refunds/{uuid:refund_id}/approval",
    response={200: RefundOut, **problems(403, 404, 409)},
    summary="Grant a refund",
)
def create_refund_approval(request: ApiRequest, refund_id: UUID, body: RefundApprovalIn) -> Refund:
    """All of it or a part, by an admin to whom it does not go. Granting twice changes nothing.

    Needs the session of a browser, in which that admin has just shown who they are (403); a key lets no money out
    (403). Refusals: `not_asked`, `more_than_asked`, `more_than_left`, `no_such_way`, `own_sponsorship`, `spent`.
    """
    refund = _deciding(request, refund_id)
    refuse_keys(request, _("A key lets no money out. Sign in to grant it."))
    check_fresh(request)
    return grant_refund(
        refund, amount=body.amount, to=body.to, word=body.word, by=request.user, visit=visit_of(request)
    )


@router.post(
    "/refunds/{uuid:refund_id}/rejection",
    response={200: RefundOut, **problems(403, 404, 409)},
    summary="Reject a refund",
)
@once(RefundOut, is_whole=True)
def create_refund_rejection(request: ApiRequest, refund_id: UUID, payload: RefundWordIn) -> Refund:
    """With a word that the buyer reads. For an admin to whom it does not go. Refusal: `not_asked`."""
    return reject_refund(_deciding(request, refund_id), word=payload.word, by=request.user)


@router.post(
    "/refunds/{uuid:refund_id}/arrival",
    response={200: RefundOut, **problems(403, 404, 409)},
    summary="Mark a refund sent back",
)
@once(RefundOut, is_whole=True)
def create_refund_arrival(request: ApiRequest, refund_id: UUID) -> Refund:
    """An admin sent it back by hand. Marking twice changes nothing. Refusals: `not_granted`, `not_by_hand`."""
    return mark_refund_done(_deciding(request, refund_id), by=request.user)


@router.post(
    "/refunds/{uuid:refund_id}/sending",
    response={200: RefundOut, **problems(403, 404, 409)},
    summary="Send a refund again",
)
@once(RefundOut, is_whole=True)
def create_refund_sending(request: ApiRequest, refund_id: UUID) -> Refund:
    """What did not arrive is sent once more, under another key. For admins. Refusals: `not_failed`, `bank_took_it`."""
    return send_refund_again(_deciding(request, refund_id), by=request.user)


@router.post(
    "/refunds/{uuid:refund_id}/diversion",
    response={200: RefundOut, **problems(403, 404, 409)},
    summary="Give a refund another way",
)
@once(RefundOut, is_whole=True)
def create_refund_diversion(request: ApiRequest, refund_id: UUID, payload: RefundPlaceIn) -> Refund:
    """What did not arrive, or has not left, goes to the wallet or becomes credit. For admins.

    Refusals: `not_held`, `no_such_way`.
    """
    return give_refund_elsewhere(_deciding(request, refund_id), to=payload.to, by=request.user)


@router.get("/refund-terms", response={200: RefundTermsOut, **problems(403)}, summary="Read the terms of refunds")
def get_refund_terms(request: ApiRequest) -> RefundTerms:
    """What holds for whatever is asked for, and sold, now; for admins."""
    check_admin(request.user)
    return refund_terms.afresh()


@router.patch("/refund-terms", response={200: RefundTermsOut, **problems(403)}, summary="Change the terms of refunds")
def update_terms_of_refunds(request: ApiRequest, body: RefundTermsIn) -> RefundTerms:
    """For admins, in the session of a browser where they have just shown who they are (403)."""
    check_admin(request.user)
    refuse_keys(request, _("A key cannot change the terms of refunds. Sign in to do so."))
    check_fresh(request)
    sent = body.dict(exclude_unset=True)
    changes = {name: value for name, value in sent.items() if value is not None or name == "automatic_amount"}
    return update_refund_terms(by=request.user, visit=visit_of(request), **changes)


def _bought(request: ApiRequest, line_id: UUID | None, payment_id: UUID | None) -> tuple[Line | None, Payment | None]:
    """The line, or the payment without one, that the caller may see."""
    if line_id is not None and payment_id is None:
        return get_object_or_404(Line.objects.visible_to(request.user).select_related("order__buyer"), pk=line_id), None
    if payment_id is None or line_id is not None:
        raise Http404
    payments = Payment.objects.visible_to(request.user).by_itself()
    return None, get_object_or_404(payments.select_related("payer"), pk=payment_id)


def _visible(request: ApiRequest, refund_id: UUID) -> Refund:
    return get_object_or_404(Refund.objects.visible_to(request.user), pk=refund_id)


def _deciding(request: ApiRequest, refund_id: UUID) -> Refund:
    """A refund before an admin; whoever sees it as its buyer alone may not decide."""
    refund = _visible(request, refund_id)
    if not request.user.is_admin:
        raise PermissionDenied
    return refund
