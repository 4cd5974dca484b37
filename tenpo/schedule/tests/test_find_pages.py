"""The pages of finding a time: what is offered, and when it is free."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member, make_user, signed_in
from tenpo.schedule.actions.services import withdraw_service
from tenpo.schedule.find_forms import WishForm
from tenpo.schedule.find_queries import find_times, offered_services, own, with_offer
from tenpo.schedule.models import Location, Service, ServicePrice, TimeOff, WorkingTerms
from tenpo.schedule.service_prices import group_prices, lowest_price
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_location, make_service
from tenpo.schedule.views.finding import map_address

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
# A Monday without anything to it.
MONDAY = datetime(2027, 6, 7, 8, tzinfo=BERLIN)
LIST = "/book/"


@pytest.fixture(autouse=True)
def _on_monday():
    with time_machine.travel(MONDAY, tick=False), timezone.override(BERLIN):
        yield


def times_url(service: Service, **wanted: object) -> str:
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    return f"{reverse('schedule:slot-list', args=[service.pk])}?{query}"


def shown(who: User, address: str) -> str:
    page = signed_in(who).get(address)
    assert page.status_code == 200
    return page.content.decode()


def found(who: User, service: Service, **wanted: object):
    loaded = with_offer(Service.objects.all()).get(pk=service.pk)
    return find_times(own(who), loaded, WishForm(wanted, service=loaded).wish())


def make_lena(**hours: Any) -> User:
    lena = make_coach("Lena Ott")
    make_hours(lena, **hours)
    return lena


def test_the_list_says_how_long_with_whom_where_and_for_how_much():
    service = make_service(make_lena(), name="Training", durations=[60, 30], price_basis="hour", capacity=4)
    ServicePrice.objects.create(service=service, people=3, amount=9_000)

    text = shown(make_member(), LIST)

    for words in (
        "Training",
        "One-on-one",
        "30 min or 1 h",
        "Lena Ott",
        "Studio",
        "from €30",
        "€15 each from 3 people",
    ):
        assert words in text


def test_what_costs_nothing_is_free_and_what_has_one_price_says_it():
    make_service(make_lena(), name="Intro", price=0)
    make_service(make_coach(), name="Training", price=4_500)

    text = shown(make_member(), LIST)

    assert "<b>Free</b>" in text
    assert "<b>€45</b>" in text


def test_nothing_offered_yet_says_what_will_be_here():
    assert "What can be booked by time will stand here." in shown(make_member(), LIST)


def test_what_is_not_offered_or_given_by_nobody_is_not_listed():
    gone = make_coach()
    withdraw_service(make_service(make_lena(), name="Withdrawn"), by=None)
    make_service(gone, name="Orphan")
    User.objects.filter(pk=gone.pk).update(disabled_at=timezone.now())

    text = shown(make_member(), LIST)

    assert "Withdrawn" not in text
    assert "Orphan" not in text


def test_what_only_the_team_books_is_listed_for_it_alone():
    lena = make_lena()
    make_service(lena, name="By arrangement", open_to="team")

    assert "By arrangement" in shown(lena, LIST)
    assert "By arrangement" not in shown(make_member(), LIST)


def test_filters_by_kind_coach_and_place():
    lena, jonas, hall = make_lena(), make_coach("Jonas Weber"), make_location("Hall")
    make_service(lena, name="Training")
    online = make_service(jonas, name="Talk", format="virtual")
    online.locations.set([hall])
    member = make_member()

    for query in (f"coach={lena.pk}", "format=one_on_one", f"location={make_location().pk}"):
        text = shown(member, f"{LIST}?{query}")
        assert "Training" in text, query
        assert ">Talk<" not in text, query
    assert "Nothing that is offered fits" in shown(member, f"{LIST}?format=virtual&coach={lena.pk}")
    assert "Talk" in shown(member, f"{LIST}?coach=nobody&format=what")


def test_a_question_with_one_answer_is_not_asked():
    make_service(make_lena(), name="Training")

    text = shown(make_member(), LIST)

    assert 'name="coach"' not in text
    assert 'name="format"' not in text


def test_the_list_costs_as_many_statements_for_many(django_assert_num_queries):
    member, lena = make_member(), make_lena()
    make_service(lena)
    with CaptureQueriesContext(connection) as few:
        list(offered_services(member))

    for _ in range(29):
        make_service(lena, make_coach())

    with django_assert_num_queries(len(few)):
        services = list(offered_services(member))
        assert [lowest_price(one) for one in services] == [6_000] * 30
    assert len(few) == 4


def test_prices_by_size_of_group():
    service = make_service(make_lena(), capacity=4, price_basis="hour", durations=[90])
    ServicePrice.objects.create(service=service, people=3, amount=9_000)

    [group] = group_prices(service, 90)

    assert (group.people, group.each) == (3, 4_500)


def test_the_first_free_day_is_shown_with_its_starts():
    service = make_service(make_lena(opens=9 * 60, closes=11 * 60, weekdays=range(2, 3)))

    text = shown(make_member(), times_url(service))

    assert "Wednesday 9 June" in text
    for start in ("09:00", "09:30", "10:00"):
        assert f">{start}</a>" in text
    assert f"/book/{service.pk}/20270609T0700Z/" in text
    assert "The next free day is" in text


def test_days_with_something_free_are_marked():
    service = make_service(make_lena(weekdays=range(2, 3)))

    times = found(make_member(), service)

    assert [day.date.day for day in times.days if day.is_free] == [9, 16]
    assert [day.date for day in times.days if day.is_active] == [date(2027, 6, 9)]
    assert len(times.days) == 14


def test_an_empty_day_leads_to_the_next_free_one():
    service = make_service(make_lena(weekdays=range(2, 3)))

    text = shown(make_member(), times_url(service, day="2027-06-10"))

    assert "Nothing is free on this day." in text
    assert "day=2027-06-16" in text


def test_an_empty_look_leads_further_and_the_last_one_says_so():
    service = make_service(make_coach(), window_days=60)
    member = make_member()

    text = shown(member, times_url(service))
    assert "Nothing is free until 18 Jul 2027." in text
    assert "since=2027-07-19" in text

    text = shown(member, times_url(service, since="2027-07-19"))
    assert "it is not booked further ahead" in text
    assert "See what else is offered" in text


def test_leafing_through_the_weeks_stays_in_them():
    service = make_service(make_lena(weekdays=range(2, 3)))
    TimeOff.objects.create(coach=service.given_by.get().coach, starts_at=MONDAY, ends_at=MONDAY + timedelta(days=28))
    member = make_member()

    assert found(member, service).day == date(2027, 7, 7)
    second = found(member, service, since="2027-06-21")
    assert (second.day, second.next_free) == (date(2027, 6, 21), date(2027, 7, 7))
    assert (second.earlier, second.later) == (date(2027, 6, 7), date(2027, 7, 5))


@pytest.mark.parametrize("day", ["1999-01-01", "2999-01-01", "no day"])
def test_days_that_cannot_be_booked_are_brought_within(day):
    service = make_service(make_lena(), window_days=10)

    times = found(make_member(), service, day=day)

    assert date(2027, 6, 7) <= times.day <= date(2027, 6, 17)


def test_one_statement_for_one_day_and_for_all(django_assert_num_queries):
    member, lena = make_member(), make_lena(weekdays=range(1))
    service = with_offer(Service.objects.all()).get(pk=make_service(lena, durations=[60, 30]).pk)
    wish = WishForm({}, service=service).wish()
    find_times(own(member), service, wish)  # whose business it is, is asked once
    with django_assert_num_queries(1):
        find_times(own(member), service, wish)

    make_hours(lena, opens=1080, closes=1200)
    make_session(lena, starts_at=MONDAY + timedelta(days=1))

    with django_assert_num_queries(1):
        assert sum(day.is_free for day in find_times(own(member), service, wish).days) == 14


def test_the_page_costs_as_many_statements_for_thirty_coaches():
    member = make_member()
    few, many = make_service(make_lena(), make_coach()), make_service(*[make_coach() for _ in range(30)])
    make_hours(many.given_by.all()[0].coach)
    client = signed_in(member)
    for service in (few, many):
        client.get(times_url(service))

    counts = []
    for service in (few, many):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(times_url(service)).status_code == 200
        counts.append(len(asked))

    # One more for a glance at all of them (`test_find_many`).
    assert counts[1] == counts[0] + 1


def test_length_coach_and_place_are_choices():
    lena, jonas = make_lena(), make_coach("Jonas Weber")
    make_hours(jonas, opens=18 * 60, closes=20 * 60)
    service = make_service(lena, jonas, durations=[60, 90])
    service.locations.add(make_location("Hall"))
    member = make_member()

    text = shown(member, times_url(service, coach=jonas.pk, minutes=90))

    assert "18:30" in text
    assert "19:00" not in text
    assert "09:00" not in text
    assert f"?minutes=90&amp;coach={jonas.pk}" in text
    for words in ("1 h 30 min", "Anybody", "Anywhere", "Main street 1", "On the map"):
        assert words in text


def test_a_coach_among_many_is_chosen_from_a_list():
    service = make_service(*[make_coach() for _ in range(9)])

    assert '<select name="coach"' in shown(make_member(), times_url(service))


@pytest.mark.parametrize("rule", ["any", "all"])
def test_who_cannot_be_chosen_is_not_asked(rule):
    lena = make_lena()
    service = make_service(lena, make_coach(), coaches_rule=rule)

    text = shown(make_member(), times_url(service, coach=lena.pk))

    assert "Anybody" not in text


def test_what_makes_no_sense_is_the_usual():
    service = make_service(make_lena(), durations=[60, 30])

    text = shown(make_member(), times_url(service, minutes=45, coach="x", location="y", zone="Mars/Base", day="z"))

    assert "09:00" in text


def test_starts_are_on_the_readers_clock_with_the_hosts_beside():
    service = make_service(make_lena(opens=9 * 60, closes=10 * 60))
    reader = make_user(time_zone="America/New_York")

    text = shown(reader, times_url(service))

    assert "03:00" in text
    assert "09:00 in Berlin" in text
    assert "Times in New York" in text


def test_another_zone_can_be_chosen_and_stays_in_the_links():
    lena = make_lena(opens=9 * 60, closes=10 * 60)
    WorkingTerms.objects.create(coach=lena, time_zone="Europe/Berlin")
    service = make_service(lena)

    text = shown(make_member(), times_url(service, zone="Asia/Tokyo"))

    assert "16:00" in text
    assert "09:00 in Berlin" in text
    assert "Z/?zone=Asia%2FTokyo" in text


def test_days_are_those_of_the_chosen_zone():
    service = make_service(make_lena(opens=22 * 60, closes=23 * 60, weekdays=range(2, 3)))
    member = make_member()

    assert found(member, service).day == date(2027, 6, 9)
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        assert found(member, service, zone="Asia/Tokyo").day == date(2027, 6, 10)


def test_when_a_coach_is_away_their_stand_in_is_named():
    lena, jonas = make_lena(), make_coach("Jonas Weber")
    service = make_service(lena, jonas)
    away = {"starts_at": MONDAY + timedelta(days=1), "ends_at": MONDAY + timedelta(days=3)}
    TimeOff.objects.create(coach=lena, stand_in=jonas, reason="Hospital", **away)
    member = make_member()

    text = shown(member, times_url(service, coach=lena.pk))

    assert "Lena Ott is away: tomorrow 08:00 – Thursday 08:00." in text
    assert "Jonas Weber stands in meanwhile." in text
    assert f"coach={jonas.pk}" in text
    assert "Hospital" not in text
    assert "stands in" not in shown(member, times_url(service))


def test_who_does_not_give_the_service_stands_in_for_nobody():
    lena = make_lena()
    TimeOff.objects.create(
        coach=lena, stand_in=make_coach("Carl"), starts_at=MONDAY, ends_at=MONDAY + timedelta(days=3)
    )

    assert "stands in" not in shown(make_member(), times_url(make_service(lena, make_coach()), coach=lena.pk))


def test_a_map_shows_the_point_or_else_the_address():
    assert "mlat=52.500000" in map_address(Location(name="Hall", latitude=52.5, longitude=13.4))
    assert "query=Main+street+1" in map_address(Location(name="Hall", address="Main street 1"))
    assert map_address(Location(name="Hall")) == ""


def test_what_one_may_not_see_is_not_there():
    service = withdraw_service(make_service(make_lena()), by=None)

    assert signed_in(make_member()).get(times_url(service)).status_code == 404


def test_the_clock_that_the_page_shows_is_the_one_that_is_chosen():
    service = make_service(make_lena())
    reader = make_user(time_zone="Europe/Berlin")

    text = shown(reader, times_url(service))

    assert '<option value="Europe/Berlin" selected>' in text
    assert text.split('name="zone"')[1].split("</select>")[0].count(" selected>") == 1
