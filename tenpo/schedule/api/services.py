"""What coaches offer by time: services with their prices by group size."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, problems
from tenpo.core.limits import CHOICES_OF_A_QUESTION, COACHES_OF_A_SERVICE, SLOT_SERIES_DATES
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.paging import keyset_page
from tenpo.people.models import User
from tenpo.schedule.actions import services as actions
from tenpo.schedule.actions.service_checks import MAX_CHOICE, MAX_LABEL
from tenpo.schedule.api.sessions import CoachOut, Creator, CreatorOut, chosen_policy, creator_in
from tenpo.schedule.models import Location, Room, Service
from tenpo.schedule.service_models import (
    MAX_BUFFER_MINUTES,
    MAX_DURATIONS,
    MAX_GROUP,
    MAX_NOTICE_MINUTES,
    MAX_QUESTIONS,
    MAX_SERVICE_MINUTES,
    MAX_WINDOW_DAYS,
    Format,
)
from tenpo.schedule.service_queries import ServiceFilter, find_services

router = Router(tags=["Services"])

MAX_PLACES = 100
Minutes = Annotated[int, Field(ge=5, le=MAX_SERVICE_MINUTES)]
Buffer = Annotated[int, Field(ge=0, le=MAX_BUFFER_MINUTES)]
Most = Annotated[int, Field(ge=1, le=32_767)]
Key = Annotated[str, Field(max_length=MAX_CHOICE)]


class GroupPrice(InSchema):
    """What so many people pay all together, in minor units: for a session or for an hour, as `price_basis` says."""

    people: Annotated[int, Field(ge=1, le=MAX_GROUP)]
    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT)]


class Question(InSchema):
    """What is asked when it is booked; without `key` it is a new one."""

    key: Key = ""
    label: Annotated[str, Field(min_length=1, max_length=MAX_LABEL)]
    kind: Literal["text", "choice", "yes"] = "text"
    required: bool = False
    options: Annotated[list[Key], Field(max_length=CHOICES_OF_A_QUESTION)] = []


class PriceOut(OutSchema):
    """What so many people pay all together, in minor units."""

    people: int
    amount: int


class QuestionOut(OutSchema):
    """What is asked when it is booked."""

    key: str
    label: str
    kind: str
    required: bool
    options: list[str]


class PlaceOut(OutSchema):
    """Where it is given, or one of the rooms of which one must be free."""

    id: UUID
    name: str


class ServiceOut(OutSchema):
    """What can be booked by time. Of a group size without a price the next smaller one holds, for each person."""

    id: UUID
    name: str = Field(..., examples=["Career coaching"])
    description: str
    format: str = Field(..., examples=["one_on_one"])
    durations: list[int] = Field(..., description="Lengths in minutes, the usual one first.", examples=[[60, 90]])
    price_basis: str = Field(..., description="Whether prices are for an `hour` or a `session`.")
    prices: list[PriceOut]
    currency: str = Field(..., examples=["EUR"])
    capacity: int
    buffer_before: int
    buffer_after: int
    notice_minutes: int
    window_days: int
    step_minutes: int
    most_per_day: int | None
    most_per_week: int | None
    most_in_series: int = Field(..., description="How often in a row the same time can be booked; 1: one by one.")
    coaches: list[CoachOut] = Field(..., description="In the order in which they are asked.")
    coaches_rule: str = Field(..., examples=["chosen"])
    creator_id: CreatorOut
    open_to: str = Field(..., examples=["members"])
    needs_approval: bool
    repeats_intro: bool
    questions: list[QuestionOut]
    join_link: str | None = Field(..., description="Null for whoever has not booked.")
    cancellation_policy_id: UUID | None = Field(..., description="Null: the business's usual one.")
    locations: list[PlaceOut]
    rooms: list[PlaceOut]
    is_offered: bool
    version: int = Field(..., description="Send it with a change, so that nobody's change is lost.")


class ServiceQuery(PageQuery):
    """Which services."""

    q: Annotated[str, Field(description="Part of the name or the description.", max_length=100)] = ""
    coach: Annotated[UUID | None, Field(description="Given by this coach.")] = None
    location: Annotated[UUID | None, Field(description="Given at this place.")] = None
    format: Format | None = None
    offered: Annotated[bool | None, Field(description="On offer, or withdrawn.")] = None


SERVICE_EXAMPLE: Any = {
    "name": "Career coaching by the hour",
    "durations": [60, 90],
    "price_basis": "session",
    "prices": [{"people": 1, "amount": 9000}, {"people": 2, "amount": 14000}],
    "capacity": 2,
    "join_link": "https://meet.example.com/maya",
    "questions": [{"label": "What would you like to talk about?", "required": True}],
}


class ServiceFields(InSchema):
    """What a service may say besides its name, lengths and prices."""

    description: Annotated[str, Field(max_length=2_000)] = ""
    format: Format = Format.ONE_ON_ONE
    price_basis: Service.Basis = Service.Basis.SESSION
    capacity: Annotated[int, Field(ge=1, le=MAX_GROUP)] = 1
    buffer_before: Buffer = 0
    buffer_after: Buffer = 0
    notice_minutes: Annotated[int, Field(ge=0, le=MAX_NOTICE_MINUTES)] = 240
    window_days: Annotated[int, Field(ge=1, le=MAX_WINDOW_DAYS)] = 60
    step_minutes: Annotated[int, Field(ge=5, le=240)] = 30
    most_per_day: Most | None = None
    most_per_week: Most | None = None
    most_in_series: Annotated[int, Field(ge=1, le=SLOT_SERIES_DATES)] = 1
    coaches_rule: Service.Coaches = Service.Coaches.CHOSEN
    creator_id: Creator = None
    open_to: Service.OpenTo = Service.OpenTo.MEMBERS
    needs_approval: bool = False
    repeats_intro: bool = False
    questions: Annotated[list[Question], Field(max_length=MAX_QUESTIONS)] = []
    join_link: Annotated[str, Field(max_length=500)] = ""
    cancellation_policy_id: UUID | None = None
    location_ids: Annotated[list[UUID], Field(max_length=MAX_PLACES)] = []
    room_ids: Annotated[list[UUID], Field(max_length=MAX_PLACES)] = []


class ServiceIn(ServiceFields):
    """A service to offer. Without `coach_ids` the caller gives it, without a policy the business's usual one holds."""

    model_config = {"json_schema_extra": {"example": SERVICE_EXAMPLE}}

    name: Annotated[str, Field(min_length=1, max_length=80)]
    durations: Annotated[list[Minutes], Field(min_length=1, max_length=MAX_DURATIONS)]
    prices: Annotated[list[GroupPrice], Field(min_length=1, max_length=MAX_GROUP)]
    coach_ids: Annotated[list[UUID] | None, Field(min_length=1, max_length=COACHES_OF_A_SERVICE)] = None


class ServicePatch(ServiceFields):
    """What to change; what is left out stays."""

    model_config = {"json_schema_extra": {"example": {"version": 0, "notice_minutes": 120}}}

    version: Annotated[int | None, Field(description="The version that you saw; an older one is refused.")] = None
    name: Annotated[str, Field(min_length=1, max_length=80)] = ""
    durations: Annotated[list[Minutes], Field(min_length=1, max_length=MAX_DURATIONS)] = []
    prices: Annotated[list[GroupPrice], Field(min_length=1, max_length=MAX_GROUP)] = []
    coach_ids: Annotated[list[UUID], Field(min_length=1, max_length=COACHES_OF_A_SERVICE)] = []


def visible_service(user: User, service_id: UUID) -> Service:
    """A service that `user` may see, with what stands beside it."""
    return get_object_or_404(find_services(user), pk=service_id)


def service_out(user: User, service: Service) -> dict[str, Any]:
    """A service as the API shows it to `user`; where people meet only to those who give it and admins."""
    plain = (
        "id", "name", "description", "format", "durations", "price_basis", "currency", "capacity", "buffer_before",
        "buffer_after", "notice_minutes", "window_days", "step_minutes", "most_per_day", "most_per_week",
        "most_in_series", "coaches_rule", "open_to", "needs_approval", "repeats_intro", "questions",
        "cancellation_policy_id", "is_offered", "version",
    )  # fmt: skip
    coaches = [given.coach for given in service.given_by.all()]
    knows_the_door = user.is_admin or user in coaches
    prices = sorted(service.prices.all(), key=lambda price: price.people)
    return {
        **{name: getattr(service, name) for name in plain},
        "prices": [{"people": price.people, "amount": price.amount} for price in prices],
        "coaches": [{"id": coach.pk, "name": coach.name} for coach in coaches],
        "creator_id": service.creator_id if knows_the_door or service.creator_id == user.pk else None,
        "join_link": service.join_link if knows_the_door else None,
        "locations": _open(service.locations.all()),
        "rooms": _open(service.rooms.all()),
    }


def terms_in(user: User, body: ServiceFields) -> Any:
    """What a body says of a service, as the actions take it; what it leaves out is not said."""
    values = body.model_dump(exclude_unset=True, exclude={"version"})
    if "prices" in values:
        prices = {price["people"]: price["amount"] for price in values["prices"]}
        if len(prices) < len(values["prices"]):
            raise ValidationError({"prices": _("Each group size has one price.")})
        values["prices"] = prices
    if "coach_ids" in values:
        ids = values.pop("coach_ids")
        values["coaches"] = _all_of(User.objects.visible_to(user).with_roles(), ids) if ids else [user]
    values |= creator_in(user, values)
    if "cancellation_policy_id" in values:
        policy = values.pop("cancellation_policy_id")
        values["cancellation_policy"] = chosen_policy(user, policy) if policy else None
    if "location_ids" in values:
        values["locations"] = _all_of(Location.objects.visible_to(user), values.pop("location_ids"))
    if "room_ids" in values:
        values["rooms"] = _all_of(Room.objects.visible_to(user), values.pop("room_ids"))
    return values


@router.get("/services", response=PageOut[ServiceOut], summary="Find services")
def list_services(request: ApiRequest, query: Query[ServiceQuery]) -> dict[str, Any]:
    """What can be booked by time, by name. What is withdrawn is seen by those who give it and admins."""
    wanted = ServiceFilter(query.q, query.coach, query.location, query.format or "", query.offered)
    rows = find_services(request.user, wanted)
    page = keyset_page(rows, order=("name", "id"), cursor=query.cursor, limit=query.limit)
    return {"items": [service_out(request.user, one) for one in page.items], "next_cursor": page.next_cursor}


@router.post("/services", response={201: ServiceOut, **problems(403, 404, 409)}, summary="Offer a service")
def post_service(request: ApiRequest, body: ServiceIn) -> tuple[int, dict[str, Any]]:
    """A coach offers what they alone give, an admin any; that somebody else made it is for admins to say.

    409 `name_taken`.
    """
    service = actions.create_service(by=request.user, **({"coaches": [request.user]} | terms_in(request.user, body)))
    return 201, service_out(request.user, visible_service(request.user, service.pk))


@router.get("/services/{uuid:service_id}", response={200: ServiceOut, **problems(404)}, summary="Read a service")
def get_service(request: ApiRequest, service_id: UUID) -> dict[str, Any]:
    """One service: lengths, prices, who gives it and where, what is asked."""
    return service_out(request.user, visible_service(request.user, service_id))


@router.patch(
    "/services/{uuid:service_id}", response={200: ServiceOut, **problems(403, 404, 409)}, summary="Change a service"
)
def patch_service(request: ApiRequest, service_id: UUID, body: ServicePatch) -> dict[str, Any]:
    """For what is booked from now on. 409 `changed_meanwhile`, `name_taken`."""
    service = visible_service(request.user, service_id)
    actions.edit_service(service, by=request.user, version=body.version, **terms_in(request.user, body))
    return service_out(request.user, visible_service(request.user, service_id))


@router.post(
    "/services/{uuid:service_id}/withdrawal",
    response={200: ServiceOut, **problems(403, 404)},
    summary="Withdraw a service",
)
def withdraw_service(request: ApiRequest, service_id: UUID) -> dict[str, Any]:
    """It is offered no more; what is booked of it stays. Again changes nothing."""
    actions.withdraw_service(visible_service(request.user, service_id), by=request.user)
    return service_out(request.user, visible_service(request.user, service_id))


@router.post(
    "/services/{uuid:service_id}/offer",
    response={200: ServiceOut, **problems(403, 404, 409)},
    summary="Offer a service again",
)
def offer_service(request: ApiRequest, service_id: UUID) -> dict[str, Any]:
    """As it was. Again changes nothing. 409 `name_taken`."""
    actions.offer_service_again(visible_service(request.user, service_id), by=request.user)
    return service_out(request.user, visible_service(request.user, service_id))


def _open(places: Iterable[Location] | Iterable[Room]) -> list[dict[str, Any]]:
    return [{"id": place.pk, "name": place.name} for place in places if place.closed_at is None]


def _all_of(rows: Any, ids: list[UUID]) -> list[Any]:
    """Each of these rows, in this order; 404 for one that is not there."""
    found = rows.in_bulk(ids)
    return [found.get(pk) or get_object_or_404(rows, pk=pk) for pk in dict.fromkeys(ids)]
