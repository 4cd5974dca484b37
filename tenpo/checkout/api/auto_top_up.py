"""How wallets are filled by themselves, by API."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from tenpo.checkout.actions.auto_topping_up import paid_in_today
from tenpo.checkout.api.wallet import Amount, OwnerQuery, owner_of
from tenpo.core.api import ApiRequest, InSchema, OutSchema, problems, refuse_keys
from tenpo.core.limits import hit
from tenpo.payments.actions.auto_top_ups import TopUpWish, asks_for_more, drop_auto_top_up, set_auto_top_up
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.queries import auto_top_up_of
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.http import check_fresh, visit_of

router = Router(tags=["Wallets"])

# Not `AutoTopUp.Kind`: the reference has a kind of transfers already.
Kind = Literal["fixed", "target"]


class AutoTopUpOut(OutSchema):
    """How a wallet is filled by itself, in minor units of its currency."""

    user_id: UUID
    is_on: bool
    threshold: int = Field(..., description="It begins when less than this is left to spend.", examples=[1000])
    kind: Kind = Field(
        ..., description="`fixed`: the amount each time; `target`: up to the amount.", examples=["fixed"]
    )
    amount: int = Field(..., examples=[2500])
    daily_cap: int = Field(..., description="The most on one day of the business's.", examples=[5000])
    currency: str = Field(..., examples=["EUR"])
    method_id: UUID | None = Field(..., description="What is charged.")
    low_below: int | None = Field(..., description="Its owner is told when less than this is left.", examples=[500])
    paid_in_today: int = Field(..., description="By itself, or on its way.", examples=[0])
    failed_times: int = Field(..., description="How often in a row it did not work.", examples=[0])
    failure_code: str = Field("", description="Why it did not work last.", examples=["card_declined"])
    paused_until: datetime | None = Field(..., description="It waits until then, because it did not work.")


class AutoTopUpIn(InSchema):
    """How one's wallet is to be filled by itself; whatever is left out is as usual."""

    is_on: bool
    threshold: Amount = 1_000
    kind: Kind = Field("fixed", examples=["fixed"])
    amount: Amount = 2_500
    daily_cap: Amount = 5_000
    method_id: Annotated[
        UUID | None, Field(description="One of your payment methods; left out, it is the one now, or your usual one.")
    ] = None
    low_below: Annotated[Amount | None, Field(description="Left out, you are not told.")] = None


@router.get("/auto-top-up", response={200: AutoTopUpOut, **problems(404)}, summary="How a wallet is filled by itself")
def get_auto_top_up(request: ApiRequest, query: Query[OwnerQuery]) -> Any:
    """Yours; an admin sees anybody's. While nothing was decided it is off."""
    return _said(auto_top_up_of(owner_of(request, query.owner_id)))


@router.put("/auto-top-up", response={200: AutoTopUpOut, **problems(403, 429)}, summary="Fill a wallet by itself")
def set_own_auto_top_up(request: ApiRequest, body: AutoTopUpIn) -> Any:
    """Have your wallet filled by a card of yours when little is left, and be told.

    What would charge a card more than it is now is asked for in the session of a browser in which its owner has just
    shown who they are (403). It begins within a minute.
    """
    method = None
    if body.method_id is not None:
        method = PaymentMethod.objects.visible_to(request.user).filter(pk=body.method_id).first()
        if method is None:
            raise ValidationError({"method": _("Choose a card that you keep here.")})
    wish = TopUpWish(
        is_on=body.is_on,
        threshold=body.threshold,
        kind=body.kind,
        amount=body.amount,
        daily_cap=body.daily_cap,
        low_below=body.low_below,
        method=method,
    )
    is_more = asks_for_more(auto_top_up_of(request.user), wish)
    if is_more:
        refuse_keys(request, _("A key cannot have your card charged by itself. Sign in to do so."))
        check_fresh(request)
    hit("pay-user", request.user.pk)
    decided = set_auto_top_up(request.user, wish, may_ask_more=is_more, by=request.user, visit=visit_of(request))
    return _said(decided)


@router.delete("/auto-top-up", response={200: AutoTopUpOut, **problems()}, summary="Fill a wallet by hand only")
def delete_auto_top_up(request: ApiRequest) -> Any:
    """Nothing is charged by itself any more, and you are not told that little is left. Again changes nothing."""
    return _said(drop_auto_top_up(request.user, by=request.user))


def _said(settings: AutoTopUp) -> AutoTopUpOut:
    return AutoTopUpOut(
        user_id=settings.user_id,
        paid_in_today=paid_in_today(settings.user),
        **{
            name: getattr(settings, name)
            for name in AutoTopUpOut.model_fields
            if name not in ("user_id", "paid_in_today")
        },
    )
