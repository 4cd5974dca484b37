"""What falls into a coach's time off, handed over to whoever stands in, and taken back."""

from typing import Annotated, Any
from uuid import UUID

from ninja import Field, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, problems
from tenpo.core.limits import HANDED_OVER_AT_ONCE, hit
from tenpo.schedule.actions import standing_in as actions
from tenpo.schedule.actions.standing_in import HandedOver
from tenpo.schedule.api.hours import TaughtOut, coach_whose_time
from tenpo.schedule.models import Session
from tenpo.schedule.permissions import can_say_away
from tenpo.schedule.stand_in_queries import Given, HandOver, hand_overs_in, stood_in, time_off_of

router = Router(tags=["Working hours"])


class LeftOut(TaughtOut):
    """A session that stays as it is, and why."""

    code: str = Field(..., examples=["taken"])
    reason: str


class StandInOut(OutSchema):
    """What whoever stands in can give, what they cannot and why, and what they have been given."""

    time_off_id: UUID
    stand_in_id: UUID | None
    ready: list[TaughtOut]
    left: list[LeftOut]
    handed_over: list[TaughtOut]


class StoodInOut(TaughtOut):
    """A session that somebody gives in a coach's place."""

    given_by_id: UUID = Field(..., description="Who has that place now; its lead or beside its lead.")


class HandOverIn(InSchema):
    """Which sessions; all that can be, when left out."""

    model_config = {"json_schema_extra": {"example": {}}}

    session_ids: Annotated[list[UUID] | None, Field(max_length=HANDED_OVER_AT_ONCE)] = None


class HandedOverOut(OutSchema):
    """The sessions that somebody else gives now, and those that stay as they are."""

    given: list[TaughtOut]
    left: list[LeftOut]


def _stood_in(one: Given) -> dict[str, Any]:
    return {**_taught(one.session), "given_by_id": one.giver.pk}


def _taught(session: Session) -> dict[str, Any]:
    return {name: getattr(session, name) for name in TaughtOut.model_fields}


def _left(one: HandOver) -> dict[str, Any]:
    return {**_taught(one.session), "code": one.code, "reason": one.reason}


def _done(done: HandedOver) -> dict[str, Any]:
    return {"given": [_taught(one) for one in done.given], "left": [_left(one) for one in done.left]}


@router.get(
    "/time-off/{uuid:time_off_id}/stand-in", response={200: StandInOut, **problems(404)}, summary="Who stands in"
)
def get_stand_in(request: ApiRequest, time_off_id: UUID) -> dict[str, Any]:
    """What could be handed over, the next first, and what was; for the coach and admins. Nothing changes."""
    off = time_off_of(request.user, time_off_id)
    found = hand_overs_in(off, by=request.user)
    return {
        "time_off_id": off.pk,
        "stand_in_id": off.stand_in_id,
        "ready": [_taught(one.session) for one in found if not one.code],
        "left": [_left(one) for one in found if one.code],
        "handed_over": [_taught(one.session) for one in stood_in(off)],
    }


@router.post(
    "/time-off/{uuid:time_off_id}/hand-over",
    response={200: HandedOverOut, **problems(403, 404, 409, 429)},
    summary="Hand over to whoever stands in",
)
def post_hand_over(request: ApiRequest, time_off_id: UUID, body: HandOverIn) -> dict[str, Any]:
    """Whoever stands in gives what they can of it, as it is booked; everybody who comes is told once.

    What they cannot give stays as it is, with its `code`: `taken`, `not_free`, `gives_it`, `takes_part`,
    `other_service`, `intro`, `already_imported`, `too_many`; `away` instead of `not_free` where the caller sees that
    time off. Again changes nothing. Refusals: `no_stand_in`, `not_away`.
    """
    hit("hand-over-user", request.user.pk)
    return _done(actions.hand_over(time_off_of(request.user, time_off_id), by=request.user, only=body.session_ids))


@router.post(
    "/time-off/{uuid:time_off_id}/taking-back",
    response={200: HandedOverOut, **problems(403, 404, 409, 429)},
    summary="Take back what was handed over",
)
def post_taking_back(request: ApiRequest, time_off_id: UUID, body: HandOverIn) -> dict[str, Any]:
    """The coach gives again what falls into it and others give for them, whoever has it by now.

    Refusals: `no_stand_in`; what stays has its `code` as in handing over.
    """
    hit("hand-over-user", request.user.pk)
    return _done(actions.take_back(time_off_of(request.user, time_off_id), by=request.user, only=body.session_ids))


@router.get(
    "/coaches/{uuid:coach_id}/stood-in", response={200: list[StoodInOut], **problems(404)}, summary="What others give"
)
def get_stood_in(request: ApiRequest, coach_id: UUID) -> list[dict[str, Any]]:
    """What others give in a coach's place, the next first, also outside of their times off; for them and admins."""
    return [_stood_in(one) for one in stood_in(coach_whose_time(request.user, coach_id, may=can_say_away))]


@router.post(
    "/coaches/{uuid:coach_id}/taking-back",
    response={200: HandedOverOut, **problems(404, 409, 429)},
    summary="Take back what others give",
)
def post_taking_all_back(request: ApiRequest, coach_id: UUID, body: HandOverIn) -> dict[str, Any]:
    """The coach gives again what others give in their place, whatever became of the time off. Refusals as for it."""
    coach = coach_whose_time(request.user, coach_id)
    hit("hand-over-user", request.user.pk)
    return _done(actions.take_back(coach, by=request.user, only=body.session_ids))
