"""Who is there: check-in, and the stays of a session."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, OutSchema, PageOut, PageQuery, problems
from tenpo.core.paging import keyset_page
from tenpo.people.models import User
from tenpo.schedule.actions.check_in import check_in, check_out, undo_check_in
from tenpo.schedule.api.sessions import RosterRow, roster_row, visible_session
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import Booking

router = Router(tags=["Sessions"])


class StayOut(OutSchema):
    """One stay of somebody in a session; who leaves and comes back has several."""

    id: UUID
    participant_id: UUID
    name: str
    source: Annotated[Literal["hand", "room"], Field(description="Checked in by hand, or by the video room.")]
    joined_at: datetime
    left_at: Annotated[datetime | None, Field(description="Null while they are there.")]


@router.get(
    "/sessions/{uuid:session_id}/attendance",
    response={200: PageOut[StayOut], **problems(404)},
    summary="See who was there",
)
def list_session_attendance(request: ApiRequest, session_id: UUID, query: Query[PageQuery]) -> dict[str, Any]:
    """The stays in a session as they began: everybody's for its coach and admins, else one's own."""
    session = visible_session(request.user, session_id)
    rows = Attendance.objects.visible_to(request.user).filter(session=session).select_related("participant")
    page = keyset_page(rows, order=("joined_at", "id"), cursor=query.cursor, limit=query.limit)
    return {"items": [stay_out(stay) for stay in page.items], "next_cursor": page.next_cursor}


@router.put(
    "/bookings/{uuid:booking_id}/check-in",
    response={200: StayOut, **problems(403, 404, 409)},
    summary="Check somebody in",
)
def put_check_in(request: ApiRequest, booking_id: UUID) -> dict[str, Any]:
    """Note that they are there, from an hour before the start until the end. Again changes nothing.

    409 `too_early`, `too_late`, `not_planned`, `not_booked`.
    """
    return stay_out(check_in(_visible(request.user, booking_id), by=request.user))


@router.put(
    "/bookings/{uuid:booking_id}/check-out",
    response={200: StayOut, **problems(403, 404, 409)},
    summary="Check somebody out",
)
def put_check_out(request: ApiRequest, booking_id: UUID) -> dict[str, Any]:
    """Note that they have gone. Again changes nothing. 409 `not_there` when nobody was checked in."""
    return stay_out(check_out(_visible(request.user, booking_id), by=request.user))


@router.delete(
    "/bookings/{uuid:booking_id}/check-in",
    response={200: RosterRow, **problems(403, 404, 409)},
    summary="Undo a check-in",
)
def delete_check_in(request: ApiRequest, booking_id: UUID) -> dict[str, Any]:
    """Take back the last check-in by hand, and the mark with it. 409 `too_late` a week after the session."""
    undo_check_in(_visible(request.user, booking_id), by=request.user)
    return roster_row(Booking.objects.select_related("participant", "booked_by").get(pk=booking_id))


def stay_out(stay: Attendance) -> dict[str, Any]:
    """A stay as the API shows it."""
    return {
        "id": stay.pk,
        "participant_id": stay.participant_id,
        "name": stay.participant.name,
        "source": stay.source,
        "joined_at": stay.joined_at,
        "left_at": stay.left_at,
    }


def _visible(user: User, booking_id: UUID) -> Booking:
    return get_object_or_404(Booking.objects.visible_to(user), pk=booking_id)
