from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from hypothesis import given
from hypothesis import strategies as st

from tenpo.audit.models import AuditLog
from tenpo.core.models import OutboxMessage
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions import hours as actions
from tenpo.schedule.actions.hours import clear_day, set_day, set_weekly_hours, set_working_terms
from tenpo.schedule.actions.places import close_location
from tenpo.schedule.availability_models import MAX_HOURS_ROWS
from tenpo.schedule.availability_queries import hours_of
from tenpo.schedule.free_days import holiday_countries, holidays_between, is_region, regions_of
from tenpo.schedule.models import Availability, AvailabilityException, WorkingTerms
from tenpo.schedule.tests.time_make import make_location, refuses
from tenpo.schedule.weekly_hours import Hours, digest_of_week, joined
from tests.at_once import at_once, meet_before, outcomes

pytestmark = pytest.mark.django_db
NINE, TWELVE, FIVE = 9 * 60, 12 * 60, 17 * 60
MONDAY = [Hours(0, NINE, TWELVE), Hours(0, 13 * 60, FIVE)]
DAY = date(2031, 3, 4)


def told() -> int:
    return AuditLog.objects.filter(
        action__in=["hours.changed", "day.changed", "day.cleared", "working_terms.changed"]
    ).count()


def test_a_whole_week_is_said_at_once():
    coach = make_coach()
    studio = make_location()
    week = [Hours(4, NINE, FIVE, studio.pk), *MONDAY, Hours(2, NINE, 24 * 60, None, DAY, DAY)]

    rows = set_weekly_hours(coach, week, by=coach, seen=digest_of_week([]))
    assert [(row.weekday, row.opens, row.closes) for row in rows] == [
        (0, NINE, TWELVE), (0, 13 * 60, FIVE), (2, NINE, 24 * 60), (4, NINE, FIVE),
    ]  # fmt: skip
    set_weekly_hours(coach, MONDAY[:1], by=make_admin(), seen=digest_of_week(week))

    assert hours_of(coach) == MONDAY[:1]
    said: Any = AuditLog.objects.filter(action="hours.changed").order_by("-id").first()
    assert said.after == {"hours": [{"weekday": 0, "opens": NINE, "closes": TWELVE}]}
    assert said.before["hours"][3] == {"weekday": 4, "opens": NINE, "closes": FIVE, "location": str(studio.pk)}
    assert set(OutboxMessage.objects.filter(subject_id=coach.pk).values_list("name", flat=True)) == {
        "availability.changed"
    }


def test_what_touches_is_joined_and_equal_hours_are_no_change():
    coach = make_coach()
    set_weekly_hours(coach, MONDAY, by=coach)
    before = list(Availability.objects.values_list("pk", flat=True).order_by("pk"))

    pieces = [Hours(0, 15 * 60, FIVE), Hours(0, 10 * 60, TWELVE), Hours(0, 13 * 60, 15 * 60), Hours(0, NINE, 11 * 60)]
    set_weekly_hours(coach, pieces, by=coach)

    assert list(Availability.objects.values_list("pk", flat=True).order_by("pk")) == before
    assert told() == 1


def test_hours_of_two_places_or_of_other_weeks_are_not_joined():
    studio = make_location()
    apart = [
        Hours(0, NINE, TWELVE), Hours(0, TWELVE, FIVE, studio.pk), Hours(0, FIVE, 18 * 60),
        Hours(0, NINE, FIVE, None, DAY),
    ]  # fmt: skip

    assert len(joined(apart)) == 4


@given(
    st.lists(
        st.builds(
            lambda day, opens, length: Hours(day, opens, opens + length),
            st.integers(0, 1), st.integers(0, 40), st.integers(1, 9),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_joined_hours_cover_the_same_minutes_once_and_have_gaps_between(hours):
    def minutes(of: Any) -> list[tuple[int, int]]:
        return [(each.weekday, minute) for each in of for minute in range(each.opens, each.closes)]

    result = joined(hours)

    assert sorted(minutes(result)) == sorted(set(minutes(hours)))
    assert joined(result) == result
    assert all(a.weekday < b.weekday or a.closes < b.opens for a, b in pairwise(result))
    assert digest_of_week(result) == digest_of_week(result[::-1])


@pytest.mark.parametrize(
    "wrong",
    [
        Hours(7, NINE, FIVE), Hours(-1, NINE, FIVE), Hours(0, FIVE, NINE), Hours(0, NINE, NINE), Hours(0, -1, NINE),
        Hours(0, NINE, 24 * 60 + 1), Hours(0, NINE, FIVE, None, DAY, DAY - timedelta(days=1)),
    ],
)  # fmt: skip
def test_hours_that_no_week_has(wrong):
    coach = make_coach()
    set_weekly_hours(coach, MONDAY, by=coach)

    with pytest.raises(ValidationError) as refusal:
        set_weekly_hours(coach, [*MONDAY, wrong], by=coach)

    assert (list(refusal.value.message_dict), hours_of(coach), told()) == (["hours"], MONDAY, 1)


def test_hours_are_at_open_places():
    coach, studio = make_coach(), make_location()
    week = [Hours(0, NINE, FIVE, studio.pk)]
    set_weekly_hours(coach, week, by=coach)
    close_location(studio, by=make_admin())

    for act in (
        lambda: set_weekly_hours(coach, [*week, *MONDAY], by=coach),
        lambda: set_day(coach, DAY, week, by=coach),
    ):
        with pytest.raises(ValidationError, match="places is closed"):
            act()
    assert hours_of(coach) == week


def test_a_week_has_so_many_times():
    coach = make_coach()
    week = [Hours(n % 7, n * 5, n * 5 + 2) for n in range(MAX_HOURS_ROWS)]

    assert len(set_weekly_hours(coach, week, by=coach)) == MAX_HOURS_ROWS
    with pytest.raises(ValidationError):
        set_weekly_hours(coach, [*week, Hours(0, 1438, 1439)], by=coach)


def test_hours_that_somebody_changed_meanwhile():
    coach = make_coach()
    seen = digest_of_week([])
    set_weekly_hours(coach, MONDAY, by=coach, seen=seen)

    with refuses("changed_meanwhile"):
        set_weekly_hours(coach, [], by=coach, seen=seen)

    assert hours_of(coach) == MONDAY


def test_one_day_differs_and_is_as_its_weekday_again():
    coach = make_coach()

    set_day(coach, DAY, [Hours(6, 13 * 60, FIVE), Hours(3, NINE, 13 * 60)], by=coach)
    assert list(AvailabilityException.objects.values_list("day", "opens", "closes")) == [(DAY, NINE, FIVE)]
    set_day(coach, DAY, [], by=coach)
    set_day(coach, DAY, [], by=coach)
    assert list(AvailabilityException.objects.values_list("day", "opens", "closes")) == [(DAY, None, None)]
    clear_day(coach, DAY, by=coach)
    clear_day(coach, DAY, by=coach)

    assert (AvailabilityException.objects.count(), told()) == (0, 3)


def test_days_that_are_over_stay():
    coach = make_coach()  # in Berlin
    with time_machine.travel(datetime(2031, 3, 3, 23, 30, tzinfo=UTC), tick=False):
        # There it is the fourth already.
        with pytest.raises(ValidationError, match="day is over"):
            set_day(coach, date(2031, 3, 3), [], by=coach)
        assert set_day(coach, DAY, [], by=coach)
        set_working_terms(coach, by=coach, time_zone="America/New_York")
        assert set_day(coach, date(2031, 3, 3), [], by=coach)


def test_so_many_days_differ(monkeypatch):
    monkeypatch.setattr(actions, "MAX_EXCEPTIONS", 2)
    coach = make_coach()
    two = [Hours(0, NINE, TWELVE), Hours(0, 13 * 60, FIVE)]
    set_day(coach, DAY, two, by=coach)

    with refuses("too_many"):
        set_day(coach, DAY + timedelta(days=1), [], by=coach)
    set_day(coach, DAY, two[:1], by=coach)
    set_day(coach, DAY + timedelta(days=1), [], by=coach)

    assert AvailabilityException.objects.count() == 2


def test_the_terms_on_which_somebody_works():
    coach = make_coach()

    set_working_terms(coach, by=coach, time_zone="Europe/Lisbon", holidays_of="DE-BE", most_per_day=6)
    set_working_terms(coach, by=coach, time_zone="Europe/Lisbon", holidays_of="DE-BE", most_per_day=6)
    terms = set_working_terms(coach, by=coach, most_per_day=100)

    assert (terms.time_zone, terms.holidays_of, terms.most_per_day) == ("", "", 100)
    assert (WorkingTerms.objects.count(), told()) == (1, 2)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"time_zone": "Mars/Base"}, "time_zone"), ({"holidays_of": "XX"}, "holidays_of"),
        ({"holidays_of": "DE-XX"}, "holidays_of"), ({"holidays_of": "de"}, "holidays_of"),
        ({"holidays_of": "DE-"}, "holidays_of"), ({"most_per_day": 0}, "most_per_day"),
        ({"most_per_day": 101}, "most_per_day"),
    ],
)  # fmt: skip
def test_terms_that_nobody_works_on(wrong, field):
    coach = make_coach()

    if wrong == {"holidays_of": "DE-"}:
        assert not is_region("DE-X")
        wrong = {"holidays_of": "DE-X"}
    with pytest.raises(ValidationError) as refusal:
        set_working_terms(coach, by=coach, **wrong)

    assert (list(refusal.value.message_dict), WorkingTerms.objects.count()) == ([field], 0)


def test_holidays_of_countries_and_regions():
    womens_day = date(2027, 3, 8)

    assert {"DE", "GB", "US"} <= set(holiday_countries())
    assert "DE-BE" in regions_of("DE")
    assert not regions_of("XX")
    assert holidays_between("DE-BE", womens_day, womens_day, language="de") == {womens_day: "Frauentag"}
    assert holidays_between("DE", womens_day, womens_day) == {}
    assert list(holidays_between("DE", date(2026, 12, 26), date(2027, 1, 1), language="fr")) == [
        date(2026, 12, 26), date(2027, 1, 1),
    ]  # fmt: skip


def test_who_may_not():
    coach, member = make_coach(), make_member()

    acts: list[tuple[User, Any]] = [
        (who, act)
        for who in (make_coach(), member)
        for act in (
            lambda by: set_weekly_hours(coach, MONDAY, by=by),
            lambda by: set_day(coach, DAY, [], by=by),
            lambda by: clear_day(coach, DAY, by=by),
            lambda by: set_working_terms(coach, by=by),
        )
    ]
    # Who does not teach has no hours, whoever says them.
    acts += [(make_admin(), lambda by: set_weekly_hours(member, MONDAY, by=by))]
    for who, act in acts:
        with pytest.raises(PermissionDenied):
            act(who)

    assert (Availability.objects.count(), told()) == (0, 0)


def all_at_once(coach: User) -> Any:
    seen = digest_of_week([])
    weeks = [[Hours(n, NINE, FIVE)] for n in range(6)]
    works = [lambda week=week: len(set_weekly_hours(coach, week, by=coach, seen=seen)) for week in weeks]
    return outcomes(at_once(works))


@pytest.mark.django_db(transaction=True)
def test_of_many_who_saw_the_same_week_one_changes_it():
    coach = make_coach()

    assert all_at_once(coach) == {"1": 1, "changed_meanwhile": 5}
    assert len(hours_of(coach)) == 1


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_coachs_lock_a_week_is_made_of_several(monkeypatch):
    coach = make_coach()
    monkeypatch.setattr(actions, "lock_coach", lambda coach: None)
    # All have read the week and taken it away.
    meet_before(monkeypatch, actions, "_row", 6)

    all_at_once(coach)

    assert len(hours_of(coach)) > 1
