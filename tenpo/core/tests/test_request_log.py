"""One line for each request and each job, and one id that goes with what a request sets off."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from django.db import connection, transaction
from django.test import override_settings
from procrastinate.contrib.django import app

from tenpo.core.jobs import defer, defer_all, measure, name_request
from tenpo.core.models import OutboxMessage, RateCount
from tenpo.core.outbox import drain, publish
from tenpo.core.request_context import NOWHERE, Origin, coming_from, current_origin
from tenpo.people.tests.make import make_user
from tenpo.runtime.tests.loops import run
from tests.work import work

pytestmark = pytest.mark.django_db

GIVEN = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def lines():
    """What is written to the log, with what is bound to it."""
    structlog.contextvars.clear_contextvars()
    processors = [structlog.contextvars.merge_contextvars]
    with structlog.testing.capture_logs(processors=processors) as captured:
        yield captured


def of(lines: list[Any], event: str) -> list[Any]:
    return [line for line in lines if line["event"] == event]


def test_a_request_writes_one_line(client, lines):
    user = make_user()
    client.force_login(user)

    response = client.get("/me/")

    [line] = of(lines, "request")
    assert (line["method"], line["route"], line["status"]) == ("GET", "people:profile", 200)
    assert line["user_id"] == str(user.pk)
    assert line["request_id"] == response["X-Request-Id"]
    assert line["statements"] > 0
    assert line["ms"] >= line["database_ms"] > 0


def test_the_line_holds_the_route_not_the_address(client, lines):
    secret = "s3cret" * 5

    client.get(f"/notifications/off/{secret}/", {"code": secret})
    client.get(f"/nowhere/{secret}")

    found, unknown = of(lines, "request")
    assert found["route"] == "notify:unsubscribe"
    assert unknown["route"] == ""
    assert secret not in str(lines)


def test_a_stranger_does_not_name_their_request(client, lines):
    response = client.get("/account/login/", headers={"X-Request-Id": GIVEN})

    assert re.fullmatch("[0-9a-f]{16}", response["X-Request-Id"])


@override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1)
@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        pytest.param(GIVEN, True, id="nginx"),
        pytest.param("1-67891233", True, id="short"),
        pytest.param("x" * 33, False, id="too-long"),
        pytest.param("seven77", False, id="too-short"),
        pytest.param("a line\tof words", False, id="odd-characters"),
        pytest.param('"},{"event":"', False, id="looks-like-json"),
    ],
)
def test_a_proxy_of_ours_names_a_request(client, lines, given, is_taken):
    response = client.get("/account/login/", headers={"X-Request-Id": given})

    assert (response["X-Request-Id"] == given) is is_taken
    [line] = of(lines, "request")
    assert line["request_id"] == response["X-Request-Id"]


def test_nothing_of_a_request_stays_when_it_is_over(client):
    client.get("/account/login/")

    assert current_origin() == NOWHERE


heard: list[Origin] = []


def listen(message: OutboxMessage) -> None:
    heard.append(current_origin())
    defer("core.test_listen", said=message.payload["n"])


@pytest.fixture
def job():
    """A job that notes where it comes from."""
    heard.clear()

    @app.task(name="core.test_listen")
    def note(said: int) -> None:
        RateCount.objects.filter(count=said).exists()
        heard.append(current_origin())

    yield note
    del app.tasks["core.test_listen"]


def test_the_request_is_named_through_the_outbox_to_its_jobs(settings, job, lines):
    settings.OUTBOX_CONSUMERS = {"first": f"{__name__}.listen"}
    thing = make_user()
    with coming_from(Origin(via="page", address="192.0.2.7", request_id="abcdef12")), transaction.atomic():
        publish("thing.done", subject=thing, n=1)

    assert work() == ["core.test_listen"]

    # Nothing but the id: a job has neither the address nor the browser of whoever caused it.
    assert heard == [Origin(request_id="abcdef12")] * 2
    assert current_origin() == NOWHERE


def test_a_delivery_that_fails_names_the_request(settings, lines):
    settings.OUTBOX_CONSUMERS = {"first": "tenpo.core.no_such_thing"}
    with coming_from(Origin(request_id="abcdef12")):
        publish("thing.done", subject=make_user())

    drain()

    [line] = of(lines, "outbox_delivery_failed")
    assert line["request_id"] == "abcdef12"


def test_jobs_of_nobody_carry_nothing():
    defer("core.some", n=1)
    with coming_from(Origin(request_id="abcdef12")):
        defer_all("core.some", [{"n": 2}, {"n": 3}])

    with connection.cursor() as cursor:
        cursor.execute("SELECT args FROM procrastinate_jobs ORDER BY id")
        found = [row[0] for row in cursor.fetchall()]
    assert [sorted(arguments) for arguments in map(_read, found)] == [["n"]] + [["_request_id", "n"]] * 2


def _read(arguments: Any) -> Any:
    return json.loads(arguments) if isinstance(arguments, str) else arguments


def job_of(arguments: dict[str, Any]) -> Any:
    return SimpleNamespace(job=SimpleNamespace(task_name="core.some", id=7, task_kwargs=arguments))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param({"n": 3, "_request_id": "abcdef12"}, "abcdef12", id="of-a-request"),
        pytest.param({"n": 3}, "", id="of-nobody"),
    ],
)
def test_the_worker_goes_on_where_the_request_left_off(arguments, named):
    found = job_of(arguments)

    async def do():
        return current_origin(), found.job.task_kwargs, structlog.contextvars.get_contextvars().get("request_id", "")

    assert run(name_request(do, found, None)) == (Origin(request_id=named), {"n": 3}, named)


def test_a_job_writes_one_line(lines):
    result = measure(lambda: RateCount.objects.count() + 3, job_of({}), None)

    assert result == 3
    [line] = of(lines, "job")
    assert (line["task"], line["job_id"], line["outcome"], line["statements"]) == ("core.some", 7, "done", 1)
    assert line["ms"] >= line["database_ms"] > 0


def test_a_job_that_fails_says_so(lines):
    with pytest.raises(ZeroDivisionError):
        measure(lambda: 1 / 0, job_of({}), None)

    [line] = of(lines, "job")
    assert line["outcome"] == "failed"
