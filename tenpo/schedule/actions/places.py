"""Where the business works: locations and their rooms, opened, changed and closed."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict, Unpack

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import UNIQUE, RuleError, refuse_on
from tenpo.core.limits import ROOMS_KEPT
from tenpo.core.models import check_fields, set_differing
from tenpo.core.outbox import publish
from tenpo.people.models import User
from tenpo.schedule.actions.sessions import change_sessions
from tenpo.schedule.models import Location, Room
from tenpo.schedule.permissions import can_manage_places
from tenpo.schedule.service_queries import (
    PLACE_LENGTH,
    place_of,
    sessions_naming,
    sessions_to_come_at,
    whole_place,
    within,
)

SAID = ("name", "address", "directions", "latitude", "longitude")


class PlaceTerms(TypedDict):
    """What a location is; its coordinates are both there or neither, in degrees."""

    name: str
    address: NotRequired[str]
    directions: NotRequired[str]
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]


class PlaceChanges(TypedDict, total=False):
    """What an edit may change."""

    name: str
    address: str
    directions: str
    latitude: float | None
    longitude: float | None


def location_name_taken() -> RuleError:
    """The refusal behind the constraint that two open locations have two names."""
    return RuleError("name_taken", _("There is a place with this name already."))


def room_name_taken() -> RuleError:
    """The refusal behind the constraint that two open rooms of a location have two names."""
    return RuleError("name_taken", _("There is a room with this name already."))


@refuse_on(UNIQUE, "location_name_is_one", location_name_taken)
@transaction.atomic
def open_location(*, by: User | None, **terms: Unpack[PlaceTerms]) -> Location:
    """Add a place where sessions are given. Raises ValidationError by field; RuleError name_taken."""
    if not can_manage_places(by):
        raise PermissionDenied
    location = Location(**_stripped(terms))
    _check_location(location)
    location.save(force_insert=True)
    record("location.opened", by=by, on=location, after={name: getattr(location, name) for name in SAID})
    publish("location.opened", subject=location)
    return location


@refuse_on(UNIQUE, "location_name_is_one", location_name_taken)
@transaction.atomic
def edit_location(location: Location, *, by: User | None, **changes: Unpack[PlaceChanges]) -> Location:
    """Change what is said of a place; planned sessions that name it show the new words, and their people are told.

    Raises ValidationError by field; RuleError closed, name_taken.
    """
    # Whole, so that whoever is just booking there is waited for, and reads the new words otherwise.
    location = _locked_location(location, by, whole=True)
    if location.closed_at is not None:
        raise RuleError("closed", _("This place is closed. Open it again to change it."))
    naming = sessions_naming(location)
    before = set_differing(location, _stripped(changes))
    if not before:
        return location
    _check_location(location)
    location.save(update_fields=[*before])
    if {"name", "address"} & before.keys():
        sessions = list(naming.select_for_update(of=("self",), no_key=True).order_by("pk"))
        change_sessions(sessions, {"place": place_of(location)}, by=by)
    after = {name: getattr(location, name) for name in before}
    record("location.changed", by=by, on=location, before=before, after=after)
    publish("location.changed", subject=location)
    return location


@transaction.atomic
def close_location(location: Location, *, by: User | None) -> Location:
    """Offer nothing at a place any more; its rooms close with it. Again changes nothing. Raises RuleError in_use."""
    # Whole, so that it waits for whoever is just booking a slot there, and is waited for.
    location = _locked_location(location, by, whole=True)
    if location.closed_at is not None:
        return location
    _refuse_in_use(within(location))
    location.closed_at = clock.now()
    location.save(update_fields=["closed_at"])
    record("location.closed", by=by, on=location, after={"closed_at": location.closed_at})
    publish("location.closed", subject=location)
    return location


@refuse_on(UNIQUE, "location_name_is_one", location_name_taken)
@transaction.atomic
def reopen_location(location: Location, *, by: User | None) -> Location:
    """Offer at a place again, with the rooms that it had. Again changes nothing. Raises RuleError name_taken."""
    location = _locked_location(location, by)
    if location.closed_at is None:
        return location
    before, location.closed_at = location.closed_at, None
    location.save(update_fields=["closed_at"])
    record("location.reopened", by=by, on=location, before={"closed_at": before})
    publish("location.reopened", subject=location)
    return location


@refuse_on(UNIQUE, "room_name_is_one", room_name_taken)
@transaction.atomic
def open_room(location: Location, *, name: str, by: User | None) -> Room:
    """Add a room, a court or a piece of equipment, which one session uses at a time.

    Raises ValidationError by field; RuleError closed, name_taken, too_many.
    """
    location = _locked_location(location, by)
    if location.closed_at is not None:
        raise RuleError("closed", _("This place is closed. Open it again to change it."))
    _refuse_too_many(location)
    room = Room(location=location, name=name.strip())
    check_fields(room, "name")
    room.save(force_insert=True)
    record("room.opened", by=by, on=room, after={"name": room.name, "location": location.name})
    publish("room.opened", subject=room, location_id=location.pk)
    return room


@refuse_on(UNIQUE, "room_name_is_one", room_name_taken)
@transaction.atomic
def rename_room(room: Room, *, name: str, by: User | None) -> Room:
    """Call a room something else. Raises ValidationError by field; RuleError closed, name_taken."""
    room = _locked_room(room, by)
    if room.closed_at is not None:
        raise RuleError("closed", _("This room is closed."))
    before, room.name = room.name, name.strip()
    if before == room.name:
        return room
    check_fields(room, "name")
    room.save(update_fields=["name"])
    record("room.changed", by=by, on=room, before={"name": before}, after={"name": room.name})
    publish("room.changed", subject=room)
    return room


@transaction.atomic
def close_room(room: Room, *, by: User | None) -> Room:
    """Use a room no more. Again changes nothing. Raises RuleError in_use."""
    room = _locked_room(room, by, whole=True)
    if room.closed_at is not None:
        return room
    _refuse_in_use(Q(room=room))
    room.closed_at = clock.now()
    room.save(update_fields=["closed_at"])
    record("room.closed", by=by, on=room, after={"closed_at": room.closed_at})
    publish("room.closed", subject=room)
    return room


@refuse_on(UNIQUE, "room_name_is_one", room_name_taken)
@transaction.atomic
def reopen_room(room: Room, *, by: User | None) -> Room:
    """Use a room again. Again changes nothing. Raises RuleError name_taken, too_many."""
    room = _locked_room(room, by)
    if room.closed_at is None:
        return room
    _refuse_too_many(room.location)
    before, room.closed_at = room.closed_at, None
    room.save(update_fields=["closed_at"])
    record("room.reopened", by=by, on=room, before={"closed_at": before})
    publish("room.reopened", subject=room)
    return room


def _refuse_in_use(where: Q) -> None:
    coming = sessions_to_come_at(where).count()
    if coming:
        words = ngettext(
            "%(n)s session is still to come there. Move or cancel it first.",
            "%(n)s sessions are still to come there. Move or cancel them first.",
            coming,
        )
        raise RuleError("in_use", words % {"n": coming}, sessions=coming)


def _refuse_too_many(location: Location) -> None:
    if location.rooms.filter(closed_at=None).count() >= ROOMS_KEPT:
        raise RuleError("too_many", _("A place has at most %(n)s rooms.") % {"n": ROOMS_KEPT})


def _locked_location(location: Location, by: User | None, *, whole: bool = False) -> Location:
    if not can_manage_places(by):
        raise PermissionDenied
    return Location.objects.select_for_update(no_key=not whole).get(pk=location.pk)


def _locked_room(room: Room, by: User | None, *, whole: bool = False) -> Room:
    if not can_manage_places(by):
        raise PermissionDenied
    # Only its own row: its location is read, and may be used by others meanwhile.
    return Room.objects.select_for_update(no_key=not whole, of=("self",)).select_related("location").get(pk=room.pk)


def _check_location(location: Location) -> None:
    check_fields(location, "name", "address", "directions")
    # A session names its place by both, whole.
    too_long = len(whole_place(location)) - PLACE_LENGTH
    if too_long > 0:
        raise ValidationError({"address": _("Name and address are too long by %(n)s characters.") % {"n": too_long}})
    latitude, longitude = location.latitude, location.longitude
    if (latitude is None) != (longitude is None):
        missing = "latitude" if latitude is None else "longitude"
        raise ValidationError({missing: _("Give both coordinates, or neither.")})
    # Written so that what is no number is none on the globe either.
    if latitude is not None and not -90 <= latitude <= 90:
        raise ValidationError({"latitude": _("A latitude is between -90 and 90.")})
    if longitude is not None and not -180 <= longitude <= 180:
        raise ValidationError({"longitude": _("A longitude is between -180 and 180.")})


def _stripped(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
