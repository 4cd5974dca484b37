"""What the nightly check found, for admins: on its page, and on the day's page when somebody should look."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from tenpo.core.invariants import RUNS_KEPT_DAYS, all_invariants, report_faults, statement_of
from tenpo.core.models import CheckRun
from tenpo.people.models import Participant
from tenpo.people.tests.make import make_admin, make_member
from tenpo.web.queries.attention import attention_for

pytestmark = pytest.mark.django_db

PAGE = "/settings/checks/"
NAME = "everybody-takes-part-under-their-name"


def shown(client: Client) -> str:
    return str(client.get(PAGE).content.decode())


def make_run(*, days_ago: int = 0, faults: int = 0) -> CheckRun:
    rows = [{"id": f"row {n}", "name": "Minnow"} for n in range(faults)]
    found = [{"app": "people", "name": NAME, "count": faults + 2, "rows": rows}] if faults else []
    run = CheckRun.objects.create(seconds=1.5, asked=101, faults=found)
    CheckRun.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(days=days_ago))
    return run


@pytest.mark.invariants
def test_a_night_on_which_all_holds(client):
    client.force_login(make_admin())

    report_faults()

    run = CheckRun.objects.get()
    assert (run.asked, run.faults) == (len(all_invariants()), [])
    assert run.seconds > 0
    page = shown(client)
    assert "Everything adds up" in page
    assert f"{run.asked} statements" in page


@pytest.mark.invariants(but={NAME})
def test_a_night_on_which_something_does_not(client):
    admin = make_admin()
    client.force_login(admin)
    broken = Participant.objects.get(user=make_member())
    Participant.objects.filter(pk=broken.pk).update(name="Somebody else")

    report_faults()

    [fault] = CheckRun.objects.get().faults
    assert (fault["app"], fault["name"], fault["count"]) == ("people", NAME, 1)
    page = shown(client)
    assert "Everything adds up" not in page
    assert "1 statement does not hold" in page
    assert statement_of(NAME) in page
    assert all(str(value) in page for value in fault["rows"][0].values())


def test_old_runs_go():
    make_run(days_ago=RUNS_KEPT_DAYS + 1)
    kept = make_run(days_ago=RUNS_KEPT_DAYS - 1)

    report_faults()

    assert CheckRun.objects.count() == 2
    assert CheckRun.objects.filter(pk=kept.pk).exists()


def test_the_first_rows_and_how_many_more(client):
    client.force_login(make_admin())
    make_run(faults=3)

    page = shown(client)

    assert "id row 2, name Minnow" in page
    assert "2 more" in page


def test_the_sentences_are_said_in_the_readers_language():
    with override("de"):
        assert statement_of("there-is-one-business") == "Eine Installation dient einem Unternehmen."


def test_one_that_is_no_longer_asked_for_is_named():
    assert statement_of("what-nobody-knows") == "what-nobody-knows"


def test_before_the_first_night(client):
    client.force_login(make_admin())

    assert "The first look is tonight" in shown(client)


@pytest.mark.parametrize(
    ("days_ago", "faults", "wants_a_look"),
    [
        pytest.param(0, 0, False, id="well"),
        pytest.param(0, 1, True, id="found-something"),
        pytest.param(1, 0, False, id="one-night-missed"),
        pytest.param(3, 0, True, id="not-made-for-long"),
    ],
)
def test_the_day_names_what_wants_a_look(client, days_ago, faults, wants_a_look):
    admin = make_admin()
    client.force_login(admin)
    before = attention_for(admin).count
    make_run(days_ago=days_ago, faults=faults)

    page = client.get("/").content.decode()

    assert (PAGE in page) is wants_a_look
    assert attention_for(admin).count - before == wants_a_look


def test_a_repaired_fault_wants_no_look():
    admin = make_admin()
    make_run(days_ago=1, faults=1)
    make_run()

    assert attention_for(admin).check is None


def test_more_nights_cost_no_more_statements(client):
    client.force_login(make_admin())
    make_run()
    shown(client)
    counts = []
    for more in (0, 30):
        for n in range(more):
            make_run(days_ago=n, faults=3)
        with CaptureQueriesContext(connection) as captured:
            shown(client)
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_nobody_else_sees_it(client):
    client.force_login(make_member())

    assert client.get(PAGE).status_code == 404
    assert not CheckRun.objects.visible_to(make_member()).exists()
