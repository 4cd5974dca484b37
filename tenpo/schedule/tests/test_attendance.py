from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.attendance import mark_all_attended, mark_attendance
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times

pytestmark = pytest.mark.django_db
ATTENDED, NO_SHOW, CONFIRMED = Booking.State.ATTENDED, Booking.State.NO_SHOW, Booking.State.CONFIRMED


def booked(*, begun_ago: timedelta = timedelta(minutes=1)) -> Booking:
    """A booking of a session that began that long ago and lasts an hour."""
    session = make_session()
    booking = make_booking(session, make_member())
    start = timezone.now() - begun_ago
    set_times(Session.objects.filter(pk=session.pk), starts_at=start, ends_at=start + timedelta(hours=1))
    return Booking.objects.select_related("session__coach").get(pk=booking.pk)


def test_a_mark_can_be_made_changed_and_taken_back():
    booking = booked()
    coach = booking.session.coach

    for state in (ATTENDED, NO_SHOW, NO_SHOW, CONFIRMED):
        assert mark_attendance(booking, state=state, by=coach).state == state

    assert AuditLog.objects.filter(action="booking.attendance_marked").count() == 3


@pytest.mark.parametrize(
    ("begun_ago", "code"),
    [
        (timedelta(minutes=-1), "too_early"),
        (timedelta(seconds=1), ""),
        (timedelta(days=7, minutes=59), ""),
        (timedelta(days=7, minutes=61), "too_late"),
    ],
)
def test_from_the_start_until_a_week_after_the_end(begun_ago, code):
    booking = booked(begun_ago=begun_ago)
    coach = booking.session.coach
    if not code:
        assert mark_attendance(booking, state=ATTENDED, by=coach).state == ATTENDED
        return

    with pytest.raises(RuleError) as refusal:
        mark_attendance(booking, state=ATTENDED, by=coach)
    with pytest.raises(RuleError):
        mark_all_attended(booking.session, by=coach)

    booking.refresh_from_db()
    assert (refusal.value.code, booking.state) == (code, CONFIRMED)


def test_all_came_leaves_marks_that_were_made():
    first = booked()
    session = first.session
    set_times(Session.objects.filter(pk=session.pk), starts_at=timezone.now() + timedelta(hours=1),
                                                 ends_at=timezone.now() + timedelta(hours=2))  # fmt: skip
    others = [make_booking(session, make_member()) for _ in range(2)]
    set_times(Session.objects.filter(pk=session.pk), starts_at=timezone.now())
    mark_attendance(first, state=NO_SHOW, by=session.coach)

    assert [mark_all_attended(session, by=make_admin()), mark_all_attended(session, by=None)] == [2, 0]

    states = Booking.objects.filter(session=session).order_by("id").values_list("state", flat=True)
    assert list(states) == [NO_SHOW, ATTENDED, ATTENDED]
    assert len(others) == 2


def test_who_only_waited_did_not_come():
    session = make_session(capacity=1)
    make_booking(session, make_member())
    member = make_member()
    waiting = join_waitlist(session, participant=member.participant, by=member)
    set_times(Session.objects.filter(pk=session.pk), starts_at=timezone.now())

    with pytest.raises(RuleError) as refusal:
        mark_attendance(waiting, state=ATTENDED, by=session.coach)

    assert refusal.value.code == "not_booked"
    assert mark_all_attended(session, by=session.coach) == 1


def test_nobody_marks_for_others():
    booking = booked()

    for other in (booking.booked_by, make_coach()):
        with pytest.raises(PermissionDenied):
            mark_attendance(booking, state=ATTENDED, by=other)
        with pytest.raises(PermissionDenied):
            mark_all_attended(booking.session, by=other)


def test_the_roster_marks_with_and_without_javascript():
    booking = booked()
    client = Client()
    client.force_login(booking.session.coach)
    address = f"/bookings/{booking.pk}/attendance/"

    row = client.post(address, {"state": "attended"}, headers={"HX-Request": "true"})
    assert row.status_code == 200
    assert row.content.decode().lstrip().startswith(f'<li class="row" id="booking-{booking.pk}"')
    assert "Undo" in row.content.decode()
    assert client.post(address, {"state": "no_show"})["Location"] == f"/teaching/{booking.session_id}/"
    assert client.post(address, {"state": "held"}).status_code == 404
    assert client.post(address, {"state": "confirmed"}).status_code == 302
    assert client.post(f"/teaching/{booking.session_id}/attendance/").status_code == 302

    booking.refresh_from_db()
    assert booking.state == ATTENDED
    client.force_login(booking.booked_by)
    assert client.post(address, {"state": "no_show"}).status_code == 404


def test_the_roster_as_csv_runs_no_formula():
    session = make_session()
    make_booking(session, make_member("=HYPERLINK(1)"))
    client = Client()
    client.force_login(session.coach)

    text = client.get(f"/teaching/{session.pk}/roster.csv").getvalue().decode()

    assert "'=HYPERLINK(1)" in text
    assert "Booked" in text
