from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, OutSchema, PageOut, PageQuery, TimeIn, problems
from tenpo.core.paging import keyset_page
from tenpo.payments.models import Payment

router = Router(tags=["Payments"])


class PaymentOut(OutSchema):
    """One attempt to pay, in minor units of its currency."""

    id: UUID
    order_id: UUID | None
    payer_id: UUID
    provider: str = Field(..., examples=["sandbox"])
    method: str = Field(..., examples=["Card •••• 4242"])
    description: str
    amount: int = Field(..., examples=[1200])
    currency: str = Field(..., examples=["EUR"])
    fee: int = Field(..., description="What the provider keeps.", examples=[43])
    state: str = Field(..., examples=["succeeded"])
    failure_code: str = Field("", examples=["card_declined"])
    action_url: str = Field("", description="Where the payer confirms, while `state` is `needs_action`.")
    created_at: datetime
    paid_at: datetime | None


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
