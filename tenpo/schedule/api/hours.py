"""When a coach can be booked: weekly hours, days that differ, times off, travels, and the terms on which they work."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, DayIn, InSchema, OutSchema, PageOut, PageQuery, TimeIn, problems
from tenpo.core.paging import keyset_page
from tenpo.people.models import User
from tenpo.schedule.actions import hours as actions
from tenpo.schedule.actions import time_off as away
from tenpo.schedule.actions.hours import MAX_SESSIONS_A_DAY
from tenpo.schedule.api.series import DAYS, Day
from tenpo.schedule.api.sessions import Zone
from tenpo.schedule.availability_models import MAX_HOURS_ROWS, REGION_LENGTH
from tenpo.schedule.availability_queries import hours_of, taught_during
from tenpo.schedule.models import AvailabilityException, TimeOff, Travel, WorkingTerms
from tenpo.schedule.permissions import can_manage_hours, can_say_away
from tenpo.schedule.weekly_hours import Hours, digest_of_week, minutes_of, said_minutes

router = Router(tags=["Working hours"])

# From midnight to midnight: a day may end at 24:00.
Clock = Annotated[str, Field(max_length=5, pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$", examples=["09:00"])]


class HoursIn(InSchema):
    """From and until on one weekday, in the clock of the coach; everywhere and always unless it says where and when."""

    weekday: Day
    opens: Clock
    closes: Clock
    location_id: UUID | None = None
    starts_on: DayIn | None = None
    ends_on: DayIn | None = None

    def hours(self) -> Hours:
        """As the actions take it."""
        return Hours(
            DAYS.index(self.weekday), minutes_of(self.opens), minutes_of(self.closes), self.location_id,
            self.starts_on, self.ends_on,
        )  # fmt: skip


class HoursOut(OutSchema):
    """Hours of one weekday, in the clock of the coach."""

    weekday: str = Field(..., examples=["mo"])
    opens: str = Field(..., examples=["09:00"])
    closes: str = Field(..., examples=["17:00"])
    location_id: UUID | None
    starts_on: date | None
    ends_on: date | None


class WorkingWeekOut(OutSchema):
    """The whole week of a coach; what touches is joined."""

    hours: list[HoursOut]
    version: str = Field(..., description="Send it with a change, so that nobody's change is lost.")


WEEK_EXAMPLE: Any = {
    "hours": [
        {"weekday": "mo", "opens": "09:00", "closes": "12:30"},
        {"weekday": "mo", "opens": "14:00", "closes": "18:00"},
        {"weekday": "sa", "opens": "10:00", "closes": "13:00"},
    ]
}


class WorkingWeekIn(InSchema):
    """A whole week: what is left out is not there any more."""

    model_config = {"json_schema_extra": {"example": WEEK_EXAMPLE}}

    hours: Annotated[list[HoursIn], Field(max_length=MAX_HOURS_ROWS)]
    version: Annotated[
        str | None, Field(max_length=64, description="The version that you saw; another one is refused.")
    ] = None


class DayHoursIn(InSchema):
    """From and until on one day."""

    opens: Clock
    closes: Clock
    location_id: UUID | None = None


class DayHoursPut(InSchema):
    """What holds on one day instead of the week; nothing: not on this day."""

    model_config = {"json_schema_extra": {"example": {"hours": [{"opens": "13:00", "closes": "15:00"}]}}}

    hours: Annotated[list[DayHoursIn], Field(max_length=MAX_HOURS_ROWS)] = []


class DayHoursOut(OutSchema):
    """Hours of a day that is not as its weekday; without `opens` there are none."""

    day: date
    opens: str | None = Field(..., examples=["13:00"])
    closes: str | None = Field(..., examples=["15:00"])
    location_id: UUID | None


class TimeOffIn(InSchema):
    """When a coach is away, why (for them and admins alone), and who stands in."""

    model_config = {
        "json_schema_extra": {"example": {"starts_at": "2030-07-01T06:00:00Z", "ends_at": "2030-07-15T06:00:00Z"}}
    }

    starts_at: TimeIn
    ends_at: TimeIn
    reason: Annotated[str, Field(max_length=120)] = ""
    stand_in_id: UUID | None = None


class TimeOffOut(OutSchema):
    """A time in which a coach is away."""

    id: UUID
    coach_id: UUID
    starts_at: datetime
    ends_at: datetime
    reason: str
    stand_in_id: UUID | None


class TaughtOut(OutSchema):
    """A session that is planned in this time, and how many have a place in it."""

    id: UUID
    title: str
    starts_at: datetime
    ends_at: datetime
    seats_taken: int


class TimeOffDetailOut(TimeOffOut):
    """A time off, and the sessions that fall into it: they take place unless somebody cancels or moves them."""

    sessions: list[TaughtOut]


class TravelIn(InSchema):
    """Days on which a coach's hours are those of another zone, both included."""

    model_config = {
        "json_schema_extra": {
            "example": {"starts_on": "2030-02-04", "ends_on": "2030-02-15", "time_zone": "America/New_York"}
        }
    }

    starts_on: DayIn
    ends_on: DayIn
    time_zone: Zone


class TravelOut(OutSchema):
    """Days on which a coach's hours are those of another zone."""

    id: UUID
    coach_id: UUID
    starts_on: date
    ends_on: date
    time_zone: str = Field(..., examples=["America/New_York"])


class WorkingTermsIn(InSchema):
    """How a coach works, whatever their hours; what is left out is not said any more."""

    model_config = {"json_schema_extra": {"example": {"time_zone": "Europe/Berlin", "holidays_of": "DE-BE"}}}

    time_zone: Annotated[Zone, Field(description="Empty: that of their account.")] = ""
    holidays_of: Annotated[
        str, Field(max_length=REGION_LENGTH, description="A country or region (ISO 3166) whose holidays are free.")
    ] = ""
    most_per_day: Annotated[int | None, Field(ge=1, le=MAX_SESSIONS_A_DAY, description="Sessions at most.")] = None


class WorkingTermsOut(OutSchema):
    """How a coach works, whatever their hours."""

    time_zone: str
    holidays_of: str = Field(..., examples=["DE-BE"])
    most_per_day: int | None


def coach_whose_time(user: User, coach_id: UUID, *, may: Callable[..., bool] = can_manage_hours) -> User:
    """A coach whose working time `user` may see and say; there is no such thing (404) for everybody else."""
    coach: User = get_object_or_404(User.objects.visible_to(user).with_roles(), pk=coach_id)
    if not may(user, coach=coach):
        raise Http404
    return coach


def week_out(hours: Sequence[Hours]) -> dict[str, Any]:
    """A week as the API shows it."""
    rows = [
        {
            "weekday": DAYS[each.weekday], "opens": said_minutes(each.opens), "closes": said_minutes(each.closes),
            "location_id": each.location_id, "starts_on": each.starts_on, "ends_on": each.ends_on,
        }
        for each in hours
    ]  # fmt: skip
    return {"hours": rows, "version": digest_of_week(hours)}


@router.get("/coaches/{uuid:coach_id}/hours", response={200: WorkingWeekOut, **problems(404)}, summary="Read a week")
def get_week(request: ApiRequest, coach_id: UUID) -> dict[str, Any]:
    """The weekly hours of a coach, for themselves and admins."""
    return week_out(hours_of(coach_whose_time(request.user, coach_id)))


@router.put(
    "/coaches/{uuid:coach_id}/hours", response={200: WorkingWeekOut, **problems(404, 409)}, summary="Say a week"
)
def put_week(request: ApiRequest, coach_id: UUID, body: WorkingWeekIn) -> dict[str, Any]:
    """The whole week at once. What is booked already stays. 409 `changed_meanwhile`."""
    coach = coach_whose_time(request.user, coach_id)
    week = [each.hours() for each in body.hours]
    actions.set_weekly_hours(coach, week, by=request.user, seen=body.version)
    return week_out(hours_of(coach))


@router.get(
    "/coaches/{uuid:coach_id}/days", response={200: PageOut[DayHoursOut], **problems(404)}, summary="Days that differ"
)
def list_differing_days(request: ApiRequest, coach_id: UUID, query: Query[PageQuery]) -> dict[str, Any]:
    """The hours of days that are not as their weekday, the first day first."""
    rows = AvailabilityException.objects.filter(coach=coach_whose_time(request.user, coach_id))
    page = keyset_page(rows, order=("day", "id"), cursor=query.cursor, limit=query.limit)
    return {"items": [_day_out(row) for row in page.items], "next_cursor": page.next_cursor}


@router.put(
    "/coaches/{uuid:coach_id}/days/{day}", response={200: list[DayHoursOut], **problems(404, 409)}, summary="Say a day"
)
def put_day(request: ApiRequest, coach_id: UUID, day: DayIn, body: DayHoursPut) -> list[dict[str, Any]]:
    """These hours instead of the week's on one day, or none at all. 409 `too_many`."""
    coach = coach_whose_time(request.user, coach_id)
    hours = [
        Hours(day.weekday(), minutes_of(each.opens), minutes_of(each.closes), each.location_id) for each in body.hours
    ]
    return [_day_out(row) for row in actions.set_day(coach, day, hours, by=request.user)]


@router.delete("/coaches/{uuid:coach_id}/days/{day}", response={204: None, **problems(404)}, summary="Clear a day")
def delete_day(request: ApiRequest, coach_id: UUID, day: DayIn) -> tuple[int, None]:
    """The day is as its weekday again. Again changes nothing."""
    actions.clear_day(coach_whose_time(request.user, coach_id), day, by=request.user)
    return 204, None


@router.get(
    "/coaches/{uuid:coach_id}/time-off", response={200: PageOut[TimeOffOut], **problems(404)}, summary="Times off"
)
def list_time_off(request: ApiRequest, coach_id: UUID, query: Query[PageQuery]) -> dict[str, Any]:
    """When a coach is and was away, the last one first."""
    rows = TimeOff.objects.filter(coach=coach_whose_time(request.user, coach_id, may=can_say_away))
    return PageOut.of(keyset_page(rows, order=("-starts_at", "-id"), cursor=query.cursor, limit=query.limit))


@router.post(
    "/coaches/{uuid:coach_id}/time-off",
    response={201: TimeOffDetailOut, **problems(404, 409)},
    summary="Be away",
)
def post_time_off(request: ApiRequest, coach_id: UUID, body: TimeOffIn) -> tuple[int, dict[str, Any]]:
    """It cancels nothing: the answer says which sessions fall into it. Again changes nothing. 409 `too_many`.

    An admin also says it of a coach whose account is disabled.
    """
    coach = coach_whose_time(request.user, coach_id, may=can_say_away)
    stand_in = None
    if body.stand_in_id:
        stand_in = get_object_or_404(User.objects.visible_to(request.user), pk=body.stand_in_id)
    off = away.add_time_off(
        coach, starts_at=body.starts_at, ends_at=body.ends_at, reason=body.reason, stand_in=stand_in, by=request.user
    )
    return 201, _off_out(off)


@router.get("/time-off/{uuid:time_off_id}", response={200: TimeOffDetailOut, **problems(404)}, summary="A time off")
def get_time_off(request: ApiRequest, time_off_id: UUID) -> dict[str, Any]:
    """One time off, with the sessions that fall into it."""
    return _off_out(get_object_or_404(TimeOff.objects.visible_to(request.user), pk=time_off_id))


@router.delete("/time-off/{uuid:time_off_id}", response={204: None, **problems(403, 404)}, summary="Be there after all")
def delete_time_off(request: ApiRequest, time_off_id: UUID) -> tuple[int, None]:
    """The coach is there after all."""
    rows = TimeOff.objects.visible_to(request.user).select_related("coach")
    away.remove_time_off(get_object_or_404(rows, pk=time_off_id), by=request.user)
    return 204, None


@router.get("/coaches/{uuid:coach_id}/travels", response={200: PageOut[TravelOut], **problems(404)}, summary="Travels")
def list_travels(request: ApiRequest, coach_id: UUID, query: Query[PageQuery]) -> dict[str, Any]:
    """On which days a coach's hours are and were those of another zone, the last ones first."""
    rows = Travel.objects.filter(coach=coach_whose_time(request.user, coach_id))
    return PageOut.of(keyset_page(rows, order=("-starts_on", "-id"), cursor=query.cursor, limit=query.limit))


@router.post(
    "/coaches/{uuid:coach_id}/travels", response={201: TravelOut, **problems(404, 409)}, summary="Work elsewhere"
)
def post_travel(request: ApiRequest, coach_id: UUID, body: TravelIn) -> tuple[int, Travel]:
    """The hours are those of another zone on these days. 409 `already_travelling`, `too_many`."""
    coach = coach_whose_time(request.user, coach_id)
    return 201, away.add_travel(
        coach, starts_on=body.starts_on, ends_on=body.ends_on, time_zone=body.time_zone, by=request.user
    )


@router.delete("/travels/{uuid:travel_id}", response={204: None, **problems(403, 404)}, summary="Not travel")
def delete_travel(request: ApiRequest, travel_id: UUID) -> tuple[int, None]:
    """The hours are those of the coach's own zone on these days."""
    rows = Travel.objects.visible_to(request.user).select_related("coach")
    away.remove_travel(get_object_or_404(rows, pk=travel_id), by=request.user)
    return 204, None


@router.get(
    "/coaches/{uuid:coach_id}/working-terms", response={200: WorkingTermsOut, **problems(404)}, summary="Working terms"
)
def get_working_terms(request: ApiRequest, coach_id: UUID) -> WorkingTerms:
    """In which clock a coach works, on which holidays not, and how much at most."""
    coach = coach_whose_time(request.user, coach_id)
    return WorkingTerms.objects.filter(coach=coach).first() or WorkingTerms(coach=coach)


@router.put(
    "/coaches/{uuid:coach_id}/working-terms",
    response={200: WorkingTermsOut, **problems(404)},
    summary="Say the working terms",
)
def put_working_terms(request: ApiRequest, coach_id: UUID, body: WorkingTermsIn) -> WorkingTerms:
    """All of them at once."""
    return actions.set_working_terms(coach_whose_time(request.user, coach_id), by=request.user, **body.model_dump())


def _day_out(row: AvailabilityException) -> dict[str, Any]:
    return {
        "day": row.day,
        "opens": None if row.opens is None else said_minutes(row.opens),
        "closes": None if row.closes is None else said_minutes(row.closes),
        "location_id": row.location_id,
    }


def _off_out(off: TimeOff) -> dict[str, Any]:
    names = ("id", "coach_id", "starts_at", "ends_at", "reason", "stand_in_id")
    sessions = taught_during(off.coach_id, off.starts_at, off.ends_at)[:100]
    taught = [{name: getattr(one, name) for name in TaughtOut.model_fields} for one in sessions]
    return {**{name: getattr(off, name) for name in names}, "sessions": taught}
