"""Where the business works: locations and their rooms."""

from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, problems
from tenpo.core.paging import keyset_page
from tenpo.people.models import User
from tenpo.schedule.actions import places as actions
from tenpo.schedule.models import Location, Room
from tenpo.schedule.service_queries import find_locations

router = Router(tags=["Places"])

Name = Annotated[str, Field(min_length=1, max_length=80)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class RoomOut(OutSchema):
    """A room, a court or a piece of equipment, which one session uses at a time."""

    id: UUID
    name: str = Field(..., examples=["Hall"])
    is_closed: bool

    @staticmethod
    def resolve_is_closed(room: Room) -> bool:
        return room.closed_at is not None


class LocationOut(OutSchema):
    """A place where sessions are given, with its rooms."""

    id: UUID
    name: str = Field(..., examples=["Studio Mitte"])
    address: str
    directions: str
    latitude: float | None = Field(..., description="In degrees, north of the equator.", examples=[52.52])
    longitude: float | None = Field(..., description="In degrees, east of Greenwich.", examples=[13.405])
    is_closed: bool
    rooms: list[RoomOut]

    @staticmethod
    def resolve_is_closed(location: Location) -> bool:
        return location.closed_at is not None

    @staticmethod
    def resolve_rooms(location: Location) -> list[Room]:
        return list(location.rooms.all())


LOCATION_EXAMPLE: Any = {
    "name": "Studio Mitte",
    "address": "Torstraße 1, 10119 Berlin",
    "directions": "Second yard, first floor",
    "latitude": 52.5298,
    "longitude": 13.4012,
}


class LocationIn(InSchema):
    """A place to add. Both coordinates or neither."""

    model_config = {"json_schema_extra": {"example": LOCATION_EXAMPLE}}

    name: Name
    address: Annotated[str, Field(max_length=200)] = ""
    directions: Annotated[str, Field(max_length=300)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class LocationPatch(InSchema):
    """What to change; what is left out stays. Null takes coordinates away."""

    model_config = {"json_schema_extra": {"example": {"directions": "Ring twice"}}}

    name: Name | None = None
    address: Annotated[str | None, Field(max_length=200)] = None
    directions: Annotated[str | None, Field(max_length=300)] = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class RoomIn(InSchema):
    """What a room is called."""

    model_config = {"json_schema_extra": {"example": {"name": "Room 2"}}}

    name: Name


def visible_location(user: User, location_id: UUID) -> Location:
    """A place that `user` may see, with its rooms."""
    return get_object_or_404(find_locations(user), pk=location_id)


def visible_room(user: User, room_id: UUID) -> Room:
    """A room that `user` may see."""
    return get_object_or_404(Room.objects.visible_to(user), pk=room_id)


@router.get("/locations", response=PageOut[LocationOut], summary="Find places")
def list_locations(request: ApiRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Where the business works, by name; admins also see where it did."""
    page = keyset_page(find_locations(request.user), order=("name", "id"), cursor=query.cursor, limit=query.limit)
    return PageOut.of(page)


@router.post("/locations", response={201: LocationOut, **problems(403, 409)}, summary="Add a place")
def post_location(request: ApiRequest, body: LocationIn) -> tuple[int, Location]:
    """Admins add a place where sessions are given. 409 `name_taken`."""
    location = actions.open_location(by=request.user, **body.model_dump())
    return 201, visible_location(request.user, location.pk)


@router.get("/locations/{uuid:location_id}", response={200: LocationOut, **problems(404)}, summary="Read a place")
def get_location(request: ApiRequest, location_id: UUID) -> Location:
    """One place with its rooms."""
    return visible_location(request.user, location_id)


@router.patch(
    "/locations/{uuid:location_id}", response={200: LocationOut, **problems(403, 404, 409)}, summary="Change a place"
)
def patch_location(request: ApiRequest, location_id: UUID, body: LocationPatch) -> Location:
    """Admins change what is said of a place. 409 `closed`, `name_taken`.

    Sessions to come that name it show another name or address, and whoever has a place in them is told.
    """
    changes: Any = body.model_dump(exclude_unset=True)
    texts = {name for name in ("name", "address", "directions") if name in changes and changes[name] is None}
    changes = {name: value for name, value in changes.items() if name not in texts}
    actions.edit_location(visible_location(request.user, location_id), by=request.user, **changes)
    return visible_location(request.user, location_id)


@router.post(
    "/locations/{uuid:location_id}/closure",
    response={200: LocationOut, **problems(403, 404, 409)},
    summary="Close a place",
)
def close_location(request: ApiRequest, location_id: UUID) -> Location:
    """Nothing is offered there any more. Again changes nothing. 409 `in_use` while something is to come there."""
    actions.close_location(visible_location(request.user, location_id), by=request.user)
    return visible_location(request.user, location_id)


@router.post(
    "/locations/{uuid:location_id}/reopening",
    response={200: LocationOut, **problems(403, 404, 409)},
    summary="Open a place again",
)
def reopen_location(request: ApiRequest, location_id: UUID) -> Location:
    """With the rooms that it had. Again changes nothing. 409 `name_taken`."""
    actions.reopen_location(visible_location(request.user, location_id), by=request.user)
    return visible_location(request.user, location_id)


@router.post(
    "/locations/{uuid:location_id}/rooms", response={201: RoomOut, **problems(403, 404, 409)}, summary="Add a room"
)
def post_room(request: ApiRequest, location_id: UUID, body: RoomIn) -> tuple[int, Room]:
    """A room, a court or a piece of equipment. 409 `closed`, `name_taken`, `too_many`."""
    return 201, actions.open_room(visible_location(request.user, location_id), name=body.name, by=request.user)


@router.patch("/rooms/{uuid:room_id}", response={200: RoomOut, **problems(403, 404, 409)}, summary="Rename a room")
def patch_room(request: ApiRequest, room_id: UUID, body: RoomIn) -> Room:
    """Call a room something else. 409 `closed`, `name_taken`."""
    return actions.rename_room(visible_room(request.user, room_id), name=body.name, by=request.user)


@router.post(
    "/rooms/{uuid:room_id}/closure", response={200: RoomOut, **problems(403, 404, 409)}, summary="Close a room"
)
def close_room(request: ApiRequest, room_id: UUID) -> Room:
    """It is used no more. Again changes nothing. 409 `in_use` while something is to come there."""
    return actions.close_room(visible_room(request.user, room_id), by=request.user)


@router.post(
    "/rooms/{uuid:room_id}/reopening", response={200: RoomOut, **problems(403, 404, 409)}, summary="Open a room again"
)
def reopen_room(request: ApiRequest, room_id: UUID) -> Room:
    """It is used again. Again changes nothing. 409 `name_taken`, `too_many`."""
    return actions.reopen_room(visible_room(request.user, room_id), by=request.user)
