"""Standing in line by API, alone or together."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Router

from tenpo.access.api_auth import once
from tenpo.checkout.api.booking import BookedOut, ParticipantIds, booked_out, participants_of
from tenpo.core.api import ApiRequest, InSchema, OutSchema, problems
from tenpo.schedule.actions.waitlist import join_waitlist, join_waitlist_together
from tenpo.schedule.models import Session
from tenpo.schedule.queries import waitlist_position

router = Router(tags=["Booking and paying"])


class WaitingPartyIn(InSchema):
    """Who waits together."""

    participant_ids: ParticipantIds


class WaitingPartyOut(OutSchema):
    """Those who wait together, and their one place in line."""

    party_id: UUID | None = Field(..., description="All of them bear it as `party_id`; none for who waits alone.")
    places: int = Field(..., description="How many seats they need together.", examples=[3])
    position: int = Field(..., description="Their place in line, from 1.", examples=[2])
    bookings: list[BookedOut]


@router.post(
    "/sessions/{uuid:session_id}/waitlist",
    response={201: BookedOut, **problems(404, 409, 429)},
    summary="Join the waitlist",
)
@once(BookedOut, 201, limit="book-user", is_whole=True)
def join_session_waitlist(request: ApiRequest, session_id: UUID) -> BookedOut:
    """Stand in line for a full session. A freed seat is offered to the first in line and kept while they decide.

    Refusals: `not_full`, `already_booked`, `started`, `not_planned`.
    """
    session = get_object_or_404(Session.objects.visible_to(request.user), pk=session_id)
    return booked_out(join_waitlist(session, participant=request.user.participant, by=request.user))


@router.post(
    "/sessions/{uuid:session_id}/group-waitlist",
    response={201: WaitingPartyOut, **problems(403, 404, 409, 422, 429)},
    summary="Join the waitlist with others",
)
@once(WaitingPartyOut, 201, limit="book-user", is_whole=True)
def join_session_waitlist_together(request: ApiRequest, session_id: UUID, payload: WaitingPartyIn) -> Any:
    """Stand in line for several seats at once. All of them are offered together, until one time, or none.

    Any of the bookings takes the offer for all (`/bookings/{id}/offer-acceptance`), or lets it go. While they wait each
    can leave on its own, or all with `whole_party` (`/bookings/{id}/cancellation`).

    Refusals: `not_full` (there are enough seats), `party_too_large` (the session never has so many), `already_booked`,
    `started`, `not_planned`.
    """
    participants = participants_of(request.user, payload.participant_ids)
    session = get_object_or_404(Session.objects.visible_to(request.user), pk=session_id)
    bookings = join_waitlist_together(session, participants=participants, by=request.user)
    return WaitingPartyOut(
        party_id=bookings[0].party,
        places=len(bookings),
        position=waitlist_position(bookings[0]),
        bookings=[booked_out(booking) for booking in bookings],
    )
