"""The calendars that the caller keeps elsewhere, and the times that they take."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, TimeIn, problems
from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.core.outgoing import MAX_URL
from tenpo.people.http import visit_of
from tenpo.schedule.actions.calendars import change_connection, connect_feed, disconnect_calendar, switch_connection
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendar_queries import busy_outside, my_calendars

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
    synced_at: datetime | None
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
    "/calendars/{uuid:calendar_id}", response={200: CalendarOut, **problems(403, 404, 422)}, summary="Change a calendar"
)
def update_calendar(request: ApiRequest, calendar_id: UUID, body: CalendarPatch) -> CalendarConnection:
    """Its name, and whether its times are taken. What is not named stays."""
    changes = {name: value for name, value in body.dict().items() if value is not None}
    return change_connection(_mine(request, calendar_id), by=request.user, **changes)


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
def delete_calendar(request: ApiRequest, calendar_id: UUID) -> tuple[int, None]:
    """Its address is forgotten, and it takes no time any more."""
    disconnect_calendar(_mine(request, calendar_id), by=request.user)
    return 204, None


@router.get("/busy-times", response={200: list[BusyOut], **problems(409, 422)}, summary="When I am taken elsewhere")
def list_busy_times(request: ApiRequest, since: TimeIn, until: TimeIn) -> Any:
    """The times that the caller's calendars take, merged and in order; at most those of 366 days.

    Refused with `too_long` for more days than that.
    """
    if (until - since).days > MAX_DAYS:
        raise RuleError("too_long", _("At most the times of %(n)s days.") % {"n": MAX_DAYS})
    found = busy_outside([request.user.pk], since, until).get(request.user.pk, [])
    return [{"starts_at": starts_at, "ends_at": ends_at} for starts_at, ends_at in found]


def _mine(request: ApiRequest, calendar_id: UUID) -> CalendarConnection:
    return get_object_or_404(CalendarConnection.objects.visible_to(request.user), pk=calendar_id)
