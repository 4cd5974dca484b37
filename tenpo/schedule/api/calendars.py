"""The calendars that the caller keeps elsewhere, and the times that they take."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, TimeIn, problem, problems, refuse_keys
from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.core.outgoing import MAX_URL
from tenpo.core.tokens import id_of
from tenpo.people.http import check_fresh, visit_of
from tenpo.schedule.actions.calendar_channels import take_notification
from tenpo.schedule.actions.calendar_conflicts import keep_ours, take_theirs
from tenpo.schedule.actions.calendars import change_connection, connect_feed, disconnect_calendar, switch_connection
from tenpo.schedule.calendar_models import CalendarConnection, WrittenEvent
from tenpo.schedule.calendar_queries import busy_outside, conflicts_of, my_calendars, taught_while_elsewhere

router = Router(tags=["Calendars"])
Label = Annotated[str, Field(max_length=80)]
MAX_DAYS = 366


class CalendarOut(OutSchema):
    """A calendar that is kept elsewhere; its address is a secret, and not given out."""

    id: UUID
    kind: Annotated[str, Field(examples=["feed"])]
    label: Annotated[str, Field(examples=["Home"])]
    account: Annotated[str, Field(description="Where it is.", examples=["calendar.example.com"])]
    state: Annotated[str, Field(description="`active`, `attention` (its owner has to do something) or `off`.")]
    problem: Annotated[
        str,
        Field(
            description="Why it needs its owner: `no_answer`, `not_allowed`, `refused`, `not_there`, `unreadable`, "
            "`too_large`; empty otherwise."
        ),
    ]
    blocks_time: bool
    writes_sessions: bool
    synced_at: Annotated[datetime | None, Field(description="When it was last read; nothing before the first time.")]
    failing_at: Annotated[datetime | None, Field(description="Since when it cannot be read; nothing while it can.")]
    due_at: Annotated[datetime, Field(description="When it is read again.")]
    unread_events: Annotated[int, Field(description="Events whose time cannot be told, so they take none.")]
    created_at: datetime


class CalendarIn(InSchema):
    """A calendar by its address."""

    model_config = {
        "json_schema_extra": {"example": {"address": "https://calendar.example.com/private/basic.ics", "label": "Home"}}
    }

    address: Annotated[str, Field(max_length=MAX_URL)]
    label: Label = ""
    blocks_time: bool = True


class CalendarPatch(InSchema):
    """What may change of a calendar."""

    model_config = {"json_schema_extra": {"example": {"blocks_time": False}}}

    label: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    blocks_time: bool | None = None
    writes_sessions: bool | None = None


class SaidOut(OutSchema):
    """What one side says of an event."""

    title: str
    starts_at: datetime
    ends_at: datetime
    place: str


class ConflictOut(OutSchema):
    """Something of ours that somebody changed in a calendar elsewhere."""

    id: UUID
    calendar_id: Annotated[UUID, Field(alias="connection_id")]
    session_id: UUID
    booking_id: UUID | None
    session_version: Annotated[int, Field(alias="session.version", description="Give it back with `theirs`.")]
    ours: SaidOut
    theirs: Annotated[SaidOut | None, Field(description="Nothing: it was removed there.")]


class TheirsIn(InSchema):
    """What was seen of the session."""

    model_config = {"json_schema_extra": {"example": {"version": 0}}}

    version: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None


class OverlapOut(OutSchema):
    """A session of the caller's at a time at which a calendar of theirs says that they are elsewhere."""

    session_id: Annotated[UUID, Field(alias="pk")]
    title: str
    starts_at: datetime
    ends_at: datetime


class BusyOut(OutSchema):
    """A time at which the caller is taken elsewhere."""

    starts_at: datetime
    ends_at: datetime


@router.get("/calendars", response=list[CalendarOut], summary="My calendars elsewhere")
def list_calendars(request: ApiRequest) -> Any:
    """In the order in which they were connected."""
    return my_calendars(request.user)


@router.post("/calendars", response={201: CalendarOut, **problems(403, 409, 422, 429)}, summary="Connect a calendar")
def create_calendar(request: ApiRequest, body: CalendarIn) -> tuple[int, CalendarConnection]:
    """By its private address (.ics). It is read within a minute, and from then on every quarter of an hour.

    Refused with `too_many` when no further one can be followed.
    """
    hit("calendar-user", request.user.pk)
    made = connect_feed(request.user, **body.dict(), by=request.user, visit=visit_of(request))
    return 201, made


@router.get("/calendars/{uuid:calendar_id}", response={200: CalendarOut, **problems(404)}, summary="One calendar")
def get_calendar(request: ApiRequest, calendar_id: UUID) -> CalendarConnection:
    """How it is, and when it was last read."""
    return _mine(request, calendar_id)


@router.patch(
    "/calendars/{uuid:calendar_id}",
    response={200: CalendarOut, **problems(403, 404, 409, 422, 429)},
    summary="Change a calendar",
)
def update_calendar(request: ApiRequest, calendar_id: UUID, body: CalendarPatch) -> CalendarConnection:
    """Its name, whether its times are taken, and whether what is yours here is written to it. What is not named stays.

    To have it written needs the session of a browser, in which its owner showed who they are in the last quarter of an
    hour (403): from then on it tells where they are. Refused with `read_only` by a calendar that can only be read.
    """
    connection = _mine(request, calendar_id)
    changes = {name: value for name, value in body.dict().items() if value is not None}
    if body.writes_sessions and not connection.writes_sessions:
        refuse_keys(request, _("A key cannot have sessions written to a calendar. Sign in to do so."))
        check_fresh(request)
    if "writes_sessions" in changes:
        hit("calendar-user", request.user.pk)
    return change_connection(connection, by=request.user, visit=visit_of(request), **changes)


@router.post(
    "/calendars/{uuid:calendar_id}/on",
    response={200: CalendarOut, **problems(403, 404, 429)},
    summary="Follow a calendar again",
)
def create_calendar_on(request: ApiRequest, calendar_id: UUID) -> CalendarConnection:
    """One that is followed already is read at once."""
    connection = _mine(request, calendar_id)
    hit("calendar-user", request.user.pk)
    return switch_connection(connection, is_on=True, by=request.user)


@router.post(
    "/calendars/{uuid:calendar_id}/off",
    response={200: CalendarOut, **problems(403, 404)},
    summary="Switch a calendar off",
)
def create_calendar_off(request: ApiRequest, calendar_id: UUID) -> CalendarConnection:
    """It takes no time any more, until it is followed again."""
    return switch_connection(_mine(request, calendar_id), is_on=False, by=request.user)


@router.delete(
    "/calendars/{uuid:calendar_id}", response={204: None, **problems(403, 404)}, summary="Disconnect a calendar"
)
def delete_calendar(request: ApiRequest, calendar_id: UUID, removes: bool = False) -> tuple[int, None]:
    """It is forgotten, and takes no time any more. With `removes` what we wrote there is taken away first, by a job."""
    disconnect_calendar(_mine(request, calendar_id), by=request.user, removes=removes)
    return 204, None


@router.get("/calendar-conflicts", response=list[ConflictOut], summary="What was changed elsewhere")
def list_calendar_conflicts(request: ApiRequest) -> Any:
    """Where a calendar of the caller says something else of what is theirs here. Nothing is overwritten before."""
    return conflicts_of(request.user)


@router.get(
    "/calendar-conflicts/{uuid:conflict_id}", response={200: ConflictOut, **problems(404)}, summary="What differs"
)
def get_calendar_conflict(request: ApiRequest, conflict_id: UUID) -> WrittenEvent:
    """Both sides of it."""
    return _my_conflict(request, conflict_id)


@router.post(
    "/calendar-conflicts/{uuid:conflict_id}/ours",
    response={204: None, **problems(403, 404, 409)},
    summary="Keep what is here",
)
def create_calendar_conflict_ours(request: ApiRequest, conflict_id: UUID) -> tuple[int, None]:
    """It is written over theirs by a job. Refused with `decided` when somebody was quicker."""
    keep_ours(_my_conflict(request, conflict_id), by=request.user)
    return 204, None


@router.post(
    "/calendar-conflicts/{uuid:conflict_id}/theirs",
    response={204: None, **problems(403, 404, 409, 422)},
    summary="Take what is there",
)
def create_calendar_conflict_theirs(request: ApiRequest, conflict_id: UUID, body: TheirsIn) -> tuple[int, None]:
    """The session moves to it, by the rules of every edit; what was removed there is left out of that calendar.

    Refused with `decided`, `changed_meanwhile`, `not_yours` to who only booked it, `started`, `overlap`, `over`.
    """
    take_theirs(_my_conflict(request, conflict_id), by=request.user, version=body.version)
    return 204, None


@router.get("/calendar-overlaps", response=list[OverlapOut], summary="What I teach while I am elsewhere")
def list_calendar_overlaps(request: ApiRequest) -> Any:
    """The sessions to come that the caller teaches while a calendar of theirs takes the time, the next one first.

    Nothing of it moves by itself.
    """
    return taught_while_elsewhere(request.user)


@router.get("/busy-times", response={200: list[BusyOut], **problems(409, 422)}, summary="When I am taken elsewhere")
def list_busy_times(request: ApiRequest, since: TimeIn, until: TimeIn) -> Any:
    """The times that the caller's calendars take, merged and in order; at most those of 366 days.

    Refused with `too_long` for more days than that.
    """
    if (until - since).days > MAX_DAYS:
        raise RuleError("too_long", _("At most the times of %(n)s days.") % {"n": MAX_DAYS})
    found = busy_outside([request.user.pk], since, until).get(request.user.pk, [])
    return [{"starts_at": starts_at, "ends_at": ends_at} for starts_at, ends_at in found]


@router.post(
    "/calendar-notifications", auth=None, response={200: None, **problems(400)}, summary="Receive a calendar's word"
)
def receive_calendar_notification(request: HttpRequest) -> HttpResponse:
    """Where Google tells us that a calendar has changed. The channel's secret says who it is; repeats do nothing."""
    channel_id = id_of(request.headers.get("X-Goog-Channel-ID", ""))
    if channel_id is None or not take_notification(channel_id, request.headers.get("X-Goog-Channel-Token", "")):
        return problem(400, "bad_signature", _("This is not told by a channel of ours."))
    return HttpResponse(status=200)


def _my_conflict(request: ApiRequest, conflict_id: UUID) -> WrittenEvent:
    return get_object_or_404(conflicts_of(request.user), pk=conflict_id)


def _mine(request: ApiRequest, calendar_id: UUID) -> CalendarConnection:
    return get_object_or_404(CalendarConnection.objects.visible_to(request.user), pk=calendar_id)
