"""Weekly series: planned, made, edited and called off from one session on."""

from datetime import datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Router

from tenpo.core.api import ApiRequest, DayIn, InSchema, OutSchema, problems
from tenpo.people.models import User
from tenpo.schedule.actions import series as actions
from tenpo.schedule.api.sessions import (
    AllBeside,
    Beside,
    Creator,
    Description,
    EffectOut,
    JoinLink,
    Place,
    ReasonIn,
    SessionOut,
    Title,
    Zone,
    all_beside,
    changes_in,
    chosen_coach,
    coaches_named,
    managed,
    sessions_out,
    visible_session,
)
from tenpo.schedule.models import Series, Session
from tenpo.schedule.occurrences import WeeklyRule, last_day_of_weeks
from tenpo.schedule.queries import cancellation_effect
from tenpo.schedule.series_queries import following_of

router = Router(tags=["Series"])

Day = Literal["mo", "tu", "we", "th", "fr", "sa", "su"]
DAYS: tuple[Day, ...] = ("mo", "tu", "we", "th", "fr", "sa", "su")
RULE_EXAMPLE: dict[str, Any] = {
    "weekdays": ["tu", "th"], "first_day": "2030-03-05", "weeks": 8, "at": "18:00", "time_zone": "Europe/Berlin",
    "minutes": 60,
}  # fmt: skip


class RuleIn(InSchema):
    """On which days, at which hour on the clock of a time zone, for how many weeks or until when."""

    model_config = {"json_schema_extra": {"example": RULE_EXAMPLE}}

    coach_id: Annotated[UUID | None, Field(description="The caller, when left out.")] = None
    beside_ids: Beside = []
    weekdays: Annotated[list[Day], Field(min_length=1, max_length=7)]
    first_day: DayIn
    weeks: Annotated[int | None, Field(ge=1, le=104)] = None
    until: Annotated[DayIn | None, Field(description="The last day; goes before `weeks`.")] = None
    at: time
    time_zone: Zone
    minutes: Annotated[int, Field(ge=5, le=1440)]

    def rule(self) -> WeeklyRule:
        """As the actions take it; without an end it is one week."""
        last_day = self.until or last_day_of_weeks(self.first_day, self.weeks or 1)
        days = tuple(sorted({DAYS.index(day) for day in self.weekdays}))
        at = self.at.replace(tzinfo=None, second=0, microsecond=0)
        return WeeklyRule(days, self.first_day, last_day, at, self.time_zone)


class SeriesIn(RuleIn):
    """A series to offer: the rule, and what every session is."""

    model_config = {
        "json_schema_extra": {
            "example": {**RULE_EXAMPLE, "title": "Yoga at noon", "place": "Studio", "capacity": 12, "price": 8000}
        }
    }

    creator_id: Creator = None
    title: Title
    description: Description = ""
    place: Place = ""
    join_link: JoinLink = ""
    capacity: Annotated[int, Field(ge=1, le=10_000)]
    price: Annotated[int, Field(ge=0)]
    cancellation_policy_id: UUID | None = None
    agreed: Annotated[
        str | None, Field(description="`digest` of the plan that was shown; another one refuses.", max_length=64)
    ] = None


class PlannedOut(OutSchema):
    """One date before it is made."""

    starts_at: datetime
    is_shifted: Annotated[bool, Field(description="The clock skips this hour that night, so it begins later.")]
    is_taken: Annotated[bool, Field(description="One of its coaches teaches then; the series leaves this date out.")]
    taken_by: Annotated[str, Field(description="Which session is in the way.")]


class PlanOut(OutSchema):
    """The dates of a series that nobody made yet."""

    dates: list[PlannedOut]
    digest: str


class SeriesOut(OutSchema):
    """A series and its sessions."""

    id: UUID
    coach_id: UUID
    rule: Annotated[str, Field(description="As RFC 5545 writes it.")]
    time_zone: str
    sessions: list[SessionOut]


class FollowingPatch(InSchema):
    """What to change in many sessions at once; what is left out stays."""

    model_config = {"json_schema_extra": {"example": {"place": "Studio, 3rd floor", "capacity": 14}}}

    beside_ids: AllBeside = None
    creator_id: Creator = None
    title: Title | None = None
    description: Description | None = None
    place: Place | None = None
    join_link: JoinLink | None = None
    capacity: Annotated[int | None, Field(ge=1, le=10_000)] = None
    price: Annotated[int | None, Field(ge=0)] = None


RULE_FIELDS = {"coach_id", "beside_ids", "weekdays", "first_day", "weeks", "until", "at", "time_zone", "agreed"}


def series_out(user: User, series: Series) -> dict[str, Any]:
    """A series as the API shows it."""
    rows = Session.objects.visible_to(user).filter(series=series).select_related("coach", "cancellation_policy")
    plain = {name: getattr(series, name) for name in ("id", "coach_id", "rule", "time_zone")}
    return {**plain, "sessions": sessions_out(user, list(rows.order_by("starts_at", "id")))}


def fresh_out(user: User, sessions: list[Session]) -> list[dict[str, Any]]:
    """Sessions as they stand now."""
    rows = Session.objects.visible_to(user).filter(pk__in=[session.pk for session in sessions])
    return sessions_out(user, list(rows.select_related("coach", "cancellation_policy").order_by("starts_at", "id")))


@router.post("/series/plans", response={200: PlanOut, **problems(404)}, summary="See the dates of a series")
def plan_series(request: ApiRequest, body: RuleIn) -> dict[str, Any]:
    """Every date, with what the coach, or one of the others, teaches then already. Nothing is made."""
    coach, beside = chosen_coach(request.user, body.coach_id), coaches_named(request.user, body.beside_ids)
    planned = actions.plan_series(coach, body.rule(), minutes=body.minutes, beside=beside)
    dates = [
        {
            "starts_at": one.moment.at,
            "is_shifted": one.moment.is_shifted,
            "is_taken": one.clash is not None,
            "taken_by": one.clash.title if one.clash else "",
        }
        for one in planned
    ]
    return {"dates": dates, "digest": actions.digest_of(planned)}


@router.post("/series", response={201: SeriesOut, **problems(403, 404, 409)}, summary="Offer a series")
def create_series(request: ApiRequest, body: SeriesIn) -> tuple[int, dict[str, Any]]:
    """Makes every date at which all who give it are free. 409 `plan_changed`, `no_free_date`."""
    coach, beside = chosen_coach(request.user, body.coach_id), coaches_named(request.user, body.beside_ids)
    terms = changes_in(request.user, body, leave=RULE_FIELDS)
    series = actions.create_series(coach, rule=body.rule(), by=request.user, agreed=body.agreed, beside=beside, **terms)
    return 201, series_out(request.user, series)


@router.get("/series/{uuid:series_id}", response={200: SeriesOut, **problems(404)}, summary="Read a series")
def get_series(request: ApiRequest, series_id: UUID) -> dict[str, Any]:
    """Its rule and all of its sessions."""
    return series_out(request.user, get_object_or_404(Series.objects.visible_to(request.user), pk=series_id))


@router.patch(
    "/sessions/{uuid:session_id}/following",
    response={200: list[SessionOut], **problems(403, 404, 409)},
    summary="Change this session and the following",
)
def edit_following_sessions(request: ApiRequest, session_id: UUID, body: FollowingPatch) -> list[dict[str, Any]]:
    """This session and the later ones of its series: all of them, or none. Dates that others give stay as they are.

    409 `coach_taken` when somebody who is to give them teaches at one of these times, `takes_part` when they
    come to one of them.
    """
    changes = changes_in(request.user, body, leave={"beside_ids"})
    session, beside = visible_session(request.user, session_id), all_beside(request.user, body.beside_ids)
    return fresh_out(request.user, actions.edit_following(session, by=request.user, beside=beside, **changes))


@router.get(
    "/sessions/{uuid:session_id}/following/cancellation",
    response={200: EffectOut, **problems(403, 404)},
    summary="See what cancelling from here on would do",
)
def get_following_cancellation(request: ApiRequest, session_id: UUID) -> Any:
    """How many sessions and people, and how much would go back; without the dates that others give. Nothing changes."""
    return cancellation_effect(following_of(request.user, managed(request.user, session_id)).managed)


@router.post(
    "/sessions/{uuid:session_id}/following/cancellation",
    response={200: list[SessionOut], **problems(403, 404, 409)},
    summary="Cancel this session and the following",
)
def cancel_following_sessions(request: ApiRequest, session_id: UUID, body: ReasonIn) -> list[dict[str, Any]]:
    """Each is called off as one by itself would be; dates that others give take place."""
    session = visible_session(request.user, session_id)
    return fresh_out(request.user, actions.cancel_following(session, reason=body.reason, by=request.user))
