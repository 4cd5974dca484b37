"""The same by API: today, the dashboard, search."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.make import make_booking
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def get(user: User, path: str, **query: str) -> Any:
    client = Client()
    client.force_login(user)
    response = client.get(f"/api/v1/{path}", query)
    assert response.status_code == 200, response.content
    return response.json()


def test_today_of_a_member():
    member = make_member()
    booking = make_booking(make_session(starts_in=timedelta(days=1)), member)
    Session.objects.update(join_link="https://meet.example/1")
    held = make_booking(make_session(price=4_000), member, card=NEEDS_CONFIRMATION)
    free = make_session()
    Session.objects.filter(pk=free.pk).update(join_link="https://meet.example/2")

    today = get(member, "today")

    assert today["next"]["booking_id"] == str(booking.pk)
    assert today["next"]["session"]["join_link"] == "https://meet.example/1"
    [waiting] = today["waiting"]
    assert (waiting["kind"], waiting["booking_id"], waiting["amount"]) == ("confirm", str(held.pk), 4_000)
    assert waiting["action_url"].startswith("/sandbox/")
    # The link into a session is for those who have a seat.
    assert [(s["id"], s["join_link"]) for s in today["suggestions"]] == [(str(free.pk), "")]
    assert today["teaching"] is None


def test_today_of_a_coach():
    coach = make_coach()
    session = make_session(coach, starts_in=timedelta(days=2))

    teaching = get(coach, "today")["teaching"]

    assert [s["id"] for s in teaching["week"]] == [str(session.pk)]


def test_the_dashboard_is_for_admins():
    admin, member = make_admin(), make_member()
    book_session(make_session(price=5_000), participant=member.participant, by=member, provider="payroll")

    numbers = get(admin, "dashboard")

    assert numbers["people"]["value"] == 3
    assert numbers["attention"]["unmarked_payments"] == 1
    assert len(numbers["months"]) == 12
    for user in (member, make_coach()):
        client = Client()
        client.force_login(user)
        assert client.get("/api/v1/dashboard").status_code == 403


@pytest.mark.parametrize("path", ["today", "dashboard", "search?q=a"])
def test_a_stranger_is_told_to_sign_in(path: str):
    assert Client().get(f"/api/v1/{path}").status_code == 401


def test_search_by_api_hides_addresses_from_members():
    coach = make_coach("Maya Berg")
    session = make_session(coach)

    of_member, of_admin = get(make_member(), "search", q="maya"), get(make_admin(), "search", q="maya")

    assert of_member["people"] == [{"id": str(coach.pk), "name": "Maya Berg", "email": None, "roles": ["coach"]}]
    assert of_admin["people"][0]["email"] == coach.email
    assert [s["id"] for s in of_member["sessions"]] == [str(session.pk)]
