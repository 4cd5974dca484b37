"""What somebody earns, by API."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router

from tenpo.checkout.queries.earnings import coming, earned_by_month, earned_by_source, next_payout, splits_of
from tenpo.core.api import ApiRequest, OutSchema, PageOut, PageQuery, problems
from tenpo.core.business import current_business
from tenpo.core.days import business_zone, first_month
from tenpo.core.paging import keyset_page
from tenpo.orders.models import Split
from tenpo.payments.models import Payout
from tenpo.payments.queries import payable

router = Router(tags=["Earnings"])


class MonthEarnedOut(OutSchema):
    """What somebody earned in one month, less what went back of it since (minor units)."""

    month: date = Field(..., description="Its first day.", examples=["2026-11-01"])
    amount: int = Field(..., examples=[8500])


class SourceEarnedOut(OutSchema):
    """What one thing that is sold brought in, less what went back of it (minor units)."""

    what: str = Field(..., examples=["Yoga"])
    part: Split.Part = Field(..., description="What they did of it.", examples=["creator"])
    sales: int = Field(..., examples=[12])
    amount: int = Field(..., examples=[8500])


class NextPayoutOut(OutSchema):
    """When earnings leave by themselves, and how much as things are (minor units)."""

    on: date | None = Field(..., description="Null: when you ask.", examples=["2026-12-01"])
    amount: int = Field(..., examples=[8500])
    least: int = Field(..., description="Nothing less leaves.", examples=[1000])
    has_account: bool = Field(..., description="Whether there is an account that it goes to by itself.")
    under_way: int = Field(..., description="What was asked for, and has not arrived.", examples=[0])


class EarningsOut(OutSchema):
    """What somebody earns, in minor units."""

    currency: str = Field(..., examples=["EUR"])
    left: int = Field(..., description="To be paid out.", examples=[8500])
    owed: int = Field(..., description="To be given back first, for refunds after an earlier payout.", examples=[0])
    coming: int = Field(..., description="Theirs once it has taken place.", examples=[1700])
    next_payout: NextPayoutOut
    months: list[MonthEarnedOut] = Field(..., description="The last twelve; those without any are left out.")
    sources: list[SourceEarnedOut] = Field(..., description="What brought most in these months, the most first.")


class EarnedSaleOut(OutSchema):
    """What somebody earns of one thing that was sold, in minor units."""

    id: UUID
    what: str = Field(..., examples=["Yoga"])
    part: Split.Part = Field(..., examples=["creator"])
    percent: int = Field(..., examples=[85])
    price: int = Field(..., description="The whole price, whoever paid it.", examples=[10000])
    amount: int = Field(..., examples=[8500])
    reversed: int = Field(..., description="How much of it went back with refunds.", examples=[0])
    earned_at: datetime | None = Field(..., description="Null: it has not taken place.")
    created_at: datetime

    @staticmethod
    def resolve_what(split: Split) -> str:
        return split.line.description

    @staticmethod
    def resolve_price(split: Split) -> int:
        return split.line.price


@router.get("/earnings", response={200: EarningsOut, **problems()}, summary="What you earn")
def get_earnings(request: ApiRequest) -> dict[str, Any]:
    """What is yours and what is to come, by month and by source, and when it leaves next."""
    user, currency, since = request.user, current_business().currency, first_month()
    there = payable(user, Payout.Source.EARNINGS, currency)
    return {
        "currency": currency,
        "left": there.left,
        "owed": there.owed,
        "coming": coming(user, currency),
        "next_payout": next_payout(user, there),
        "months": earned_by_month(user, currency, since=since, zone=business_zone()),
        "sources": earned_by_source(user, currency, since=since),
    }


@router.get("/earnings/sales", response={200: PageOut[EarnedSaleOut], **problems()}, summary="List what you earn of")
def list_earnings(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """Each sale that you earn a part of, newest first."""
    rows = splits_of(request.user, current_business().currency)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))
