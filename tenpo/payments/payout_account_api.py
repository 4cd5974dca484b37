"""Where people are paid, and the terms of payouts, by API."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from tenpo.core.api import (
    ApiRequest,
    InSchema,
    OutSchema,
    PageOut,
    PageQuery,
    problems,
    refuse_keys,
)
from tenpo.core.limits import hit
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.paging import keyset_page
from tenpo.payments.actions.payout_accounts import (
    add_payout_account,
    choose_payout_account,
    remove_payout_account,
    update_payout_terms,
)
from tenpo.payments.models import PayoutAccount, PayoutTerms
from tenpo.payments.queries import payout_terms
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
    response={200: PayoutAccountOut, **problems(403, 404, 409)},
    summary="Choose a payout account",
)
def choose_default_payout_account(request: ApiRequest, payout_account_id: UUID) -> PayoutAccount:
    """Earnings that are paid out by themselves go there; you are told. 409 `account_disabled`.

    Needs the session of a browser, in which its owner showed their password or second factor in the last quarter of
    an hour (403); a key says nobody where money goes (403).
    """
    account = own_payout_account(request, payout_account_id)
    refuse_keys(request, _("A key cannot say where you are paid. Sign in to do so."))
    check_fresh(request)
    return choose_payout_account(account, by=request.user, visit=visit_of(request))


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


def own_payout_account(request: ApiRequest, account_id: UUID) -> PayoutAccount:
    """One of the caller's own, to be paid to or changed."""
    return get_object_or_404(PayoutAccount.objects.select_related("owner"), pk=account_id, owner=request.user)
