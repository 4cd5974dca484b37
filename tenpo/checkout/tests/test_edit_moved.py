"""A session is edited by who saw it before it was given to another coach."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction

from tenpo.checkout.tests.slot_make import HOUR, NINE, book, working_coach
from tenpo.core.errors import RuleError
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.actions.series import cancel_following, edit_following
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.models import Booking, CoachTime, Session
from tenpo.schedule.tests.make import give_to
from tenpo.schedule.tests.test_series import make_series, sessions_of
from tenpo.schedule.tests.time_make import make_service
from tests.at_once import Other

pytestmark = pytest.mark.django_db

HALF = timedelta(minutes=30)


def offered_by_two() -> tuple[User, User, Booking]:
    first, second = working_coach(), working_coach()
    return first, second, book(make_service(first, second, coaches_rule="any"), make_member(), coach=first)


def as_it_stands() -> list[object]:
    sessions = Session.objects.order_by("id").values_list("coach", "title", "starts_at", "version")
    return [*sessions, *CoachTime.objects.order_by("coach_id").values_list("coach", "version")]


def test_who_teaches_it_no_more_edits_it_no_more():
    first, second, booking = offered_by_two()
    seen = Session.objects.select_related("coach").get()
    move_slot(booking, starts_at=NINE + HOUR, coach=second, by=make_admin())
    before = as_it_stands()

    with pytest.raises(PermissionDenied):
        edit_session(seen, by=first, title="Mine")

    assert seen.coach == first
    assert as_it_stands() == before


def test_a_time_is_not_changed_by_the_lock_of_who_taught_it_before():
    _first, second, booking = offered_by_two()
    admin, seen = make_admin(), Session.objects.select_related("coach").get()
    move_slot(booking, starts_at=NINE + HOUR, coach=second, by=admin)
    before = as_it_stands()

    with pytest.raises(RuleError) as refusal:
        edit_session(seen, by=admin, starts_at=NINE + HOUR + HALF)

    assert refusal.value.code == "changed_meanwhile"
    assert as_it_stands() == before
    fresh = Session.objects.select_related("coach").get()
    assert edit_session(fresh, by=admin, starts_at=NINE + HOUR + HALF).coach_id == second.pk


@pytest.mark.parametrize("act", [edit_following, cancel_following])
def test_of_a_series_what_another_coach_gives_by_now_stays_as_it_is(act):
    series = make_series()
    *sessions, last = sessions_of(series)
    give_to(last, make_coach())

    act(sessions[0], by=series.coach, **({"title": "Mine"} if act is edit_following else {"reason": ""}))

    fresh = Session.objects.in_bulk()
    changed = {one.pk for one in fresh.values() if one.title == "Mine" or one.status == "cancelled"}
    assert changed == {one.pk for one in sessions}


@pytest.mark.parametrize("act", [edit_following, cancel_following])
def test_of_a_series_nothing_is_changed_by_who_gives_none_of_it(act):
    series, stranger = make_series(), make_coach()
    sessions = sessions_of(series)
    before = as_it_stands()

    with pytest.raises(PermissionDenied):
        act(sessions[0], by=stranger, **({"title": "Mine"} if act is edit_following else {"reason": ""}))

    assert as_it_stands() == before
    assert not Session.objects.filter(status="cancelled").exists()


@pytest.mark.django_db(transaction=True)
def test_who_waits_while_it_is_given_to_another_coach_is_refused():
    first, second, booking = offered_by_two()
    seen = Session.objects.select_related("coach").get()

    with transaction.atomic():
        move_slot(booking, starts_at=NINE + HOUR, coach=second, by=make_admin())
        edit = Other(lambda: edit_session(seen, by=first, starts_at=NINE + 2 * HOUR))
        assert edit.meet()
        before = as_it_stands()

    assert isinstance(edit.end(), PermissionDenied)
    assert as_it_stands() == before
