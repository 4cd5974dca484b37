"""What is shown as free is what is accepted, and nothing else: for whatever coaches say of their time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenpo.checkout.actions import slots
from tenpo.checkout.actions.paying import Paying
from tenpo.core.errors import RuleError
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.slots import SlotWish
from tenpo.schedule.models import (
    Availability,
    AvailabilityException,
    Booking,
    OutsideEvent,
    Room,
    Service,
    Session,
    TimeOff,
    Travel,
    WorkingTerms,
)
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_outside_event, make_service

pytestmark = pytest.mark.django_db

# Their clocks change by an hour, by half of one, or never; all of them are away from UTC, one by three quarters.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
QUARTER = timedelta(minutes=15)
TRIED = 6
EXAMPLES = 100


def days_of(zone: str) -> list[date]:
    """A plain day of the next months, and those on which the clock changes."""
    first = timezone.now().date() + timedelta(days=20)
    days = [first + timedelta(days=number) for number in range(300)]
    changes = [day for day in days if _offset(zone, day) != _offset(zone, day + timedelta(days=1))]
    return [first, *changes]


def _offset(zone: str, day: date) -> timedelta | None:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone)).utcoffset()


DAYS = {zone: days_of(zone) for zone in ZONES}


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is done inside is as if it had never been."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


minutes_of_day = st.integers(0, 24 * 12 - 1).map(lambda number: 5 * number)


def spans(least: int, most: int) -> st.SearchStrategy[tuple[int, int]]:
    """A time of day that lasts so many minutes, or until midnight."""
    lengths = st.integers(least // 5, most // 5)
    return st.tuples(minutes_of_day, lengths).map(lambda span: (span[0], min(span[0] + 5 * span[1], 24 * 60)))


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """What a coach says of one day and its neighbours, what is taken on it, and when one looks."""
    zone = draw(st.sampled_from(ZONES))
    return {
        "zone": zone,
        "day": draw(st.sampled_from(DAYS[zone])),
        "looked_at": draw(st.integers(0, 20) | st.integers(0, 4 * 24)),
        "minutes": draw(st.sampled_from([15, 30, 50, 90])),
        "service": {
            "step_minutes": draw(st.sampled_from([5, 15, 20, 30, 45, 60])),
            "buffer_before": draw(st.sampled_from([0, 0, 5, 20])),
            "buffer_after": draw(st.sampled_from([0, 0, 10, 45])),
            "most_per_day": draw(st.sampled_from([None, None, 1])),
        },
        "hours": draw(st.lists(st.just((0, 24 * 60)) | spans(4 * 60, 16 * 60), min_size=1, max_size=2)),
        "exception": draw(st.none() | st.none() | st.just(()) | spans(4 * 60, 16 * 60)),
        "away": draw(st.none() | st.none() | spans(5, 180)),
        "travels_to": draw(st.none() | st.none() | st.sampled_from(ZONES)),
        "most_per_day": draw(st.sampled_from([None, None, 2])),
        "taught": draw(st.lists(spans(5, 120), max_size=3)),
        "room_used": draw(st.none() | spans(5, 180)),
        "elsewhere": draw(st.none() | spans(5, 180)),
        # Somebody gives it together with them, by another clock, and is away and teaches by themselves.
        "beside": draw(
            st.none()
            | st.fixed_dictionaries(
                {
                    "zone": st.sampled_from(ZONES),
                    "hours": st.just((0, 24 * 60)) | spans(6 * 60, 20 * 60),
                    "away": st.none() | spans(5, 180),
                    "taught": st.lists(spans(5, 120), max_size=2),
                    "most_per_day": st.sampled_from([None, None, 1]),
                }
            )
        ),
        # In calendars elsewhere: to the minute, marked as free now and then, in a calendar that takes no time.
        "outside": draw(
            st.lists(st.tuples(spans(5, 180), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)), max_size=3)
        ),
    }


def make(world: dict[str, Any], coach: User, member: User, another: User) -> Service:
    """What the coach gives, and what is taken of their time, of the room's and of whoever books."""
    User.objects.filter(pk=coach.pk).update(time_zone=world["zone"])
    together = {"coaches_rule": "all"} if world["beside"] else {}
    givers = [coach, make_beside(world, world["beside"])] if world["beside"] else [coach]
    service = make_service(
        *givers, price=0, durations=[world["minutes"]], window_days=365, **world["service"], **together
    )  # fmt: skip
    day = world["day"]
    Availability.objects.bulk_create(
        Availability(coach=coach, weekday=(day + timedelta(days=later)).weekday(), opens=opens, closes=closes)
        for opens, closes in world["hours"]
        for later in (0, 1)
    )
    if world["exception"] is not None:
        opens, closes = world["exception"] or (None, None)
        AvailabilityException.objects.create(coach=coach, day=day, opens=opens, closes=closes)
    if world["away"]:
        start, end = (at(world, minute) for minute in world["away"])
        TimeOff.objects.create(coach=coach, starts_at=start, ends_at=end)
    if world["travels_to"]:
        Travel.objects.create(coach=coach, starts_on=day, ends_on=day, time_zone=world["travels_to"])
    if world["most_per_day"]:
        WorkingTerms.objects.create(coach=coach, most_per_day=world["most_per_day"])
    _take(world, service, coach, member, another)
    return service


def make_beside(world: dict[str, Any], said: dict[str, Any]) -> User:
    """Whoever gives it together with the coach, and what they say of the days around this one."""
    beside = make_coach()
    User.objects.filter(pk=beside.pk).update(time_zone=said["zone"])
    opens, closes = said["hours"]
    Availability.objects.bulk_create(
        Availability(coach=beside, weekday=(world["day"] + timedelta(days=later)).weekday(), opens=opens, closes=closes)
        for later in (-1, 0, 1)
    )
    if said["away"]:
        start, end = (at(world, minute) for minute in said["away"])
        TimeOff.objects.create(coach=beside, starts_at=start, ends_at=end)
    if said["most_per_day"]:
        WorkingTerms.objects.create(coach=beside, most_per_day=said["most_per_day"])
    for start, end in said["taught"]:
        _where_it_fits(partial(_taught, world, beside, start, end - start))
    return beside


def _take(world: dict[str, Any], service: Service, coach: User, member: User, another: User) -> None:
    for (start, end), moved, is_busy, blocks_time in world["outside"]:
        times = at(world, start + moved), at(world, end + moved)
        make_outside_event(coach, *times, is_busy=is_busy > 0, blocks_time=blocks_time > 0)
    for start, end in world["taught"]:
        _where_it_fits(partial(_taught, world, coach, start, end - start))
    if world["room_used"]:
        hall = Room.objects.get()
        service.rooms.add(hall)
        start, end = world["room_used"]
        used = make_session(another, starts_at=at(world, start), minutes=end - start)
        Session.objects.filter(pk=used.pk).update(room=hall)
    if world["elsewhere"]:
        start, end = world["elsewhere"]
        other = make_session(make_coach(), starts_at=at(world, start), minutes=end - start)
        Booking.objects.create(
            session=other, participant=member.participant, booked_by=member, state="held",
            held_until=other.starts_at, starts_at=other.starts_at, ends_at=other.ends_at,
        )  # fmt: skip


def is_elsewhere(world: dict[str, Any], start: datetime) -> bool:
    """Whether the coach is elsewhere then, as a calendar of theirs says, or in the time before and after."""
    before, after = (timedelta(minutes=world["service"][f"buffer_{side}"]) for side in ("before", "after"))
    end = start + timedelta(minutes=world["minutes"])
    return any(
        at(world, first + moved) < end + after and start - before < at(world, last + moved)
        for (first, last), moved, is_busy, blocks_time in world["outside"]
        if is_busy and blocks_time and first < last
    )


def _taught(world: dict[str, Any], coach: User, minute: int, minutes: int) -> None:
    session = make_session(coach, starts_at=at(world, minute), minutes=minutes)
    busy_until = session.ends_at + timedelta(minutes=minute % 25)
    Session.objects.filter(pk=session.pk).update(busy_from=session.starts_at, busy_until=busy_until)


def _where_it_fits(make_it: Callable[[], None]) -> None:
    try:
        with transaction.atomic():
            make_it()
    except IntegrityError:
        """The coach teaches then already."""


def at(world: dict[str, Any], minute: int) -> datetime:
    """So many minutes after the day begins where the coach is."""
    begins = datetime.combine(world["day"], time.min, tzinfo=ZoneInfo(world["zone"])).astimezone(UTC)
    return begins + timedelta(minutes=minute)


@pytest.fixture
def people() -> tuple[User, User, User]:
    """A coach, whoever books, and another coach."""
    return make_coach(), make_member(), make_coach()


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(worlds())
def test_what_is_shown_is_what_is_accepted(people, world):
    coach, member, another = people
    with undone():
        service = make(world, coach, member, another)
        first = at(world, 15 * world["looked_at"])
        starts = [first + number * QUARTER for number in range(TRIED)]
        search = SlotSearch(
            since=first, until=starts[-1] + QUARTER, minutes=world["minutes"], participant=member.participant.pk
        )

        shown = {slot.starts_at for slot in find_slots(service, search)}

        accepted = {start for start in starts if is_accepted(service, coach, member, start)}
        assert accepted == shown & set(starts)
        # What calendars elsewhere take, and nothing else, is what they take away.
        OutsideEvent.objects.all().delete()
        without = {slot.starts_at for slot in find_slots(service, search)}
        assert shown == {start for start in without if not is_elsewhere(world, start)}


def is_accepted(service: Service, coach: User, member: User, start: datetime) -> bool:
    wish = SlotWish(service.pk, start, service.durations[0], None, {})
    try:
        with undone():
            slots._reserve(wish, coach.pk, [member.participant], Paying(member))
    except RuleError as refusal:
        return refusal.code != "slot_taken"
    return True
