"""Intros: who comes without an account, and whether they came."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, problems
from tenpo.core.paging import keyset_page
from tenpo.schedule.actions.intros import mark_intro
from tenpo.schedule.models import Intro

router = Router(tags=["Bookings"])

type State = Literal["held", "confirmed", "attended", "no_show", "cancelled"]


class IntroAnswer(OutSchema):
    """What was asked, and answered: words, or yes and no."""

    label: str
    answer: str | bool


class IntroOut(OutSchema):
    """A visitor's intro. Some time after it is over, name, address and answers are not kept, and empty."""

    id: UUID
    session_id: UUID
    coach_id: UUID
    starts_at: datetime
    ends_at: datetime
    name: str
    email: str
    answers: list[IntroAnswer]
    state: State
    ending: Annotated[
        Literal["", "visitor", "host", "expired"], Field(description="How a cancelled one came to its end.")
    ]
    confirmed_at: datetime | None
    cancelled_at: datetime | None


class IntroQuery(PageQuery):
    """Which intros."""

    state: State | None = None


class IntroMarkIn(InSchema):
    """Whether the visitor came; `confirmed` takes that back."""

    state: Literal["confirmed", "attended", "no_show"]

    model_config = {"json_schema_extra": {"example": {"state": "attended"}}}


@router.get("/intros", response={200: PageOut[IntroOut], **problems()}, summary="List intros")
def list_intros(request: ApiRequest, query: Query[IntroQuery]) -> dict[str, Any]:
    """Visitors' intros, the newest first: a coach's own, an admin's all, a member's those of their address."""
    rows = Intro.objects.visible_to(request.user).select_related("session", "participant")
    rows = rows.filter(state=query.state) if query.state else rows
    page = keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit)
    return {"items": [intro_out(intro) for intro in page.items], "next_cursor": page.next_cursor}


@router.get("/intros/{uuid:intro_id}", response={200: IntroOut, **problems(404)}, summary="Get an intro")
def get_intro(request: ApiRequest, intro_id: UUID) -> dict[str, Any]:
    """One intro, with who comes."""
    return intro_out(_visible(request, intro_id))


@router.put(
    "/intros/{uuid:intro_id}/attendance",
    response={200: IntroOut, **problems(403, 404, 409, 422)},
    summary="Note whether a visitor came",
)
def mark_intro_attendance(request: ApiRequest, intro_id: UUID, body: IntroMarkIn) -> dict[str, Any]:
    """Note it once it has begun. Again changes nothing. 409 `too_early`, `not_booked`."""
    mark_intro(_visible(request, intro_id), state=body.state, by=request.user)
    return intro_out(_visible(request, intro_id))


def intro_out(intro: Intro) -> dict[str, Any]:
    """An intro as the API shows it."""
    names = ("id", "session_id", "coach_id", "email", "answers", "state", "ending", "confirmed_at", "cancelled_at")
    shown = {name: getattr(intro, name) for name in names}
    session = intro.session
    times = {"starts_at": session.starts_at, "ends_at": session.ends_at}
    return {**shown, **times, "name": intro.participant.name}


def _visible(request: ApiRequest, intro_id: UUID) -> Intro:
    rows = Intro.objects.visible_to(request.user).select_related("session", "participant")
    return get_object_or_404(rows, pk=intro_id)
