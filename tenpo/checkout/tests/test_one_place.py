"""Nobody is in two places at once: what a participant has at a time refuses another place at that time."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from tenpo.checkout.actions.buying import book_session, take_offer
from tenpo.core.errors import RuleError
from tenpo.core.invariants import find_faults
from tenpo.payments.models import Payment
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions import seats
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, outcomes, without_constraint

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

HOUR = timedelta(hours=1)


def at(hours: float, **terms: Any) -> Session:
    """A session of another coach, so many hours after noon in a week."""
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=7)
    return make_session(starts_at=noon + hours * HOUR, **{"price": 0, **terms})


def book(session: Session, member: User) -> Booking:
    return book_session(session, participant=member.participant, by=member)


def test_another_place_at_the_same_time_is_refused_and_nothing_moved():
    member = make_member()
    book(at(0), member)
    other = at(0.5)

    with pytest.raises(RuleError) as refusal:
        book(other, member)

    other.refresh_from_db()
    assert (refusal.value.code, other.seats_taken, Booking.objects.count()) == ("participant_elsewhere", 0, 1)


def test_one_session_may_begin_when_the_other_ends():
    member = make_member()
    book(at(0), member)
    book(at(-1), member)
    book(at(1), member)

    assert Booking.objects.filter(state="confirmed").count() == 3


def test_a_place_that_was_given_up_stands_in_nobodys_way():
    member = make_member()
    cancel_booking(book(at(0), member), by=member)

    assert book(at(0), member).state == "confirmed"


def test_two_people_of_one_buyer_may_be_in_two_places():
    admin = make_admin()
    sessions = [at(0), at(0)]

    for session in sessions:
        book_session(session, participant=make_member().participant, by=admin)

    assert Booking.objects.filter(booked_by=admin, state="confirmed").count() == 2


@pytest.mark.usefixtures("takes_transfers")
def test_a_hold_that_ran_out_is_let_go_for_another_place():
    member = make_member()
    held = book_session(at(0, price=2_000), participant=member.participant, by=member, provider="transfer")
    other = at(0)
    assert held.held_until is not None
    with time_machine.travel(held.held_until - timedelta(seconds=1), tick=False):
        Booking.objects.filter(pk=held.pk).update(held_until=timezone.now())

        assert book(other, member).state == "confirmed"

    held.refresh_from_db()
    assert (held.state, held.ending) == ("cancelled", "expired")
    assert Payment.objects.get().state == "cancelled"


def test_an_offer_is_refused_to_whoever_is_elsewhere_then_and_stays_an_offer():
    member, other = make_member(), make_member()
    full = at(0, capacity=1)
    first = book(full, other)
    waiting = join_waitlist(full, participant=member.participant, by=member)
    book(at(0), member)
    cancel_booking(first, by=other)

    with pytest.raises(RuleError) as refusal:
        take_offer(waiting, by=member)

    waiting.refresh_from_db()
    assert (refusal.value.code, waiting.state) == ("participant_elsewhere", "offered")


def test_whoever_is_elsewhere_when_a_session_moves_keeps_both_and_the_others_count_on_the_new_time():
    here, elsewhere = make_member(), make_member()
    moved = at(0)
    kept = [book(moved, here), book(moved, elsewhere)]
    book(at(3), elsewhere)

    session = edit_session(moved, by=moved.coach, starts_at=moved.starts_at + 3 * HOUR)

    for booking in kept:
        booking.refresh_from_db()
    assert [booking.state for booking in kept] == ["confirmed", "confirmed"]
    assert [booking.starts_at for booking in kept] == [session.starts_at, None]
    assert book(at(0), here).state == "confirmed"
    # Moved on, they count on it again.
    session = edit_session(session, by=session.coach, starts_at=session.starts_at + 3 * HOUR)
    kept[1].refresh_from_db()
    assert kept[1].starts_at == session.starts_at


def test_a_longer_session_takes_its_time_of_those_who_booked_it():
    member = make_member()
    session = at(0)
    book(session, member)

    edit_session(session, by=session.coach, minutes=120)

    with pytest.raises(RuleError):
        book(at(1), member)


@pytest.mark.django_db(transaction=True)
def test_many_places_at_one_time_at_once_become_one():
    member = make_member()
    sessions = [at(n / 20) for n in range(12)]

    found = outcomes(at_once([partial(book, session, member) for session in sessions]))

    assert found == {"confirmed": 1, "participant_elsewhere": 11}


@pytest.mark.django_db(transaction=True)
def test_without_the_participants_lock_the_constraint_alone_still_holds(monkeypatch):
    """But some wait for each other in a circle, which the database ends."""
    monkeypatch.setattr(seats, "_TAKE_SEATS", seats._TAKE_SEATS.replace("FOR NO KEY UPDATE", ""))
    member = make_member()
    sessions = [at(n / 20) for n in range(4)]

    outcomes(at_once([partial(book, session, member) for session in sessions]))

    assert Booking.objects.filter(state="confirmed").count() <= 1


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_many_places_at_one_time_without_the_constraint_control():
    member = make_member()
    sessions = [at(n / 20) for n in range(6)]

    with without_constraint("schedule_booking", "booking_participant_never_in_two_at_once"):
        found = outcomes(at_once([partial(book, session, member) for session in sessions]))
        faults = {finding.name for finding in find_faults()}
        Booking.objects.update(starts_at=None, ends_at=None)

    assert found == {"confirmed": 6}
    assert "participant-is-in-one-place-at-a-time" in faults


@pytest.mark.django_db(transaction=True)
def test_a_session_that_moves_and_bookings_of_its_people_never_wait_in_a_circle():
    members = [make_member() for _ in range(6)]
    moved = at(0)
    for member in members:
        book(moved, member)
    others = [at(3) for _ in members]

    def move() -> Booking:
        edit_session(moved, by=moved.coach, starts_at=moved.starts_at + 3 * HOUR)
        return Booking(state="moved")

    booked = [partial(book, other, member) for other, member in zip(others, members, strict=True)]
    found = outcomes(at_once([move, *booked]))

    assert set(found) <= {"moved", "confirmed", "participant_elsewhere"}
    assert found["moved"] == 1
