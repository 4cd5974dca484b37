"""Sessions, who has a place and who waits, as each source shows them; what was only asked for is no booking."""

import pytest

from tenpo.checkout.actions.placing import Terms, place_in_session
from tenpo.checkout.actions.requests import approve_request
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.slot_make import NINE, book, make_client_of, working_coach
from tenpo.people.tests.make import make_coach, make_member
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.meeting_make import make_attended
from tenpo.schedule.tests.time_make import make_service

pytestmark = pytest.mark.django_db
BOOKED = (
    ("fitness_coaching", "Sessions"), ("fitness_coaching", "SessionParticipants"), ("youth_sports", "ScheduleBooking"),
    ("youth_sports", "Session"), ("youth_sports", "SessionDetails"), ("youth_sports", "SessionParticipant"),
)  # fmt: skip


def test_what_was_only_asked_for_is_not_booked():
    coach = working_coach()
    service = make_service(coach, needs_approval=True, price=0)
    request = book(service, make_member(), provider="", source="")

    assert {name: view_rows(source, name) for source, name in BOOKED} == {name: [] for _source, name in BOOKED}
    assert [row["is_booked"] for row in view_rows("youth_sports", "Slot")] == [False]
    assert view_rows("peer_learning", "sessions")[0]["student_id"] is None
    approve_request(request, by=coach)

    assert {name: len(view_rows(source, name)) for source, name in BOOKED} == {name: 1 for _source, name in BOOKED}
    assert [row["is_booked"] for row in view_rows("youth_sports", "Slot")] == [True]


def test_a_session_and_its_one_student():
    booking = make_attended()
    session = booking.session

    [row] = view_rows("peer_learning", "sessions")

    names = ("id", "enrollment_id", "teacher_id", "student_id", "status", "scheduled_start")
    assert [row[name] for name in names] == [
        session.pk, booking.pk, session.coach_id, booking.booked_by_id, "scheduled", session.starts_at,
    ]  # fmt: skip


def test_a_session_that_was_called_off_says_by_whom_and_why():
    session = make_session()
    cancel_session(session, reason="Ill", by=session.coach)

    [row] = view_rows("peer_learning", "sessions")

    assert (row["status"], row["cancelled_by"], row["cancel_reason"]) == ("cancelled", session.coach_id, "Ill")
    assert [row["is_deleted"] for row in view_rows("youth_sports", "Slot")] == [True]


def test_who_stood_in_line_and_since_when_they_may_come():
    session = make_session(capacity=1)
    first, second = make_member(), make_member()
    holder = make_booking(session, make_member())
    for member in (first, second):
        join_waitlist(session, participant=member.participant, by=member)
    cancel_booking(holder, by=holder.booked_by)

    rows = view_rows("fitness_coaching", "WaitlistEntries")

    assert {row["customer_id"]: row["promoted_at"] is not None for row in rows} == {first.pk: True, second.pk: False}


def test_who_was_given_a_seat_never_stood_in_line():
    coach = make_coach()
    client = make_client_of(coach)

    place_in_session(make_session(coach), participant=client.participant, by=coach, terms=Terms())

    assert view_rows("fitness_coaching", "WaitlistEntries") == []


def test_a_first_talk_and_what_came_of_it():
    coach = working_coach()
    intro = make_service(coach, format="intro", price=0, durations=[15], locations=[], join_link="https://meet.example")
    member = make_member("Mina Ray")
    talk = book(intro, member, minutes=15, provider="", source="")

    [row] = view_rows("peer_learning", "intro_sessions")
    book(make_service(coach), member, NINE.replace(hour=11))

    names = ("id", "visitor_email", "visitor_name", "student_teacher_id", "status", "duration_minutes")
    assert [row[name] for name in names] == [talk.pk, member.email, "Mina Ray", coach.pk, "scheduled", 15]
    [later] = view_rows("peer_learning", "intro_sessions")
    assert [one["converted_to_enrollment"] for one in (row, later)] == [False, True]


def test_a_trainers_session_has_its_price_in_cents_and_the_clock_of_its_place():
    coach = working_coach()
    booking = book(make_service(coach), make_member())

    [row], [slot] = view_rows("youth_sports", "Session"), view_rows("youth_sports", "Slot")

    assert (row["status"], row["totalPrice"], row["group_session"]) == ("PAID", 6_000, False)
    assert row["location_id"] == str(booking.session.location_id)
    assert (slot["start"], slot["end"], slot["is_booked"]) == ("09:00", "10:00", True)
