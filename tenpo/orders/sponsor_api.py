"""Sponsorships by API: the admins', the sponsor's, and what somebody is sponsored with."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.access.api_auth import once
from tenpo.core import clock
from tenpo.core.api import ApiRequest, DayIn, InSchema, OutSchema, PageOut, PageQuery, TimeIn, problems
from tenpo.core.days import day_here
from tenpo.core.limits import SPONSORED_AT_ONCE
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.paging import keyset_page
from tenpo.orders.actions.policies import ShareTerms
from tenpo.orders.actions.sponsorships import (
    MAX_REFERENCE,
    Budget,
    add_sponsored_people,
    create_sponsorship,
    end_sponsorship,
    raise_pot,
    record_sponsor_payment,
    remove_sponsored_person,
)
from tenpo.orders.models import Line
from tenpo.orders.sponsor_models import SponsoredPerson, SponsorPayment, Sponsorship
from tenpo.orders.sponsor_queries import owed_by, slip_of, uses_of
from tenpo.payments.api import SlipOut
from tenpo.people.models import User
from tenpo.people.permissions import check_admin

router = Router(tags=["Sponsorships"])

Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]


class SponsorshipOut(OutSchema):
    """A budget from which a sponsor pays a part of what named people buy; amounts in minor units."""

    id: UUID
    sponsor_id: UUID
    name: str = Field(..., examples=["Bakery Huber"])
    percent: int | None = Field(..., examples=[50])
    amount: int | None
    cap: int | None
    pot: int | None = Field(..., description="The most in all; null: as much as it comes to.", examples=[500_000])
    per_person: int | None = Field(..., description="The most for each person.", examples=[50_000])
    spent: int = Field(..., description="Held seats that wait for their money count.", examples=[12_000])
    left: int | None
    currency: str = Field(..., examples=["EUR"])
    kinds: list[str] = Field(..., description="What it is for; empty: everything.", examples=[["session"]])
    active_from: datetime
    active_until: datetime | None
    transfer_reference: str = Field(..., description="What the sponsor writes on a transfer.", examples=["S0A1B2C3D4"])


class SponsorshipDetailOut(SponsorshipOut):
    """A budget, and what its sponsor owes for it."""

    owed: int = Field(..., description="Below zero: in the sponsor's favour.", examples=[12_000])
    transfer: SlipOut | None = Field(..., description="How to pay that by bank transfer; null: nothing is owed.")


class SponsorshipIn(InSchema):
    """Who pays how much of what named people buy. Either a percentage, perhaps with a cap, or a fixed amount."""

    sponsor_id: UUID = Field(..., description="Who looks after the budget, and sees it.")
    name: str = Field(
        ..., max_length=80, description="Who pays, as people and receipts have it.", examples=["Bakery Huber"]
    )
    percent: int | None = Field(None, ge=1, le=100, examples=[50])
    amount: Amount | None = None
    cap: Amount | None = Field(None, description="The most of each price.", examples=[4_000])
    pot: Amount | None = Field(None, description="The most in all.", examples=[500_000])
    per_person: Amount | None = Field(None, description="The most for each person.", examples=[50_000])
    kinds: list[Line.Kind] = Field([], description="What it is for; everything when left out.", examples=[["session"]])
    active_from: TimeIn | None = Field(None, description="Now when left out.")
    active_until: TimeIn | None = None


class PotIn(InSchema):
    """How much there is in all from now on."""

    pot: Amount = Field(..., examples=[800_000])


class SponsoredPersonOut(OutSchema):
    """Somebody whom a budget funds, and with how much (minor units)."""

    id: UUID
    name: str = Field(..., examples=["Mia Berg"])
    most: int | None = Field(..., description="The most for them; null: what is in the pot.", examples=[50_000])
    spent: int = Field(..., examples=[4_000])
    left: int | None = Field(..., description="What there still is for them; null: no end to it.", examples=[46_000])
    added_at: datetime
    removed_at: datetime | None

    @staticmethod
    def resolve_name(person: SponsoredPerson) -> str:
        return str(person.user)


class PeopleIn(InSchema):
    """Whom a budget funds, by their addresses."""

    emails: list[Annotated[str, Field(max_length=254)]] = Field(
        ..., min_length=1, max_length=SPONSORED_AT_ONCE, examples=[["mia@example.com"]]
    )


class NamedOut(OutSchema):
    """Who is new in a budget."""

    people: list[SponsoredPersonOut]


class UseOut(OutSchema):
    """What a budget paid for: whom, how much (minor units), on which day, and what kind of thing."""

    person: str = Field(..., examples=["Mia Berg"])
    amount: int = Field(..., description="Less what came back.", examples=[4_000])
    on: date
    kind: str = Field(..., examples=["session"])
    is_held: bool = Field(..., description="Kept for an order that waits for its money; not owed yet.")

    @staticmethod
    def resolve_person(line: Line) -> str:
        return str(line.order.buyer)

    @staticmethod
    def resolve_amount(line: Line) -> int:
        return line.sponsor_share - line.sponsor_back

    @staticmethod
    def resolve_on(line: Line) -> date:
        return day_here(line.order.created_at)

    @staticmethod
    def resolve_is_held(line: Line) -> bool:
        return line.order.state == line.order.State.OPEN


class SponsorPaymentOut(OutSchema):
    """Money that came from a sponsor."""

    id: UUID
    sponsorship_id: UUID
    amount: int = Field(..., examples=[12_000])
    currency: str = Field(..., examples=["EUR"])
    reference: str
    received_on: date
    created_at: datetime


class SponsorPaymentIn(InSchema):
    """Money that came from a sponsor by bank transfer."""

    amount: Amount = Field(..., examples=[1])
    received_on: DayIn = Field(..., examples=["2026-11-02"])
    reference: str = Field("", max_length=MAX_REFERENCE, description="What the bank's statement says.")


class FundingQuery(PageQuery):
    """Which sponsors of yours to list."""

    past: bool = Field(False, description="Those who paid something and pay nothing any more, in their place.")


class FundingOut(OutSchema):
    """What somebody pays for you, as far as it goes (minor units)."""

    id: UUID
    sponsor: str = Field(..., examples=["Bakery Huber"])
    percent: int | None = Field(..., examples=[50])
    amount: int | None
    cap: int | None
    kinds: list[str] = Field(..., description="What it is for; empty: everything.")
    spent: int = Field(..., description="What it paid for you so far.", examples=[4_000])
    left: int | None = Field(..., description="What there still is for you; null: no end to it.", examples=[46_000])
    currency: str = Field(..., examples=["EUR"])
    active_until: datetime | None


@router.get("/sponsorships", response={200: PageOut[SponsorshipOut], **problems()}, summary="List sponsorships")
def list_sponsorships(request: ApiRequest, query: Query[PageQuery]) -> Any:
    """The budgets that you look after, newest first; an admin sees everybody's."""
    rows = Sponsorship.objects.visible_to(request.user)
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post("/sponsorships", response={201: SponsorshipOut, **problems(403, 404, 409)}, summary="Agree a sponsorship")
@once(SponsorshipOut, 201, is_whole=True)
def post_sponsorship(request: ApiRequest, payload: SponsorshipIn) -> Sponsorship:
    """A budget that funds nobody yet; its terms never change. For admins.

    Refusals: `starts_in_past`, `ends_too_early`.
    """
    check_admin(request.user)
    return create_sponsorship(
        sponsor=get_object_or_404(User, pk=payload.sponsor_id),
        name=payload.name,
        terms=ShareTerms(percent=payload.percent, amount=payload.amount, cap=payload.cap),
        budget=Budget(payload.pot, payload.per_person),
        kinds=payload.kinds,
        active_from=payload.active_from,
        active_until=payload.active_until,
        by=request.user,
    )


@router.get(
    "/sponsorships/{uuid:sponsorship_id}",
    response={200: SponsorshipDetailOut, **problems(404)},
    summary="Get a sponsorship",
)
def get_sponsorship(request: ApiRequest, sponsorship_id: UUID) -> Sponsorship:
    """One budget: what is left of it, and what its sponsor owes."""
    sponsorship = _seen(request, sponsorship_id)
    owed = owed_by([sponsorship])[sponsorship.pk]
    sponsorship.owed, sponsorship.transfer = owed, slip_of(sponsorship, owed)  # type: ignore[attr-defined]
    return sponsorship


@router.post(
    "/sponsorships/{uuid:sponsorship_id}/end",
    response={200: SponsorshipOut, **problems(403, 404, 409)},
    summary="End a sponsorship",
)
def post_sponsorship_end(request: ApiRequest, sponsorship_id: UUID) -> Sponsorship:
    """End a sponsorship now, or withdraw one that has not begun; what it paid stays paid. For admins.

    Refusal: `over`.
    """
    return end_sponsorship(_seen(request, sponsorship_id), by=request.user)


@router.put(
    "/sponsorships/{uuid:sponsorship_id}/pot",
    response={200: SponsorshipOut, **problems(403, 404, 409)},
    summary="Raise a sponsorship's budget",
)
def put_sponsorship_pot(request: ApiRequest, sponsorship_id: UUID, payload: PotIn) -> Sponsorship:
    """Give a sponsorship more to spend; a budget is never lowered. For admins. Refusals: `over`, `pot_not_raised`."""
    return raise_pot(_seen(request, sponsorship_id), pot=payload.pot, by=request.user)


@router.get(
    "/sponsorships/{uuid:sponsorship_id}/people",
    response={200: PageOut[SponsoredPersonOut], **problems(404)},
    summary="List whom a sponsorship funds",
)
def list_sponsored_people(request: ApiRequest, sponsorship_id: UUID, query: Query[PageQuery]) -> Any:
    """Everybody whom it named, also who was removed since, and what it paid for each."""
    rows = _seen(request, sponsorship_id).people.select_related("user", "sponsorship")
    return PageOut.of(keyset_page(rows, order=("id",), cursor=query.cursor, limit=query.limit))


@router.post(
    "/sponsorships/{uuid:sponsorship_id}/people",
    response={200: NamedOut, **problems(403, 404, 409)},
    summary="Name people whom a sponsorship funds",
)
def post_sponsored_people(request: ApiRequest, sponsorship_id: UUID, payload: PeopleIn) -> dict[str, Any]:
    """Name people who have an account here, all of them or none; the answer has those who are new to it. For admins.

    Refusal: `over`.
    """
    return {"people": add_sponsored_people(_seen(request, sponsorship_id), payload.emails, by=request.user)}


@router.delete(
    "/sponsorships/{uuid:sponsorship_id}/people/{uuid:person_id}",
    response={200: SponsoredPersonOut, **problems(403, 404)},
    summary="Fund somebody no longer",
)
def delete_sponsored_person(request: ApiRequest, sponsorship_id: UUID, person_id: UUID) -> SponsoredPerson:
    """Remove somebody; what was paid for them stays paid. Again changes nothing. For admins."""
    people = _seen(request, sponsorship_id).people.select_related("sponsorship")
    return remove_sponsored_person(get_object_or_404(people, pk=person_id), by=request.user)


@router.get(
    "/sponsorships/{uuid:sponsorship_id}/uses",
    response={200: PageOut[UseOut], **problems(404)},
    summary="List what a sponsorship paid for",
)
def list_sponsorship_uses(request: ApiRequest, sponsorship_id: UUID, query: Query[PageQuery]) -> Any:
    """Whom a budget paid for, newest first: the amount, the day and the kind of thing, and nothing else of it."""
    rows = uses_of(_seen(request, sponsorship_id))
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.get(
    "/sponsorships/{uuid:sponsorship_id}/payments",
    response={200: PageOut[SponsorPaymentOut], **problems(404)},
    summary="List what a sponsor paid",
)
def list_sponsor_payments(request: ApiRequest, sponsorship_id: UUID, query: Query[PageQuery]) -> Any:
    """What came from the sponsor, newest first."""
    rows = _seen(request, sponsorship_id).payments.all()
    return PageOut.of(keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit))


@router.post(
    "/sponsorships/{uuid:sponsorship_id}/payments",
    response={201: SponsorPaymentOut, **problems(403, 404, 409)},
    summary="Record what a sponsor paid",
)
@once(SponsorPaymentOut, 201, is_whole=True)
def post_sponsor_payment(request: ApiRequest, sponsorship_id: UUID, payload: SponsorPaymentIn) -> SponsorPayment:
    """Note a bank transfer of a sponsor, no more than they owe. For an admin who is not the sponsor.

    Refusals: `own_sponsorship`, `more_than_owed`.
    """
    return record_sponsor_payment(
        _seen(request, sponsorship_id),
        amount=payload.amount,
        received_on=payload.received_on,
        reference=payload.reference,
        by=request.user,
    )


@router.get("/sponsored-by", response={200: PageOut[FundingOut], **problems()}, summary="Who pays something for me")
def list_my_funding(request: ApiRequest, query: Query[FundingQuery]) -> Any:
    """The sponsors who pay a part of what you buy now, and what there still is for you; or those who did."""
    people, now = SponsoredPerson.objects.filter(user=request.user).select_related("sponsorship"), clock.now()
    rows = people.past(now) if query.past else people.funding(now)
    page = keyset_page(rows, order=("id",), cursor=query.cursor, limit=query.limit)
    return {"items": [_funding_out(person) for person in page.items], "next_cursor": page.next_cursor}


def _funding_out(person: SponsoredPerson) -> dict[str, Any]:
    terms = person.sponsorship
    names = ("percent", "amount", "cap", "kinds", "currency", "active_until")
    own = {"id": person.pk, "sponsor": terms.name, "spent": person.spent, "left": person.left}
    return own | {name: getattr(terms, name) for name in names}


def _seen(request: ApiRequest, sponsorship_id: UUID) -> Sponsorship:
    sponsorship: Sponsorship = get_object_or_404(Sponsorship.objects.visible_to(request.user), pk=sponsorship_id)
    return sponsorship
