from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.access.api_auth import once
from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, TimeIn, problems
from tenpo.core.paging import keyset_page
from tenpo.payments.actions.methods import add_payment_method, remove_payment_method, set_default_method
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod

router = Router(tags=["Payments"])


class PaymentOut(OutSchema):
    """One attempt to pay, in minor units of its currency."""

    id: UUID
    purpose: str = Field(..., description="What it is for: an `order`, or a `top_up` of a wallet.", examples=["order"])
    order_id: UUID | None
    payer_id: UUID
    provider: str = Field(..., examples=["sandbox"])
    method: str = Field(..., examples=["Card •••• 4242"])
    description: str
    amount: int = Field(..., examples=[1200])
    currency: str = Field(..., examples=["EUR"])
    fee: int = Field(..., description="What the provider keeps.", examples=[43])
    refunded: int = Field(..., description="How much of it went back, or is held to go.", examples=[0])
    state: str = Field(..., examples=["succeeded"])
    failure_code: str = Field("", examples=["card_declined"])
    action_url: str = Field("", description="Where the payer confirms, while `state` is `needs_action`.")
    created_at: datetime
    paid_at: datetime | None
    disputed_at: datetime | None = Field(None, description="Since when the payer's bank wants it back.")


class SlipOut(OutSchema):
    """How to pay an amount (minor units) by bank transfer. The account is empty while the business has not said it."""

    holder: str = Field(..., description="Whose account it goes to.", examples=["Nordlicht GmbH"])
    iban: str = Field(..., examples=["DE02120300000000202051"])
    bic: str = Field(..., examples=["BYLADEM1001"])
    bank: str = Field(..., examples=["DKB"])
    reference: str = Field(..., description="What to write on it, so that the money is known.", examples=["7KQ2M9XAFT"])
    amount: int = Field(..., examples=[1200])
    currency: str = Field(..., examples=["EUR"])
    epc: str = Field(
        ..., description="The text of a code that banking apps scan (EPC069-12, level M); empty where there is none."
    )


class MethodOut(OutSchema):
    """A card that somebody keeps at a provider to pay with again."""

    id: UUID
    provider: str = Field(..., examples=["sandbox"])
    state: str = Field(..., examples=["ready"])
    brand: str = Field(..., examples=["visa"])
    last4: str = Field(..., examples=["4242"])
    expires_month: int | None = Field(..., examples=[12])
    expires_year: int | None = Field(..., examples=[2031])
    is_default: bool = Field(..., description="Whether it is offered first, and charged when nothing else is chosen.")
    failure_code: str = Field("", examples=["card_declined"])
    action_url: str = Field("", description="Where its owner enters the card, while `state` is `adding`.")
    created_at: datetime


class MethodIn(InSchema):
    """A card to be kept."""

    provider: str = Field(..., max_length=20, description="Who keeps it.", examples=["sandbox"])
    source: str = Field(
        "",
        max_length=40,
        description="For `sandbox` the number of a test card; elsewhere the card is entered at `action_url`.",
        examples=["4242424242424242"],
    )


class PaymentQuery(PageQuery):
    """Which payments to list."""

    state: Annotated[Payment.State | None, Field(description="Only those in this state.")] = None
    provider: Annotated[str | None, Field(max_length=20, description="Only those of this provider.")] = None
    payer_id: Annotated[UUID | None, Field(description="Only those of this person; for admins.")] = None
    since: Annotated[TimeIn | None, Field(description="Only those made at or after this time.")] = None
    until: Annotated[TimeIn | None, Field(description="Only those made before this time.")] = None


@router.get("/payments", response={200: PageOut[PaymentOut], **problems()}, summary="List payments")
def list_payments(request: ApiRequest, query: Query[PaymentQuery]) -> Any:
    """Your payments, newest first; an admin sees everybody's."""
    rows = Payment.objects.visible_to(request.user)
    wanted = {
        "state": query.state,
        "provider": query.provider,
        "payer": query.payer_id,
        "created_at__gte": query.since,
        "created_at__lt": query.until,
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.get("/payments/{uuid:payment_id}", response={200: PaymentOut, **problems(404)}, summary="Get a payment")
def get_payment(request: ApiRequest, payment_id: UUID) -> Payment:
    """One payment and its state."""
    return get_object_or_404(Payment.objects.visible_to(request.user), pk=payment_id)


@router.get("/payment-methods", response={200: PageOut[MethodOut], **problems()}, summary="List your payment methods")
def list_payment_methods(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """What you keep to pay with, newest first; removed ones are left out."""
    rows = PaymentMethod.objects.visible_to(request.user).kept()
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.get(
    "/payment-methods/{uuid:method_id}", response={200: MethodOut, **problems(404)}, summary="Get a payment method"
)
def get_payment_method(request: ApiRequest, method_id: UUID) -> PaymentMethod:
    """One of your payment methods and its state."""
    return _own_method(request, method_id)


@router.post("/payment-methods", response={201: MethodOut, **problems(403, 409, 429)}, summary="Keep a payment method")
@once(MethodOut, 201, limit="pay-user")
def create_payment_method(request: ApiRequest, payload: MethodIn) -> PaymentMethod:
    """Keep a card for later payments. Its `state` is `ready`, `failed`, or `adding`: send its owner to `action_url`.

    Its id is then a `source` of payments. Refusals: `not_kept`, `too_many_methods`.
    """
    return add_payment_method(
        request.user, provider=payload.provider, source=payload.source, by=request.user, call=request.call
    )


@router.post(
    "/payment-methods/{uuid:method_id}/default",
    response={200: MethodOut, **problems(403, 404, 409)},
    summary="Choose a payment method",
)
@once(MethodOut, is_whole=True)
def choose_payment_method(request: ApiRequest, method_id: UUID) -> PaymentMethod:
    """Offer it first, and charge it when nothing else is chosen. Choosing twice changes nothing.

    Refusal: `not_ready`.
    """
    return set_default_method(_own_method(request, method_id), by=request.user)


@router.delete(
    "/payment-methods/{uuid:method_id}", response={200: MethodOut, **problems(404)}, summary="Remove a payment method"
)
def delete_payment_method(request: ApiRequest, method_id: UUID) -> PaymentMethod:
    """Nothing is paid with it any more. Removing twice changes nothing."""
    return remove_payment_method(_own_method(request, method_id), by=request.user)


def _own_method(request: ApiRequest, method_id: UUID) -> PaymentMethod:
    return get_object_or_404(PaymentMethod.objects.visible_to(request.user).select_related("user"), pk=method_id)
