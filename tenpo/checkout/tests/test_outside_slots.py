"""Whoever is elsewhere, as a calendar of theirs says, is not booked: under the lock, and when something is moved."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tenpo.checkout.tests.slot_make import HOUR, NINE, book, refusal_of, starts, working_coach
from tenpo.core.errors import RuleError
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.calendar_syncing import take_calendar_file
from tenpo.schedule.actions.calendars import connect_feed
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendar_queries import taught_while_elsewhere
from tenpo.schedule.models import Booking
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.tests.feed_server import calendar, event
from tenpo.schedule.tests.time_make import make_service
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

HALF = timedelta(minutes=30)


@pytest.fixture
def coach() -> User:
    return working_coach()


def followed(coach: User) -> CalendarConnection:
    return connect_feed(coach, address="https://calendar.example.com/a.ics", by=coach)


def say(made: CalendarConnection, *times: datetime) -> None:
    """What it says from now on: an hour at each of these times."""
    events = [event(f"{at}", at.astimezone(UTC)) for at in times]
    take_calendar_file(CalendarConnection.objects.get(pk=made.pk), calendar(*events))


def test_whoever_is_elsewhere_is_taken_and_others_are_not_told_where(coach):
    service, made = make_service(coach), followed(coach)
    say(made, NINE)

    refusal = refusal_of(service, make_member())

    assert (refusal.code, starts(service)) == ("slot_taken", ["10:00", "10:30", "11:00"])
    assert NINE + HOUR in refusal.facts["nearest"]
    assert "calendar" not in str(refusal)
    assert book(service, make_member(), NINE + HOUR).state == "confirmed"
    say(made)
    assert book(service, make_member()).state == "confirmed"


def test_of_any_coaches_one_who_is_not_elsewhere_gives_it(coach):
    other = working_coach()
    service = make_service(coach, other, coaches_rule="any")
    say(followed(coach), NINE)

    assert book(service, make_member()).session.coach_id == other.pk
    assert refusal_of(service, make_member()).code == "slot_taken"


def test_nothing_is_moved_to_where_its_coach_is_elsewhere(coach):
    service, member = make_service(coach), make_member()
    booking = book(service, member)
    say(followed(coach), NINE + HOUR)

    with pytest.raises(RuleError) as refusal:
        move_slot(booking, starts_at=NINE + HALF, by=coach)

    assert refusal.value.code == "slot_taken"
    assert move_slot(booking, starts_at=NINE + 2 * HOUR, by=coach).session.starts_at == NINE + 2 * HOUR


def test_what_is_booked_stays_when_its_coach_is_elsewhere_then_and_is_shown(coach):
    service, made = make_service(coach), followed(coach)
    booking = book(service, make_member())

    say(made, NINE)

    booking.refresh_from_db()
    assert booking.state == "confirmed"
    assert taught_while_elsewhere(coach) == [booking.session]
    say(made)
    assert taught_while_elsewhere(coach) == []


@pytest.mark.django_db(transaction=True)
def test_read_at_the_moment_in_which_it_is_booked(coach):
    """Either the reading came first, or the booking, and then both stand there; what is shown is what holds."""
    service, made = make_service(coach, price=0), followed(coach)
    members = [make_member() for _ in range(4)]

    for number, member in enumerate(members):
        at = NINE + timedelta(days=number)
        found = at_once([partial(book, service, member, at), partial(say, made, at)])

        is_booked = outcomes(found)["confirmed"] == 1
        assert is_booked or outcomes(found)["slot_taken"] == 1
        assert Booking.objects.filter(session__starts_at=at, state="confirmed").exists() == is_booked
        assert [one.starts_at for one in taught_while_elsewhere(coach)] == ([at] if is_booked else [])
        assert find_slots(service, SlotSearch(since=at, until=at + HALF / 30, minutes=60)) == []
