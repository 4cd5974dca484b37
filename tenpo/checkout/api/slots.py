"""Booking a time with a coach by API."""

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict
from uuid import UUID

from ninja import Field, Router

from tenpo.access.api_auth import once
from tenpo.checkout.actions.requests import MAX_WORD, approve_request, decline_request
from tenpo.checkout.actions.slots import book_slot, book_slot_places
from tenpo.checkout.api.booking import (
    BookedOut,
    ParticipantIds,
    PartyOut,
    PaysIn,
    booked_out,
    how_paid,
    participants_of,
    party_out,
    visible_booking,
)
from tenpo.core.api import ApiRequest, InSchema, TimeIn, problems
from tenpo.people.models import User
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.api.slots import participant_of
from tenpo.schedule.in_the_way import naming_places_then
from tenpo.schedule.models import Location, Service
from tenpo.schedule.service_models import MAX_QUESTIONS, MAX_SERVICE_MINUTES

router = Router(tags=["Slots"])

SLOT_EXAMPLE: Any = {
    "service_id": "019a0000-0000-7000-8000-000000000001",
    "starts_at": "2027-03-02T17:00:00Z",
    "minutes": 60,
    "provider": "sandbox",
    "source": "4242424242424242",
}


GROUP_EXAMPLE: Any = SLOT_EXAMPLE | {"participant_ids": ["019a0000-0000-7000-8000-000000000002"]}

Answers = Annotated[
    dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=1_000)] | bool],
    Field(max_length=MAX_QUESTIONS, description="To the service's questions, by their keys."),
]


Minutes = Annotated[int, Field(ge=5, le=MAX_SERVICE_MINUTES)]


class SlotBody(PaysIn):
    """What is booked of a service, but for when and for whom, and how it is paid."""

    service_id: UUID
    minutes: Minutes
    coach_id: UUID | None = Field(None, description="With whom; left out where one, any, or all together give it.")
    location_id: UUID | None = Field(None, description="Where; the first one that is free when left out.")
    answers: Answers = {}


class SlotOf(TypedDict):
    """What of a slot a body names, as the actions take it."""

    minutes: int
    coach: User | None
    location: Location | None
    answers: Mapping[str, Any]


def slot_of(payload: SlotBody) -> SlotOf:
    """What of a slot a body names; only by its id, as what locks it finds it among those that the caller may see."""
    return {
        "minutes": payload.minutes, "coach": User(pk=payload.coach_id) if payload.coach_id else None,
        "location": Location(pk=payload.location_id) if payload.location_id else None, "answers": payload.answers,
    }  # fmt: skip


class SlotIn(SlotBody):
    """A time to be booked, and how it is paid."""

    model_config = {"json_schema_extra": {"example": SLOT_EXAMPLE}}

    starts_at: TimeIn
    participant_id: UUID | None = Field(None, description="Who takes part; you when left out.")


class GroupSlotIn(SlotBody):
    """A time to be booked for several, and how it is paid."""

    model_config = {"json_schema_extra": {"example": GROUP_EXAMPLE}}

    starts_at: TimeIn
    participant_ids: ParticipantIds


class MoveIn(InSchema):
    """Another start, of the same length."""

    model_config = {"json_schema_extra": {"example": {"starts_at": "2027-03-02T18:00:00Z"}}}

    starts_at: TimeIn
    coach_id: UUID | None = Field(None, description="Another coach, where any may give it.")
    location_id: UUID | None = Field(None, description="Another place; it stays where it is when left out.")


class DeclineIn(InSchema):
    """A word to whoever asked."""

    model_config = {"json_schema_extra": {"example": {"word": "I am away on that day."}}}

    word: Annotated[str, Field(max_length=MAX_WORD)] = ""


@router.post("/slot-bookings", response={201: BookedOut, **problems(403, 404, 409, 429)}, summary="Book a time")
@once(BookedOut, 201, limit="book-user")
def create_slot_booking(request: ApiRequest, payload: SlotIn) -> BookedOut:
    """Book a time of a service, as its slots show it, and pay for it; the answer is that of booking a seat.

    Where its coach says yes to each, it is held without a cost until they have (`awaits_approval`).

    Refusals: `slot_taken`, `slot_not_offered`, `too_many` and `participant_elsewhere`, each with the `nearest` starts
    that are free; `not_open_to_you`, `price_changed`, `sponsor_spent`, `payment_needed`,
    `too_many_unpaid`, `changed_meanwhile`.
    """
    participant = participant_of(request.user, payload.participant_id)
    with naming_places_then(request.user, [participant], payload.starts_at, minutes=payload.minutes):
        booking = book_slot(
            Service(pk=payload.service_id),
            starts_at=payload.starts_at,
            participant=participant,
            **slot_of(payload),
            **how_paid(request, payload),
        )
    return booked_out(booking, is_alone=True)


@router.post(
    "/group-slot-bookings",
    response={201: PartyOut, **problems(403, 404, 409, 422, 429)},
    summary="Book a time for several",
)
@once(PartyOut, 201, limit="book-user")
def create_group_slot_booking(request: ApiRequest, payload: GroupSlotIn) -> PartyOut:
    """Book a time of a service for several people at its price for so many: one session, order and payment.

    Each pays an equal part of the group's price. The rest is as for a seat each (`/group-bookings`) and for a time
    (`/slot-bookings`): where its coach says yes to each, they are one request, which gets one answer. Refusal besides:
    `too_many_people`.
    """
    people = participants_of(request.user, payload.participant_ids)
    with naming_places_then(request.user, people, payload.starts_at, minutes=payload.minutes):
        bookings = book_slot_places(
            Service(pk=payload.service_id),
            starts_at=payload.starts_at,
            participants=people,
            **slot_of(payload),
            **how_paid(request, payload),
        )
    return party_out(bookings)


@router.post(
    "/bookings/{uuid:booking_id}/move",
    response={200: BookedOut, **problems(403, 404, 409, 429)},
    summary="Move a booked time",
)
@once(BookedOut, limit="book-user")
def move_booking(request: ApiRequest, booking_id: UUID, payload: MoveIn) -> BookedOut:
    """Move what was booked as a time to another start, for the same price. Whoever gives it may whatever the notice.

    Refusals: `slot_taken`, `slot_not_offered` and `participant_elsewhere`, each with the `nearest` starts that are
    free; `not_a_slot`, `not_booked`, `not_planned`, `started`, `other_coach`, `not_movable`,
    `moved_too_often`, `too_late`; `asked_first` for whoever booked a time to which its coach says yes or no.
    """
    booking = visible_booking(request, booking_id)
    minutes = booking.session.minutes
    with naming_places_then(request.user, [booking.participant], payload.starts_at, minutes=minutes, but=booking):
        moved = move_slot(
            booking,
            starts_at=payload.starts_at,
            coach=User(pk=payload.coach_id) if payload.coach_id else None,
            location=Location(pk=payload.location_id) if payload.location_id else None,
            by=request.user,
        )
    return booked_out(moved, viewer=request.user)


@router.post(
    "/bookings/{uuid:booking_id}/approval",
    response={200: BookedOut, **problems(403, 404, 409)},
    summary="Say yes to a time",
)
@once(BookedOut)
def create_booking_approval(request: ApiRequest, booking_id: UUID) -> BookedOut:
    """Say yes to a time that somebody asked for: it is booked where nothing is to be paid, otherwise offered to them.

    What was asked for several is ordered and held for them until it is paid (`/bookings/{id}/payment`), all of it.

    For its coach and admins; again changes nothing. Refusals: `not_requested`, `not_planned`, `started`,
    `participant_elsewhere`.
    """
    return booked_out(approve_request(visible_booking(request, booking_id), by=request.user), viewer=request.user)


@router.post(
    "/bookings/{uuid:booking_id}/rejection",
    response={200: BookedOut, **problems(403, 404, 409)},
    summary="Say no to a time",
)
@once(BookedOut)
def create_booking_rejection(request: ApiRequest, booking_id: UUID, payload: DeclineIn) -> BookedOut:
    """Say no to a time that somebody asked for, with a word to them; the time is free again at once.

    For its coach and admins; again changes nothing. Refusals: `not_requested`.
    """
    declined = decline_request(visible_booking(request, booking_id), word=payload.word, by=request.user)
    return booked_out(declined, viewer=request.user)
