"""Hundreds who want times that overlap: of one coach, in one room, for one person."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tenpo.core.business import current_business
from tenpo.core.invariants import find_faults
from tenpo.orders.actions.default_policy import default_cancellation_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, make_members
from tenpo.schedule.models import Booking, Room, Service, Session
from tenpo.schedule.tests.time_make import make_hours, make_service
from tests.at_once import without_constraint
from tests.races.test_seats import deadlocks
from tests.server import Request, Server, outcomes, running, with_key, with_keys

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

TRIES = 200
PER_CALLER = 50
BERLIN = ZoneInfo("Europe/Berlin")
TODAY = datetime.now(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
NOON = TODAY + timedelta(days=8, hours=12)
QUARTER = timedelta(minutes=15)
TAKEN = {"slot_taken", "participant_elsewhere", "slot_not_offered"}


def make_coaches(count: int) -> list[User]:
    """Coaches who can be booked all day, where the business and its policy are there already."""
    current_business()
    default_cancellation_policy()
    coaches = [make_coach() for _ in range(count)]
    for coach in coaches:
        make_hours(coach, opens=0, closes=24 * 60)
    return coaches


def wish(service: Service, coach: User, number: int, **body: Any) -> dict[str, Any]:
    """An hour that begins at one of four quarters, so that any two overlap."""
    start = NOON + number % 4 * QUARTER
    return {
        "service_id": str(service.pk), "coach_id": str(coach.pk), "starts_at": start.isoformat(), "minutes": 60, **body,
    }  # fmt: skip


def of_many(service: Service, coaches: list[User], count: int) -> list[Request]:
    """As many people, each with one wish, one coach after the other."""
    return [
        caller.call("POST", "/slot-bookings", wish(service, coaches[number // 4 % len(coaches)], number))
        for number, caller in enumerate(with_keys(make_members(count)))
    ]


def of_one(service: Service, coaches: list[User], count: int) -> list[Request]:
    """As many wishes for one person: of their own, and of admins, as nobody may try so often alone."""
    member = make_member()
    callers = [with_key(member), *(with_key(make_admin()) for _ in range(-(-count // PER_CALLER) - 1))]
    whom = str(member.participant.pk)
    return [
        callers[number // PER_CALLER].call(
            "POST", "/slot-bookings", wish(service, coaches[number % len(coaches)], number, participant_id=whom)
        )
        for number in range(count)
    ]


def one_coach() -> tuple[Service, list[User]]:
    coaches = make_coaches(1)
    return make_service(*coaches, price=0, step_minutes=15, buffer_after=15), coaches


def one_room() -> tuple[Service, list[User]]:
    coaches = make_coaches(6)
    service = make_service(*coaches, price=0, step_minutes=15)
    service.rooms.set([Room.objects.get()])
    return service, coaches


def no_room() -> tuple[Service, list[User]]:
    coaches = make_coaches(6)
    return make_service(*coaches, price=0, step_minutes=15), coaches


def shared_coach() -> tuple[Service, list[User]]:
    """Two services that all of their coaches give together, led by different ones; one coach gives both."""
    first, shared, last = coaches = make_coaches(3)
    service = make_service(first, shared, price=0, step_minutes=15, coaches_rule="all")
    make_service(last, shared, price=0, step_minutes=15, coaches_rule="all")
    return service, coaches


def of_both(_service: Service, _coaches: list[User], count: int) -> list[Request]:
    """As many people, of whom each wants the other service than the one before."""
    services = list(Service.objects.filter(coaches_rule="all").order_by("id"))
    return [
        caller.call("POST", "/slot-bookings", wish(services[number % 2], User(), number) | {"coach_id": None})
        for number, caller in enumerate(with_keys(make_members(count)))
    ]


CROWDS = {
    "coach": (one_coach, of_many, TRIES, "schedule_sessioncoach", "session_coach_never_in_two_at_once"),
    "together": (shared_coach, of_both, TRIES, "schedule_sessioncoach", "session_coach_never_in_two_at_once"),
    "room": (one_room, of_many, TRIES, "schedule_session", "session_room_never_in_two_at_once"),
    "participant": (no_room, of_one, TRIES, "schedule_booking", "booking_participant_never_in_two_at_once"),
}


FAULTS = {
    "coach": "coach-teaches-one-session-at-a-time",
    "together": "coach-teaches-one-session-at-a-time",
    "room": "room-holds-one-session-at-a-time",
    "participant": "participant-is-in-one-place-at-a-time",
}


@pytest.mark.parametrize("crowd", CROWDS)
def test_of_times_that_overlap_exactly_one_is_booked(server: Server, crowd):
    make, ask, count, *_ = CROWDS[crowd]
    service, coaches = make()
    wanted = ask(service, coaches, count)
    before = deadlocks()

    found = outcomes(server.at_once(wanted))

    assert found["confirmed"] == 1
    assert set(found) <= {"confirmed"} | TAKEN, found
    assert (Session.objects.count(), Booking.objects.count()) == (1, 1)
    assert deadlocks() == before


@pytest.mark.control
def test_overlapping_times_control():
    """Without the locks and without the constraint, two have the same time."""
    with running(program="tests.unguarded slots") as unguarded:
        for crowd, (make, ask, _count, table, constraint) in CROWDS.items():
            service, coaches = make()
            # Those of different coaches, where the room or the person is the same.
            wanted = ask(service, coaches, 5)[:: 4 if crowd == "room" else 1][:2]

            with without_constraint(table, constraint):
                found = outcomes(unguarded.at_once(wanted))
                faults = {finding.name for finding in find_faults()}
                Session.objects.update(status="cancelled", cancelled_at=timezone.now())
                Booking.objects.update(starts_at=None, ends_at=None, state="cancelled", cancelled_at=timezone.now())

            assert found == {"confirmed": 2}, crowd
            assert FAULTS[crowd] in faults
