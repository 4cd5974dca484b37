"""Providers' own lists beside the books, by API."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.books.actions.reconciling import clear_difference, reconcile_provider
from tenpo.books.models import NOTE_LENGTH, Difference, Reconciliation
from tenpo.core.api import ApiRequest, DayIn, InSchema, OutSchema, PageOut, PageQuery, problems
from tenpo.core.paging import keyset_page
from tenpo.people.permissions import check_admin

router = Router(tags=["Books"])


class ReconciliationOut(OutSchema):
    """One comparison of a provider's own list with the books; how many references it found of each kind."""

    id: UUID
    provider: str = Field(..., examples=["sandbox"])
    since: date
    until: date
    created_at: datetime
    made_by_id: UUID | None = Field(..., description="Null: the nightly job.")
    equal: int = Field(..., examples=[120])
    only_theirs: int = Field(..., examples=[1])
    only_ours: int = Field(..., examples=[0])
    different: int = Field(..., examples=[0])


class DifferenceOut(OutSchema):
    """What one reference is said to have moved, by the provider and in the books, in minor units before the fee."""

    id: UUID
    reconciliation_id: UUID = Field(..., description="The comparison that found it first.")
    provider: str = Field(..., examples=["sandbox"])
    reference: str
    what: str = Field(..., examples=["only_theirs"])
    currency: str = Field(..., examples=["EUR"])
    their_amount: int | None
    their_fee: int | None
    our_amount: int | None
    our_fee: int | None
    at: datetime
    transfer_id: UUID | None = Field(..., description="The first of our transfers for it.")
    note: str = Field(..., description="How it was cleared; empty while it is open.")
    cleared_by_id: UUID | None
    cleared_at: datetime | None


class DifferenceQuery(PageQuery):
    """Which differences to list."""

    reconciliation_id: Annotated[UUID | None, Field(description="Only those that this comparison found.")] = None
    is_open: Annotated[bool | None, Field(description="Only those that are open, or only cleared ones.")] = None


class ReconciliationIn(InSchema):
    """What to compare."""

    provider: str = Field(..., max_length=20, examples=["sandbox"])
    since: DayIn = Field(..., examples=["2026-10-01"])
    until: DayIn = Field(..., examples=["2026-10-31"])


class ClearanceIn(InSchema):
    """How a difference was cleared."""

    note: str = Field(..., max_length=NOTE_LENGTH, examples=["Booked by hand on 3 November."])


@router.get("/reconciliations", response={200: PageOut[ReconciliationOut], **problems(403)}, summary="List comparisons")
def list_reconciliations(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """Every comparison of a provider's own list with the books, the newest first; for admins."""
    check_admin(request.user)
    rows = Reconciliation.objects.visible_to(request.user)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post(
    "/reconciliations", response={201: ReconciliationOut, **problems(403, 409)}, summary="Compare a provider's list"
)
def make_reconciliation(request: ApiRequest, body: ReconciliationIn) -> Any:
    """Hold what a provider says of some business days against the books. For admins.

    Refused with `keeps_no_list`, `period_not_over`, `period_too_long` and `provider_is_silent`.
    """
    run = reconcile_provider(body.provider, since=body.since, until=body.until, by=request.user)
    return 201, run


@router.get(
    "/reconciliations/{uuid:reconciliation_id}",
    response={200: ReconciliationOut, **problems(403, 404)},
    summary="One comparison",
)
def read_reconciliation(request: ApiRequest, reconciliation_id: UUID) -> Any:
    """What one comparison found; for admins."""
    check_admin(request.user)
    return get_object_or_404(Reconciliation.objects.visible_to(request.user), pk=reconciliation_id)


@router.get("/differences", response={200: PageOut[DifferenceOut], **problems(403)}, summary="List differences")
def list_differences(request: ApiRequest, query: Query[DifferenceQuery]) -> Any:
    """What providers and the books say differently, the newest first; for admins."""
    check_admin(request.user)
    rows = Difference.objects.visible_to(request.user)
    if query.reconciliation_id:
        rows = rows.filter(reconciliation=query.reconciliation_id)
    if query.is_open is not None:
        rows = rows.filter(cleared_at__isnull=query.is_open)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post(
    "/differences/{uuid:difference_id}/clearance",
    response={200: DifferenceOut, **problems(403, 404)},
    summary="Clear a difference",
)
def make_clearance(request: ApiRequest, difference_id: UUID, body: ClearanceIn) -> Any:
    """Say how a difference was cleared; what was said first stays. For admins."""
    check_admin(request.user)
    difference = get_object_or_404(Difference.objects.visible_to(request.user), pk=difference_id)
    return clear_difference(difference, note=body.note, by=request.user)
