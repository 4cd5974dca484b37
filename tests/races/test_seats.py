"""Hundreds of buyers at the same moment for fewer seats, and at the edge of the waitlist."""

import pytest
from django.db import connection

from tenpo.core.invariants import find_faults
from tenpo.orders.tests.make import make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.tests.make import make_members
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session
from tests.at_once import without_constraint
from tests.server import Request, outcomes, running, with_keys

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

BUYERS, SEATS = 400, 100


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        [(count,)] = cursor.fetchall()
    return int(count)


def bookings(session: Session, count: int) -> list[Request]:
    """As many people, each with a card, who want a seat."""
    body = {"session_id": str(session.pk), "provider": "sandbox", "source": SUCCEEDS}
    return [caller.call("POST", "/bookings", body) for caller in with_keys(make_members(count))]


def test_many_buyers_for_fewer_seats(server):
    make_share_policy(percent=40)
    session = make_session(capacity=SEATS, price=5_000)
    wanted = bookings(session, BUYERS)
    before = deadlocks()

    found = outcomes(server.at_once(wanted))

    assert found == {"confirmed": SEATS, "full": BUYERS - SEATS}
    assert Booking.objects.filter(session=session).seated().count() == SEATS
    assert Payment.objects.filter(state="succeeded").count() == SEATS
    assert deadlocks() == before


@pytest.mark.control
def test_many_buyers_control():
    """Without the condition and the constraint, everybody gets a seat that is not there."""
    session = make_session(capacity=10)
    wanted = bookings(session, 30)

    with (
        running(program="tests.unguarded seats") as server,
        without_constraint("schedule_session", "session_seats_within_capacity"),
    ):
        found = outcomes(server.at_once(wanted))

    assert found == {"confirmed": 30}
    assert "session-has-no-more-people-than-seats" in {finding.name for finding in find_faults()}
