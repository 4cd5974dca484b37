from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule import jobs
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.check_in import check_in, check_out, settle_attendance, undo_check_in
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.stays import presence_in
from tenpo.schedule.tests.make import set_times
from tenpo.schedule.tests.meeting_make import make_begun, make_stay, move
from tests.at_once import at_once, meet_before, without_constraint

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
MINUTE = timedelta(minutes=1)
CONFIRMED, ATTENDED, NO_SHOW = Booking.State.CONFIRMED, Booking.State.ATTENDED, Booking.State.NO_SHOW


def state_of(booking: Booking) -> str:
    return Booking.objects.get(pk=booking.pk).state


def test_who_is_checked_in_has_attended_and_leaves_once():
    booking = make_begun()
    coach = booking.session.coach

    stay = check_in(booking, by=coach)
    again = check_in(booking, by=coach)
    assert (stay.pk, stay.source, stay.noted_by_id, stay.left_at) == (again.pk, "hand", coach.pk, None)
    assert state_of(booking) == ATTENDED
    with time_machine.travel(timezone.now() + 10 * MINUTE):
        left = check_out(booking, by=coach).left_at
    with time_machine.travel(timezone.now() + 20 * MINUTE):
        assert check_out(booking, by=coach).left_at == left
        back = check_in(booking, by=coach)

    assert (back.pk != stay.pk, Attendance.objects.count()) == (True, 2)
    made = AuditLog.objects.filter(action__startswith="attendance.").order_by("id").values_list("action", flat=True)
    assert list(made) == ["attendance.checked_in", "attendance.ended", "attendance.checked_in"]


def test_before_the_start_somebody_is_here_and_has_attended_once_it_begins():
    booking = make_begun(begun_ago=-30 * MINUTE)

    check_in(booking, by=booking.session.coach)
    assert (state_of(booking), settle_attendance()) == (CONFIRMED, 0)
    move(booking.session, begun_ago=MINUTE)
    jobs.settle_attendance(0)

    assert state_of(booking) == ATTENDED


@pytest.mark.parametrize(
    ("begun_ago", "code"),
    [(-61 * MINUTE, "too_early"), (-59 * MINUTE, ""), (59 * MINUTE, ""), (61 * MINUTE, "too_late")],
)
def test_the_door_is_open_from_an_hour_before_until_the_end(begun_ago, code):
    booking = make_begun(begun_ago=begun_ago)
    coach = booking.session.coach
    if not code:
        assert check_in(booking, by=coach).left_at is None
        return

    with pytest.raises(RuleError) as refusal:
        check_in(booking, by=coach)

    assert (refusal.value.code, Attendance.objects.count(), state_of(booking)) == (code, 0, CONFIRMED)


def test_nobody_is_checked_in_for_what_is_off_or_not_booked():
    booking = make_begun(begun_ago=-30 * MINUTE)
    coach = booking.session.coach
    cancel_session(booking.session, reason="", by=coach)
    full = make_begun()
    Session.objects.filter(pk=full.session_id).update(capacity=1)
    set_times(Session.objects.filter(pk=full.session_id), starts_at=timezone.now() + MINUTE)
    waits = make_member()
    other = join_waitlist(full.session, participant=waits.participant, by=waits)

    codes = []
    for one in (booking, other):
        with pytest.raises(RuleError) as refusal:
            check_in(one, by=one.session.coach)
        codes.append(refusal.value.code)

    assert (codes, Attendance.objects.count()) == (["not_planned", "not_booked"], 0)


def test_nobody_checks_in_for_others():
    booking = make_begun()

    for act in (check_in, check_out, undo_check_in):
        for other in (booking.booked_by, make_coach()):
            with pytest.raises(PermissionDenied):
                act(booking, by=other)

    assert check_in(booking, by=make_admin()).left_at is None


def test_a_tap_is_undone_and_with_the_last_one_the_mark():
    booking = make_begun()
    coach = booking.session.coach
    for minutes in (0, 10):
        with time_machine.travel(timezone.now() + minutes * MINUTE):
            check_in(booking, by=coach)
        with time_machine.travel(timezone.now() + (minutes + 5) * MINUTE):
            check_out(booking, by=coach)

    found = []
    for _ in range(3):
        undo_check_in(booking, by=coach)
        found.append((Attendance.objects.count(), state_of(booking)))

    assert found == [(1, ATTENDED), (0, CONFIRMED), (0, CONFIRMED)]


def test_what_the_room_says_is_not_undone_by_hand():
    booking = make_begun(begun_ago=30 * MINUTE)
    make_stay(booking.session, booking.booked_by, joined_at=timezone.now() - 20 * MINUTE)
    check_in(booking, by=booking.session.coach)

    undo_check_in(booking, by=booking.session.coach)

    assert ([stay.source for stay in Attendance.objects.all()], state_of(booking)) == (["room"], ATTENDED)


def test_who_did_not_come_was_not_checked_in():
    booking = make_begun()
    check_in(booking, by=booking.session.coach)

    mark_attendance(booking, state=NO_SHOW, by=booking.session.coach)
    assert Attendance.objects.count() == 0
    check_in(booking, by=booking.session.coach)

    assert state_of(booking) == ATTENDED


def test_there_was_nobody_to_leave():
    booking = make_begun()

    with pytest.raises(RuleError) as refusal:
        check_out(booking, by=booking.session.coach)

    assert refusal.value.code == "not_there"


def test_a_week_after_the_end_it_stays():
    booking = make_begun()
    coach = booking.session.coach
    check_in(booking, by=coach)
    ends_at = booking.session.ends_at
    settle_at = ends_at + MINUTE
    with time_machine.travel(settle_at):
        settle_attendance()

    with time_machine.travel(ends_at + timedelta(days=7, minutes=1)), pytest.raises(RuleError) as refusal:
        undo_check_in(booking, by=coach)
    with time_machine.travel(ends_at + timedelta(days=6, hours=23)):
        assert undo_check_in(booking, by=coach).state == CONFIRMED

    assert refusal.value.code == "too_late"


def test_what_is_open_ends_with_the_session():
    booking = make_begun(begun_ago=10 * MINUTE)
    check_in(booking, by=booking.session.coach)
    Attendance.objects.update(joined_at=timezone.now() - 9 * MINUTE)

    assert settle_attendance() == 0
    with time_machine.travel(booking.session.ends_at):
        assert [settle_attendance(), settle_attendance()] == [1, 0]

    assert Attendance.objects.get().left_at == booking.session.ends_at


def test_who_was_in_the_room_for_five_minutes_has_come():
    short, long = make_begun(begun_ago=30 * MINUTE), make_begun(begun_ago=30 * MINUTE)
    now = timezone.now()
    for booking, minutes in ((short, 4), (long, 5)):
        make_stay(booking.session, booking.booked_by, joined_at=now - minutes * MINUTE, left_at=now)

    settle_attendance()

    assert [state_of(short), state_of(long)] == [CONFIRMED, ATTENDED]


def test_a_mark_of_the_coach_is_not_the_rooms_to_change():
    booking = make_begun(begun_ago=30 * MINUTE)
    mark_attendance(booking, state=NO_SHOW, by=booking.session.coach)
    make_stay(booking.session, booking.booked_by, joined_at=timezone.now() - 20 * MINUTE)

    settle_attendance()

    assert state_of(booking) == NO_SHOW


def test_who_came_to_a_time_that_was_moved_has_not_come():
    booking = make_begun(begun_ago=-30 * MINUTE)
    check_in(booking, by=booking.session.coach)

    edit_session(booking.session, by=booking.session.coach, starts_at=timezone.now() + timedelta(days=3))

    assert Attendance.objects.count() == 0


def test_of_a_session_that_is_called_off_nobody_stays():
    booking = make_begun(begun_ago=-30 * MINUTE)
    check_in(booking, by=booking.session.coach)
    with time_machine.travel(timezone.now() + MINUTE):
        cancel_session(booking.session, reason="", by=booking.session.coach)

        settle_attendance()

    assert Attendance.objects.open().count() == 0


def test_both_sources_count_once_and_the_session_alone_counts():
    booking = make_begun(begun_ago=50 * MINUTE)
    session, start = booking.session, booking.session.starts_at
    member = booking.booked_by
    for joined, left in ((-10, 10), (15, 25), (40, None)):
        make_stay(session, member, joined_at=start + joined * MINUTE, left_at=start + left * MINUTE if left else None)
    check_in(booking, by=session.coach)
    Attendance.objects.by_hand().update(joined_at=start + 5 * MINUTE, left_at=start + 20 * MINUTE)

    found = presence_in(session, session.stays.all(), now=start + 50 * MINUTE)[booking.participant_id]
    after = presence_in(session, session.stays.all(), now=start + 90 * MINUTE)[booking.participant_id]

    # 0–25 and 40–50, then until the end.
    assert (found.minutes, found.is_here, after.minutes, after.is_here) == (35, True, 45, False)


@pytest.mark.parametrize("source", ["hand", "room"])
def test_the_database_refuses_two_stays_at_once(source):
    booking = make_begun()
    stay = {"session": booking.session, "participant": booking.participant, "source": source}
    if source == "hand":
        stay["noted_by"] = booking.session.coach
    now = timezone.now()
    Attendance.objects.create(**stay, joined_at=now)

    for times in ({"joined_at": now + MINUTE}, {"joined_at": now - 2 * MINUTE, "left_at": now - 2 * MINUTE}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Attendance.objects.create(**stay, **times)

    Attendance.objects.create(**stay, joined_at=now - MINUTE, left_at=now)
    assert Attendance.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_five_taps_at_once_are_one():
    booking = make_begun()

    at_once([lambda: check_in(booking, by=booking.session.coach)] * 5)

    assert Attendance.objects.count() == 1


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_its_guards_a_tap_counts_more_than_once(monkeypatch):
    booking = make_begun()
    monkeypatch.setattr("tenpo.schedule.actions.check_in._locked", lambda booking, *, by: (booking.session, booking))
    meet_before(monkeypatch, Attendance.objects, "create", 5)

    with without_constraint("schedule_attendance", "attendance_by_hand_never_overlaps"):
        at_once([lambda: check_in(booking, by=booking.session.coach)] * 5)
        count = Attendance.objects.count()
        Attendance.objects.all().delete()

    assert count == 5


def test_the_door_with_and_without_javascript():
    booking = make_begun()
    client = signed_in(booking.session.coach)
    address = f"/bookings/{booking.pk}/check-in/"

    row = client.post(address, {"act": "in"}, headers={"HX-Request": "true"}).content.decode()
    assert f'id="door-{booking.pk}"' in row
    assert "here since" in row
    assert 'hx-swap-oob="true"' in row
    assert "1 of 1 here" in row
    assert client.post(address, {"act": "out"})["Location"] == f"/teaching/{booking.session_id}/check-in/"
    page = client.get(f"/teaching/{booking.session_id}/check-in/").content.decode()
    assert "0 of 1 here" in page
    assert "hx-swap-oob" not in page
    assert client.post(address, {"act": "dance"}).status_code == 404

    client.force_login(booking.booked_by)
    assert client.post(address, {"act": "in"}).status_code == 404


def test_the_roster_says_how_long_somebody_was_there():
    booking = make_begun(begun_ago=30 * MINUTE)
    make_stay(booking.session, booking.booked_by, joined_at=timezone.now() - 20 * MINUTE, left_at=timezone.now())
    client = signed_in(booking.session.coach)

    page = client.get(f"/teaching/{booking.session_id}/").content.decode()

    assert "was there for 20 min" in page
    assert f"/teaching/{booking.session_id}/check-in/" in page


def test_by_api_everybody_sees_their_own_stays():
    booking = make_begun()
    for who in (booking.session.coach, booking.booked_by):
        make_stay(booking.session, who)
    coach, member = signed_in(booking.session.coach), signed_in(booking.booked_by)
    address = f"/api/v1/bookings/{booking.pk}/check-in"

    assert coach.put(address).json()["left_at"] is None
    assert member.put(address).status_code == 403
    seen = [
        [item["name"] for item in one.get(f"/api/v1/sessions/{booking.session_id}/attendance").json()["items"]]
        for one in (coach, member)
    ]
    assert [len(names) for names in seen] == [3, 2]
    assert coach.delete(address).json()["state"] == "attended"
    assert coach.put(f"/api/v1/bookings/{booking.pk}/check-out").json()["code"] == "not_there"
