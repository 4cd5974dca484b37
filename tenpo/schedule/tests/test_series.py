from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.orders.tests.make import credit_left
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.series import cancel_following, create_series, digest_of, edit_following, plan_series
from tenpo.schedule.models import Series, Session
from tenpo.schedule.occurrences import MAX_OCCURRENCES, WeeklyRule, last_day_of_weeks, local_moment, weekly_moments
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db

TERMS: Any = {"title": "Yoga", "minutes": 60, "capacity": 5, "price": 8_000, "place": "Studio"}


def monday() -> date:
    today = timezone.now().date()
    return today + timedelta(days=14 - today.weekday())


def rule(*weekdays: int, weeks: int = 3, first: date | None = None, at: time = time(18), zone: str = "Europe/Berlin"):
    first = first or monday()
    return WeeklyRule(weekdays or (0,), first, last_day_of_weeks(first, weeks), at, zone)


def make_series(coach: User | None = None, **changes: Any) -> Series:
    coach = coach or make_coach()
    return create_series(coach, rule=rule(), by=coach, **{**TERMS, **changes})


def sessions_of(series: Series) -> list[Session]:
    return list(Session.objects.filter(series=series).order_by("starts_at"))


def test_a_series_makes_its_sessions():
    coach = make_coach()

    series = create_series(coach, rule=rule(0, 2, weeks=4), by=coach, **TERMS)

    sessions = sessions_of(series)
    assert len(sessions) == 8
    assert {s.starts_at.astimezone(ZoneInfo("Europe/Berlin")).time() for s in sessions} == {time(18)}
    assert {s.starts_at.astimezone(ZoneInfo("Europe/Berlin")).weekday() for s in sessions} == {0, 2}
    assert series.rule.startswith("FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=")
    assert len({s.cancellation_policy_id for s in sessions}) == 1


@pytest.mark.parametrize(
    ("zone", "first", "at", "written", "shifted"),
    [
        ("Europe/Berlin", date(2027, 3, 21), time(18), ["2027-03-21T17:00", "2027-03-28T16:00"], [False, False]),
        ("Europe/Berlin", date(2027, 3, 21), time(2, 30), ["2027-03-21T01:30", "2027-03-28T01:30"], [False, True]),
        ("Europe/Berlin", date(2027, 10, 24), time(2, 30), ["2027-10-24T00:30", "2027-10-31T00:30"], [False, False]),
        ("Europe/Berlin", date(2027, 10, 24), time(18), ["2027-10-24T16:00", "2027-10-31T17:00"], [False, False]),
        ("America/New_York", date(2027, 3, 7), time(2, 30), ["2027-03-07T07:30", "2027-03-14T07:30"], [False, True]),
        ("America/New_York", date(2027, 10, 31), time(1, 30), ["2027-10-31T05:30", "2027-11-07T05:30"], [False, False]),
        ("America/New_York", date(2027, 10, 31), time(18), ["2027-10-31T22:00", "2027-11-07T23:00"], [False, False]),
        (
            "Australia/Lord_Howe",
            date(2027, 9, 26),
            time(2, 15),
            ["2027-09-25T15:45", "2027-10-02T15:45"],
            [False, True],
        ),
        ("Australia/Lord_Howe", date(2027, 3, 28), time(18), ["2027-03-28T07:00", "2027-04-04T07:30"], [False, False]),
        ("Asia/Kathmandu", date(2027, 3, 21), time(2, 30), ["2027-03-20T20:45", "2027-03-27T20:45"], [False, False]),
        ("America/New_York", date(2027, 3, 7), time(18), ["2027-03-07T23:00", "2027-03-14T22:00"], [False, False]),
    ],
)
def test_the_hour_on_the_wall_stays_when_clocks_change(zone, first, at, written, shifted):
    moments = weekly_moments(rule(6, weeks=2, first=first, at=at, zone=zone))

    assert [m.at.isoformat()[:16] for m in moments] == written
    assert [m.is_shifted for m in moments] == shifted


@given(
    day=st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    at=st.times().map(lambda t: t.replace(second=0, microsecond=0, fold=0)),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_the_clock_shows_the_hour_unless_it_does_not_exist(day, at, zone):
    moment = local_moment(day, at, zone)
    there = moment.at.astimezone(ZoneInfo(zone))

    assert moment.is_shifted == (there.replace(tzinfo=None) != datetime.combine(day, at))
    assert timedelta() <= there.replace(tzinfo=None) - datetime.combine(day, at) <= timedelta(hours=1)
    assert there.fold == 0


def test_a_plan_marks_what_is_in_the_way_and_the_series_leaves_it_out():
    coach = make_coach()
    second = local_moment(monday() + timedelta(days=7), time(18, 30), "Europe/Berlin").at
    make_session(coach, starts_at=second, title="In the way")

    planned = plan_series(coach, rule(), minutes=60)
    series = create_series(coach, rule=rule(), by=coach, agreed=digest_of(planned), **TERMS)

    assert [one.clash.title if one.clash else "" for one in planned] == ["", "In the way", ""]
    assert len(sessions_of(series)) == 2


def test_sessions_of_a_day_that_meet_each_other_are_marked():
    planned = plan_series(make_coach(), rule(*range(7), first=date(2027, 3, 22), weeks=1), minutes=1_440)

    # Sunday has 23 hours, so Saturday's day-long session runs into it by the wall clock's hour.
    assert [one.clash is not None for one in planned].count(True) == 1


def test_a_plan_that_changed_since_is_refused():
    coach = make_coach()
    agreed = digest_of(plan_series(coach, rule(), minutes=60))
    make_session(coach, starts_at=local_moment(monday(), time(18), "Europe/Berlin").at)

    with pytest.raises(RuleError) as refusal:
        create_series(coach, rule=rule(), by=coach, agreed=agreed, **TERMS)

    assert refusal.value.code == "plan_changed"
    assert not Series.objects.exists()


def test_no_free_date_makes_no_series():
    coach = make_coach()
    make_series(coach)

    with pytest.raises(RuleError) as refusal:
        make_series(coach)

    assert refusal.value.code == "no_free_date"
    assert Series.objects.count() == 1


def test_a_hundred_and_four_are_the_most():
    coach = make_coach()

    assert len(plan_series(coach, rule(0, 2, weeks=52), minutes=60)) == MAX_OCCURRENCES
    with pytest.raises(ValidationError):
        plan_series(coach, rule(0, 2, weeks=53), minutes=60)


@pytest.mark.parametrize(
    "wrong",
    [
        WeeklyRule((), date(2030, 1, 1), date(2030, 2, 1), time(9), "Europe/Berlin"),
        WeeklyRule((9,), date(2030, 1, 1), date(2030, 2, 1), time(9), "Europe/Berlin"),
        WeeklyRule((0,), date(2030, 1, 1), date(2029, 1, 1), time(9), "Europe/Berlin"),
        WeeklyRule((0,), date(2030, 1, 1), date(2030, 1, 2), time(9), "Europe/Berlin"),
        WeeklyRule((0,), date(2020, 1, 1), date(2020, 2, 1), time(9), "Europe/Berlin"),
        WeeklyRule((0,), date(2030, 1, 1), date(2030, 2, 1), time(9), "Nowhere"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        plan_series(make_coach(), wrong, minutes=60)


def test_nobody_else_makes_a_series():
    coach = make_coach()

    with pytest.raises(PermissionDenied):
        create_series(coach, rule=rule(), by=make_coach(), **TERMS)

    assert create_series(coach, rule=rule(), by=make_admin(), **TERMS).coach == coach


def test_editing_from_one_on_leaves_the_earlier_ones():
    series = make_series()
    first, second, third = sessions_of(series)

    edit_following(second, by=series.coach, title="Yoga, new", place="Room 9", capacity=7, price=9_000)

    titles = [(s.title, s.place, s.capacity, s.price) for s in sessions_of(series)]
    new = ("Yoga, new", "Room 9", 7, 9_000)
    assert titles == [(first.title, "Studio", 5, 8_000), new, new]
    assert third.starts_at == Session.objects.get(pk=third.pk).starts_at


def test_an_edit_that_one_of_them_refuses_changes_none():
    series = make_series()
    first, _second, third = sessions_of(series)
    for _ in range(3):
        make_booking(third, make_member())

    with pytest.raises(RuleError) as refusal:
        edit_following(first, by=series.coach, capacity=2)

    assert refusal.value.code == "capacity_below_taken"
    assert {s.capacity for s in sessions_of(series)} == {5}


def test_cancelling_from_one_on_gives_everything_back():
    series = make_series()
    first, second, third = sessions_of(series)
    members = [make_member(), make_member()]
    for session, member in zip([first, third], members, strict=True):
        make_booking(session, member)

    cancelled = cancel_following(second, reason="Moved away", by=series.coach)

    assert [s.pk for s in cancelled] == [second.pk, third.pk]
    assert [s.status for s in sessions_of(series)] == ["planned", "cancelled", "cancelled"]
    assert [credit_left(member) for member in members] == [0, 8_000]


def test_nobody_else_changes_a_series():
    series = make_series()
    session = sessions_of(series)[0]

    for other in (make_member(), make_coach()):
        with pytest.raises(PermissionDenied):
            edit_following(session, by=other, title="Mine")
        with pytest.raises(PermissionDenied):
            cancel_following(session, reason="", by=other)


def test_a_session_by_itself_has_no_following():
    session = make_session()

    with pytest.raises(RuleError) as refusal:
        edit_following(session, by=session.coach, title="x")

    assert refusal.value.code == "no_series"


def form(**changes: Any) -> dict[str, Any]:
    values = {
        "title": "Yoga", "weekdays": ["0", "3"], "first_day": monday().isoformat(), "at": "18:00", "minutes": "60",
        "time_zone": "Europe/Berlin", "weeks": "2", "until": "", "place": "Studio", "capacity": "5", "price": "80",
    }  # fmt: skip
    return {**values, **changes}


def test_the_page_shows_the_dates_before_it_makes_them():
    coach = make_coach()
    client = Client()
    client.force_login(coach)
    assert client.get("/teaching/series/new/").status_code == 200

    shown = client.post("/teaching/series/new/", form())
    assert not Session.objects.exists()
    assert len(shown.context["planned"]) == 4
    made = client.post("/teaching/series/new/", form(agreed=shown.context["agreed"]))

    assert made.status_code == 302
    assert Session.objects.filter(coach=coach, price=8_000).count() == 4


@pytest.mark.parametrize(
    "changes",
    [{"weeks": ""}, {"weekdays": []}, {"until": "2020-01-01"}, {"weeks": "105"}, {"agreed": "other"}, {"price": "x"},
     {"place": ""}, {"first_day": "2020-01-01"}],
)  # fmt: skip
def test_the_page_keeps_what_was_typed_when_it_refuses(changes):
    client = Client()
    client.force_login(make_coach())

    page = client.post("/teaching/series/new/", form(**changes))

    assert page.status_code == 422
    assert 'value="Yoga"' in page.content.decode()
    assert not Session.objects.exists()


def test_the_pages_edit_and_cancel_the_following():
    series = make_series()
    first, second, _third = sessions_of(series)
    client = Client()
    client.force_login(series.coach)
    address = f"/teaching/{second.pk}/following"

    page = client.get(f"{address}/edit/")
    same = {name: page.context["form"][name].value() for name in ("title", "place", "join_link", "capacity", "price")}
    assert client.post(f"{address}/edit/", {**same, "description": "", "title": "New"}).status_code == 302
    assert [s.title for s in sessions_of(series)] == [first.title, "New", "New"]
    assert "Cancel 2 sessions" in client.get(f"{address}/cancel/").content.decode()
    assert client.post(f"{address}/cancel/", {"reason": "Ill"}).status_code == 302
    assert [s.status for s in sessions_of(series)] == ["planned", "cancelled", "cancelled"]
