"""What is taken back of what others give in a coach's place, and a series of which they give some dates."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from tenpo.checkout.tests.make import make_booking
from tenpo.core.limits import LIMITS, hit
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.series import cancel_following, edit_following
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.standing_in import hand_over, take_back
from tenpo.schedule.actions.time_off import remove_time_off
from tenpo.schedule.models import Session, SessionCoach, TimeOff
from tenpo.schedule.stand_in_queries import stood_in
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.test_api import Caller
from tenpo.schedule.tests.test_series import sessions_of
from tenpo.schedule.tests.test_series_coaches import make_series
from tenpo.schedule.tests.test_session_coaches import given_by
from tenpo.schedule.tests.test_standing_in import DAY, HOUR, SINCE, away, on_day, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def coach() -> User:
    return make_coach("Sofia Lindqvist")


@pytest.fixture
def other() -> User:
    return make_coach("Jonas Feld")


def test_it_is_taken_back_where_they_are_free_again(coach, other):
    first, second = on_day(coach, 1), on_day(coach, 2)
    off = away(coach, other)
    hand_over(off, by=coach)
    own = on_day(other, 3)
    make_session(coach, starts_at=first.starts_at, title="Something else")

    done = take_back(off, by=coach)

    assert [one.pk for one in done.given] == [second.pk]
    assert [(one.session.pk, one.reason) for one in done.left] == [
        (first.pk, "Sofia Lindqvist gives “Something else” then.")
    ]
    assert [given_by(one) for one in (first, second, own)] == [[other.pk], [coach.pk], [other.pk]]
    assert not SessionCoach.objects.filter(session=second, stands_in_for__isnull=False).exists()
    assert [one.user for one in told("coach.handed_over")] == [other]


def test_it_is_taken_back_from_whoever_has_it_by_now_and_when_the_time_off_is_gone(coach, other):
    third = make_coach()
    first, second, own = on_day(coach, 1), on_day(coach, 2), on_day(other, 3)
    off = away(coach, other)
    hand_over(off, by=coach)
    hand_over(away(other, third), by=other, only={first.pk, own.pk})
    remove_time_off(TimeOff.objects.get(pk=off.pk), by=coach)

    assert [one.pk for one in take_back(off, by=coach).given] == [first.pk, second.pk]

    assert [given_by(one) for one in (first, second, own)] == [[coach.pk], [coach.pk], [third.pk]]
    assert not SessionCoach.objects.filter(stands_in_for=coach).exists()
    told("coach.handed_over")
    assert {one.user for one in told("coach.handed_over")} >= {other, third}


def test_all_that_others_give_in_a_coachs_place_is_taken_back_wherever_it_moved(client: Client, coach, other):
    first, second = on_day(coach, 1), on_day(coach, 2)
    hand_over(off := away(coach, other), by=coach)
    moved = edit_session(Session.objects.get(pk=first.pk), by=other, starts_at=SINCE + 9 * DAY)
    client.force_login(coach)
    page = reverse("schedule:hours", args=[coach.pk])
    call = Caller(coach)

    assert [one.session.pk for one in stood_in(off)] == [second.pk]
    shown = client.get(page).content.decode()
    assert (f"In the place of {coach}" in shown, shown.count(f"{moved.title}</")) == (True, 1)
    status, said = call("GET", f"coaches/{coach.pk}/stood-in")
    assert (status, [one["given_by_id"] for one in said]) == (200, [str(other.pk)] * 2)
    status, said = call("POST", f"coaches/{coach.pk}/taking-back", {"session_ids": [str(second.pk)]})
    assert (status, [one["id"] for one in said["given"]]) == (200, [str(second.pk)])
    back = client.post(reverse("schedule:stood-in-take-back", args=[coach.pk]), follow=True).content.decode()

    assert "1 session is with Sofia Lindqvist again." in back
    assert "In the place of" not in back
    assert [given_by(one) for one in (first, second)] == [[coach.pk]] * 2
    assert Caller(other)("POST", f"coaches/{coach.pk}/taking-back", {})[0] == 404
    client.force_login(other)
    assert client.post(reverse("schedule:stood-in-take-back", args=[coach.pk])).status_code == 404


def test_of_two_that_are_at_one_time_by_now_one_is_taken_back(coach, other):
    first, second = on_day(coach, 1), on_day(coach, 2)
    off, third = away(coach, other), make_coach()
    hand_over(off, by=coach)
    hand_over(away(other, third), by=other, only={second.pk})
    edit_session(Session.objects.get(pk=second.pk), by=third, starts_at=first.starts_at + HOUR / 2)

    done = take_back(off, by=coach)

    assert ([one.pk for one in done.given], [one.code for one in done.left]) == ([first.pk], ["taken"])
    assert given_by(second) == [third.pk]


def test_whoever_takes_it_back_is_there_whatever_they_said_of_that_time(coach, other):
    session = on_day(coach, 1)
    hand_over(off := away(coach, other), by=coach)
    away(coach, make_coach(), starts_at=SINCE + DAY)

    assert [one.pk for one in take_back(off, by=coach).given] == [session.pk]


def test_who_was_put_beside_whoever_stands_in_for_them_has_their_own_place_back(coach, other):
    session, off = on_day(coach, 1), away(coach, other)
    hand_over(off, by=coach)
    edit_session(Session.objects.get(pk=session.pk), by=make_admin(), beside=[coach])
    assert given_by(session) == [other.pk, coach.pk]

    assert len(take_back(off, by=coach).given) == 1

    assert given_by(session) == [coach.pk]
    assert not SessionCoach.objects.filter(session=session, stands_in_for__isnull=False).exists()


def make_stood_in_series(coach: User, other: User) -> list[Session]:
    """A series of three dates, the second of which is handed over."""
    sessions = sessions_of(make_series(coach, price=0))
    off = away(coach, other, starts_at=sessions[1].starts_at - HOUR, ends_at=sessions[1].ends_at)
    hand_over(off, by=coach)
    return sessions


def test_a_coach_goes_on_to_edit_and_call_off_the_dates_of_a_series_that_they_give(coach, other):
    first, stood_in, last = make_stood_in_series(coach, other)
    third = make_coach()

    edited = edit_following(first, by=coach, title="New", beside=[third])
    assert [one.pk for one in edited] == [first.pk, last.pk]
    assert [given_by(one) for one in (first, stood_in, last)] == [
        [coach.pk, third.pk],
        [other.pk],
        [coach.pk, third.pk],
    ]
    with pytest.raises(PermissionDenied):
        edit_following(stood_in, by=coach, title="New")
    # Whoever stands in says of the one date that it is theirs.
    assert edit_following(Session.objects.get(pk=stood_in.pk), by=other, place="Hall")[0].pk == stood_in.pk
    cancelled = cancel_following(Session.objects.get(pk=first.pk), reason="", by=coach)

    assert [one.pk for one in cancelled] == [first.pk, last.pk]
    fresh = Session.objects.get(pk=stood_in.pk)
    assert (fresh.status, fresh.title == "New", fresh.place) == ("planned", False, "Hall")


def test_an_admin_calls_off_all_dates_whoever_gives_them(coach, other):
    first, *_later = make_stood_in_series(coach, other)

    assert len(cancel_following(first, reason="", by=make_admin())) == 3


def test_who_stands_beside_whoever_stands_in_leaves_it_to_them_who_gives_it(coach, other):
    first, stood_in, _last = make_stood_in_series(coach, other)
    edit_session(Session.objects.get(pk=stood_in.pk), by=other, beside=[coach])

    edited = edit_following(first, by=coach, beside=[third := make_coach()], title="New")

    assert len(edited) == 3
    assert [given_by(one) for one in (first, stood_in)] == [[coach.pk, third.pk], [other.pk, coach.pk]]


def test_pages_of_a_series_say_which_dates_others_give(client: Client, coach, other):
    first, stood_in, _last = make_stood_in_series(coach, other)
    make_booking(stood_in, make_member())
    client.force_login(coach)
    edit, cancel = (reverse(f"schedule:following-{act}", args=[first.pk]) for act in ("edit", "cancel"))
    values = {"title": "New", "description": "", "place": "Studio", "join_link": "", "capacity": 5, "price": "0"}
    said = "1 date is given by somebody else, and stays as it is."

    for shown in (client.get(edit), client.post(edit, values, follow=True), client.get(cancel)):
        assert said in shown.content.decode()
        assert "1 person" not in shown.content.decode()
    assert said in client.post(cancel, {"reason": ""}, follow=True).content.decode()

    assert list(Session.objects.order_by("starts_at").values_list("status", flat=True)) == [
        "cancelled", "planned", "cancelled",
    ]  # fmt: skip
    assert Caller(coach)("GET", f"sessions/{first.pk}/following/cancellation")[0] == 200


def test_sessions_go_to_and_fro_so_often_at_most(coach, other):
    """Everybody who comes is told each time."""
    on_day(coach, 1)
    off = away(coach, other)
    for _time in range(LIMITS["hand-over-user"].count - 2):
        hit("hand-over-user", coach.pk)
    call, page = Caller(coach), signed_in(coach)

    assert call("POST", f"time-off/{off.pk}/hand-over", {})[0] == 200
    assert page.post(f"/teaching/time-off/{off.pk}/take-back/").status_code == 302
    assert page.post(f"/teaching/time-off/{off.pk}/hand-over/").status_code == 429
    assert call("POST", f"time-off/{off.pk}/taking-back", {})[0] == 429
    assert call("POST", f"coaches/{coach.pk}/taking-back", {})[0] == 429
