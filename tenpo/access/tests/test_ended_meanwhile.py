"""What lets in for good is not made by a session that is being ended, however close the two come."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from tenpo.access.actions.accounts import disable_user, end_all_access
from tenpo.people.actions import visits
from tenpo.people.adapters import AccountAdapter
from tenpo.people.models import User
from tenpo.people.queries import find_standing_access
from tenpo.people.tests.make import PASSWORD, make_admin

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

LINK = {"email": "", "name": "", "role": "admin", "days": "5"}

type Ask = Callable[[Client], Any]
MAKING: dict[str, Ask] = {
    "key by page": lambda client: client.post("/me/keys/", {"name": "Payroll", "scope": "read", "days": "30"}),
    "key by API": lambda client: client.post("/api/v1/api-keys", {"name": "Payroll"}, "application/json"),
    "calendar by page": lambda client: client.post("/calendar/feed/"),
    "calendar by API": lambda client: client.post("/api/v1/feeds", {}, "application/json"),
    "link by page": lambda client: client.post("/invites/new/", LINK),
    "link by API": lambda client: client.post("/api/v1/invites", {"role": "admin"}, "application/json"),
    "invite by API": lambda client: client.post(
        "/api/v1/invites", {"role": "admin", "email": "rex@example.com"}, "application/json"
    ),
}


def signed_in(user: User) -> Client:
    """A browser on the list of devices, in which somebody has just shown their password."""
    client = Client(raise_request_exception=False)
    client.post("/account/login/", {"login": user.email, "password": PASSWORD})
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def end_it(user: User) -> None:
    end_all_access(user, by=user, but=None)


def choose_a_password(user: User) -> None:
    AccountAdapter().set_password(User.objects.get(pk=user.pk), "another horse battery")


def shut_out(user: User) -> None:
    disable_user(user, by=make_admin())


def alone[T](act: Callable[[T], Any], on: T) -> Any:
    """What another thread does, on a connection of its own."""
    try:
        return act(on)
    finally:
        connection.close()


def wait_until_it_waits(other: Future[Any]) -> None:
    """Until what the other does has come to a row that we hold."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    with connection.cursor() as cursor:
        while cursor.execute(waiting).fetchone() is None:
            assert not other.done(), other.result()
            time.sleep(0.01)


def made_while(end: Callable[[User], None], ask: Ask) -> tuple[int, User]:
    """Ask just before everything is ended is committed: the answer, and whose it would be."""
    user = make_admin()
    client = signed_in(user)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            end(user)
            answer = pool.submit(alone, ask, client)
            # It has seen that its session holds and is fresh, and waits for the user's row.
            wait_until_it_waits(answer)
        return answer.result().status_code, user


@pytest.mark.parametrize("end", [end_it, choose_a_password, shut_out])
@pytest.mark.parametrize("way", MAKING)
def test_nothing_is_made_by_a_session_that_was_ended(way, end):
    status, user = made_while(end, MAKING[way])

    assert status == (403 if way.endswith("API") else 404)
    assert find_standing_access(user) == []


@pytest.mark.control
@pytest.mark.parametrize("end", [end_it, choose_a_password])
@pytest.mark.parametrize("way", MAKING)
def test_control_without_looking_again_it_outlives_the_end(monkeypatch, way, end):
    """Shows that the test above can fail."""
    monkeypatch.setattr(visits, "_still_holds", lambda *_: True)

    status, user = made_while(end, MAKING[way])

    assert status in (200, 201)
    assert len(find_standing_access(user)) == 1


@pytest.mark.parametrize("way", MAKING)
def test_what_is_made_just_before_is_ended_with_the_rest(way):
    user = make_admin()
    client = signed_in(user)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert MAKING[way](client).status_code in (200, 201)
            assert len(find_standing_access(user)) == 1
            ended = pool.submit(alone, end_it, user)
            wait_until_it_waits(ended)
        ended.result()

    assert find_standing_access(user) == []


def change_password_late(user: User) -> None:
    """Who changes a password read their row before they were shut out."""
    read = User.objects.get(pk=user.pk)
    shut_out(user)
    AccountAdapter().set_password(read, "another horse battery")


def test_a_new_password_opens_no_account_that_was_shut_meanwhile():
    user = make_admin()

    change_password_late(user)

    assert not User.objects.get(pk=user.pk).is_active


@pytest.mark.control
def test_control_a_whole_row_would_open_it(monkeypatch):
    """Shows that the test above can fail."""
    user = make_admin()
    monkeypatch.delattr(AccountAdapter, "set_password")

    change_password_late(user)

    assert User.objects.get(pk=user.pk).is_active
