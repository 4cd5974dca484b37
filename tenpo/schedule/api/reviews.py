"""Reviews of each other, and a coach's own notes."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageQuery, problems
from tenpo.core.paging import keyset_page
from tenpo.core.words import initials
from tenpo.people.models import User
from tenpo.schedule.actions.notes import NOTE_LENGTH, write_note
from tenpo.schedule.actions.reviews import write_review
from tenpo.schedule.api.sessions import visible_session
from tenpo.schedule.models import Booking
from tenpo.schedule.note_models import SessionNote
from tenpo.schedule.permissions import can_note, can_review
from tenpo.schedule.queries import coach_rating
from tenpo.schedule.review_models import COMMENT_LENGTH, SessionReview

router = Router(tags=["Sessions"])

Side = Literal["participant", "coach"]


class ReviewIn(InSchema):
    """What one side says of the other."""

    model_config = {"json_schema_extra": {"example": {"rating": 5, "comment": "Calm and clear."}}}

    rating: Annotated[int, Field(ge=1, le=5, description="Stars, one to five.")]
    comment: Annotated[str, Field(max_length=COMMENT_LENGTH)] = ""


class ReviewOut(OutSchema):
    """What one side said of the other."""

    id: UUID
    session_id: UUID
    side: Annotated[Side, Field(description="Who speaks: the participant of the coach, or the coach of them.")]
    rating: int
    comment: str
    created_at: datetime
    edited_at: datetime | None


class PublicReviewOut(OutSchema):
    """What somebody who was there says of a coach; by their initials."""

    id: UUID
    by: str
    rating: int
    comment: str
    created_at: datetime


class CoachReviewsOut(OutSchema):
    """A page of what people say of a coach, and what all of it comes to."""

    average: Annotated[float | None, Field(description="Of all that can be read; null where there is none.")]
    count: int
    items: list[PublicReviewOut]
    next_cursor: Annotated[str | None, Field(description="Null on the last page.")]


class NoteIn(InSchema):
    """What a coach notes; without a booking, of the session as a whole. An empty text takes the note away."""

    model_config = {"json_schema_extra": {"example": {"text": "Knee: no jumps until March."}}}

    booking_id: UUID | None = None
    text: Annotated[str, Field(max_length=NOTE_LENGTH)]


class NoteOut(OutSchema):
    """A coach's own note."""

    id: UUID
    participant_id: Annotated[UUID | None, Field(description="Null: of the session as a whole.")]
    text: str
    created_at: datetime
    edited_at: datetime | None


@router.put(
    "/bookings/{uuid:booking_id}/review",
    response={200: ReviewOut, **problems(403, 404, 409)},
    summary="Review the other side",
)
def put_review(request: ApiRequest, booking_id: UUID, body: ReviewIn) -> Any:
    """As the participant of the coach, as the coach of the participant; again changes it, while nobody can read it.

    Both read the other's once both wrote, or seven days after the session. 409 `own_place`, `not_attended`,
    `too_early`, `too_late` (30 days after), `is_open` when the other side can read it already.
    """
    booking = _visible(request.user, booking_id)
    is_coach = not can_review(request.user, booking, is_coach=False)
    side = SessionReview.Side.COACH if is_coach else SessionReview.Side.PARTICIPANT
    return write_review(booking, side=side, by=request.user, **body.model_dump())


@router.get(
    "/bookings/{uuid:booking_id}/reviews", response={200: list[ReviewOut], **problems(404)}, summary="Read both reviews"
)
def list_booking_reviews(request: ApiRequest, booking_id: UUID) -> Any:
    """What the caller may read of the two: their own, and the other's once neither is blind."""
    booking = _visible(request.user, booking_id)
    rows = SessionReview.objects.visible_to(request.user).filter(
        session=booking.session_id, participant=booking.participant_id
    )
    return list(rows.order_by("id"))


@router.get(
    "/coaches/{uuid:coach_id}/reviews",
    response={200: CoachReviewsOut, **problems(404)},
    summary="Read what people say of a coach",
)
def list_coach_reviews(request: ApiRequest, coach_id: UUID, query: Query[PageQuery]) -> dict[str, Any]:
    """The newest first, with the average and the number of all of them."""
    coach = get_object_or_404(User.objects.visible_to(request.user).coaches(), pk=coach_id)
    rows = SessionReview.objects.of_coach(coach).opened().select_related("participant")
    page = keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit)
    rating = coach_rating(coach)
    items = [
        {
            "id": one.pk,
            "by": initials(one.participant.name),
            "rating": one.rating,
            "comment": one.comment,
            "created_at": one.created_at,
        }
        for one in page.items
    ]
    return {"average": rating.average, "count": rating.count, "items": items, "next_cursor": page.next_cursor}


@router.get(
    "/sessions/{uuid:session_id}/notes",
    response={200: list[NoteOut], **problems(403, 404)},
    summary="Read one's notes of a session",
)
def list_session_notes(request: ApiRequest, session_id: UUID) -> Any:
    """For the session's own coach alone; no admin reads them."""
    session = visible_session(request.user, session_id)
    if not can_note(request.user, session):
        raise PermissionDenied
    return list(SessionNote.objects.visible_to(request.user).filter(session=session).order_by("id"))


@router.put(
    "/sessions/{uuid:session_id}/notes",
    response={200: NoteOut | None, **problems(403, 404, 409)},
    summary="Note something of a session",
)
def put_session_note(request: ApiRequest, session_id: UUID, body: NoteIn) -> Any:
    """One note of the session, and one of each person in it; what was noted of who gave up their place stays.

    409 `not_booked` for a first note of somebody who has no place in it.
    """
    session = visible_session(request.user, session_id)
    booking = _visible(request.user, body.booking_id) if body.booking_id else None
    return write_note(session, about=booking.participant if booking else None, text=body.text, by=request.user)


def _visible(user: User, booking_id: UUID) -> Booking:
    rows = Booking.objects.visible_to(user).select_related("session", "participant")
    return get_object_or_404(rows, pk=booking_id)
