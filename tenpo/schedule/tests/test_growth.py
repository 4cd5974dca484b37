"""What five times as many coaches cost is at most five times as much: counted as work, whatever the machine."""

import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenpo.people.models import RoleGrant, User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions.session_coaches import write_sessions
from tenpo.schedule.glance import free_starts
from tenpo.schedule.models import Availability, Service, ServiceCoach, Session
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service

pytestmark = pytest.mark.django_db

DAY = datetime(2027, 6, 7, tzinfo=ZoneInfo("Europe/Berlin"))
MONTH = SlotSearch(since=DAY, until=DAY + timedelta(days=30), minutes=60)
DAYS = SlotSearch(since=DAY, until=DAY + timedelta(days=3), minutes=60)
FEW, TIMES = 60, 5
# What does not depend on the number of coaches would hide a growth beyond it; it is small beside sixty of them.
SLACK = 1.05


@pytest.fixture(autouse=True)
def _a_week_before():
    with time_machine.travel(DAY - timedelta(days=7), tick=False):
        yield


def make_offer(number: int) -> Service:
    """A service of so many coaches, each with hours on five days and a session on each of ten."""
    first = make_coach()
    others = User.objects.bulk_create(
        User(email=f"coach-{number}-{n}@example.com", name=f"Coach {n}", time_zone="Europe/Berlin")
        for n in range(number - 1)
    )
    service = make_service(first, coaches_rule="any")
    like = make_session(first, starts_at=DAY + timedelta(hours=10))
    RoleGrant.objects.bulk_create(RoleGrant(user=coach, role="coach") for coach in others)
    ServiceCoach.objects.bulk_create(
        ServiceCoach(service=service, coach=coach, place=place) for place, coach in enumerate(others, 1)
    )
    Availability.objects.bulk_create(
        Availability(coach=coach, weekday=weekday, opens=540, closes=1020)
        for coach in [first, *others] for weekday in range(5)
    )  # fmt: skip
    write_sessions([
        Session(
            coach=coach, title="Taken", starts_at=like.starts_at + timedelta(days=day),
            ends_at=like.ends_at + timedelta(days=day), time_zone="UTC", capacity=1, price=0, currency="EUR",
            cancellation_policy=like.cancellation_policy,
        )
        for coach in others for day in range(10)
    ])  # fmt: skip
    return service


def calls_of(work: Callable[[], Any]) -> int:
    """How many functions are called for it, ours and others'."""
    counted = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def pages_of(work: Callable[[], Any]) -> int:
    """How many pages the database touches for its statements."""
    with CaptureQueriesContext(connection) as captured:
        work()
    touched = 0
    with connection.cursor() as cursor:
        for query in captured:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query["sql"].replace("%", "%%"), [])
            [(said,)] = cursor.fetchall()
            [plan] = json.loads(said) if isinstance(said, str) else said
            touched += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    return touched


@pytest.mark.parametrize("look", ["at a glance", "as it is"])
def test_five_times_as_many_coaches_are_at_most_five_times_the_work(look):
    few, many = make_offer(FEW), make_offer(FEW * TIMES)

    def asks(service: Service) -> Callable[[], Any]:
        return lambda: free_starts(service, MONTH) if look == "at a glance" else find_slots(service, DAYS)

    for service in (few, many):
        assert asks(service)(), "and now it is kept"
    calls = [calls_of(asks(service)) for service in (few, many)]
    pages = [pages_of(asks(service)) for service in (few, many)]

    assert calls[1] <= calls[0] * TIMES * SLACK, calls
    assert pages[1] <= pages[0] * TIMES * SLACK, pages
