"""Booking a time with a coach: a session of its own, paid as a seat is."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.slots import book_slot
from tenpo.checkout.tests.make import left_in_wallet, make_top_up
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Transfer
from tenpo.orders.models import Order
from tenpo.orders.tests.make import credit_left, make_credit, make_share_policy
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.models import Booking, Room, Service, Session
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.tests.time_make import make_hours, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

BERLIN = ZoneInfo("Europe/Berlin")
# Midnight of a Monday, one to two weeks from now.
TODAY = datetime.now(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = TODAY + timedelta(days=14 - TODAY.weekday())
HOUR = timedelta(hours=1)
NINE = DAY + 9 * HOUR


@pytest.fixture
def coach() -> User:
    return working_coach()


def working_coach() -> User:
    """One who works from 9 to 12 by Berlin's clock."""
    coach = make_coach()
    User.objects.filter(pk=coach.pk).update(time_zone="Europe/Berlin")
    make_hours(coach, opens=9 * 60, closes=12 * 60)
    return coach


def book(service: Service, member: User, at: datetime = NINE, **wanted: Any) -> Booking:
    """An hour by card, unless something else is said."""
    values = {"minutes": 60, "provider": "sandbox", "source": SUCCEEDS, "by": member, **wanted}
    return book_slot(service, starts_at=at, participant=member.participant, **values)


def refusal_of(service: Service, member: User, at: datetime = NINE, **wanted: Any) -> RuleError:
    """Why it is refused, once it is sure that nothing moved."""
    before = everything()
    with pytest.raises(RuleError) as refusal:
        book(service, member, at, **wanted)
    assert everything() == before
    return refusal.value


def everything() -> tuple[int, ...]:
    counted = (Session, Booking, Order, Transfer, OutboxMessage, AuditLog)
    return tuple(model._default_manager.count() for model in counted)


def test_a_slot_becomes_a_session_of_its_own_and_is_paid(coach):
    service = make_service(
        coach, buffer_before=10, buffer_after=15, format="one_on_one", join_link="https://meet.test/1"
    )
    hall = Room.objects.get()
    service.rooms.add(hall)
    member = make_member()

    booking = book(service, member, coach=coach)

    session = Session.objects.get()
    assert (booking.state, booking.session_id, booking.line.own_share) == ("confirmed", session.pk, 6_000)
    assert (session.coach, session.service, session.room, session.location) == (coach, service, hall, hall.location)
    assert (session.title, session.place) == (service.name, "Studio, Main street 1")
    assert (session.join_link, session.time_zone) == ("https://meet.test/1", "Europe/Berlin")
    assert (session.is_private, session.capacity, session.seats_taken, session.price) == (True, 1, 1, 6_000)
    assert (session.starts_at, session.ends_at) == (NINE, NINE + HOUR)
    assert (session.busy_from, session.busy_until) == (NINE - timedelta(minutes=10), NINE + timedelta(minutes=75))
    assert (booking.starts_at, booking.ends_at) == (NINE, NINE + HOUR)
    assert AuditLog.objects.filter(action="session.created", object_id=session.pk).count() == 1
    assert OutboxMessage.objects.filter(name="session.created", subject_id=session.pk).count() == 1
    # It ends at 10, and a quarter of an hour is kept free after it, ten minutes before the next one.
    assert starts(service) == ["10:30", "11:00"]


def starts(service: Service, **wanted: Any) -> list[str]:
    search = SlotSearch(since=DAY, until=DAY + timedelta(days=1), minutes=60, **wanted)
    return [f"{slot.starts_at.astimezone(BERLIN):%H:%M}" for slot in find_slots(service, search)]


def test_what_costs_nothing_is_booked_at_once(coach):
    booking = book(make_service(coach, price=0), make_member(), provider="")

    assert (booking.state, booking.line.price) == ("confirmed", 0)


def test_company_credit_and_wallet_pay_before_a_card(coach):
    member = make_member()
    make_share_policy(percent=50)
    make_credit(member, 1_000)
    make_top_up(member, 5_000)

    booking = book(make_service(coach), member, provider="")

    line = booking.line
    assert (line.company_share, line.credit_spent, line.wallet_spent, line.own_share) == (3_000, 1_000, 2_000, 0)
    assert (credit_left(member), left_in_wallet(member)) == (0, 3_000)


def test_the_price_is_by_the_hour_half_a_cent_up(coach):
    service = make_service(coach, price=3_333, price_basis="hour", durations=[30, 45])

    assert book(service, make_member(), minutes=30).line.price == 1_667
    assert book(service, make_member(), NINE + HOUR, minutes=45).line.price == 2_500


@pytest.mark.parametrize("is_coach_known", [True, False])
def test_a_covered_slot_takes_few_statements(coach, is_coach_known):
    terms = {"coach": coach} if is_coach_known else {}
    service = make_service(coach, working_coach(), coaches_rule="any")
    make_share_policy(percent=100)
    book(service, make_member(), NINE + HOUR, **terms)
    member = make_member()

    with CaptureQueriesContext(connection) as captured:
        booking = book(service, member, **terms)

    assert booking.state == "confirmed"
    asked = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(asked) == (4 if is_coach_known else 7), "\n".join(asked)
