"""Places, prices by group size and working hours, as each source that has them shows them."""

from datetime import date, time

import pytest

from tenpo.people.tests.make import make_coach
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.actions.hours import set_weekly_hours, set_working_terms
from tenpo.schedule.actions.places import close_location
from tenpo.schedule.actions.services import withdraw_service
from tenpo.schedule.models import Availability, ServicePrice
from tenpo.schedule.tests.time_make import make_location, make_service
from tenpo.schedule.weekly_hours import Hours

pytestmark = pytest.mark.django_db


def test_hours_are_shown_by_the_days_of_each_source():
    coach = make_coach()
    make_service(coach, capacity=6)
    day = date(2031, 3, 4)
    set_weekly_hours(coach, [Hours(0, 570, 720), Hours(6, 1200, 1440, None, day, day)], by=coach)
    set_working_terms(coach, by=coach, time_zone="Europe/Lisbon")
    monday, sunday = Availability.objects.order_by("weekday")

    fitness = {row["id"]: row for row in view_rows("fitness_coaching", "CoachAvailability")}
    peers = {row["id"]: row for row in view_rows("peer_learning", "availability")}

    assert fitness[monday.pk] == {
        "id": monday.pk, "coach_id": coach.pk, "day_of_week": 0, "start_time": time(9, 30), "end_time": time(12),
        "capacity": 6,
    }  # fmt: skip
    assert fitness[sunday.pk]["end_time"] == time(23, 59, 59)
    assert peers[monday.pk] == {
        "id": monday.pk, "user_id": coach.pk, "day_of_week": 1, "start_time": time(9, 30), "end_time": time(12),
        "timezone": "Europe/Lisbon", "is_recurring": True,
    }  # fmt: skip
    assert (peers[sunday.pk]["day_of_week"], peers[sunday.pk]["is_recurring"]) == (0, False)


def test_without_terms_the_clock_is_that_of_the_account():
    coach = make_coach()
    set_weekly_hours(coach, [Hours(0, 540, 720)], by=coach)

    [row] = view_rows("peer_learning", "availability")
    [shown] = view_rows("fitness_coaching", "CoachAvailability")

    assert (row["timezone"], shown["capacity"]) == (coach.time_zone, None)


def test_trainers_are_at_the_places_of_what_they_offer():
    coach, other = make_coach(), make_coach()
    studio, pitch, closed = (make_location(name) for name in ("Studio", "Pitch", "Closed"))
    make_service(coach, locations=[studio, closed])
    make_service(coach, locations=[studio])
    withdraw_service(make_service(other, locations=[pitch]), by=None)
    close_location(closed, by=None)

    assert view_rows("youth_sports", "TrainerLocation") == [
        {"trainer_id": str(coach.pk), "location_id": str(studio.pk)}
    ]
    names = [row["name"] for row in view_rows("youth_sports", "Location")]
    assert sorted(names) == ["Closed", "Pitch", "Studio"]


def test_an_hour_and_a_group_have_their_prices():
    coach, other = make_coach(), make_coach()
    make_service(coach, format="intro", prices={1: 0}, durations=[15])
    make_service(coach, other, durations=[90, 60], capacity=2, prices={1: 9_000, 2: 12_001})
    make_service(coach, price_basis="hour", durations=[45], capacity=3, prices={1: 5_000, 3: 8_000})
    pair, three = (ServicePrice.objects.get(people=people) for people in (2, 3))

    trainers = {row["user_id"]: row for row in view_rows("youth_sports", "Trainer")}
    groups = {row["id"]: row for row in view_rows("youth_sports", "TrainerGroupDiscount")}

    assert (trainers[str(coach.pk)]["price_per_hour"], trainers[str(coach.pk)]["session_duration"]) == (6_000, 90)
    assert groups[str(three.pk)] == {
        "id": str(three.pk), "trainer_id": str(coach.pk), "participants": 3, "price": 6_000,
    }  # fmt: skip
    assert groups[f"{pair.pk}:{other.pk}"]["price"] == 12_001
    assert len(groups) == 3
