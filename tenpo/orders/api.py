from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, TimeIn, problems
from tenpo.core.paging import keyset_page
from tenpo.orders.actions.policies import (
    ShareTerms,
    create_cancellation_policy,
    create_share_policy,
    end_share_policy,
    retire_cancellation_policy,
    set_default_cancellation_policy,
)
from tenpo.orders.actions.splits import end_split_rule
from tenpo.orders.cancelling import (
    MAX_GRACE,
    MAX_GRACE_DAYS,
    MAX_HOURS_BEFORE,
    MAX_RESCHEDULES,
    MAX_WINDOWS,
    Policy,
    Window,
)
from tenpo.orders.models import CancellationPolicy, Order, SharePolicy, Split, SplitRule
from tenpo.orders.policy_words import describe_policy
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User

router = Router(tags=["Orders and policies"])


class LineOut(OutSchema):
    """One thing in an order, and who paid which part of it (minor units)."""

    id: UUID
    kind: str = Field(..., examples=["session"])
    subject_id: UUID = Field(..., description="The session.")
    description: str
    price: int = Field(..., examples=[8000])
    company_share: int = Field(..., examples=[6000])
    sponsor_share: int = Field(..., description="What a sponsor paid of it.", examples=[0])
    sponsor_back: int = Field(..., description="What of that went back to them.", examples=[0])
    credit_spent: int = Field(..., examples=[800])
    wallet_spent: int = Field(..., examples=[0])
    own_share: int = Field(..., examples=[1200])
    share_policy_id: UUID | None
    sponsorship_id: UUID | None
    company_back: int = Field(..., description="How much of each part went back so far.", examples=[0])
    credit_back: int = Field(..., examples=[0])
    wallet_back: int = Field(..., examples=[0])
    own_back: int = Field(..., examples=[0])
    back_to: RefundTo = Field(..., description="Where the own share goes when its buyer cancels.", examples=["credit"])
    refunded_percent: int | None = Field(..., description="What its cancellation gave back of what was left then.")
    refunded_at: datetime | None


class OrderOut(OutSchema):
    """What somebody bought: the receipt."""

    id: UUID
    number: str = Field(..., examples=["7KQ2M9XAFT"])
    buyer_id: UUID
    currency: str = Field(..., examples=["EUR"])
    state: str = Field(..., examples=["paid"])
    created_at: datetime
    settled_at: datetime | None
    lines: list[LineOut]


class SharePolicyOut(OutSchema):
    """What the company pays of a price, from and until when."""

    id: UUID
    name: str
    coach_id: UUID | None = Field(..., description="Null: everybody's sessions.")
    percent: int | None = Field(..., examples=[60])
    amount: int | None
    cap: int | None = Field(..., examples=[4000])
    currency: str = Field(..., examples=["EUR"])
    active_from: datetime
    active_until: datetime | None
    supersedes_id: UUID | None


class TermsIn(InSchema):
    """Either a percentage, perhaps with a cap, or a fixed amount (minor units)."""

    percent: int | None = Field(None, ge=1, le=100, examples=[60])
    amount: int | None = Field(None, ge=1)
    cap: int | None = Field(None, ge=1, examples=[4000])
    coach_id: UUID | None = Field(None, description="Only this coach's sessions; everybody's when left out.")
    active_from: TimeIn | None = Field(None, description="Now when left out.")
    active_until: TimeIn | None = None


class SharePolicyIn(TermsIn):
    """A new version of what the company pays."""

    name: str = Field(..., max_length=80, examples=["Company share 2027"])


class EndIn(InSchema):
    """When a policy ends."""

    at: TimeIn | None = Field(None, description="Now when left out.")


class SplitRuleOut(OutSchema):
    """Who earns which part of what is sold, in percent, from and until when."""

    id: UUID
    name: str
    coach_id: UUID | None = Field(..., description="Null: everybody's sessions.")
    taught_by: str = Field(..., description="`creator`, `other`, or empty for whoever teaches it.", examples=[""])
    kind: str = Field(..., description="Of what: a kind of line, or empty for anything.", examples=["session"])
    service_id: UUID | None = Field(..., description="Of this service alone; null: of whatever there is.")
    place: int = Field(..., description="The lowest one that fits decides.", examples=[100])
    business_percent: int = Field(..., examples=[15])
    creator_percent: int = Field(..., examples=[85])
    teacher_percent: int = Field(..., examples=[0])
    active_from: datetime
    active_until: datetime | None

    @staticmethod
    def resolve_service_id(rule: SplitRule) -> UUID | None:
        return rule.offered_id


class SplitOut(OutSchema):
    """What somebody earns of a line (minor units); theirs once what was sold has taken place."""

    id: UUID
    line_id: UUID
    recipient_id: UUID | None = Field(..., description="Null: the business.")
    part: str = Field(..., examples=["creator"])
    percent: int = Field(..., examples=[85])
    amount: int = Field(..., examples=[6800])
    reversed: int = Field(..., description="How much of it went back with refunds.", examples=[0])
    created_at: datetime
    earned_at: datetime | None


WINDOW_TO = "Where what was paid from outside goes; empty: as the business's terms say."


class WindowIn(InSchema):
    """Until `hours_before` the start, `percent` of what was paid comes back."""

    hours_before: int = Field(..., ge=0, le=MAX_HOURS_BEFORE, examples=[48])
    percent: int = Field(..., ge=0, le=100, examples=[100])
    to: Literal["", "credit", "wallet", "method"] = Field("", description=WINDOW_TO, examples=["credit"])


class CancellationPolicyIn(InSchema):
    """A new cancellation policy: windows from the longest notice to the shortest, and the rules beside them."""

    name: str = Field(..., max_length=80, examples=["Two days"])
    windows: list[WindowIn] = Field(..., min_length=1, max_length=MAX_WINDOWS)
    no_show_percent: int = Field(0, ge=0, le=100, description="What comes back to whoever does not come.")
    grace_count: int = Field(
        0, ge=0, le=MAX_GRACE, description="So many late cancellations and no-shows of a person cost nothing …"
    )
    grace_days: int = Field(0, ge=0, le=MAX_GRACE_DAYS, description="… within so many days.")
    reschedules: int = Field(0, ge=0, le=MAX_RESCHEDULES, description="How often a booking may be moved …")
    reschedule_hours: int = Field(0, ge=0, le=MAX_HOURS_BEFORE, description="… until so many hours before it starts.")
    is_default: bool = False


class WindowOut(OutSchema):
    """Until `hours_before` the start, `percent` of what was paid comes back."""

    hours_before: int
    percent: int
    to: str = Field("", description=WINDOW_TO)


class CancellationPolicyOut(OutSchema):
    """What comes back to whoever cancels or does not come."""

    id: UUID
    name: str
    windows: list[WindowOut]
    no_show_percent: int
    grace_count: int
    grace_days: int
    reschedules: int
    reschedule_hours: int
    is_default: bool
    retired_at: datetime | None
    words: str = Field(..., description="The policy in a sentence.")

    @staticmethod
    def resolve_words(policy: CancellationPolicy) -> str:
        return describe_policy(policy.terms)


@router.get("/orders", response={200: PageOut[OrderOut], **problems()}, summary="List orders")
def list_orders(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """Your orders, newest first; an admin sees everybody's."""
    rows = Order.objects.visible_to(request.user).prefetch_related("lines")
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.get("/orders/{uuid:order_id}", response={200: OrderOut, **problems(404)}, summary="Get an order")
def get_order(request: ApiRequest, order_id: UUID) -> Order:
    """One order with its lines: the receipt as data."""
    return get_object_or_404(Order.objects.visible_to(request.user).prefetch_related("lines"), pk=order_id)


@router.get(
    "/share-policies",
    response={200: PageOut[SharePolicyOut], **problems()},
    summary="List the company's share policies",
)
def list_share_policies(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """Past, present and coming versions, the newest first."""
    rows = SharePolicy.objects.visible_to(request.user)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.get(
    "/share-policies/{uuid:policy_id}", response={200: SharePolicyOut, **problems(404)}, summary="Get a share policy"
)
def get_share_policy(request: ApiRequest, policy_id: UUID) -> SharePolicy:
    """One version."""
    return get_object_or_404(SharePolicy.objects.visible_to(request.user), pk=policy_id)


@router.post(
    "/share-policies", response={201: SharePolicyOut, **problems(403, 404, 409)}, summary="Decide what the company pays"
)
def post_share_policy(request: ApiRequest, payload: SharePolicyIn) -> Any:
    """A new version; the one in force at its start ends there. For admins.

    Refusals: `overlaps`, `starts_in_past`, `ends_too_early`. See `/share-policies/preview` for what it would do.
    """
    policy = create_share_policy(
        name=payload.name,
        terms=terms_of(payload),
        coach=coach_of(request, payload.coach_id),
        active_from=payload.active_from,
        active_until=payload.active_until,
        by=request.user,
    )
    return 201, policy


@router.post(
    "/share-policies/{uuid:policy_id}/end",
    response={200: SharePolicyOut, **problems(403, 404, 409)},
    summary="End or withdraw a share policy",
)
def post_share_policy_end(request: ApiRequest, policy_id: UUID, payload: EndIn) -> SharePolicy:
    """End a policy; one that has not begun is withdrawn and never holds. For admins.

    Refusals: `over`, `starts_in_past`, `cannot_extend`.
    """
    policy = get_object_or_404(SharePolicy.objects.visible_to(request.user), pk=policy_id)
    return end_share_policy(policy, by=request.user, at=payload.at)


@router.get(
    "/cancellation-policies",
    response={200: PageOut[CancellationPolicyOut], **problems()},
    summary="List cancellation policies",
)
def list_cancellation_policies(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """The policies that sessions can have, and retired ones."""
    rows = CancellationPolicy.objects.visible_to(request.user)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post(
    "/cancellation-policies",
    response={201: CancellationPolicyOut, **problems(403)},
    summary="Create a cancellation policy",
)
def post_cancellation_policy(request: ApiRequest, payload: CancellationPolicyIn) -> Any:
    """A new policy; what exists is never changed, and bookings keep theirs. For admins."""
    windows = tuple(Window(window.hours_before, window.percent, window.to) for window in payload.windows)
    policy = Policy(
        windows,
        no_show_percent=payload.no_show_percent,
        grace_count=payload.grace_count,
        grace_days=payload.grace_days,
        reschedules=payload.reschedules,
        reschedule_hours=payload.reschedule_hours,
    )
    made = create_cancellation_policy(name=payload.name, policy=policy, is_default=payload.is_default, by=request.user)
    return 201, made


@router.put(
    "/cancellation-policies/{uuid:policy_id}/default",
    response={200: CancellationPolicyOut, **problems(403, 404, 409)},
    summary="Make a cancellation policy the default",
)
def put_default_cancellation_policy(request: ApiRequest, policy_id: UUID) -> CancellationPolicy:
    """New sessions start with it. For admins. Refusal: `retired`."""
    policy = get_object_or_404(CancellationPolicy.objects.visible_to(request.user), pk=policy_id)
    return set_default_cancellation_policy(policy, by=request.user)


@router.put(
    "/cancellation-policies/{uuid:policy_id}/retirement",
    response={200: CancellationPolicyOut, **problems(403, 404, 409)},
    summary="Retire a cancellation policy",
)
def put_cancellation_policy_retirement(request: ApiRequest, policy_id: UUID) -> CancellationPolicy:
    """Offer nothing new under it. For admins. Refusal: `is_default`."""
    policy = get_object_or_404(CancellationPolicy.objects.visible_to(request.user), pk=policy_id)
    return retire_cancellation_policy(policy, by=request.user)


def terms_of(payload: TermsIn) -> ShareTerms:
    """The terms that a call asks for."""
    return ShareTerms(percent=payload.percent, amount=payload.amount, cap=payload.cap)


def coach_of(request: ApiRequest, coach_id: UUID | None) -> User | None:
    """The coach that a call speaks of; 404 for somebody whom the caller does not see."""
    if coach_id is None:
        return None
    coach: User = get_object_or_404(User.objects.visible_to(request.user), pk=coach_id)
    return coach


@router.get("/split-rules", response={200: PageOut[SplitRuleOut], **problems()}, summary="List rules of who earns what")
def list_split_rules(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """Every rule, the newest first, for admins; a coach sees their own."""
    rows = SplitRule.objects.visible_to(request.user)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post(
    "/split-rules/{uuid:rule_id}/end", response={200: SplitRuleOut, **problems(403, 404, 409)}, summary="End a rule"
)
def post_split_rule_end(request: ApiRequest, rule_id: UUID) -> SplitRule:
    """End a rule now, or withdraw one that has not begun. For admins. Refusal: `over`."""
    rule = get_object_or_404(SplitRule.objects.visible_to(request.user), pk=rule_id)
    return end_split_rule(rule, by=request.user)


@router.get("/splits", response={200: PageOut[SplitOut], **problems()}, summary="List what is earned")
def list_splits(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """What you earn of each line, the newest first; an admin sees every share, the business's too."""
    rows = Split.objects.visible_to(request.user).filter(line__order__state=Order.State.PAID)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))
