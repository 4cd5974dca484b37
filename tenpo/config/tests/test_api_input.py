import json
from typing import Any

import pytest
from django.test import Client

from tenpo.orders.tests.make import make_share_policy
from tenpo.people.tests.make import freshly_signed_in, make_admin, make_coach
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return freshly_signed_in(make_admin())


def send(client: Client, method: str, path: str, body: dict[str, Any]) -> tuple[int, list[str]]:
    answer = client.generic(method, f"/api/v1/{path}", json.dumps(body), "application/json")
    return answer.status_code, [error["field"] for error in answer.json().get("errors", [])]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("api-keys", {"name": "a\0b"}, "name"),
        ("invites", {"email": "a\0b@example.com"}, "email"),
        ("cancellation-policies", {"name": "\0x", "windows": [{"hours_before": 0, "percent": 0}]}, "name"),
        ("share-policies", {"name": "a\0b", "percent": 50}, "name"),
    ],
)
def test_a_character_that_no_text_can_hold_is_refused(client, path, body, field):
    assert send(client, "POST", path, body) == (422, [field])


@pytest.mark.parametrize(
    "query",
    ["audit-records?words=%00", "audit-records?action=a%00b", "deliveries?q=%00", "invites?q=%00",
     "payments?provider=%00", "people?q=%00", "sessions?q=%00"],
)  # fmt: skip
def test_it_is_refused_in_a_query_too(client, query):
    assert client.get(f"/api/v1/{query}").status_code == 422


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_at_the_end_of_the_calendar_is_refused(client, time):
    session, policy = make_session(coach=make_coach()), make_share_policy(percent=50)
    assert send(client, "PATCH", f"sessions/{session.pk}", {"starts_at": time}) == (422, ["starts_at"])
    assert send(client, "POST", f"share-policies/{policy.pk}/end", {"at": time}) == (422, ["at"])
    assert send(client, "POST", "api-keys", {"name": "Payroll", "expires_at": time}) == (422, ["expires_at"])


def test_a_time_says_its_zone(client):
    policy = make_share_policy(percent=50)
    assert send(client, "POST", f"share-policies/{policy.pk}/end", {"at": "2030-01-01T00:00:00"}) == (422, ["at"])
    assert send(client, "POST", "api-keys", {"name": "x", "expires_at": "2030-01-01"}) == (422, ["expires_at"])


@pytest.mark.parametrize("query", ["sessions?until=9999-12-31", "sessions?since=0001-01-01&scope=all",
                                   "audit-records?until=9999-12-31"])  # fmt: skip
def test_a_day_at_the_end_of_the_calendar_is_refused(client, query):
    assert client.get(f"/api/v1/{query}").status_code == 422
