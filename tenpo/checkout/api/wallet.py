"""Wallets by API."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Q
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.access.api_auth import once
from tenpo.checkout.actions.topping_up import cancel_top_up, top_up
from tenpo.checkout.api.booking import Keep, Provider, Source
from tenpo.checkout.queries.money import causes_of
from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, TimeIn, problems
from tenpo.core.business import current_business
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.paging import keyset_page
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import WALLET, balance_of, statement
from tenpo.payments.actions.wallets import give_money, take_back_grant
from tenpo.payments.api import PaymentOut
from tenpo.payments.models import Grant, Payment
from tenpo.people.models import User
from tenpo.people.permissions import check_admin

router = Router(tags=["Wallets"])

Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT, description="In minor units.", examples=[5000])]


class WalletOut(OutSchema):
    """What somebody can spend here, in minor units. Money given is spent before what was paid in."""

    owner_id: UUID
    currency: str = Field(..., examples=["EUR"])
    bought: int = Field(..., examples=[5000])
    granted: int = Field(..., examples=[1000])


class WalletMovementOut(OutSchema):
    """One row of a wallet's statement: what it added or took (minor units), and the balance after it."""

    id: UUID
    created_at: datetime
    kind: str = Field(..., examples=["top_up"])
    change: int = Field(..., examples=[5000])
    balance: int = Field(..., examples=[6000])
    currency: str
    words: str = Field(..., description="What it was for, for its owner to read.")
    order_id: UUID | None


class WalletQuery(PageQuery):
    """Whose wallet, and which of its rows."""

    owner_id: Annotated[UUID | None, Field(description="Somebody else's; for admins.")] = None
    kind: Annotated[Transfer.Kind | None, Field(description="Only transfers of this kind.")] = None
    since: Annotated[TimeIn | None, Field(description="Only those at or after this time.")] = None
    until: Annotated[TimeIn | None, Field(description="Only those before this time.")] = None


class OwnerQuery(InSchema):
    """Whose wallet."""

    owner_id: Annotated[UUID | None, Field(description="Somebody else's; for admins.")] = None


class TopUpIn(InSchema):
    """How much goes into one's own wallet, and how it is paid."""

    amount: Amount
    provider: Provider
    source: Source = ""
    keep: Keep = False


class GrantIn(InSchema):
    """Money for somebody to spend here, and why; they read the reason."""

    owner_id: UUID
    amount: Amount
    reason: Annotated[str, Field(min_length=1, max_length=120, examples=["Welcome"])]


class GrantOut(OutSchema):
    """Money that the business gave."""

    id: UUID
    owner_id: UUID
    amount: int
    currency: str
    reason: str
    created_at: datetime
    is_taken_back: bool

    @staticmethod
    def resolve_is_taken_back(grant: Grant) -> bool:
        return grant.taken_back_by_id is not None


@router.get("/wallet", response={200: WalletOut, **problems(404)}, summary="What is in a wallet")
def get_wallet(request: ApiRequest, query: Query[OwnerQuery]) -> Any:
    """Your wallet; an admin sees anybody's. A wallet that was never filled is empty."""
    owner, currency = owner_of(request, query.owner_id), current_business().currency
    balances = balance_of(owner, currency, WALLET)
    return WalletOut(
        owner_id=owner.pk,
        currency=currency,
        bought=balances[Account.Kind.WALLET],
        granted=balances[Account.Kind.GRANTED],
    )


@router.get(
    "/wallet/movements", response={200: PageOut[WalletMovementOut], **problems(404)}, summary="A wallet's statement"
)
def list_wallet_movements(request: ApiRequest, query: Query[WalletQuery]) -> Any:
    """What moved in your wallet, newest first, with the balance after each; an admin sees anybody's."""
    owner, currency = owner_of(request, query.owner_id), current_business().currency
    wanted = {"kind": query.kind, "created_at__gte": query.since, "created_at__lt": query.until}
    only = Q(**{name: value for name, value in wanted.items() if value is not None})
    rows, next_cursor = statement(owner, currency, of=WALLET, only=only, cursor=query.cursor, limit=query.limit)
    causes = causes_of(row.transfer for row in rows)
    items = [
        WalletMovementOut(
            id=row.transfer.pk,
            created_at=row.transfer.created_at,
            kind=row.transfer.kind,
            change=row.change,
            balance=row.balance,
            currency=currency,
            words=causes[row.transfer.pk].words,
            order_id=causes[row.transfer.pk].order_id,
        )
        for row in rows
    ]
    return PageOut[WalletMovementOut](items=items, next_cursor=next_cursor)


@router.post("/wallet/top-ups", response={201: PaymentOut, **problems(409, 429)}, summary="Top up a wallet")
@once(PaymentOut, 201, limit="pay-user")
def create_top_up(request: ApiRequest, payload: TopUpIn) -> Payment:
    """Pay money into your own wallet. It is there when the payment's `state` is `succeeded`, which may be later.

    Refusals: `payment_needed`, `top_up_too_small`, `top_up_too_large`, `wallet_full`.
    """
    return top_up(
        request.user,
        amount=payload.amount,
        provider=payload.provider,
        source=payload.source,
        keep=payload.keep,
        by=request.user,
        call=request.call,
    )


@router.delete(
    "/wallet/top-ups/{uuid:payment_id}",
    response={200: PaymentOut, **problems(404, 409)},
    summary="Give up a top-up",
)
def delete_top_up(request: ApiRequest, payment_id: UUID) -> Payment:
    """Say that you will not pay a top-up by payroll or bank transfer; again changes nothing.

    Should the money still come, it is in your wallet. Refusal: `not_waiting`.
    """
    payment = get_object_or_404(Payment, pk=payment_id, payer=request.user, purpose=Payment.Purpose.TOP_UP)
    return cancel_top_up(payment, by=request.user)


@router.get("/wallet/grants", response={200: PageOut[GrantOut], **problems(404)}, summary="List money given")
def list_grants(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """What the business gave you, newest first; an admin sees what it gave everybody."""
    return PageOut.of(
        keyset_page(Grant.objects.visible_to(request.user), order=("-id",), cursor=query.cursor, limit=query.limit)
    )


@router.post("/wallet/grants", response={201: GrantOut, **problems(403, 404, 409)}, summary="Give money")
@once(GrantOut, 201, is_whole=True)
def create_grant(request: ApiRequest, payload: GrantIn) -> Grant:
    """Give somebody money to spend here, before their own; it cannot be paid out.

    For admins, but not to themselves. Refusal: `own_wallet`.
    """
    check_admin(request.user)
    owner = get_object_or_404(User, pk=payload.owner_id)
    return give_money(owner, amount=payload.amount, reason=payload.reason, by=request.user)


@router.delete(
    "/wallet/grants/{uuid:grant_id}", response={200: GrantOut, **problems(403, 404, 409)}, summary="Take money back"
)
def delete_grant(request: ApiRequest, grant_id: UUID) -> Grant:
    """Take back what was given, while none of it is spent; again changes nothing.

    For admins. Refusal: `grant_spent`.
    """
    grant = get_object_or_404(Grant.objects.visible_to(request.user), pk=grant_id)
    check_admin(request.user)
    return take_back_grant(grant, by=request.user)


def owner_of(request: ApiRequest, owner_id: UUID | None) -> User:
    """Whose wallet is asked for: one's own, or, for admins, anybody's."""
    if owner_id is None or owner_id == request.user.pk:
        return request.user
    people = User.objects.all() if request.user.is_admin else User.objects.none()
    owner: User = get_object_or_404(people, pk=owner_id)
    return owner
