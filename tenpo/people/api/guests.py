"""Guests: whom somebody brings along."""

from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, problems
from tenpo.people.actions.guests import add_guests, leave_out_guest, rename_guest
from tenpo.people.models import Participant

router = Router(tags=["People"])


class GuestOut(OutSchema):
    """Somebody whom you bring along. The id is that of a participant, to book for them."""

    id: UUID
    name: str = Field(..., examples=["Mia Okafor"])


class GuestIn(InSchema):
    """What a guest is called."""

    name: Annotated[str, Field(min_length=1, max_length=120, examples=["Mia Okafor"])]


@router.get("/guests", response=list[GuestOut], summary="List your guests")
def list_guests(request: ApiRequest) -> Any:
    """Whom you may bring along, by name."""
    return Participant.objects.guests_of(request.user)


@router.post("/guests", response={201: GuestOut, **problems(409)}, summary="Add a guest")
def create_guest(request: ApiRequest, body: GuestIn) -> tuple[int, Participant]:
    """Somebody to bring along; one of that name who is there already is answered. Refusal: `too_many_guests`."""
    [guest] = add_guests([body.name], by=request.user)
    return 201, guest


@router.patch("/guests/{uuid:guest_id}", response={200: GuestOut, **problems(404, 409)}, summary="Rename a guest")
def update_guest(request: ApiRequest, guest_id: UUID, body: GuestIn) -> Participant:
    """Call a guest of yours by another name. Refusal: `name_taken`."""
    return rename_guest(_own(request, guest_id), name=body.name, by=request.user)


@router.delete("/guests/{uuid:guest_id}", response={200: GuestOut, **problems(404)}, summary="Leave a guest out")
def delete_guest(request: ApiRequest, guest_id: UUID) -> Participant:
    """Be asked about a guest no more; what is booked for them stays. Again changes nothing."""
    return leave_out_guest(_own(request, guest_id), by=request.user)


def _own(request: ApiRequest, guest_id: UUID) -> Participant:
    return get_object_or_404(Participant.objects.filter(guest_of=request.user), pk=guest_id)
