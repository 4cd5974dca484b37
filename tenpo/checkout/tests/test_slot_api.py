"""Finding and booking a time by API."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenpo.access.actions.api_clients import create_api_client
from tenpo.checkout.tests.slot_make import DAY, HOUR, NINE, book, make_client_of, working_coach
from tenpo.orders.tests.make import make_share_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.tests.time_make import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture
def coach() -> User:
    return working_coach()


class Api:
    """One caller with a key."""

    def __init__(self, user: User) -> None:
        _, key = create_api_client(user, name="Slots", scopes=["read", "write"], expires_at=None, by=user)
        self.client = Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)

    def slots(self, service: Service, **query: Any) -> Any:
        asked = {"since": DAY.isoformat(), "until": (DAY + timedelta(days=1)).isoformat()} | query
        return self.client.get(f"/api/v1/services/{service.pk}/slots", asked)

    def book(self, service: Service, at: datetime = NINE, *, key: str = "", **body: Any) -> Any:
        values = {"service_id": str(service.pk), "starts_at": at.isoformat(), "minutes": 60, **body}
        return self.client.post(
            "/api/v1/slot-bookings", values, content_type="application/json",
            headers={"Idempotency-Key": key or uuid4().hex},
        )  # fmt: skip


def test_the_starts_are_told_in_the_zone_that_was_asked_for(coach):
    service = make_service(coach)
    api = Api(make_member())

    found = api.slots(service, time_zone="Europe/Berlin").json()

    assert found["time_zone"] == "Europe/Berlin"
    assert [item["starts_at"][11:19] for item in found["items"]] == [
        "09:00:00", "09:30:00", "10:00:00", "10:30:00", "11:00:00"
    ]  # fmt: skip
    assert found["items"][0]["coach_ids"] == [str(coach.pk)]
    assert found["items"][0]["starts_at"].endswith("+02:00" if NINE.dst() else "+01:00")
    assert api.slots(service, coach=str(uuid4())).json()["items"] == []
    assert api.slots(service, location=str(uuid4())).json()["items"] == []


def test_finding_a_time_takes_two_statements_besides_the_key(coach):
    service, api = make_service(coach), Api(make_member())
    api.slots(service)

    with CaptureQueriesContext(connection) as captured:
        api.slots(service)

    assert len(captured) == 3


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"until": (DAY + timedelta(days=63)).isoformat()}, "until"),
        ({"until": DAY.isoformat()}, "until"),
        ({"minutes": 45}, "minutes"),
        ({"time_zone": "Nowhere/Land"}, "time_zone"),
    ],
)
def test_what_is_asked_wrongly_is_said_by_field(coach, query, field):
    answer = Api(make_member()).slots(make_service(coach), **query)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_time_is_booked_once_however_often_it_is_sent(coach):
    service, api = make_service(coach), Api(make_member())
    pays: dict[str, Any] = {"provider": "sandbox", "source": "4242424242424242", "agreed_amount": 6_000}

    first, again = (api.book(service, key="one", **pays) for _ in range(2))

    assert (first.status_code, first.json()["state"], again.content) == (201, "confirmed", first.content)
    assert (Booking.objects.count(), Session.objects.get().starts_at) == (1, NINE)


def test_a_time_that_is_taken_tells_the_nearest_ones(coach):
    service = make_service(coach)
    book(service, make_member())

    answer = Api(make_member()).book(service, provider="sandbox")

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "slot_taken")
    assert NINE + HOUR in {datetime.fromisoformat(start) for start in problem["nearest"]}


def test_answers_are_refused_by_field(coach):
    questions = [{"key": "q1", "label": "Why?", "kind": "text", "required": True, "options": []}]

    answer = Api(make_member()).book(make_service(coach, questions=questions))

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, ["q1"])


def test_a_coach_books_for_a_client_and_knows_nobody_else(coach):
    service, client = make_service(coach, price=0), make_client_of(coach)
    stranger = make_member().participant.pk

    assert Api(coach).book(service, participant_id=str(stranger)).status_code == 404
    assert Api(make_coach()).book(service, participant_id=str(client.participant.pk)).status_code == 404
    assert Api(coach).book(service, participant_id=str(client.participant.pk)).status_code == 201


def test_a_covered_time_takes_six_statements_altogether(coach):
    service, api = make_service(coach), Api(make_member())
    make_share_policy(percent=100)
    api.book(service, coach_id=str(coach.pk))

    with CaptureQueriesContext(connection) as captured:
        answer = api.book(service, NINE + HOUR, coach_id=str(coach.pk))

    assert answer.status_code == 201
    asked = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(asked) == 6, "\n".join(asked)
