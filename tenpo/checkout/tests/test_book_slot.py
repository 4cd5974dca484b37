"""Booking a time with a coach: a session of its own, paid as a seat is."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenpo.access.actions.idempotency import Call
from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.tests.make import left_in_wallet, make_top_up
from tenpo.checkout.tests.slot_make import (
    HOUR,
    NINE,
    QUESTIONS,
    book,
    lapse,
    make_client_of,
    refusal_of,
    starts,
    working_coach,
)
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.core.tokens import new_id
from tenpo.orders.tests.make import credit_left, make_cancellation_policy, make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Room, Session
from tenpo.schedule.tests.time_make import make_location, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture
def coach() -> User:
    return working_coach()


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
    assert len(asked) == (3 if is_coach_known else 6), "\n".join(asked)


def test_a_hold_that_ends_takes_its_session_along_once(coach):
    service, member = make_service(coach), make_member()
    held = book(service, member, source=DECLINED)
    assert (held.state, starts(service)) == ("held", ["10:00", "10:30", "11:00"])
    lapse(held)

    # Free again for whoever looks, before anybody has let it go.
    assert starts(service) == ["09:00", "09:30", "10:00", "10:30", "11:00"]
    assert release_lapsed_everywhere() == 1
    assert release_lapsed_everywhere() == 0

    session = Session.objects.get()
    assert (session.status, session.seats_taken, session.cancelled_at is not None) == ("cancelled", 0, True)
    assert AuditLog.objects.filter(action="session.cancelled").count() == 1
    assert OutboxMessage.objects.filter(name="session.cancelled").count() == 1


def test_a_hold_that_ran_out_stands_in_nobodys_way(coach):
    service, first, second = make_service(coach), make_member(), make_member()
    lapse(book(service, first, source=DECLINED))

    assert book(service, second).state == "confirmed"
    assert Session.objects.filter(status="planned").count() == 1


def test_ones_own_hold_that_ran_out_elsewhere_does_not_either(coach):
    member = make_member()
    lapse(book(make_service(working_coach()), member, source=DECLINED))

    assert book(make_service(coach), member).state == "confirmed"


def test_a_declined_card_is_tried_again_with_another_one(coach):
    member = make_member()
    held = book(make_service(coach), member, source=DECLINED)

    paid = pay_booking(held, by=member, provider="sandbox", source=SUCCEEDS)

    assert (paid.state, paid.session.status) == ("confirmed", "planned")


@pytest.mark.parametrize("is_by_host", [True, False])
def test_whoever_gives_it_up_frees_the_time_at_once(coach, is_by_host):
    service, member = make_service(coach), make_member()
    booking = book(service, member)

    cancel_booking(booking, by=coach if is_by_host else member)
    cancel_booking(booking, by=member)

    assert Session.objects.get().status == "cancelled"
    assert AuditLog.objects.filter(action="session.cancelled").count() == 1
    assert book(service, make_member()).state == "confirmed"


def test_there_is_no_line_for_what_somebody_booked_for_themselves(coach):
    booking = book(make_service(coach), make_member())
    other = make_member()

    with pytest.raises(RuleError) as refusal:
        join_waitlist(booking.session, participant=other.participant, by=other)

    assert refusal.value.code == "no_waitlist"


def test_a_policy_of_its_own_is_frozen_or_that_of_the_business(coach):
    own = make_cancellation_policy((48, 100), (0, 0))

    ours = book(make_service(coach, cancellation_policy=own), make_member())
    usual = book(make_service(coach), make_member(), NINE + HOUR)

    assert [window["hours_before"] for window in ours.policy] == [48, 0]
    assert [window["hours_before"] for window in usual.policy] == [24, 0]


def test_of_any_coaches_whoever_has_the_least_gives_it(coach):
    second, third = working_coach(), working_coach()
    service = make_service(coach, second, third, coaches_rule="any")
    book(service, make_member(), NINE + 2 * HOUR, coach=coach)

    given = [book(service, make_member()).session.coach for _ in range(3)]

    assert given == [second, third, coach]
    refusal = refusal_of(service, make_member())
    assert (refusal.code, NINE + HOUR in refusal.facts["nearest"]) == ("slot_taken", True)


def test_a_coach_must_be_chosen_where_there_are_several(coach):
    service = make_service(coach, working_coach())

    with pytest.raises(ValidationError) as error:
        book(service, make_member())

    assert set(error.value.message_dict) == {"coach"}
    assert book(service, make_member(), coach=coach).session.coach == coach


def test_a_room_that_is_free_is_taken(coach):
    second = working_coach()
    service = make_service(coach, second)
    hall = Room.objects.get()
    small = Room.objects.create(location=hall.location, name="Small one")
    service.rooms.set([hall, small])

    rooms = {book(service, make_member(), coach=one).session.room for one in (coach, second)}

    assert rooms == {hall, small}


def test_a_location_can_be_chosen(coach):
    service = make_service(coach)
    school = make_location("School")
    service.locations.add(school)

    assert book(service, make_member(), location=school).session.location == school


def test_answers_are_kept_with_the_question(coach):
    service = make_service(coach, questions=QUESTIONS)

    booking = book(service, make_member(), answers={"goal": " To swim ", "level": "New", "rules": True})

    assert booking.answers == [
        {"label": "Your goal?", "answer": "To swim"},
        {"label": "Your level?", "answer": "New"},
        {"label": "You know the rules?", "answer": True},
    ]


def test_whoever_gives_it_books_for_a_client_whatever_the_notice(coach):
    service = make_service(coach, notice_minutes=60 * 24 * 60, open_to="team")
    client = make_client_of(coach)

    by_coach = book(service, client, by=coach)
    by_admin = book(service, make_member(), NINE + HOUR, by=make_admin())

    assert {by_coach.state, by_admin.state} == {"confirmed"}


def test_the_same_call_twice_books_once(coach):
    member, call = make_member(), Call(new_id(), is_again=False)
    service = make_service(coach)
    booking = book(service, member, call=call)

    again = book(service, member, call=Call(call.id, is_again=True))

    assert (again, Session.objects.count(), Payment.objects.count()) == (booking, 1, 1)
