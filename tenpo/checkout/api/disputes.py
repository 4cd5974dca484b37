"""What banks take back of payments, by API: only read, as banks and providers decide it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, OutSchema, PageOut, PageQuery, problems
from tenpo.core.paging import keyset_page
from tenpo.payments.models import Dispute
from tenpo.people.permissions import check_admin

router = Router(tags=["Payments"])


class DisputeOut(OutSchema):
    """What a payer's bank wants back of a payment, in minor units of its currency."""

    id: UUID
    payment_id: UUID
    provider: str = Field(..., examples=["stripe"])
    reference: str = Field(..., description="The provider's own.", examples=["dp_1Pgc71B7WZ01zgkWMevJiAUx"])
    state: str = Field(..., description="`open`, `won` or `lost`.", examples=["open"])
    amount: int = Field(..., description="What the bank wants.", examples=[1200])
    currency: str = Field(..., examples=["EUR"])
    taken: int = Field(..., description="What it took so far, less what it returned.", examples=[1200])
    fee: int = Field(..., description="What the provider keeps for it.", examples=[2000])
    lost: int = Field(..., description="How much of it is lost for good.", examples=[0])
    created_at: datetime
    decided_at: datetime | None


class DisputeQuery(PageQuery):
    """Which disputes to list."""

    state: Annotated[Dispute.State | None, Field(description="Only those in this state.")] = None
    payment_id: Annotated[UUID | None, Field(description="Only those of this payment.")] = None


@router.get("/disputes", response={200: PageOut[DisputeOut], **problems(403)}, summary="List disputes")
def list_disputes(request: ApiRequest, query: Query[DisputeQuery]) -> Any:
    """What banks want back, or did, the newest first; for admins."""
    check_admin(request.user)
    rows = Dispute.objects.visible_to(request.user)
    wanted = {"state": query.state, "payment": query.payment_id}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))
