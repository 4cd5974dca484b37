"""Two who want opposite things at the same moment: leaving and booking, taking and lapsing, paying and letting go."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.core.invariants import find_faults
from tenpo.orders.tests.make import credit_left
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.sandbox import SUCCEEDS_LATE, decide_charge, signed_event
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.lapsing import release_lapsed_of
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session
from tests.at_once import without_constraint
from tests.installation import wait_until
from tests.server import Request, running, with_key
from tests.unguarded import WAITING

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

ROUNDS = 20
# When something ends, seen from the moment at which everybody starts.
END_MILLISECONDS = (-5, 0, 2, 4, 6, 8, 10, 15, 20, 25, 30, 40, 60, 80)


def cancellation(booking: Booking) -> Request:
    return with_key(booking.booked_by).call("POST", f"/bookings/{booking.pk}/cancellation")


def purchase(session: Session, member: User) -> Request:
    return with_key(member).call("POST", "/bookings", {"session_id": str(session.pk)})


def broken() -> set[str]:
    return {finding.name for finding in find_faults()}


def test_cancelling_and_booking_neither_lose_nor_double_a_seat(server):
    coach, (one, two, other) = make_coach(), [make_member() for _ in range(3)]
    for number in range(ROUNDS):
        session = make_session(coach, capacity=2, price=0, starts_in=timedelta(days=3 + number))
        leaving = [make_booking(session, member) for member in (one, two)]

        answers = server.at_once([*map(cancellation, leaving), purchase(session, other)])

        assert [answer.outcome for answer in answers[:2]] == ["cancelled"] * 2
        booked = Booking.objects.filter(session=session).seated().count()
        assert answers[2].outcome == ("confirmed" if booked else "full")
        session.refresh_from_db()
        assert session.seats_taken == booked
        assert find_faults() == []


def test_a_seat_that_is_given_up_goes_to_the_first_in_line(server):
    coach, (leaver, first, other) = make_coach(), [make_member() for _ in range(3)]
    for number in range(ROUNDS):
        session = make_session(coach, capacity=1, price=0, starts_in=timedelta(days=3 + number))
        leaving = make_booking(session, leaver)
        waiting = join_waitlist(session, participant=first.participant, by=first)

        answers = server.at_once([purchase(session, other), cancellation(leaving)])

        assert [answer.outcome for answer in answers] == ["full", "cancelled"]
        waiting.refresh_from_db()
        assert waiting.state == Booking.State.OFFERED
        assert find_faults() == []


@pytest.mark.control
def test_cancelling_control():
    """When the number of seats is read and then written, two who leave at once give back one seat."""
    session = make_session(capacity=2, price=0)
    leaving = [make_booking(session, make_member()) for _ in range(2)]

    with running(program="tests.unguarded count_of_seats") as server:
        answers = server.at_once([cancellation(booking) for booking in leaving])

    assert [answer.outcome for answer in answers] == ["cancelled"] * 2
    session.refresh_from_db()
    assert session.seats_taken == 1
    assert "session-counts-its-seats" in broken()


def offered_seat(coach: User, people: Sequence[User], *, day: int = 3) -> Booking:
    """The one seat of a session, offered to the first in line; somebody else is next."""
    leaver, first, second = people
    session = make_session(coach, capacity=1, price=0, starts_in=timedelta(days=day))
    taken = make_booking(session, leaver)
    waiting = join_waitlist(session, participant=first.participant, by=first)
    join_waitlist(session, participant=second.participant, by=second)
    cancel_booking(taken, by=leaver)
    waiting.refresh_from_db()
    return waiting


def acceptance(booking: Booking) -> Request:
    return with_key(booking.booked_by).call("POST", f"/bookings/{booking.pk}/offer-acceptance")


def ends_in(booking: Booking, milliseconds: int) -> None:
    Booking.objects.filter(pk=booking.pk).update(held_until=timezone.now() + timedelta(milliseconds=milliseconds))


def lapse(booking: Booking) -> None:
    """Ends what is held and lets it go, as the job does, once the server has looked at it and waits."""
    wait_until(somebody_waits)
    ends_in(booking, 0)
    assert release_lapsed_of(booking.session_id) == 1


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [WAITING],
        )
        [(count,)] = cursor.fetchall()
    return bool(count)


def test_an_offer_taken_as_it_ends_is_taken_or_lapses(server):
    coach, people = make_coach(), [make_member() for _ in range(3)]
    for number, milliseconds in enumerate(END_MILLISECONDS):
        booking = offered_seat(coach, people, day=3 + number)
        wanted = acceptance(booking)
        ends_in(booking, milliseconds)

        [answer] = server.at_once([wanted], beside=[partial(release_lapsed_of, booking.session_id)] * 2)
        release_lapsed_of(booking.session_id)

        rows = Booking.objects.filter(session=booking.session_id)
        states = [rows.get(booked_by=person).state for person in people[1:]]
        taken, lapsed = ["confirmed", "waitlisted"], ["cancelled", "offered"]
        assert states == (taken if answer.status == 200 else lapsed)
        assert answer.outcome in ("confirmed", "offer_over")
        assert find_faults() == []


@pytest.mark.control
def test_an_offer_control():
    """Without locks, one seat is the one's who took the offer, and the next one's too."""
    booking = offered_seat(make_coach(), [make_member() for _ in range(3)])
    wanted = acceptance(booking)

    with running(program="tests.unguarded offer") as server:
        [answer] = server.at_once([wanted], beside=[partial(lapse, booking)])

    assert answer.outcome == "confirmed"
    assert Booking.objects.filter(session=booking.session_id).seated().count() == 2
    assert "session-counts-its-seats" in broken()


def late_payment(coach: User, member: User, *, day: int = 3) -> tuple[Booking, Request]:
    """A held seat whose money is on its way, and what the provider says when it is there."""
    session = make_session(coach, capacity=1, price=3_000, starts_in=timedelta(days=day))
    booking = make_booking(session, member, card=SUCCEEDS_LATE)
    charge = decide_charge(SandboxCharge.objects.latest("id").pk, succeeds=True)
    assert charge
    headers, body = signed_event(charge)
    said = {"Content-Type": "application/json", **headers}
    return booking, Request("POST", "/api/v1/webhooks/sandbox", body, said)


def test_a_late_payment_is_kept_or_given_back(server):
    coach = make_coach()
    for number, milliseconds in enumerate(END_MILLISECONDS):
        member = make_member()
        booking, event = late_payment(coach, member, day=3 + number)
        ends_in(booking, milliseconds)

        answers = server.at_once([event] * 3, beside=[partial(release_lapsed_of, booking.session_id)] * 2)
        release_lapsed_of(booking.session_id)

        assert [answer.status for answer in answers] == [200] * 3
        booking.refresh_from_db()
        assert Payment.objects.get(payer=member).state == Payment.State.SUCCEEDED
        assert (booking.state, credit_left(member)) in [("confirmed", 0), ("cancelled", 3_000)]
        assert find_faults() == []


@pytest.mark.control
def test_a_late_payment_control():
    """Without the lock, money buys a seat that is let go at the same moment."""
    booking, event = late_payment(make_coach(), make_member())

    with (
        running(program="tests.unguarded payment") as server,
        without_constraint("schedule_booking", "booking_cancelled_has_a_time"),
    ):
        [answer] = server.at_once([event], beside=[partial(lapse, booking)])

    assert answer.status == 200
    booking.refresh_from_db()
    assert booking.state == Booking.State.CONFIRMED
    assert "session-counts-its-seats" in broken()
