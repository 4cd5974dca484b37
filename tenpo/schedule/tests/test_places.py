from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.models import OutboxMessage
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.places import (
    close_location,
    close_room,
    edit_location,
    open_location,
    open_room,
    rename_room,
    reopen_location,
    reopen_room,
)
from tenpo.schedule.models import Location, Room, Session
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.time_make import refuses
from tests.at_once import at_once, outcomes, without_index

pytestmark = pytest.mark.django_db
BERLIN: Any = {"latitude": 52.52, "longitude": 13.405}


def written() -> tuple[int, int]:
    return AuditLog.objects.count(), OutboxMessage.objects.count()


def held_at(location: Location, room: Room | None = None) -> Session:
    session = make_session()
    Session.objects.filter(pk=session.pk).update(location=location, room=room)
    return session


def test_a_place_opens_changes_closes_and_opens_again():
    admin = make_admin()

    location = open_location(by=admin, name=" Studio ", address="Main street 1", **BERLIN)
    edit_location(location, by=admin, directions="Second floor", latitude=None, longitude=None)
    closed = close_location(location, by=admin)
    assert (closed.closed_at is not None, Location.objects.visible_to(make_member()).count()) == (True, 0)
    reopen_location(location, by=admin)

    location.refresh_from_db()
    assert (location.name, location.directions, location.latitude, location.closed_at) == (
        "Studio", "Second floor", None, None,
    )  # fmt: skip
    said = AuditLog.objects.filter(object_id=location.pk).order_by("id").values_list("action", flat=True)
    assert list(said) == ["location.opened", "location.changed", "location.closed", "location.reopened"]
    changed = AuditLog.objects.get(action="location.changed")
    assert changed.before == {"directions": "", **BERLIN}


def test_what_is_equal_or_done_already_is_no_change():
    admin = make_admin()
    location = open_location(by=admin, name="Studio")
    room = open_room(location, name="Hall", by=admin)
    before = written()

    edit_location(location, by=admin, name="Studio ")
    rename_room(room, name=" Hall", by=admin)
    reopen_location(location, by=admin)
    reopen_room(room, by=admin)
    assert written() == before

    close_room(room, by=admin)
    close_location(location, by=admin)
    before = written()
    close_room(room, by=admin)
    close_location(location, by=admin)
    assert written() == before


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"), ({"name": "x" * 81}, "name"), ({"name": "a\0b"}, "name"),
        ({"latitude": 90.1, "longitude": 0}, "latitude"), ({"latitude": 0, "longitude": -181}, "longitude"),
        ({"latitude": float("nan"), "longitude": 0}, "latitude"), ({"latitude": 1}, "longitude"),
        ({"longitude": 1}, "latitude"), ({"directions": "x" * 301}, "directions"),
    ],
)  # fmt: skip
def test_what_no_place_is(wrong, field):
    admin = make_admin()
    location = open_location(by=admin, name="Studio")
    before = written()
    terms: Any = {"name": "Pitch", **wrong}

    with pytest.raises(ValidationError) as refusal:
        open_location(by=admin, **terms)
    assert list(refusal.value.message_dict) == [field]
    with pytest.raises(ValidationError):
        edit_location(location, by=admin, **wrong)

    assert (written(), Location.objects.count()) == (before, 1)


def test_the_ends_of_the_globe_are_on_it():
    assert open_location(by=make_admin(), name="Far", latitude=-90, longitude=180).latitude == -90


def test_two_open_places_have_two_names():
    admin = make_admin()
    first = open_location(by=admin, name="Studio")
    hall = open_room(first, name="Hall", by=admin)
    for act in (lambda: open_location(by=admin, name="Studio"), lambda: open_room(first, name="Hall", by=admin)):
        with refuses("name_taken"):
            act()

    # A closed one gives its name free, and gets it back only while nobody has it.
    close_room(hall, by=admin)
    open_room(first, name="Hall", by=admin)
    with refuses("name_taken"):
        reopen_room(hall, by=admin)
    close_location(first, by=admin)
    second = open_location(by=admin, name="Studio")
    with refuses("name_taken"):
        reopen_location(first, by=admin)
    with refuses("name_taken"):
        edit_location(open_location(by=admin, name="Pitch"), by=admin, name="Studio")
    assert open_room(second, name="Hall", by=admin).location == second


def test_nothing_closes_while_something_is_still_to_come_there():
    admin = make_admin()
    location = open_location(by=admin, name="Studio")
    hall, court = (open_room(location, name=name, by=admin) for name in ("Hall", "Court"))
    in_hall, elsewhere_in_it = held_at(location, hall), held_at(location)

    with refuses("in_use") as refusal:
        close_location(location, by=admin)
    assert refusal.value.facts == {"sessions": 2}
    with refuses("in_use"):
        close_room(hall, by=admin)
    close_room(court, by=admin)
    assert Location.objects.get(pk=location.pk).closed_at is None

    # What is over, or called off, uses it no more; what goes on still does.
    cancel_session(elsewhere_in_it, reason="", by=admin)
    now = timezone.now()
    set_times(
        Session.objects.filter(pk=in_hall.pk), starts_at=now - timedelta(hours=1), ends_at=now + timedelta(seconds=9)
    )
    with refuses("in_use"):
        close_room(hall, by=admin)
    set_times(Session.objects.filter(pk=in_hall.pk), ends_at=now - timedelta(seconds=1))
    close_room(hall, by=admin)
    close_location(location, by=admin)


def test_a_session_that_only_has_the_room_keeps_its_place_open_too():
    admin = make_admin()
    location = open_location(by=admin, name="Studio")
    room = open_room(location, name="Hall", by=admin)
    session = held_at(location, room)
    Session.objects.filter(pk=session.pk).update(location=None)

    with refuses("in_use"):
        close_location(location, by=admin)


def test_what_is_closed_does_not_change():
    admin = make_admin()
    location = open_location(by=admin, name="Studio")
    room = open_room(location, name="Hall", by=admin)
    close_room(room, by=admin)
    with refuses("closed"):
        rename_room(room, name="Court", by=admin)
    close_location(location, by=admin)

    for act in (
        lambda: edit_location(location, by=admin, name="New"),
        lambda: open_room(location, name="New", by=admin),
    ):
        with refuses("closed"):
            act()


def test_a_place_has_so_many_rooms(monkeypatch):
    monkeypatch.setattr("tenpo.schedule.actions.places.ROOMS_KEPT", 2)
    admin = make_admin()
    location = open_location(by=admin, name="Studio")
    rooms = [open_room(location, name=f"Room {n}", by=admin) for n in range(2)]

    with refuses("too_many"):
        open_room(location, name="Room 3", by=admin)
    close_room(rooms[0], by=admin)
    open_room(location, name="Room 3", by=admin)
    with refuses("too_many"):
        reopen_room(rooms[0], by=admin)
    assert location.rooms.filter(closed_at=None).count() == 2


def test_places_are_the_admins():
    admin = make_admin()
    location = open_location(by=admin, name="Studio")
    room = open_room(location, name="Hall", by=admin)
    before = AuditLog.objects.count()

    acts: list[Callable[[User], Any]] = [
        lambda by: open_location(by=by, name="Mine"), lambda by: edit_location(location, by=by, name="Mine"),
        lambda by: close_location(location, by=by), lambda by: reopen_location(location, by=by),
        lambda by: open_room(location, name="Mine", by=by), lambda by: rename_room(room, name="Mine", by=by),
        lambda by: close_room(room, by=by), lambda by: reopen_room(room, by=by),
    ]  # fmt: skip
    for who, act in product((make_member(), make_coach()), acts):
        with pytest.raises(PermissionDenied):
            act(who)

    assert AuditLog.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_of_many_who_open_the_same_place_one_does():
    admin = make_admin()

    results = at_once([lambda: open_location(by=admin, name="Studio")] * 6)

    assert outcomes(results) == {"Studio": 1, "name_taken": 5}


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_index_there_are_two():
    admin = make_admin()
    with without_index("location_name_is_one"):
        results = at_once([lambda: open_location(by=admin, name="Studio")] * 6)
        Location.objects.all().delete()

    assert outcomes(results)["Studio"] == 6


def test_a_name_and_an_address_that_no_session_could_name_whole_are_refused():
    """They were cut at the end of a session's place, where the number of the house stands."""
    admin, name = make_admin(), "Hall"
    fits = "x" * (200 - len(f"{name}, "))

    location = open_location(by=admin, name=name, address=fits)
    with pytest.raises(ValidationError, match="too long by 1 characters"):
        edit_location(location, by=admin, address=f"{fits}x")

    location.refresh_from_db()
    assert location.address == fits
