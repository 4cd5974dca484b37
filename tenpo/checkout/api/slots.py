"""Booking a time with a coach by API."""

from typing import Annotated, Any
from uuid import UUID

from ninja import Field, Router

from tenpo.access.api_auth import once
from tenpo.checkout.actions.slots import book_slot
from tenpo.checkout.api.booking import Agreed, BookedOut, Keep, Provider, Source, UseWallet, booked_out
from tenpo.core.api import ApiRequest, InSchema, TimeIn, problems
from tenpo.people.models import User
from tenpo.schedule.api.slots import participant_of
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


class SlotIn(InSchema):
    """A time to be booked, and how it is paid."""

    model_config = {"json_schema_extra": {"example": SLOT_EXAMPLE}}

    service_id: UUID
    starts_at: TimeIn
    minutes: Annotated[int, Field(ge=5, le=MAX_SERVICE_MINUTES)]
    coach_id: UUID | None = Field(None, description="With whom; left out where there is one, or any may give it.")
    location_id: UUID | None = Field(None, description="Where; the first one that is free when left out.")
    participant_id: UUID | None = Field(None, description="Who takes part; you when left out.")
    answers: Annotated[
        dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=1_000)] | bool],
        Field(max_length=MAX_QUESTIONS, description="To the service's questions, by their keys."),
    ] = {}
    provider: Provider = ""
    source: Source = ""
    keep: Keep = False
    use_wallet: UseWallet = True
    agreed_amount: Agreed = None


@router.post("/slot-bookings", response={201: BookedOut, **problems(403, 404, 409, 429)}, summary="Book a time")
@once(BookedOut, 201, limit="book-user")
def create_slot_booking(request: ApiRequest, payload: SlotIn) -> BookedOut:
    """Book a time of a service, as its slots show it, and pay for it; the answer is that of booking a seat.

    Refusals: `slot_taken`, `slot_not_offered`, `too_many` and `participant_elsewhere`, each with the `nearest` starts
    that are free; `not_open_to_you`, `all_together`, `price_changed`, `sponsor_spent`, `payment_needed`.
    """
    booking = book_slot(
        # Only named: what locks them finds them, among those that the caller may see.
        Service(pk=payload.service_id),
        starts_at=payload.starts_at,
        minutes=payload.minutes,
        coach=User(pk=payload.coach_id) if payload.coach_id else None,
        location=Location(pk=payload.location_id) if payload.location_id else None,
        participant=participant_of(request.user, payload.participant_id),
        by=request.user,
        answers=payload.answers,
        provider=payload.provider,
        source=payload.source,
        keep=payload.keep,
        agreed=payload.agreed_amount,
        use_wallet=payload.use_wallet,
        call=request.call,
    )
    return booked_out(booking)
