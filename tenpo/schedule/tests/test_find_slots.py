"""What is shown as a slot: hours, less what is taken."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.models import (
    Availability,
    AvailabilityException,
    Booking,
    Location,
    Room,
    Service,
    ServiceCoach,
    Session,
    TimeOff,
    Travel,
    WorkingTerms,
)
from tenpo.schedule.slot_queries import Slot, SlotSearch, find_slots
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_location, make_service

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
# A Monday without anything to it.
DAY = datetime(2027, 6, 7, tzinfo=BERLIN)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _a_week_before():
    with time_machine.travel(DAY - timedelta(days=7), tick=False):
        yield


@pytest.fixture
def coach() -> User:
    """One who works from 9 to 12 by Berlin's clock."""
    coach = make_coach()
    User.objects.filter(pk=coach.pk).update(time_zone="Europe/Berlin")
    make_hours(coach, opens=9 * 60, closes=12 * 60)
    return coach


def slots(service: Service, *, day: datetime = DAY, days: int = 1, minutes: int = 60, **wanted: object) -> list[Slot]:
    search = SlotSearch(since=day, until=day + timedelta(days=days), minutes=minutes, **wanted)  # type: ignore[arg-type]
    return find_slots(service, search)


def clock(found: list[Slot]) -> list[str]:
    """The starts by Berlin's clock."""
    return [f"{slot.starts_at.astimezone(BERLIN):%H:%M}" for slot in found]


def test_hours_are_cut_into_starts(coach):
    service = make_service(coach)

    assert clock(slots(service)) == ["09:00", "09:30", "10:00", "10:30", "11:00"]
    assert clock(slots(service, minutes=90)) == ["09:00", "09:30", "10:00", "10:30"]
    assert clock(slots(make_service(coach, step_minutes=45))) == ["09:00", "09:45", "10:30"]
    assert {slot.coaches for slot in slots(service)} == {(coach.pk,)}


def test_what_is_taken_is_not_shown_and_touching_is_not_taking(coach):
    make_session(coach, starts_at=DAY + 10 * HOUR, minutes=30)

    assert clock(slots(make_service(coach))) == ["09:00", "10:30", "11:00"]


def test_time_before_and_after_is_kept_on_both_sides(coach):
    service = make_service(coach, buffer_before=30, buffer_after=15)
    session = make_session(coach, starts_at=DAY + 9 * HOUR, minutes=30)
    Session.objects.filter(pk=session.pk).update(
        busy_from=session.starts_at, busy_until=session.ends_at + timedelta(minutes=15)
    )

    # Busy until 9:45, and half an hour before the next one.
    assert clock(slots(service)) == ["10:30", "11:00"]


def test_notice_and_window_hold_but_for_the_host(coach):
    service = make_service(coach, notice_minutes=90, window_days=2)
    with time_machine.travel(DAY + 8 * HOUR, tick=False):
        assert clock(slots(service)) == ["09:30", "10:00", "10:30", "11:00"]
        assert clock(slots(service, by_host=True)) == ["09:00", "09:30", "10:00", "10:30", "11:00"]
        assert slots(service, day=DAY + timedelta(days=3)) == []
        assert slots(service, day=DAY + timedelta(days=3), by_host=True) != []
        # To the minute.
        assert clock(slots(service, day=DAY + timedelta(days=2))) == []
        Service.objects.update(window_days=3)
        service.refresh_from_db()
        assert clock(slots(service, day=DAY + timedelta(days=2))) == ["09:00", "09:30", "10:00", "10:30", "11:00"]


def test_a_day_may_differ_from_its_weekday(coach):
    service = make_service(coach)
    AvailabilityException.objects.create(coach=coach, day=DAY.date(), opens=14 * 60, closes=15 * 60)
    AvailabilityException.objects.create(coach=coach, day=DAY.date() + timedelta(days=1))

    assert clock(slots(service)) == ["14:00"]
    assert slots(service, day=DAY + timedelta(days=1)) == []


def test_weeks_in_which_hours_hold(coach):
    service = make_service(coach)
    Availability.objects.update(starts_on=DAY.date(), ends_on=DAY.date())

    assert len(slots(service)) == 5
    assert slots(service, day=DAY + timedelta(days=7)) == []
    assert slots(service, day=DAY - timedelta(days=6), days=6) == []


def test_away_on_holidays_and_elsewhere_in_the_world(coach):
    service = make_service(coach, window_days=365)
    TimeOff.objects.create(coach=coach, starts_at=DAY + 10 * HOUR, ends_at=DAY + timedelta(days=1))
    WorkingTerms.objects.create(coach=coach, holidays_of="DE-BE")
    german_unity = datetime(2027, 10, 3, tzinfo=BERLIN)
    Travel.objects.create(
        coach=coach, starts_on=DAY.date() + timedelta(days=2), ends_on=DAY.date() + timedelta(days=2),
        time_zone="America/New_York",
    )  # fmt: skip

    assert clock(slots(service)) == ["09:00"]
    assert slots(service, day=german_unity) == []
    assert clock(slots(service, day=DAY + timedelta(days=2))) == ["15:00", "15:30", "16:00", "16:30", "17:00"]


def test_no_more_sessions_on_a_day_than_the_coach_wants(coach):
    service = make_service(coach)
    WorkingTerms.objects.create(coach=coach, most_per_day=2)
    make_session(coach, starts_at=DAY + 18 * HOUR)

    assert len(slots(service)) == 5
    make_session(coach, starts_at=DAY + 20 * HOUR)
    assert slots(service) == []
    assert len(slots(service, day=DAY + timedelta(days=1))) == 5


def test_whoever_takes_part_is_in_one_place_and_has_no_more_than_one_may(coach):
    member = make_member()
    service = make_service(coach, most_per_day=1, most_per_week=2)
    busy = make_session(starts_at=DAY + 9 * HOUR, minutes=60)
    claim(busy, member)

    assert clock(slots(service, participant=member.participant.pk)) == ["10:00", "10:30", "11:00"]
    for number in (1, 3):
        of_service = make_session(starts_at=DAY + timedelta(days=number, hours=20))
        Session.objects.filter(pk=of_service.pk).update(service=service)
        claim(of_service, member)
        taken = slots(service, day=DAY + timedelta(days=number), participant=member.participant.pk)
        assert (taken, len(slots(service, day=DAY + timedelta(days=number)))) == ([], 5)
    # Two in this week: the next slot is on Monday.
    later = slots(service, days=14, participant=member.participant.pk)
    assert later[0].starts_at == DAY + timedelta(days=7, hours=9)


def claim(session: Session, member: User) -> None:
    """A place of somebody, as far as time is concerned."""
    Booking.objects.create(
        session=session, participant=member.participant, booked_by=member, state="held",
        held_until=session.starts_at, starts_at=session.starts_at, ends_at=session.ends_at,
    )  # fmt: skip


def test_a_room_must_be_free_as_well(coach):
    service = make_service(coach)
    hall = Room.objects.get()
    service.rooms.add(hall)
    other = make_session(starts_at=DAY + 9 * HOUR)
    Session.objects.filter(pk=other.pk).update(room=hall)

    assert clock(slots(service)) == ["10:00", "10:30", "11:00"]
    second = Room.objects.create(location=hall.location, name="Small one")
    service.rooms.add(second)
    found = slots(service)
    assert (clock(found)[0], found[0].rooms) == ("09:00", (second.pk,))
    assert set(found[-1].rooms) == {hall.pk, second.pk}


def test_hours_at_one_location_count_there_only(coach):
    service = make_service(coach)
    studio, school = Location.objects.get(), make_location("School")
    service.locations.add(school)
    Availability.objects.update(location=school)

    assert {slot.location for slot in slots(service)} == {school.pk}
    assert slots(service, location=studio.pk) == []
    Availability.objects.update(location=None)
    assert [slot.location for slot in slots(service)][:2] == [school.pk, studio.pk]
    assert {slot.location for slot in slots(service, location=studio.pk)} == {studio.pk}


def test_what_is_given_where_all_is_closed_is_given_nowhere(coach):
    service = make_service(coach)
    studio, hall = Location.objects.get(), Room.objects.get()
    Location.objects.update(closed_at=DAY - HOUR)
    assert slots(service) == []
    Location.objects.update(closed_at=None)
    service.rooms.add(hall)
    Room.objects.update(closed_at=DAY - HOUR)
    assert slots(service) == []
    Room.objects.update(closed_at=None)

    assert {slot.location for slot in slots(service)} == {studio.pk}
    # What is given nowhere in particular needs no place that is open.
    service.rooms.clear()
    service.locations.clear()
    assert {slot.location for slot in slots(service)} == {None}


def test_of_several_coaches_each_or_all_together(coach):
    other = make_coach()
    User.objects.filter(pk=other.pk).update(time_zone="Europe/Berlin")
    make_hours(other, opens=11 * 60, closes=13 * 60)
    service = make_service(coach, other, coaches_rule="any")

    found = slots(service)
    assert clock(found) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "12:00"]
    assert found[4].coaches == (coach.pk, other.pk)
    assert clock(slots(service, coaches=[other.pk])) == ["11:00", "11:30", "12:00"]
    Service.objects.update(coaches_rule="all")
    service.refresh_from_db()
    assert clock(slots(service)) == ["11:00"]


def test_who_may_not_teach_any_more_is_not_offered(coach):
    service = make_service(coach)
    coach.role_grants.all().delete()

    assert slots(service) == []


@pytest.mark.parametrize(
    ("zone", "night", "expected"),
    [
        # 02:00 to 03:00 does not exist; the hour after it does.
        ("Europe/Berlin", date(2027, 3, 28), ["00:00", "00:30", "01:00"]),
        ("America/New_York", date(2027, 3, 14), ["06:00", "06:30", "07:00"]),
        # It comes twice.
        ("Europe/Berlin", date(2027, 10, 31), ["23:00", "23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]),
        ("America/New_York", date(2027, 11, 7), ["05:00", "05:30", "06:00", "06:30", "07:00", "07:30", "08:00"]),
    ],
)
def test_nights_in_which_clocks_change(zone, night, expected):
    """Hours from one to four: 120 minutes in spring, 240 in autumn, and each start its own moment."""
    coach = make_coach()
    User.objects.filter(pk=coach.pk).update(time_zone=zone)
    make_hours(coach, opens=60, closes=4 * 60)
    service = make_service(coach, window_days=365)

    day = datetime.combine(night, time.min, ZoneInfo(zone))
    with time_machine.travel(day - timedelta(days=2), tick=False):
        found = slots(service, day=day)

    assert [f"{slot.starts_at.astimezone(UTC):%H:%M}" for slot in found] == expected
    assert len({slot.starts_at for slot in found}) == len(found)


def test_one_statement_for_one_coach_and_for_thirty(coach):
    service = make_service(coach)
    slots(service)
    with CaptureQueriesContext(connection) as few:
        slots(service, days=30)
    for _ in range(30):
        other = make_coach()
        make_hours(other)
        ServiceCoach.objects.create(service=service, coach=other)
    with CaptureQueriesContext(connection) as many:
        slots(service, days=30)

    assert len(few) == len(many) == 1
