"""Weeks as bits say of many coaches what `find_slots` says of each, and are old as soon as something changes."""

import threading
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tenpo.core.outbox import drain
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach
from tenpo.schedule.actions import cancellations
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.coach_time import count_freed, lock_coach
from tenpo.schedule.actions.sessions import create_session, edit_session
from tenpo.schedule.glance import days_with_slots, forget_past_weeks, free_starts
from tenpo.schedule.models import (
    Availability,
    AvailabilityException,
    CoachWeek,
    Service,
    ServiceCoach,
    Session,
    TimeOff,
    Travel,
    WorkingTerms,
)
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_outside_event, make_service
from tests.at_once import JOIN_SECONDS, Other

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
DAY = datetime(2027, 6, 7, tzinfo=BERLIN)
YEAR = timedelta(days=365)
MONTH = SlotSearch(since=DAY, until=DAY + timedelta(days=30), minutes=60)


@pytest.fixture(autouse=True)
def _a_week_before():
    with time_machine.travel(DAY - timedelta(days=7), tick=False):
        yield


def coach_in(zone: str) -> User:
    coach = make_coach()
    User.objects.filter(pk=coach.pk).update(time_zone=zone)
    coach.refresh_from_db()
    return coach


def seen(service: Service, search: SlotSearch = MONTH) -> list[datetime]:
    return free_starts(service, search)


def exact(service: Service, search: SlotSearch = MONTH) -> list[datetime]:
    return [slot.starts_at for slot in find_slots(service, search)]


@pytest.mark.parametrize("seed", range(8))
def test_bits_say_what_spans_say(seed):
    """Over both changes of clocks, for coaches around the world with whatever hours, breaks and sessions."""
    random = Random(seed)
    zones = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Auckland"]
    since = datetime.combine(random.choice([date(2027, 10, 20), date(2027, 3, 1)]), time(13, 35), BERLIN)
    with time_machine.travel(since - timedelta(days=3), tick=False):
        coaches = [coach_in(zone) for zone in random.sample(zones, 3)]
        for coach in coaches:
            _random_life(random, coach, since)
        service = make_service(
            *coaches, coaches_rule="any", step_minutes=random.choice([15, 20, 30, 45]), window_days=60,
            buffer_before=random.choice([0, 10, 30]), buffer_after=random.choice([0, 15]), notice_minutes=600,
        )  # fmt: skip
        service.locations.clear()
        search = SlotSearch(since=since, until=since + timedelta(days=21), minutes=random.choice([30, 50, 90]))

        assert seen(service, search) == exact(service, search)
        assert seen(service, search) == exact(service, search), "and again, from what was kept"
        days = days_with_slots(service, search, BERLIN)
        assert days == sorted({start.astimezone(BERLIN).date() for start in exact(service, search)})


def _random_life(random: Random, coach: User, since: datetime) -> None:
    for weekday in range(7):
        opens = random.randrange(0, 200) * 5
        for _ in range(random.randrange(0, 3)):
            closes = min(24 * 60, opens + random.randrange(6, 90) * 5)
            if opens < closes:
                Availability.objects.create(coach=coach, weekday=weekday, opens=opens, closes=closes)
            opens = closes + random.randrange(1, 40) * 5
    for _ in range(3):
        AvailabilityException.objects.get_or_create(
            coach=coach, day=since.date() + timedelta(days=random.randrange(20)), opens=600, closes=900
        )
    away = since + timedelta(hours=random.randrange(400))
    TimeOff.objects.create(coach=coach, starts_at=away, ends_at=away + timedelta(minutes=random.randrange(10, 3_000)))
    travels = since.date() + timedelta(days=random.randrange(15))
    if random.random() < 0.5:
        Travel.objects.create(
            coach=coach, starts_on=travels, ends_on=travels + timedelta(days=random.randrange(4)),
            time_zone=random.choice(["Asia/Tokyo", "America/Santiago"]),
        )  # fmt: skip
    if random.random() < 0.5:
        WorkingTerms.objects.create(coach=coach, holidays_of="DE-BE", most_per_day=random.choice([None, 1, 2]))
    for _ in range(6):
        # To the minute; now and then marked as free, or in a calendar that takes no time.
        there = since + timedelta(minutes=random.randrange(-2_000, 20 * 24 * 60))
        until = there + timedelta(minutes=random.randrange(1, 2_000))
        is_busy, blocks_time = random.random() < 0.7, random.random() < 0.7
        make_outside_event(coach, there, until, is_busy=is_busy, blocks_time=blocks_time)
    start = since
    for _ in range(12):
        start += timedelta(minutes=random.randrange(90, 2_000))
        make_session(coach, starts_at=start, minutes=random.randrange(5, 90))


def test_a_full_day_is_closed():
    coach = coach_in("Europe/Berlin")
    make_hours(coach)
    WorkingTerms.objects.create(coach=coach, most_per_day=1)
    service = make_service(coach)
    make_session(coach, starts_at=DAY + timedelta(hours=20))

    assert seen(service) == exact(service) != []
    assert days_with_slots(service, MONTH, BERLIN)[0] == DAY.date() + timedelta(days=1)


def test_what_changes_is_seen_at_once():
    coach, admin = coach_in("Europe/Berlin"), make_admin()
    make_hours(coach)
    service = make_service(coach)
    before = seen(service)
    terms: dict[str, Any] = {
        "title": "One",
        "minutes": 60,
        "time_zone": "UTC",
        "capacity": 1,
        "price": 0,
        "place": "Here",
    }

    session = create_session(coach, by=coach, starts_at=DAY + timedelta(hours=9), **terms)
    after = seen(service)
    edit_session(session, by=coach, starts_at=DAY + timedelta(hours=12))
    moved = seen(service)
    cancel_session(session, reason="", by=admin)
    again = seen(service)
    User.objects.filter(pk=coach.pk).update(time_zone="UTC")
    elsewhere = seen(service)

    assert before != after != moved
    assert again == before
    assert elsewhere != again
    assert elsewhere == exact(service)


@pytest.mark.control
def test_what_nobody_counts_is_not_seen_control():
    coach = coach_in("Europe/Berlin")
    make_hours(coach)
    service = make_service(coach)
    before = seen(service)

    make_session(coach, starts_at=DAY + timedelta(hours=9))

    assert seen(service) == before != exact(service)
    with transaction.atomic():
        lock_coach(coach)
    assert seen(service) == exact(service)


def freed_at_nine() -> tuple[Service, Session, list[datetime]]:
    """A session at nine, of which what is kept knows; and the starts that there are with it."""
    coach = coach_in("Europe/Berlin")
    make_hours(coach)
    service = make_service(coach)
    session = make_session(coach, starts_at=DAY + timedelta(hours=9))
    with transaction.atomic():
        lock_coach(coach)
    return service, session, seen(service)


@pytest.mark.django_db(transaction=True)
def test_what_is_freed_while_somebody_gives_up_is_seen_once_it_is_told():
    service, session, taken = freed_at_nine()

    with transaction.atomic():
        lock_coach(session.coach)
        assert Other(lambda: cancel_session(session, reason="", by=session.coach)).end().status == "cancelled"
        transaction.set_rollback(True)

    assert seen(service) == taken != exact(service), "nobody counted it"
    drain()
    assert seen(service) == exact(service)


@pytest.mark.django_db(transaction=True)
def test_what_is_freed_while_somebody_is_done_first_is_seen_once_it_is_told(monkeypatch):
    service, session, taken = freed_at_nine()
    is_passed_over, goes_on = threading.Event(), threading.Event()

    def count_and_wait(coach_id: UUID) -> None:
        count_freed(coach_id)
        is_passed_over.set()
        assert goes_on.wait(JOIN_SECONDS)

    monkeypatch.setattr(cancellations, "count_freed", count_and_wait)

    with transaction.atomic():
        lock_coach(session.coach)
        other = Other(lambda: cancel_session(session, reason="", by=session.coach))
        assert is_passed_over.wait(JOIN_SECONDS)
    assert seen(service) == taken, "worked out anew, before it is free for others to see"
    goes_on.set()
    other.end()

    assert seen(service) == taken != exact(service), "kept as of the same version"
    drain()
    assert seen(service) == exact(service)


def test_where_any_of_several_could_begin():
    """However many stand in one row, and although they are there around the clock: none goes on in the next one's."""
    zones = ("Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Asia/Kathmandu", "Asia/Tokyo")
    coaches = [coach_in(zone) for zone in zones]
    for number, coach in enumerate(coaches):
        Availability.objects.bulk_create(
            Availability(coach=coach, weekday=weekday, opens=0, closes=1_440) for weekday in range(7)
        )
        # Of those whose clocks show full hours nobody is there later on.
        TimeOff.objects.create(coach=coach, starts_at=DAY + timedelta(days=9 + 50 * (number % 2)), ends_at=DAY + YEAR)
    alone = [seen(make_service(coach, name=f"With {coach.pk}", buffer_before=35)) for coach in coaches]
    for number in range(1, len(coaches) + 1):
        service = make_service(*coaches[:number], name=f"Of {number}", coaches_rule="any", buffer_before=35)
        assert seen(service) == sorted(set().union(*alone[:number]))
    coaches[0].role_grants.all().delete()
    assert seen(service) == sorted(set().union(*alone[1:]))


def test_one_statement_for_one_coach_and_for_thirty():
    coach = coach_in("Europe/Berlin")
    make_hours(coach)
    service = make_service(coach)
    seen(service)
    with CaptureQueriesContext(connection) as few:
        seen(service)
    for _ in range(30):
        other = coach_in("Asia/Tokyo")
        make_hours(other)
        ServiceCoach.objects.create(service=service, coach=other)
    seen(service)
    with CaptureQueriesContext(connection) as many:
        seen(service)

    assert len(few) == len(many) == 1


def test_weeks_that_are_over_are_dropped():
    coach = coach_in("Europe/Berlin")
    make_hours(coach)
    seen(make_service(coach))
    kept = CoachWeek.objects.count()

    assert forget_past_weeks() == 0
    assert forget_past_weeks(DAY + timedelta(days=60)) == kept > 0
