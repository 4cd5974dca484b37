"""What of a service can be booked when."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, TimeIn, problems
from tenpo.core.models import TIME_ZONE_LENGTH
from tenpo.core.zones import is_zone
from tenpo.people.models import Participant, User
from tenpo.schedule.find_queries import stand_ins_between
from tenpo.schedule.models import Service
from tenpo.schedule.permissions import comes_with
from tenpo.schedule.queries import bookable_participants
from tenpo.schedule.slot_queries import MAX_DAYS, SlotSearch, find_slots

router = Router(tags=["Slots"])


class SlotOut(OutSchema):
    """A start that can be booked. Without a choice of coach, one of `coach_ids` gives it.

    Where all coaches of the service give it together, they are all of these, and the first one leads.
    """

    starts_at: datetime
    ends_at: datetime
    coach_ids: list[UUID]
    location_id: UUID | None


class AwayOut(OutSchema):
    """When the coach whose slots are asked for is away, and who of the service stands in meanwhile."""

    starts_at: datetime
    ends_at: datetime
    coach_id: UUID = Field(..., description="Who stands in.")


class SlotsOut(OutSchema):
    """The starts that can be booked, the next one first."""

    items: list[SlotOut]
    stand_ins: list[AwayOut] = Field(..., description="Of the `coach` who was asked for, in this time.")
    time_zone: str = Field(..., description="Whose clock the times are shown in.", examples=["Europe/Berlin"])


class SlotQuery(InSchema):
    """When, how long, by whom and where, and for whom."""

    since: Annotated[TimeIn, Field(description="From this time on.", examples=["2027-03-01T00:00:00Z"])]
    until: Annotated[
        TimeIn, Field(description="Before this time; at most 62 days later.", examples=["2027-03-08T00:00:00Z"])
    ]
    minutes: Annotated[
        int | None, Field(ge=5, le=720, description="One of the service's durations; its usual one when left out.")
    ] = None
    coach: Annotated[UUID | None, Field(description="With this coach only.")] = None
    location: Annotated[UUID | None, Field(description="At this location only.")] = None
    participant_id: Annotated[UUID | None, Field(description="Who would take part; you when left out.")] = None
    time_zone: Annotated[str, Field(max_length=TIME_ZONE_LENGTH, description="Yours when left out.")] = ""


@router.get("/services/{uuid:service_id}/slots", response={200: SlotsOut, **problems(404)}, summary="Find a time")
def list_slots(request: ApiRequest, service_id: UUID, query: Query[SlotQuery]) -> dict[str, Any]:
    """The starts of a service that are free: what is here can be booked by whoever it is open to, until somebody does.

    Nothing is here where whoever takes part is elsewhere, or has as many as one may.
    """
    user: User = request.user
    service = get_object_or_404(Service.objects.visible_to(user), pk=service_id)
    participant = participant_of(user, query.participant_id)
    zone = query.time_zone or user.time_zone
    _check(query, service, zone)
    search = SlotSearch(
        since=query.since,
        until=query.until,
        minutes=query.minutes or service.durations[0],
        coaches=[query.coach] if query.coach else [],
        location=query.location,
        participant=participant.pk,
        by_host=not comes_with(user, participant),
    )
    clock = ZoneInfo(zone)
    items = [
        {
            "starts_at": slot.starts_at.astimezone(clock),
            "ends_at": slot.ends_at.astimezone(clock),
            "coach_ids": list(slot.coaches),
            "location_id": slot.location,
        }
        for slot in find_slots(service, search)
    ]
    return {"items": items, "stand_ins": _stand_ins(service, query), "time_zone": zone}


def _stand_ins(service: Service, query: SlotQuery) -> list[dict[str, Any]]:
    if query.coach is None:
        return []
    given_by = service.given_by.filter(coach__in=User.objects.coaches().active()).values_list("coach", flat=True)
    found = stand_ins_between(list(given_by), query.coach, query.since, query.until)
    return [{"starts_at": one.starts_at, "ends_at": one.ends_at, "coach_id": one.stand_in_id} for one in found]


def participant_of(user: User, participant_id: UUID | None) -> Participant:
    """Who takes part: the caller, or whom they name and may book for."""
    if participant_id is None:
        return user.participant
    return get_object_or_404(bookable_participants(user), pk=participant_id)


def _check(query: SlotQuery, service: Service, zone: str) -> None:
    problems = {}
    if not is_zone(zone):
        problems["time_zone"] = _("This is not a time zone that we know.")
    if query.until <= query.since:
        problems["until"] = _("It must be after the beginning.")
    elif (query.until - query.since).days > MAX_DAYS:
        problems["until"] = _("At most %(n)s days at once.") % {"n": MAX_DAYS}
    if query.minutes is not None and query.minutes not in service.durations:
        problems["minutes"] = _("It does not last as long as that.")
    if problems:
        raise ValidationError(problems)
