"""Every list costs the same number of statements for two rows as for thirty: each of the API, and each page."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from tenpo.access.actions.api_clients import MAX_KEYS_PER_USER, create_api_client
from tenpo.checkout.tests.make import make_booking
from tenpo.config.api import api
from tenpo.core import outbox
from tenpo.core.models import OutboxMessage
from tenpo.orders.tests.make import make_share_policy
from tenpo.people.actions.invites import invite_person
from tenpo.people.models import Import, User
from tenpo.people.tests.make import make_admin, make_coach
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db

FEW, MANY = 2, 30
# Shows mails as files, not rows, and only where there is no mail server.
NO_ROWS = {"notify:mail-list"}
MOST = {"/api/v1/api-keys?limit=100": MAX_KEYS_PER_USER}


def lists_of_the_api() -> list[str]:
    """The address of every operation that answers with a page, and needs no id."""
    schema = api.get_openapi_schema(path_prefix="/api/v1")
    found = []
    for path, operations in schema["paths"].items():
        answer = operations.get("get", {}).get("responses", {}).get(200, {})
        model = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "").split("/")[-1]
        if model.startswith("PageOut_") and "{" not in path:
            found.append(f"{path}?limit=100")
    return found


def pages_with_lists() -> list[str]:
    """The address of every page that is called a list, or the log."""
    return sorted(
        f"/{prefix}{pattern.pattern}"
        for prefix, name, pattern in _patterns(get_resolver().url_patterns)
        if name.endswith(("-list", ":log")) and name not in NO_ROWS and "<" not in str(pattern.pattern)
    )


def _patterns(patterns: list[Any], prefix: str = "", space: str = "") -> list[tuple[str, str, URLPattern]]:
    found = []
    for one in patterns:
        if isinstance(one, URLResolver):
            found += _patterns(one.url_patterns, f"{prefix}{one.pattern}", one.namespace or space)
        elif one.name and (one.callback.__module__ or "").startswith("tenpo."):
            found.append((prefix, f"{space}:{one.name}", one))
    return found


def add_rows(admin: User, number: int) -> None:
    """One more of everything that a list shows, so many times."""
    for _ in range(number):
        coach = make_coach()
        make_share_policy(percent=50, coach=coach)
        make_booking(make_session(coach), admin)
        given_up = make_booking(make_session(coach, starts_in=timedelta(days=9)), admin)
        cancel_booking(given_up, by=admin)
        if admin.api_clients.count() < MAX_KEYS_PER_USER:
            create_api_client(admin, name="A program", scopes=["read"], expires_at=None, by=admin)
        invite_person(f"{coach.pk}@example.com", role="member", by=admin)
        Import.objects.create(kind=Import.Kind.PEOPLE, file_name="people.csv", created_by=admin)
        OutboxMessage.objects.create(
            consumer="notifications", event_id=coach.pk, name="test.lost", subject_id=coach.pk, dead_at=timezone.now()
        )
    outbox.drain(1_000)


def statements_of(client: Client, address: str) -> tuple[int, list[str]]:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200, address
    rows = len(answer.json()["items"]) if address.startswith("/api/") else FEW
    return rows, [query["sql"] for query in captured]


def test_every_list_costs_the_same_for_few_rows_and_for_many():
    admin, client = make_admin(), Client()
    client.force_login(admin)
    addresses = [*lists_of_the_api(), *pages_with_lists()]

    add_rows(admin, FEW)
    few = {address: statements_of(client, address) for address in addresses}
    add_rows(admin, MANY - FEW)
    many = {address: statements_of(client, address) for address in addresses}

    assert len(addresses) > 30
    rows = {address: many[address][0] for address in lists_of_the_api()}
    assert {address for address, shown in rows.items() if shown < MOST.get(address, MANY)} == set()
    grown = {
        address: "\n".join(many[address][1]) for address in addresses if len(many[address][1]) > len(few[address][1])
    }
    assert grown == {}
