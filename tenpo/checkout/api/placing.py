"""Booking for somebody by API."""

from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router

from tenpo.access.api_auth import once
from tenpo.checkout.actions.placing import Terms, place_in_session, place_in_slot
from tenpo.checkout.api.booking import Agreed, BookedOut, Provider, booked_out
from tenpo.checkout.api.slots import Answers, Minutes
from tenpo.core.api import ApiRequest, InSchema, TimeIn, problems
from tenpo.people.models import User
from tenpo.schedule.in_the_way import naming_places, naming_places_then
from tenpo.schedule.models import Location, Service, Session
from tenpo.schedule.queries import placeable_participants

router = Router(tags=["Booking and paying"])

EXAMPLE: Any = {
    "participant_id": "019a0000-0000-7000-8000-000000000001",
    "session_id": "019a0000-0000-7000-8000-000000000002",
    "keep_hours": 72,
}


class PlaceIn(InSchema):
    """For whom, what, and how they get it: a seat of a session, or a time of a service."""

    model_config = {"json_schema_extra": {"example": EXAMPLE}}

    participant_id: UUID
    session_id: UUID | None = Field(None, description="A session with seats; or else a service and a time.")
    service_id: UUID | None = None
    starts_at: TimeIn | None = None
    minutes: Minutes | None = None
    coach_id: UUID | None = Field(None, description="With whom; left out where one, any, or all together give it.")
    location_id: UUID | None = Field(None, description="Where; the first one that is free when left out.")
    answers: Answers = {}
    way: Literal["offer", "book"] = Field("offer", description="Kept for them to take, or, by an admin, booked.")
    keep_hours: Literal[24, 72, 168] | None = Field(None, description="How long it is kept; as usual when left out.")
    use_wallet: bool = Field(False, description="Booked: whether their wallet pays before the own share is asked for.")
    provider: Provider = ""
    is_paid: bool = Field(False, description="Booked: the own share has come, and is marked as paid.")
    agreed_amount: Agreed = None


@router.post("/placements", response={201: BookedOut, **problems(403, 404, 409, 429)}, summary="Book for somebody")
@once(BookedOut, 201, limit="book-user")
def create_placement(request: ApiRequest, payload: PlaceIn) -> BookedOut:
    """Book a seat or a time for somebody, who pays for it: a coach for their clients in what they give, or an admin.

    It is kept for them until they take it, as an offer is. An admin may book it in their name instead: what they own
    pays, and the rest by `payroll` or `transfer`.

    Refusals: `full`, `started`, `not_planned`, `private_session`, `already_booked`, `no_account`, `not_by_hand`,
    `not_so_long`, `own_session`, `price_changed`, `sponsor_spent`, `payment_needed`; `slot_taken`,
    `slot_not_offered`, `too_many` and `participant_elsewhere`, these with the `nearest` starts that are free.
    """
    participant = get_object_or_404(
        placeable_participants(request.user).select_related("user"), pk=payload.participant_id
    )
    terms = Terms(
        is_offer=payload.way == "offer",
        hours=payload.keep_hours,
        provider=payload.provider,
        use_wallet=payload.use_wallet,
        is_paid=payload.is_paid,
        agreed=payload.agreed_amount,
        call=request.call,
    )
    if payload.session_id is not None:
        # Only named: the statement that takes the seat finds it, among those that the caller may see.
        session = Session(pk=payload.session_id)
        with naming_places(request.user, [participant], payload.session_id):
            placed = place_in_session(session, participant=participant, by=request.user, terms=terms)
        return booked_out(placed, viewer=request.user)
    missing = {name for name in ("service_id", "starts_at", "minutes") if getattr(payload, name) is None}
    if payload.service_id is None or payload.starts_at is None or payload.minutes is None:
        raise ValidationError({name: _("Say a session, or a service with a start and a length.") for name in missing})
    with naming_places_then(request.user, [participant], payload.starts_at, minutes=payload.minutes):
        placed = place_in_slot(
            Service(pk=payload.service_id),
            starts_at=payload.starts_at,
            minutes=payload.minutes,
            coach=User(pk=payload.coach_id) if payload.coach_id else None,
            location=Location(pk=payload.location_id) if payload.location_id else None,
            participant=participant,
            by=request.user,
            answers=dict(payload.answers),
            terms=terms,
        )
    return booked_out(placed, viewer=request.user)
