"""Who earns what is sold, by API: a rule may be for one service, which only what stands above services knows."""

from typing import Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Router

from tenpo.access.api_auth import once
from tenpo.core.api import ApiRequest, InSchema, TimeIn, problems
from tenpo.orders.actions.splits import MAX_PLACE, create_split_rule
from tenpo.orders.api import SplitRuleOut, coach_of
from tenpo.orders.models import Line, SplitRule
from tenpo.people.permissions import check_admin
from tenpo.schedule.models import Service

router = Router(tags=["Orders and policies"])


class SplitRuleIn(InSchema):
    """A new rule of who earns what; the three percentages sum to 100."""

    name: str = Field(..., max_length=80, examples=["External coaches"])
    business_percent: int = Field(..., ge=0, le=100, examples=[15])
    creator_percent: int = Field(..., ge=0, le=100, examples=[85])
    teacher_percent: int = Field(0, ge=0, le=100, examples=[0])
    coach_id: UUID | None = Field(None, description="Only this coach's sessions; everybody's when left out.")
    kind: Literal["", "session"] = Field("", description="Of what; empty: of anything.", examples=["session"])
    service_id: UUID | None = Field(None, description="Of this service alone; its kind is said by that.")
    taught_by: SplitRule.TaughtBy = Field(SplitRule.TaughtBy.ANYBODY, examples=[""])
    place: int = Field(100, ge=0, le=MAX_PLACE)
    active_from: TimeIn | None = Field(None, description="Now when left out.")
    active_until: TimeIn | None = None


@router.post("/split-rules", response={201: SplitRuleOut, **problems(403, 404, 409)}, summary="Decide who earns what")
@once(SplitRuleOut, 201, is_whole=True)
def post_split_rule(request: ApiRequest, payload: SplitRuleIn) -> SplitRule:
    """A new rule; what was sold keeps its shares. For admins.

    A coach's own rule goes before those for everybody, then one for a service before one for a kind, and that before
    one for anything, then the lower `place`, then the newer one. Refusals: `starts_in_past`, `ends_too_early`.
    """
    check_admin(request.user)
    wanted = payload.model_dump(exclude={"coach_id", "service_id"})
    if payload.service_id:
        service = get_object_or_404(Service.objects.visible_to(request.user), pk=payload.service_id)
        wanted |= {"kind": Line.Kind.SESSION, "offered_id": service.pk}
    return create_split_rule(by=request.user, coach=coach_of(request, payload.coach_id), **wanted)
