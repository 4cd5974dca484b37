"""What stands in the way of a booking or a session is named and leads there, if whoever is refused may see it."""

from datetime import timedelta
from typing import Any

import pytest

from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.slot_make import HOUR, NINE, working_coach
from tenpo.core.errors import RuleError
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.seats import already_elsewhere
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.in_the_way import participants_in_the_way
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service

pytestmark = pytest.mark.django_db
CARD = {"provider": "sandbox", "test_card": SUCCEEDS, "agreed": 10_000}


def at_once(coach: User | None = None, title: str = "Breathing") -> tuple[Session, Session]:
    """Two sessions at the same time, of different coaches."""
    first = make_session(make_coach("Lena Ott"), title="Yoga")
    return first, make_session(coach, title=title, starts_at=first.starts_at + timedelta(minutes=30))


def test_who_books_reads_where_they_are_already_and_gets_there():
    yoga, breathing = at_once()
    maya = make_member("Maya")
    mine = make_booking(yoga, maya)

    refused = signed_in(maya).post(f"/sessions/{breathing.pk}/book/", CARD)

    page = refused.content.decode()
    assert refused.status_code == 409
    assert f'<a class="link" href="/bookings/{mine.pk}/">Yoga</a> with Lena Ott, ' in page
    assert "Maya" not in page[page.index('class="in-the-way"') :][:400]


def test_so_does_who_wants_a_free_time():
    maya, coach = make_member(), working_coach()
    service = make_service(coach)
    yoga = make_session(make_coach("Lena Ott"), title="Yoga", starts_at=NINE)
    mine = make_booking(yoga, maya)

    page = signed_in(maya).get(f"/book/{service.pk}/{start_name(NINE)}/").content.decode()

    assert f'href="/bookings/{mine.pk}/">Yoga</a> with Lena Ott' in page
    assert "in-the-way" not in signed_in(maya).get(f"/book/{service.pk}/{start_name(NINE + HOUR)}/").content.decode()


def test_others_read_of_it_only_what_they_see():
    yoga, breathing = at_once()
    maya = make_member("Maya")
    mine = make_booking(yoga, maya)
    refusal = already_elsewhere()
    then: dict[str, Any] = {"since": yoga.starts_at, "until": yoga.ends_at}
    people = [maya.participant]

    for reader, sees in ((make_admin(), True), (yoga.coach, True), (breathing.coach, False), (make_member(), False)):
        found = participants_in_the_way(refusal, reader, people, **then)
        assert [(one.url, one.who) for one in found] == [(f"/teaching/{yoga.pk}/", "Maya")] * sees
    assert participants_in_the_way(None, maya, people, **then) == []
    assert participants_in_the_way(RuleError("full", ""), maya, people, **then) == []
    assert participants_in_the_way(refusal, maya, people, **then, but=mine) == []
    after: dict[str, Any] = {"since": yoga.ends_at, "until": yoga.ends_at + HOUR}
    assert participants_in_the_way(refusal, maya, people, **after) == []


def test_a_coach_reads_which_session_of_theirs_is_in_the_way():
    yoga, _other = at_once()
    coach = yoga.coach
    start = yoga.starts_at
    typed = {
        "title": "More yoga", "day": f"{start:%Y-%m-%d}", "at": f"{start:%H:%M}", "minutes": 60, "time_zone": "UTC",
        "capacity": 5, "price": "10", "cancellation_policy": str(yoga.cancellation_policy_id), "place": "Room 2",
    }  # fmt: skip

    page = signed_in(coach).post("/teaching/new/", typed).content.decode()

    assert f'<a class="link" href="/teaching/{yoga.pk}/">Yoga</a> with Lena Ott, ' in page
    assert Session.objects.count() == 2
