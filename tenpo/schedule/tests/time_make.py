"""Services, places and working hours for tests."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.tokens import new_id
from tenpo.people.models import User
from tenpo.schedule.actions.hours import set_day, set_weekly_hours, set_working_terms
from tenpo.schedule.actions.places import open_location, open_room
from tenpo.schedule.actions.services import create_service
from tenpo.schedule.actions.time_off import add_time_off, add_travel
from tenpo.schedule.availability_queries import hours_of
from tenpo.schedule.models import CalendarConnection, Location, OutsideEvent, Service
from tenpo.schedule.weekly_hours import Hours

MORNING, EVENING = 9 * 60, 17 * 60


@contextmanager
def refuses(code: str) -> Iterator[pytest.ExceptionInfo[RuleError]]:
    """What is done within is refused by the rule of this code."""
    with pytest.raises(RuleError) as refusal:
        yield refusal
    assert refusal.value.code == code


def make_location(name: str = "Studio") -> Location:
    """The place of this name, with a room."""
    there = Location.objects.open().filter(name=name).first()
    if there is not None:
        return there
    location = open_location(by=None, name=name, address="Main street 1")
    open_room(location, name="Hall", by=None)
    return location


def make_service(*coaches: User, price: int = 6_000, name: str = "", **terms: Any) -> Service:
    """Something that can be booked by time: an hour one-on-one at a location, unless `terms` say otherwise."""
    values: Any = {
        "name": name or f"Service {Service.objects.count() + 1}", "durations": [60], "prices": {1: price},
        "coaches": coaches, "notice_minutes": 0, "step_minutes": 30, **terms,
    }  # fmt: skip
    if "locations" not in values:
        values["locations"] = [make_location()]
    return create_service(by=None, **values)


def make_hours(coach: User, *, opens: int = MORNING, closes: int = EVENING, weekdays: Iterable[int] = range(7)) -> None:
    """Further hours on each of these weekdays, in the clock of the coach."""
    further = [Hours(weekday, opens, closes) for weekday in weekdays]
    set_weekly_hours(coach, [*hours_of(coach), *further], by=None)


def make_outside_event(
    user: User, starts_at: datetime, ends_at: datetime, *, is_busy: bool = True, blocks_time: bool = True
) -> OutsideEvent:
    """A time at which somebody is taken elsewhere, in a calendar of its own."""
    made = CalendarConnection.objects.create(
        id=new_id(), user=user, kind="feed", secrets="{}", account="a", due_at=starts_at, blocks_time=blocks_time
    )
    return OutsideEvent.objects.create(
        connection=made, user=user, uid="a", starts_at=starts_at, ends_at=ends_at, is_busy=is_busy
    )


def make_working_life(coach: User) -> None:
    """One of everything that a coach says of their time."""
    now = clock.now()
    make_hours(coach)
    set_day(coach, now.date() + timedelta(days=200), [], by=None)
    add_time_off(coach, starts_at=now + timedelta(days=210), ends_at=now + timedelta(days=212), by=None)
    first_day = now.date() + timedelta(days=220)
    add_travel(coach, starts_on=first_day, ends_on=first_day, time_zone="America/New_York", by=None)
    set_working_terms(coach, by=None)
