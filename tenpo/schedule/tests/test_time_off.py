from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.access.actions.accounts import disable_user
from tenpo.audit.models import AuditLog
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions import hours, time_off
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.standing_in import hand_over
from tenpo.schedule.actions.time_off import add_time_off, add_travel, remove_time_off, remove_travel
from tenpo.schedule.availability_queries import coming_time_off, taught_during
from tenpo.schedule.models import TimeOff, Travel
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import refuses
from tests.at_once import at_once, meet_before, outcomes, without_constraint

pytestmark = pytest.mark.django_db
FROM, UNTIL = datetime(2031, 3, 3, 8, tzinfo=UTC), datetime(2031, 3, 10, 8, tzinfo=UTC)
WEEK = timedelta(days=7)
FIRST, LAST = date(2031, 3, 3), date(2031, 3, 10)


def off(coach: User, **changes: Any) -> TimeOff:
    terms: Any = {"starts_at": FROM, "ends_at": UNTIL, "by": coach} | changes
    return add_time_off(coach, **terms)


def travel(coach: User, **changes: Any) -> Travel:
    terms: Any = {"starts_on": FIRST, "ends_on": LAST, "time_zone": "Asia/Tokyo", "by": coach} | changes
    return add_travel(coach, **terms)


def said() -> list[str]:
    return list(AuditLog.objects.order_by("id").values_list("action", flat=True))


def test_somebody_is_away_somebody_stands_in_and_then_not():
    coach, other = make_coach(), make_coach()

    away = off(coach, reason=" Holiday ", stand_in=other)
    assert off(coach, stand_in=other) == away
    assert (away.reason, TimeOff.objects.visible_to(other).count(), TimeOff.objects.visible_to(coach).count()) == (
        "Holiday",
        0,
        1,
    )
    remove_time_off(away, by=make_admin())
    remove_time_off(away, by=coach)

    assert (said(), TimeOff.objects.count()) == (["time_off.added", "time_off.removed"], 0)
    assert "Holiday" not in str(AuditLog.objects.values_list("before", "after"))


def test_what_is_booked_stays_and_is_shown():
    coach = make_coach()
    touching = [
        make_session(coach, starts_at=FROM - timedelta(hours=1)), make_session(coach, starts_at=UNTIL),
        make_session(starts_at=FROM),
    ]  # fmt: skip
    inside = [
        make_session(coach, starts_at=FROM, minutes=30),
        make_session(coach, starts_at=UNTIL - timedelta(hours=1)),
    ]
    cancel_session(make_session(coach, starts_at=FROM + timedelta(days=1)), reason="", by=coach)

    away = off(coach)

    assert list(taught_during(coach, away.starts_at, away.ends_at)) == inside
    for session in (*touching, *inside):
        session.refresh_from_db()
        assert session.status == "planned"


def test_each_time_off_shows_what_falls_into_it_and_how_much_that_is():
    coach = make_coach()
    weeks = [off(coach, starts_at=FROM + n * WEEK, ends_at=FROM + n * WEEK + timedelta(days=3)) for n in range(3)]
    first = [make_session(coach, starts_at=FROM + timedelta(hours=2 * n)) for n in range(7)]
    # In the third week, and in a time off beside it.
    last = make_session(coach, starts_at=FROM + 2 * WEEK)
    beside = off(coach, starts_at=FROM + 2 * WEEK - timedelta(days=1), ends_at=FROM + 2 * WEEK + timedelta(hours=1))

    with CaptureQueriesContext(connection) as asked:
        shown = {away.off: away for away in coming_time_off(coach, zone="Europe/Berlin")}

    assert len(asked) == 2
    assert (shown[weeks[0]].sessions, shown[weeks[0]].count) == (first[:5], 7)
    assert (shown[weeks[1]].sessions, shown[weeks[1]].count) == ([], 0)
    assert [(shown[one].sessions, shown[one].count) for one in (weeks[2], beside)] == [([last], 1)] * 2
    page = signed_in(coach).get(f"/teaching/hours/{coach.pk}/").content.decode()
    assert "7 sessions in all" in page
    assert page.count(f"/teaching/{last.pk}/") == 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ends_at": FROM}, "ends_at"), ({"ends_at": FROM - timedelta(days=1)}, "ends_at"),
        ({"ends_at": FROM + timedelta(days=400, seconds=1)}, "ends_at"), ({"reason": "x" * 121}, "reason"),
        ({"starts_at": timezone.now() - timedelta(days=2), "ends_at": timezone.now() - timedelta(days=1)}, "ends_at"),
    ],
)  # fmt: skip
def test_when_nobody_is_away(wrong, field):
    coach = make_coach()

    with pytest.raises(ValidationError) as refusal:
        off(coach, **wrong)

    assert (list(refusal.value.message_dict), TimeOff.objects.count(), said()) == ([field], 0, [])


def test_the_longest_time_off():
    assert off(make_coach(), ends_at=FROM + timedelta(days=400)).starts_at == FROM


def test_who_cannot_stand_in():
    coach, gone, admin = make_coach(), make_coach(), make_admin()
    disable_user(gone, by=admin)

    for wrong in (coach, make_member(), gone):
        with pytest.raises(ValidationError) as refusal:
            off(coach, stand_in=wrong)
        assert list(refusal.value.message_dict) == ["stand_in"]


def test_a_coach_travels_and_is_in_one_zone_on_a_day():
    coach = make_coach()

    there = travel(coach)
    for wrong in ({}, {"starts_on": LAST, "ends_on": LAST}, {"starts_on": FIRST - timedelta(days=9), "ends_on": FIRST}):
        with refuses("already_travelling"):
            travel(coach, **wrong)
    travel(coach, starts_on=LAST + timedelta(days=1), ends_on=LAST + timedelta(days=1))
    travel(make_coach())
    remove_travel(there, by=coach)
    remove_travel(there, by=coach)

    assert Travel.objects.filter(coach=coach).count() == 1
    assert said() == ["travel.added"] * 3 + ["travel.removed"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ends_on": FIRST - timedelta(days=1)}, "ends_on"), ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"ends_on": FIRST + timedelta(days=401)}, "ends_on"),
        ({"starts_on": date(2020, 1, 1), "ends_on": date(2020, 1, 2)}, "ends_on"),
    ],
)  # fmt: skip
def test_how_nobody_travels(wrong, field):
    coach = make_coach()

    with pytest.raises(ValidationError) as refusal:
        travel(coach, **wrong)

    assert (list(refusal.value.message_dict), Travel.objects.count()) == ([field], 0)


def test_so_many_are_kept(monkeypatch):
    monkeypatch.setattr(time_off, "AWAY_KEPT", 1)
    coach = make_coach()
    off(coach)
    travel(coach)

    with refuses("too_many"):
        off(coach, ends_at=UNTIL + timedelta(days=1))
    with refuses("too_many"):
        travel(coach, starts_on=LAST + timedelta(days=2), ends_on=LAST + timedelta(days=3))
    off(make_coach())


def test_who_may_not():
    coach, member = make_coach(), make_member()
    away, there = off(coach), travel(coach)

    for who in (make_coach(), member):
        for act in (
            lambda by: off(coach, by=by, ends_at=UNTIL + timedelta(days=1)), lambda by: travel(coach, by=by),
            lambda by: remove_time_off(away, by=by), lambda by: remove_travel(there, by=by),
        ):  # fmt: skip
            with pytest.raises(PermissionDenied):
                act(who)
    with pytest.raises(PermissionDenied):
        off(member, by=make_admin())

    assert (TimeOff.objects.count(), Travel.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_the_same_said_by_many_at_once_is_said_once():
    coach = make_coach()

    results = at_once([lambda: str(off(coach).pk)] * 5)
    assert len(outcomes(results)) == 1
    assert outcomes(at_once([lambda: travel(coach).time_zone] * 5)) == {"Asia/Tokyo": 1, "already_travelling": 4}
    # Two who stand in for each other lock both in one order.
    other = make_coach()
    pairs = [(coach, other), (other, coach)] * 3
    works = [
        lambda n=n, a=a, b=b: off(a, stand_in=b, ends_at=UNTIL + timedelta(days=n + 1)).reason
        for n, (a, b) in enumerate(pairs)
    ]
    assert outcomes(at_once(works)) == {"": 6}


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_constraint_somebody_is_in_two_zones():
    coach = make_coach()
    with without_constraint("schedule_travel", "travel_one_zone_on_a_day"):
        results = at_once([lambda: travel(coach).time_zone] * 5)
        Travel.objects.all().delete()

    assert outcomes(results) == {"Asia/Tokyo": 5}


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_coachs_lock_the_same_is_said_twice(monkeypatch):
    monkeypatch.setattr(hours, "lock_coach", lambda coach: None)
    monkeypatch.setattr(time_off, "lock_users", lambda *users: None)
    meet_before(monkeypatch, time_off, "_check_times", 5)
    coach = make_coach()

    assert len(outcomes(at_once([lambda: str(off(coach).pk)] * 5))) == 5


def test_what_is_published_into_ones_own_time_off_is_said_on_its_page():
    coach, admin = make_coach("Maya Berg"), make_admin()
    away = off(coach, starts_at=timezone.now() + timedelta(days=2), ends_at=timezone.now() + timedelta(days=3))
    within = make_session(coach, starts_in=timedelta(days=2, hours=1))
    behind = make_session(coach, starts_in=timedelta(days=3, hours=1))

    def page(user: User, session: Any) -> str:
        return str(signed_in(user).get(f"/teaching/{session.pk}/").content.decode())

    assert "You are away then" in page(coach, within)
    assert "Away then: Maya Berg" in page(admin, within)
    assert "away then" not in page(coach, behind).lower()
    remove_time_off(away, by=coach)
    assert "away then" not in page(coach, within).lower()


def test_an_admin_says_when_a_coach_whose_account_is_disabled_is_away_and_hands_over():
    coach, other, admin = make_coach("Gone"), make_coach(), make_admin()
    session = make_session(coach, starts_at=FROM + timedelta(hours=2))
    disable_user(coach, by=admin)
    page = signed_in(admin)

    assert "Gone (account disabled)" in page.get(f"/teaching/hours/{other.pk}/").content.decode()
    shown = page.get(f"/teaching/hours/{coach.pk}/").content.decode()
    sent = {"first_day": "2031-03-03", "last_day": "2031-03-09", "stand_in": other.pk, "reason": ""}
    answer = page.post(f"/teaching/hours/{coach.pk}/time-off/", sent)

    assert "The account of Gone is disabled." in shown
    assert "Save the week" not in shown
    away = TimeOff.objects.get()
    assert answer.headers["Location"] == f"/teaching/time-off/{away.pk}/stand-in/"
    assert hand_over(away, by=admin).given == [session]
    remove_time_off(away, by=admin)
    assert not TimeOff.objects.exists()


def test_nobody_else_says_it_of_them_and_nobody_says_anything_else():
    coach, admin, member = make_coach(), make_admin(), make_member()
    disable_user(coach, by=admin)
    disabled = make_admin()
    disable_user(disabled, by=admin)

    for who in (make_coach(), make_member(), User.objects.get(pk=coach.pk), User.objects.get(pk=disabled.pk)):
        with pytest.raises(PermissionDenied):
            off(coach, by=who)
    for refused in (
        lambda: off(member, by=admin),
        lambda: travel(coach, by=admin),
        lambda: hours.set_weekly_hours(coach, [], by=admin),
        lambda: hours.set_working_terms(coach, by=admin, most_per_day=3),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    page = signed_in(admin)
    assert page.post(f"/teaching/hours/{coach.pk}/", {}).status_code == 404
    assert page.get(f"/teaching/hours/{member.pk}/").status_code == 404
    assert signed_in(make_coach()).get(f"/teaching/hours/{coach.pk}/").status_code == 404

    assert (TimeOff.objects.count(), Travel.objects.count()) == (0, 0)


def test_an_admin_says_it_by_the_api_too():
    coach, other, admin = make_coach(), make_coach(), make_admin()
    session = make_session(coach, starts_at=FROM + timedelta(hours=2))
    disable_user(coach, by=admin)
    to = f"/api/v1/coaches/{coach.pk}/time-off"
    body = {"starts_at": FROM.isoformat(), "ends_at": UNTIL.isoformat(), "stand_in_id": str(other.pk)}
    sent: dict[str, Any] = {"data": body, "content_type": "application/json"}

    assert signed_in(other).post(to, **sent).status_code == 404
    made = signed_in(admin).post(to, **sent)

    assert (made.status_code, made.json()["sessions"][0]["id"]) == (201, str(session.pk))
    assert len(signed_in(admin).get(to).json()["items"]) == 1
    assert signed_in(admin).get(f"/api/v1/coaches/{coach.pk}/stood-in").json() == []
    assert signed_in(admin).get(f"/api/v1/coaches/{coach.pk}/working-terms").status_code == 404
