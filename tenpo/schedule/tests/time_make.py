"""Services, places and working hours for tests."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from tenpo.people.models import User
from tenpo.schedule.models import (
    Availability,
    AvailabilityException,
    Location,
    Room,
    Service,
    ServiceCoach,
    ServicePrice,
    TimeOff,
    Travel,
    WorkingTerms,
)

MORNING, EVENING = 9 * 60, 17 * 60


def make_location(name: str = "Studio") -> Location:
    """A place with a room named as it."""
    location, _ = Location.objects.get_or_create(name=name, defaults={"address": "Main street 1"})
    Room.objects.get_or_create(location=location, name="Hall")
    return location


def make_service(*coaches: User, price: int = 6_000, name: str = "", **terms: Any) -> Service:
    """Something that can be booked by time: an hour one-on-one at a location, unless `terms` say otherwise."""
    values = {"durations": [60], "currency": "EUR", "notice_minutes": 0, "step_minutes": 30, **terms}
    service = Service.objects.create(name=name or f"Service {Service.objects.count() + 1}", **values)
    ServicePrice.objects.create(service=service, people=1, amount=price)
    service.locations.add(make_location())
    for place, coach in enumerate(coaches):
        ServiceCoach.objects.create(service=service, coach=coach, place=place)
    return service


def make_hours(coach: User, *, opens: int = MORNING, closes: int = EVENING, weekdays: range = range(7)) -> None:
    """Hours on each of these weekdays, in the clock of the coach."""
    Availability.objects.bulk_create(
        Availability(coach=coach, weekday=weekday, opens=opens, closes=closes) for weekday in weekdays
    )


def make_working_life(coach: User) -> None:
    """One of everything that a coach says of their time."""
    now = timezone.now()
    make_hours(coach)
    AvailabilityException.objects.create(coach=coach, day=now.date() + timedelta(days=200))
    TimeOff.objects.create(coach=coach, starts_at=now + timedelta(days=210), ends_at=now + timedelta(days=212))
    first_day = now.date() + timedelta(days=220)
    Travel.objects.create(coach=coach, starts_on=first_day, ends_on=first_day, time_zone="America/New_York")
    WorkingTerms.objects.create(coach=coach)
