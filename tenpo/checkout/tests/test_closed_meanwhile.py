"""A slot is booked at the moment in which its place closes, its coach leaves, or its service is withdrawn.

Whoever comes second waits for the first, and finds what they did. Each is tried both ways round.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.http import Http404

from tenpo.access.actions.accounts import disable_user
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, working_coach
from tenpo.core.errors import RuleError
from tenpo.core.invariants import find_faults
from tenpo.people.actions.accounts import revoke_role
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions import moving, slots
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.actions.places import close_location, close_room
from tenpo.schedule.actions.services import edit_service, withdraw_service
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.tests.time_make import make_location, make_service
from tests.at_once import Other

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

type Act = Callable[[Service, User], Any]


def leave_service(service: Service, coach: User) -> None:
    edit_service(service, by=None, coaches=[working_coach()])


ACTS: dict[str, Act] = {
    "place closes": lambda service, coach: close_location(service.locations.get(), by=None),
    "room closes": lambda service, coach: close_room(service.rooms.get(), by=None),
    "service withdrawn": lambda service, coach: withdraw_service(service, by=None),
    "coach gives it no more": leave_service,
    "coach disabled": lambda service, coach: disable_user(coach, by=make_admin()),
    "coach is none any more": lambda service, coach: revoke_role(coach, role="coach", by=make_admin()),
}
CLOSES = ("place closes", "room closes")


def make_offer() -> tuple[Service, User]:
    coach, place = working_coach(), make_location()
    service = make_service(coach, price=0, locations=[place], rooms=list(place.rooms.all()))
    return service, coach


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for whoever books, and they for nobody."""
    for actions in (slots, moving):
        sql = actions._LOCK
        for lock in ("FOR NO KEY UPDATE OF r", "FOR NO KEY UPDATE", "FOR KEY SHARE OF l", "FOR SHARE"):
            sql = sql.replace(lock, "")
        monkeypatch.setattr(actions, "_LOCK", sql)
    monkeypatch.setattr(moving, "lock_coaches", lambda _coaches: None)


def during(monkeypatch: pytest.MonkeyPatch, actions: Any, work: Callable[[], Any]) -> list[tuple[Other, bool]]:
    """Have something done by another as soon as a slot was found free: who does it, and whether they had to wait."""
    find_slots = actions.find_slots
    met: list[tuple[Other, bool]] = []

    def find_and_meet(*asked: Any, **how: Any) -> Any:
        found = find_slots(*asked, **how)
        if not met:
            other = Other(work)
            met.append((other, other.meet()))
        return found

    monkeypatch.setattr(actions, "find_slots", find_and_meet)
    return met


@pytest.mark.parametrize("act", ACTS)
def test_whoever_is_second_waits_for_the_booking(act, monkeypatch):
    service, coach = make_offer()
    member = make_member()
    met = during(monkeypatch, slots, lambda: ACTS[act](service, coach))

    booking = book(service, member)

    [(other, has_waited)] = met
    found = other.end()
    assert has_waited
    assert booking.state == "confirmed"
    assert isinstance(found, RuleError) == (act in CLOSES)
    assert find_faults() == []


@pytest.mark.parametrize("act", ACTS)
def test_the_booking_waits_for_whoever_is_first(act):
    service, coach = make_offer()
    member = make_member()

    with transaction.atomic():
        ACTS[act](service, coach)
        booking = Other(lambda: book(service, member))
        assert booking.meet()

    refusal = booking.end()
    assert isinstance(refusal, RuleError | Http404)
    # Whoever gives it now may be free.
    code = "slot_taken" if act == "coach gives it no more" else "slot_not_offered"
    assert not isinstance(refusal, RuleError) or refusal.code == code
    assert (Session.objects.count(), Booking.objects.count()) == (0, 0)


@pytest.mark.control
@pytest.mark.parametrize("act", ACTS)
def test_a_slot_of_what_is_closed_control(act, monkeypatch):
    service, coach = make_offer()
    member = make_member()
    without_locks(monkeypatch)
    met = during(monkeypatch, slots, lambda: ACTS[act](service, coach))

    booking = book(service, member)

    [(other, has_waited)] = met
    assert (has_waited, isinstance(other.end(), RuleError)) == (False, False)
    assert booking.state == "confirmed", "although it was over before"
    assert act not in CLOSES or [fault.name for fault in find_faults()] == ["closed-place-has-nothing-to-come"]


@pytest.mark.parametrize("act", ["coach gives it no more", "coach disabled"])
def test_nothing_is_moved_to_a_coach_who_has_just_left(act):
    service, coach = make_offer()
    booking = book(service, make_member())

    with transaction.atomic():
        ACTS[act](service, coach)
        moved = Other(lambda: move_slot(booking, starts_at=NINE + HOUR, by=booking.booked_by))
        assert moved.meet()

    assert moved.end().code == "slot_not_offered"
    assert Session.objects.get().starts_at == NINE


def test_what_is_moved_to_a_place_keeps_it_open(monkeypatch):
    service, coach = make_offer()
    other = make_location("Pitch")
    service.rooms.clear()
    service.locations.add(other)
    booking = book(service, make_member(), location=service.locations.get(name="Studio"))
    met = during(monkeypatch, moving, lambda: close_location(other, by=None))

    moved = move_slot(booking, starts_at=NINE + HOUR, location=other, by=coach)

    [(closing, has_waited)] = met
    assert (closing.end().code, has_waited) == ("in_use", True)
    assert moved.session.location_id == other.pk
    assert find_faults() == []


@pytest.mark.control
def test_what_is_moved_to_a_place_that_closes_control(monkeypatch):
    service, coach = make_offer()
    other = make_location("Pitch")
    service.rooms.clear()
    service.locations.add(other)
    booking = book(service, make_member(), location=service.locations.get(name="Studio"))
    without_locks(monkeypatch)
    during(monkeypatch, moving, lambda: close_location(other, by=None))

    move_slot(booking, starts_at=NINE + HOUR, location=other, by=coach)

    assert [fault.name for fault in find_faults()] == ["closed-place-has-nothing-to-come"]


def test_terms_that_change_while_one_waits_are_those_that_hold():
    service, _coach = make_offer()
    member = make_member()

    with transaction.atomic():
        edit_service(service, by=None, prices={1: 2_000}, buffer_after=30)
        booked = Other(lambda: book(service, member, agreed=0))
        assert booked.meet()

    assert booked.end().code == "price_changed"
    booking = book(service, member)
    assert (booking.session.price, booking.session.busy_until) == (2_000, booking.session.ends_at + HOUR / 2)


def test_where_every_place_is_closed_nothing_is_offered_anywhere():
    coach, place = working_coach(), make_location()
    service = make_service(coach, price=0, locations=[place])
    close_location(place, by=None)

    with pytest.raises(RuleError) as refusal:
        book(service, make_member())

    assert refusal.value.code == "slot_not_offered"
