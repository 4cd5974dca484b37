"""A service is given by another coach too at the moment in which it is booked: whoever books locks in one order."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, transaction

from tenpo.checkout.tests.slot_make import book, working_coach
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions import anew, slots
from tenpo.schedule.actions.anew import ServiceChangedError
from tenpo.schedule.actions.coach_time import lock_coaches
from tenpo.schedule.actions.services import edit_service
from tenpo.schedule.actions.sessions import lock_rooms
from tenpo.schedule.models import Service, Session
from tenpo.schedule.tests.time_make import make_location, make_service, refuses
from tests.at_once import Other

pytestmark = pytest.mark.django_db(transaction=True)
MEET_SECONDS = 30


def given_by(coaches: list[User]) -> Service:
    """A service that all of them give together in one room."""
    place = make_location()
    return make_service(*coaches, coaches_rule="all", locations=[place], rooms=list(place.rooms.all()))


def who_takes(coach: User, service: Service, met: threading.Barrier) -> Callable[[], str]:
    """Somebody who has locked the coach, and wants the room: what everybody does who books with them there."""

    def take() -> str:
        try:
            with transaction.atomic():
                lock_coaches([coach.pk])
                met.wait(MEET_SECONDS)
                lock_rooms([room.pk for room in service.rooms.all()])
        except OperationalError:
            return "deadlock"
        return "done"

    return take


def who_books(service: Service) -> Callable[[], str]:
    def take() -> str:
        try:
            return str(book(service, make_member()).state)
        except OperationalError:
            return "deadlock"

    return take


def changed_while_it_is_booked(
    patch: pytest.MonkeyPatch, go_on: Callable[[Callable[[], Any]], Any]
) -> tuple[list[str], list[User]]:
    """Another coach is put to a service while somebody waits for it, and is locked by somebody who wants its room.

    `go_on` does what whoever books does then, once the other one holds the coach and they hold the room.
    """
    coaches = [working_coach(), working_coach()]
    added, service, met = working_coach(), given_by(coaches), threading.Barrier(2)
    lock_slot = slots.lock_slot

    def lock_and_meet(*asked: Any, **how: Any) -> Any:
        try:
            return lock_slot(*asked, **how)
        except ServiceChangedError:
            met.wait(MEET_SECONDS)
            return go_on(lambda: lock_slot(*asked, **how))

    patch.setattr(slots, "lock_slot", lock_and_meet)
    with transaction.atomic():
        edit_service(service, by=None, coaches=[*coaches, added])
        booking = Other(who_books(service))
        assert booking.meet()
    taking = Other(who_takes(added, service, met))
    return sorted([booking.end(), taking.end()]), [*coaches, added]


def test_who_finds_another_coach_lets_go_of_the_rooms_first(monkeypatch):
    def begin_anew(_lock: Callable[[], Any]) -> Any:
        raise ServiceChangedError

    found, coaches = changed_while_it_is_booked(monkeypatch, begin_anew)

    assert found == ["confirmed", "done"]
    assert Session.objects.get().coach_ids == [one.pk for one in coaches]


@pytest.mark.control
def test_control_who_asks_for_the_coach_on_top_waits_for_whoever_waits_for_them(monkeypatch):
    found, _coaches = changed_while_it_is_booked(monkeypatch, lambda lock: lock())

    assert "deadlock" in found


def test_what_is_changed_again_and_again_is_refused(monkeypatch):
    tried = []

    def never(*_asked: Any, **_how: Any) -> Any:
        tried.append(1)
        raise ServiceChangedError

    monkeypatch.setattr(slots, "lock_slot", never)

    with refuses("changed_meanwhile"):
        book(given_by([working_coach(), working_coach()]), make_member())

    assert len(tried) == anew.CHANGES_MET
