"""The audit's page, its CSV and its endpoints, with real people and a real booking behind them."""

import csv
import io
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.audit.actions import record
from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.core.business import current_business
from tenpo.core.request_context import NOWHERE, set_origin
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db
PAGE = "/audit/"
API = "/api/v1/audit-records"
MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def nowhere():
    set_origin(NOWHERE)


def client_of(user: User, agent: str = "") -> Client:
    client = Client(headers={"user-agent": agent} if agent else None)
    client.force_login(user)
    return client


def streamed(answer: Any) -> list[bytes]:
    return list(answer.streaming_content)


def shown(client: Client, **query: Any) -> list[str]:
    page = client.get(PAGE, query)
    assert page.status_code == 200
    return [item.record.action for item in page.context["shown"]]


def note(action: str, *, by: User | None = None, on: Any = None, **facts: Any) -> AuditLog:
    record(action, by=by, on=on or by or make_member(), **facts)
    return AuditLog.objects.order_by("-id")[0]


@pytest.mark.parametrize("make", [make_member, make_coach])
@pytest.mark.parametrize("path", [PAGE, "/audit/?open=0192e2f0-0000-7000-8000-000000000000"])
def test_for_others_it_is_not_there(make, path):
    assert client_of(make()).get(path).status_code == 404


def test_others_export_nothing():
    assert client_of(make_member()).post("/audit/csv/").status_code == 404
    assert not AuditLog.objects.exists()


def test_a_booking_and_its_end_can_be_read_in_words():
    admin, member = make_admin(), make_member("Maya Berg")
    booking = make_booking(make_session(title="Yoga"), member)
    cancel_booking(booking, by=member)

    page = client_of(admin).get(PAGE).content.decode()

    assert "Booking: cancelled" in page
    assert "Maya Berg" in page


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("cancelled", ["booking.cancelled"]),
        ("maya", ["booking.cancelled"]),
        ("Mar", ["user.password_changed"]),
        ("password", ["user.password_changed"]),
        ("booking maya", ["booking.cancelled"]),
        ("booking mark", []),
        ("' & ! | (", []),
    ],
)
def test_words_find_actor_act_and_thing(words, found):
    maya, mark = make_member("Maya Berg"), make_member("Mark Ost")
    note("booking.cancelled", by=maya)
    note("user.password_changed", by=mark)

    assert shown(client_of(make_admin()), q=words) == found


def test_an_id_finds_what_it_names():
    maya, mark = make_member(), make_member()
    note("user.a", by=maya)
    note("user.b", by=mark)
    client = client_of(make_admin())

    assert shown(client, q=str(maya.pk)) == ["user.a"]
    assert shown(client, object=str(mark.pk)) == ["user.b"]
    assert shown(client, actor=str(mark.pk)) == ["user.b"]


def test_filters_narrow_it_down():
    note("user.a")
    note("user.b")
    client = client_of(make_admin())

    assert shown(client, action="user.a") == ["user.a"]
    assert shown(client, via="page") == []
    assert shown(client, via="job") == ["user.b", "user.a"]


def test_days_are_the_readers_and_include_the_last():
    note("user.a")
    admin = make_admin()
    client = client_of(admin)
    today = timezone.localdate(timezone=ZoneInfo(admin.time_zone or current_business().time_zone))

    assert shown(client, since=today.isoformat(), until=today.isoformat()) == ["user.a"]
    assert shown(client, since=(today + timedelta(days=1)).isoformat()) == []
    assert shown(client, until=(today - timedelta(days=1)).isoformat()) == []


@pytest.mark.parametrize("query", [{"since": "x"}, {"action": "x.y"}, {"object": "x"}, {"via": "\0"}])
def test_a_filter_that_makes_no_sense_filters_nothing(query):
    note("user.a")

    assert shown(client_of(make_admin()), **query) == ["user.a"]


def test_a_record_opens_beside_the_list():
    admin = make_admin()
    agent = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
    client_of(admin, agent).post("/audit/csv/")
    made = note("session.changed", by=admin, before={"place": "Room 1", "n": 1}, after={"place": "Room 2", "n": 1})
    exported = AuditLog.objects.get(action="audit.exported")

    page = client_of(admin).get(PAGE, {"open": str(made.pk)}).content.decode()
    from_where = client_of(admin).get(PAGE, {"open": str(exported.pk)}).content.decode()

    assert "What changed" in page
    assert "Room 1</del>" in page
    assert "Room 2</ins>" in page
    assert "Firefox on Windows" in from_where
    assert exported.request_id in from_where
    assert "127.0.0.1" in from_where


@pytest.mark.parametrize("id_", ["x", MISSING])
def test_a_record_that_is_not_there(id_):
    assert client_of(make_admin()).get(PAGE, {"open": id_}).status_code == 404


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_takes_as_many_statements_for_one_as_for_thirty(count):
    member = make_member()
    for _ in range(count):
        note("user.a", by=member)
    client = client_of(make_admin())
    client.get(PAGE)

    with CaptureQueriesContext(connection) as captured:
        client.get(PAGE)

    assert len(captured) == 5, [query["sql"] for query in captured]


def test_pages_follow_each_other():
    for number in range(31):
        note(f"user.a{number}")
    client = client_of(make_admin())

    first = client.get(PAGE)

    assert len(first.context["shown"]) == 30
    assert shown(client, cursor=first.context["next_cursor"]) == ["user.a0"]


def test_the_csv_holds_what_is_shown_and_runs_nothing():
    admin = make_admin()
    evil = make_member('=HYPERLINK("http://evil.example")')
    note("user.a", by=evil)
    note("user.b", by=make_member())

    answer = client_of(admin).post("/audit/csv/", {"action": "user.a"})
    body = b"".join(streamed(answer)).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(body)))

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-')
    assert [row["action"] for row in rows] == ["user.a"]
    assert rows[0]["actor"].startswith("'=")
    assert AuditLog.objects.get(action="audit.exported").after == {"action": "user.a"}


@pytest.mark.django_db(transaction=True)
def test_the_csv_is_read_in_steps():
    member = make_member()
    for _ in range(3):
        note("user.a", by=member)

    answer = client_of(make_admin()).post("/audit/csv/")

    assert answer.streaming
    assert len(streamed(answer)) == 5


def test_the_api_finds_reads_and_exports():
    admin, member = make_admin(), make_member("Maya")
    made = note("user.a", by=member, after={"n": 1})
    note("user.b", by=admin)
    client = client_of(admin)

    listed = client.get(API, {"words": "maya"}).json()
    one = client.get(f"{API}/{made.pk}").json()
    exported = b"".join(streamed(client.get(f"{API}/csv-file", {"action": "user.a"}))).decode()

    assert [item["id"] for item in listed["items"]] == [str(made.pk)]
    assert listed["next_cursor"] is None
    assert (one["actor_name"], one["after"], one["via"]) == ("Maya", {"n": 1}, "job")
    assert len(exported.splitlines()) == 2
    assert AuditLog.objects.filter(action="audit.exported").count() == 1


@pytest.mark.parametrize(("path", "status"), [(API, 403), (f"{API}/csv-file", 403), (f"{API}/{MISSING}", 404)])
def test_the_api_is_for_admins(path, status):
    assert client_of(make_member()).get(path).status_code == status
    assert Client().get(path).status_code == 401


def test_the_api_refuses_what_it_does_not_know():
    client = client_of(make_admin())

    assert client.get(API, {"cursor": "no"}).status_code == 422
    assert client.get(f"{API}/{MISSING}").status_code == 404
