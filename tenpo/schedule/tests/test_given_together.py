"""Several coaches in one session: each does what its lead does, and has it wherever they look."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.notify.models import Notification
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import Split
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions import session_coaches
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.actions.check_in import check_in
from tenpo.schedule.actions.notes import write_note
from tenpo.schedule.actions.reviews import write_review
from tenpo.schedule.actions.sessions import create_session, edit_session
from tenpo.schedule.calendar_queries import our_events
from tenpo.schedule.guest_queries import clients_of
from tenpo.schedule.models import Attendance, Booking, Session, SessionNote, SessionReview
from tenpo.schedule.queries import feed_taught, taught_sessions
from tenpo.schedule.session_coach_queries import name_coaches
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.test_api import Caller
from tenpo.schedule.tests.test_create_session import terms
from tenpo.schedule.tests.time_make import refuses
from tenpo.schedule.video_queries import joinable_by
from tenpo.web.queries.today import teaching_of
from tests.work import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair() -> tuple[User, User]:
    return make_coach(), make_coach()


@pytest.fixture
def session(pair: tuple[User, User]) -> Session:
    return make_session(pair[0], beside=[pair[1]], price=0, starts_in=timedelta(minutes=30))


@pytest.mark.parametrize("place", [0, 1])
def test_each_has_it_wherever_they_look(pair, session, place):
    coach = pair[place]
    member = make_member()
    make_booking(session, member)

    assert teaching_of(coach).next == session
    assert list(taught_sessions(coach, coach=None, is_past=False)) == [session]
    assert feed_taught(coach) == [session]
    assert [one.session for one in our_events(coach, now=timezone.now()).values()] == [session]
    assert list(joinable_by(coach)) == [session]
    assert list(clients_of(coach)) == [member.participant]


@pytest.mark.parametrize("place", [0, 1])
def test_each_does_what_the_lead_does(client, pair, session, place):
    coach, other = pair[place], make_coach()
    booking = make_booking(session, make_member())

    check_in(booking, by=coach)
    with pytest.raises(PermissionDenied):
        check_in(booking, by=other)
    edit_session(session, by=coach, title="Another title")
    write_note(session, text="Sleeps badly", by=coach)
    client.force_login(coach)
    roster = client.get(reverse("schedule:session-roster", args=[session.pk]))

    assert roster.status_code == 200
    assert Attendance.objects.visible_to(coach).count() == 1
    assert SessionNote.objects.visible_to(coach).count() == 1
    assert not SessionNote.objects.visible_to(pair[1 - place]).exists()


def test_reviews_are_between_the_lead_and_whoever_came(pair, session):
    member = make_member()
    booking = make_booking(session, member)
    ended = timezone.now() - timedelta(hours=2)
    set_times(Session.objects.filter(pk=session.pk), starts_at=ended, ends_at=ended + timedelta(hours=1))
    mark_attendance(booking, state=Booking.State.ATTENDED, by=pair[1])
    booking.refresh_from_db()

    review = write_review(booking, side=SessionReview.Side.PARTICIPANT, rating=5, comment="", by=member)
    with pytest.raises(PermissionDenied):
        write_review(booking, side=SessionReview.Side.COACH, rating=5, comment="", by=pair[1])

    assert review.subject == pair[0]


def test_the_page_names_all_of_them(client: Client, pair, session):
    User.objects.filter(pk=pair[0].pk).update(name="Lena Ott")
    User.objects.filter(pk=pair[1].pk).update(name="Jonas Feld")
    client.force_login(make_member())

    page = client.get(reverse("schedule:session-detail", args=[session.pk])).content.decode()
    listed = client.get(reverse("schedule:session-list")).content.decode()

    assert "Your coaches" in page
    assert "Lena Ott" in page
    assert "Jonas Feld" in page
    assert "Lena Ott and Jonas Feld" in listed


def test_names_of_many_cost_one_statement_and_of_one_coach_none(django_assert_num_queries, pair, session):
    third = make_session(make_coach(), beside=[make_coach()])
    alone = make_session()
    sessions = list(Session.objects.select_related("coach").filter(pk__in=[session.pk, third.pk]))

    with django_assert_num_queries(1):
        name_coaches(sessions)
        assert all(" and " in one.coach_names for one in sessions)
    with django_assert_num_queries(0):
        name_coaches([alone])
        assert (alone.coach_names, alone.coach_ids) == (str(alone.coach), [alone.coach_id])


def test_a_taken_seat_writes_neither_an_index_nor_a_claim(session):
    """The row is updated where it stands (HOT), as before the claims followed the session."""
    updates = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = %s"

    def counted(table: str) -> tuple[int, ...]:
        with connection.cursor() as cursor:
            cursor.execute(updates, [table])
            return tuple(cursor.fetchone())

    before = counted("schedule_session"), counted("schedule_sessioncoach")
    Session.objects.filter(pk=session.pk).update(seats_taken=1)
    after = counted("schedule_session"), counted("schedule_sessioncoach")

    assert after[0] == (before[0][0] + 1, before[0][1] + 1)
    assert after[1] == before[1]


def test_a_coach_offers_it_with_others_who_are_told(pair):
    lead, other = pair
    session = create_session(lead, by=lead, beside=[other], **terms())
    work()

    assert (session.coach_ids, session.is_together) == ([lead.pk, other.pk], True)
    told = Notification.objects.get(kind="coach.session_shared")
    assert told.user == other
    with refuses("overlap"):
        create_session(other, by=other, **terms(starts_at=session.starts_at))
    with refuses("coach_taken"):
        create_session(make_coach(), by=None, beside=[lead], **terms(starts_at=session.starts_at))
    assert Session.objects.count() == 1


def test_a_coach_puts_another_beside_them_so_often_and_an_admin_more_often(pair, monkeypatch):
    monkeypatch.setattr(session_coaches, "SESSIONS_BESIDE", 2)
    lead, other = pair
    days = [terms(starts_at=timezone.now() + timedelta(days=3 + day)) for day in range(4)]
    for each in days[:2]:
        create_session(lead, by=lead, beside=[other], **each)

    with pytest.raises(ValidationError, match="Please ask an admin"):
        create_session(lead, by=lead, beside=[other], **days[2])
    assert Session.objects.count() == 2
    assert create_session(lead, by=lead, beside=[make_coach()], **days[2]).is_together
    assert create_session(lead, by=make_admin(), beside=[other], **days[3]).is_together


@pytest.mark.parametrize("who", ["the lead", "a member"])
def test_nobody_but_other_coaches_gives_it(pair, who):
    beside = pair[0] if who == "the lead" else make_member()

    with pytest.raises(ValidationError):
        create_session(pair[0], by=pair[0], beside=[beside], **terms())

    assert not Session.objects.exists()


def test_what_several_give_is_earned_by_all_when_a_seat_is_booked(pair):
    create_split_rule(name="Earn", business_percent=20, creator_percent=80, teacher_percent=0, by=make_admin())
    session = make_session(pair[0], beside=[pair[1]], price=1_001)

    booking = make_booking(session, make_member())

    splits = Split.objects.filter(line=booking.line).order_by("id")
    assert [(one.recipient, one.amount) for one in splits] == [(None, 200), (pair[0], 401), (pair[1], 400)]


def test_by_page_and_by_api(client: Client, pair):
    client.force_login(pair[0])
    starts_at = timezone.now() + timedelta(days=3)
    day = {"day": starts_at.date().isoformat(), "at": "10:00", "minutes": 60, "time_zone": "Europe/Berlin"}
    body = {"title": "Ours", "place": "Studio", "capacity": 4, "price": "0", **day}

    page = client.post(reverse("schedule:session-create"), {**body, "beside": [str(pair[1].pk)]})
    made = Session.objects.get()

    assert page.status_code == 302
    assert made.coach_ids == [pair[0].pk, pair[1].pk]
    wanted = {
        "title": "Again", "starts_at": (starts_at + timedelta(days=1)).isoformat(), "minutes": 60,
        "time_zone": "Europe/Berlin", "place": "Studio", "capacity": 4, "price": 0, "beside_ids": [str(pair[1].pk)],
    }  # fmt: skip
    status, said = Caller(pair[0])("POST", "sessions", wanted)
    assert (status, said["coach_ids"]) == (201, [str(one.pk) for one in pair])
