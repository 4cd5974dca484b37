"""Rules of who earns what by page and API: of anything, of sessions, of one service."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tenpo.checkout.tests.test_booking_api import Api
from tenpo.core.tokens import new_id
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import SplitRule
from tenpo.people.tests.make import make_admin, make_coach
from tenpo.schedule.actions.services import withdraw_service
from tenpo.schedule.tests.time_make import make_service

pytestmark = pytest.mark.django_db

LIST, NEW = "checkout:split-rule-list", "checkout:split-rule-create"
ASKED = {"name": "Rule", "business_percent": 15, "creator_percent": 15, "teacher_percent": 70, "place": 100}


def test_a_rule_is_decided_for_what_was_chosen(client: Client):
    service = make_service(make_coach(), name="Career hour")
    client.force_login(make_admin())
    assert "Career hour" in client.get(reverse(NEW)).content.decode()

    for what in ("", "session", str(service.pk)):
        assert client.post(reverse(NEW), {**ASKED, "what": what, "taught_by": "other"}).status_code == 302

    found = list(SplitRule.objects.order_by("id").values_list("kind", "offered_id", "taught_by"))
    assert found == [("", None, "other"), ("session", None, "other"), ("session", service.pk, "other")]
    page = client.get(reverse(LIST)).content.decode()
    assert ("of sessions" in page, "of “Career hour”" in page) == (True, True)
    assert f"{ASKED['business_percent']}% the business" in page


@pytest.mark.parametrize("what", ["boat", "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42"], ids=["no kind", "no service"])
def test_what_is_not_offered_is_not_taken(client: Client, what):
    withdraw_service(make_service(make_coach(), name="Old hour"), by=make_admin())
    client.force_login(make_admin())

    answer = client.post(reverse(NEW), {**ASKED, "what": what})

    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["what"])
    assert "Old hour" not in answer.content.decode()
    assert not SplitRule.objects.exists()


def test_a_coach_reads_their_own_and_no_name_of_what_they_do_not_see(client: Client):
    coach, other = make_coach(), make_coach()
    service = make_service(other, name="A hidden hour")
    withdraw_service(service, by=other)
    terms: Any = {"business_percent": 15, "creator_percent": 85, "teacher_percent": 0, "by": make_admin()}
    create_split_rule(name="Own", coach=coach, kind="session", offered_id=service.pk, **terms)
    create_split_rule(name="Another's", coach=other, **terms)
    client.force_login(coach)

    page = client.get(reverse(LIST)).content.decode()

    assert ("of one service" in page, "A hidden hour" in page, "Another" in page) == (True, False, False)


def test_by_api():
    service, api = make_service(make_coach()), Api(make_admin())
    asked = {name: value for name, value in ASKED.items() if name != "place"}

    of_service = api.post("/split-rules", {**asked, "service_id": str(service.pk), "taught_by": "other"})
    of_sessions = api.post("/split-rules", {**asked, "kind": "session"})

    assert (of_service.status_code, of_service.json()["kind"]) == (201, "session")
    assert [one.json()["service_id"] for one in (of_service, of_sessions)] == [str(service.pk), None]
    assert api.post("/split-rules", {**asked, "service_id": str(new_id())}).status_code == 404
    assert api.post("/split-rules", {**asked, "kind": "boat"}).status_code == 422
    assert Api(make_coach()).post("/split-rules", {**asked, "service_id": str(new_id())}).status_code == 403
    listed = api.get("/split-rules").json()["items"]
    assert [(one["kind"], one["service_id"]) for one in listed] == [("session", None), ("session", str(service.pk))]
    assert SplitRule.objects.count() == 2
