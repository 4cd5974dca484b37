"""What a share policy would do, by API."""

from datetime import datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied
from ninja import Field, Router

from tenpo.checkout.queries.policies import share_effect
from tenpo.core import clock
from tenpo.core.api import ApiRequest, OutSchema, problems
from tenpo.core.business import current_business
from tenpo.orders.actions.policies import check_terms
from tenpo.orders.api import TermsIn, coach_of, terms_of
from tenpo.orders.models import SharePolicy
from tenpo.orders.permissions import can_manage_policies

router = Router(tags=["Orders and policies"])


class ShareEffectRow(OutSchema):
    """One coming session now and under the proposed policy (minor units)."""

    session_id: UUID
    title: str
    starts_at: datetime
    price: int = Field(..., examples=[8000])
    company_now: int = Field(..., examples=[4000])
    company_then: int = Field(..., examples=[4800])
    own_now: int = Field(..., examples=[4000])
    own_then: int = Field(..., examples=[3200])


class ShareEffectOut(OutSchema):
    """What a proposed policy would do: to the next sessions, and to a month like the last three (minor units)."""

    sessions: list[ShareEffectRow]
    other_sessions: int = Field(..., description="Coming sessions that are not listed.")
    seats: int = Field(..., description="Seats booked in the last 90 days, by which the month is estimated.")
    company_month_now: int
    company_month_then: int
    own_month_now: int
    own_month_then: int


@router.post(
    "/share-policies/preview",
    response={200: ShareEffectOut, **problems(403, 404)},
    summary="What a share policy would do",
)
def preview_share_policy(request: ApiRequest, payload: TermsIn) -> ShareEffectOut:
    """Compare a policy with what holds now, saving nothing: each coming session, and an estimated month. For admins."""
    if not can_manage_policies(request.user):
        raise PermissionDenied
    terms = terms_of(payload)
    check_terms(terms)
    proposed = SharePolicy(
        coach=coach_of(request, payload.coach_id),
        percent=terms.percent,
        amount=terms.amount,
        cap=terms.cap,
        currency=current_business().currency,
        active_from=payload.active_from or clock.now(),
        active_until=payload.active_until,
    )
    effect = share_effect(proposed)
    rows = [
        ShareEffectRow(
            session_id=row.session.pk,
            title=row.session.title,
            starts_at=row.session.starts_at,
            price=row.session.price,
            company_now=row.company_now,
            company_then=row.company_then,
            own_now=row.own_now,
            own_then=row.own_then,
        )
        for row in effect.sessions
    ]
    return ShareEffectOut(
        sessions=rows,
        other_sessions=effect.others,
        seats=effect.seats,
        company_month_now=effect.company_month_now,
        company_month_then=effect.company_month_then,
        own_month_now=effect.own_month_now,
        own_month_then=effect.own_month_then,
    )
