"""Finding a time with any of many coaches: the days at a glance, the starts as they can be booked."""

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member, signed_in
from tenpo.schedule import find_queries
from tenpo.schedule.find_forms import WishForm
from tenpo.schedule.find_queries import GLANCED_FROM, Times, find_times, own, with_offer
from tenpo.schedule.models import Booking, Room, Service, ServiceCoach, Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_outside_event, make_service

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2027, 6, 7, 8, tzinfo=BERLIN)
MANY = 30


@pytest.fixture(autouse=True)
def _on_monday():
    with time_machine.travel(MONDAY, tick=False), timezone.override(BERLIN):
        yield


def make_team(count: int, *, weekdays: tuple[int, ...] = tuple(range(7))) -> list[User]:
    team = [make_coach() for _ in range(count)]
    for coach in team:
        make_hours(coach, opens=14 * 60, closes=16 * 60, weekdays=weekdays)
    return team


def loaded(service: Service) -> Service:
    return with_offer(Service.objects.all()).get(pk=service.pk)


def found(who: User, service: Service, **wanted: object) -> Times:
    offer = loaded(service)
    return find_times(own(who), offer, WishForm(wanted, service=offer).wish())


def on_a_day(day: datetime) -> dict[str, str]:
    return {"day": f"{day:%Y-%m-%d}"}


@pytest.mark.parametrize("seed", range(4))
def test_what_a_glance_shows_is_what_there_is(seed, monkeypatch):
    random, reader = Random(seed), make_member()
    team = [make_coach() for _ in range(GLANCED_FROM)]
    for coach in team:
        opens = random.randrange(6, 20) * 60
        make_hours(coach, opens=opens, closes=opens + random.randrange(2, 5) * 30, weekdays=[random.randrange(7)])
        away = MONDAY + timedelta(days=random.randrange(30))
        make_outside_event(coach, away, away + timedelta(days=random.randrange(1, 9)))
        make_session(coach, starts_at=MONDAY + timedelta(hours=random.randrange(1, 700)), minutes=90)
    service = make_service(*team, coaches_rule="any", buffer_before=15)
    some_day = on_a_day(MONDAY + timedelta(days=random.randrange(20)))

    seen = [found(reader, service), found(reader, service, **some_day), found(reader, service, since="2027-06-21")]

    monkeypatch.setattr(find_queries, "GLANCED_FROM", 1_000)
    exact = [found(reader, service), found(reader, service, **some_day), found(reader, service, since="2027-06-21")]
    assert seen == exact
    assert seen[0].starts


def test_a_day_that_is_free_for_others_alone_is_not_what_is_shown_first():
    """A glance does not see that the reader is elsewhere, nor that the only room is used."""
    service, reader = make_service(*make_team(GLANCED_FROM), coaches_rule="any"), make_member()
    hall = Room.objects.get()
    service.rooms.add(hall)
    other = make_session(starts_at=MONDAY + timedelta(hours=6), minutes=120)
    Booking.objects.create(
        session=other, participant=reader.participant, booked_by=reader, state="held", held_until=other.starts_at,
        starts_at=other.starts_at, ends_at=other.ends_at,
    )  # fmt: skip
    used = make_session(starts_at=MONDAY + timedelta(days=1, hours=6), minutes=120)
    Session.objects.filter(pk=used.pk).update(room=hall)

    times = found(reader, service)

    assert times.day == MONDAY.date() + timedelta(days=2)
    assert [start.at for start in times.starts][:1] == [MONDAY + timedelta(days=2, hours=6)]
    assert [day.is_free for day in times.days][:4] == [False, False, True, True]
    # Whoever asks for such a day sees what there is: nothing.
    asked = found(reader, service, **on_a_day(MONDAY))
    assert (asked.starts, asked.days[0].is_free) == ([], False)
    assert asked.next_free == MONDAY.date() + timedelta(days=1)


def test_a_chosen_coach_and_terms_that_bits_cannot_say_are_looked_at_as_they_are(monkeypatch):
    team, reader = make_team(GLANCED_FROM), make_member()
    monkeypatch.setattr(find_queries, "days_with_slots", None)

    assert found(reader, make_service(*team), coach=team[0].pk).starts
    assert found(reader, make_service(*team, coaches_rule="any", durations=[47])).starts
    assert found(reader, make_service(*team, coaches_rule="all")).starts


def statements(who: User, service: Service) -> int:
    client = signed_in(who)
    address = reverse("schedule:slot-list", args=[service.pk])
    client.get(address)  # works out what is kept
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_page_asks_as_much_of_many_as_of_one():
    """One more, the glance, from some coaches on, and no further."""
    reader = make_member()
    one, few, many = (make_service(*make_team(count), coaches_rule="any") for count in (1, GLANCED_FROM, MANY))

    alone, some, most = (statements(reader, service) for service in (one, few, many))

    assert some == most == alone + 1


def test_only_whose_time_has_changed_is_worked_out_anew():
    service, reader = make_service(*make_team(MANY), coaches_rule="any"), make_member()
    statements(reader, service)
    changed = ServiceCoach.objects.filter(service=service).first()
    assert changed is not None
    make_hours(changed.coach, opens=18 * 60, closes=19 * 60)

    with CaptureQueriesContext(connection) as captured:
        found(reader, service)

    written = [query["sql"] for query in captured if query["sql"].startswith('INSERT INTO "schedule_coachweek"')]
    assert len(written) == 1
    assert str(changed.coach_id.hex) in written[0]
    assert written[0].count(changed.coach_id.hex) >= 1
