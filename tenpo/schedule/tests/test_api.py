import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.orders.tests.make import make_share_policy
from tenpo.people.actions.imports import run_import
from tenpo.people.models import Import, User
from tenpo.people.tests.make import freshly_signed_in, make_admin, make_coach, make_member
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.test_import_sessions import event, file_of

pytestmark = pytest.mark.django_db


class Caller:
    """Somebody who calls the API with the session of their browser."""

    def __init__(self, user: User) -> None:
        self.client = freshly_signed_in(user)

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = json.dumps(body) if body is not None else ""
        response = self.client.generic(method, f"/api/v1/{path}", data, "application/json")
        kind = response["Content-Type"] if response.content else ""
        return response.status_code, response.json() if "json" in kind else response.content


def body(**changes: Any) -> dict[str, Any]:
    start = (timezone.now() + timedelta(days=3)).replace(microsecond=0)
    values = {
        "title": "Breathing", "starts_at": start.isoformat(), "minutes": 60, "time_zone": "Europe/Berlin",
        "place": "Studio", "capacity": 5, "price": 8_000,
    }  # fmt: skip
    return {**values, **changes}


def test_a_coach_offers_changes_and_cancels():
    coach = make_coach()
    call = Caller(coach)

    status, session = call("POST", "sessions", body())
    assert (status, session["seats_left"], session["version"], session["coach"]["name"]) == (201, 5, 0, coach.name)
    address = f"sessions/{session['id']}"
    assert call("PATCH", address, {"version": 0, "place": "Room 2"})[1]["version"] == 1
    status, problem = call("PATCH", address, {"version": 0, "place": "Room 3"})
    assert (status, problem["code"]) == (409, "changed_meanwhile")
    assert call("GET", f"{address}/cancellation")[1] == {
        "sessions": 1, "people": 0, "credit": 0, "wallet": 0, "method": 0, "company": 0, "sponsor": 0,
        "currency": "EUR",
    }  # fmt: skip
    assert call("POST", f"{address}/completion")[1]["code"] == "not_over"
    status, session = call("POST", f"{address}/cancellation", {"reason": "Ill"})
    assert (status, session["status"], session["cancel_reason"]) == (200, "cancelled", "Ill")


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"starts_at": "2027-01-01T10:00:00"}, 422), ({"minutes": 0}, 422), ({"price": -1}, 422), ({"extra": 1}, 422),
     ({"title": ""}, 422), ({"time_zone": "x"}, 422), ({"coach_id": "00000000-0000-7000-8000-000000000000"}, 404),
     ({"cancellation_policy_id": "00000000-0000-7000-8000-000000000000"}, 404), ({"title": "x\0y"}, 422)],
)  # fmt: skip
def test_wrong_input_is_refused(changes, status):
    assert Caller(make_coach())("POST", "sessions", body(**changes))[0] == status
    assert not Session.objects.exists()


def test_members_offer_nothing_and_see_no_roster():
    session = make_session()
    call = Caller(make_member())

    assert call("POST", "sessions", body())[0] == 403
    assert call("PATCH", f"sessions/{session.pk}", {"title": "Mine"})[0] == 403
    assert call("POST", f"sessions/{session.pk}/cancellation", {})[0] == 403
    assert call("GET", f"sessions/{session.pk}/cancellation")[0] == 403
    assert call("GET", f"sessions/{session.pk}/roster")[0] == 403
    assert call("POST", f"sessions/{session.pk}/attendance")[0] == 403


def test_nobody_from_outside_sees_anything():
    session = make_session()

    for path in ("sessions", f"sessions/{session.pk}", "bookings", "feeds"):
        assert Client().get(f"/api/v1/{path}").status_code == 401


def test_a_list_is_filtered_and_goes_on():
    make_share_policy(percent=60)
    coach = make_coach()
    for day in range(3):
        make_session(coach, starts_in=timedelta(days=2 + day), title="Yoga" if day else "Leading")
    make_session(starts_in=timedelta(days=1), title="Yoga of somebody else")
    call = Caller(make_member())

    status, page = call("GET", f"sessions?q=yog&coach={coach.pk}&limit=1&only_free=true")
    assert (status, len(page["items"]), page["items"][0]["own_share"]) == (200, 1, 4_000)
    rest = call("GET", f"sessions?q=yog&coach={coach.pk}&limit=1&cursor={page['next_cursor']}")[1]
    assert len(rest["items"]) == 1
    assert rest["next_cursor"] is None
    assert call("GET", "sessions?cursor=rubbish")[0] == 422
    assert len(call("GET", "sessions?scope=all")[1]["items"]) == 4


def test_the_link_is_for_those_who_booked():
    session = make_session(price=0)
    Session.objects.filter(pk=session.pk).update(join_link="https://meet.example.com/x")
    member = make_member()
    call = Caller(member)

    assert call("GET", f"sessions/{session.pk}")[1]["join_link"] is None
    booking = make_booking(session, member)
    found = call("GET", f"sessions/{session.pk}")[1]
    assert (found["join_link"], found["my_booking_id"]) == ("https://meet.example.com/x", str(booking.pk))


def test_roster_and_attendance():
    session = make_session()
    booking = make_booking(session, make_member("Lena"))
    call = Caller(session.coach)

    row = call("GET", f"sessions/{session.pk}/roster")[1][0]
    assert (row["name"], row["state"]) == ("Lena", "confirmed")
    assert call("PUT", f"bookings/{booking.pk}/attendance", {"state": "attended"})[1]["code"] == "too_early"
    set_times(Session.objects.filter(pk=session.pk), starts_at=timezone.now())
    assert call("PUT", f"bookings/{booking.pk}/attendance", {"state": "no_show"})[1]["state"] == "no_show"
    assert call("PUT", f"bookings/{booking.pk}/attendance", {"state": "confirmed"})[1]["state"] == "confirmed"
    assert call("POST", f"sessions/{session.pk}/attendance")[1] == {"marked": 1}


def test_my_bookings():
    make_share_policy(percent=60)
    member = make_member()
    booking = make_booking(make_session(price=10_000), member)
    call = Caller(member)

    (found,) = call("GET", "bookings")[1]["items"]
    assert (found["id"], found["company_share"], found["own_share"]) == (str(booking.pk), 6_000, 4_000)
    one = call("GET", f"bookings/{booking.pk}")[1]
    assert (one["percent_back_now"], one["waitlist_position"]) == (100, None)
    assert one["cancellation_terms"].startswith("Free until")
    assert call("GET", "bookings?when=past")[1]["items"] == []
    assert b"BEGIN:VCALENDAR" in call("GET", f"bookings/{booking.pk}/calendar-file")[1]


def test_a_series():
    coach = make_coach()
    call = Caller(coach)
    day = (timezone.now() + timedelta(days=3)).date().isoformat()
    every = ["mo", "tu", "we", "th", "fr", "sa", "su"]
    rule = {"weekdays": every, "first_day": day, "until": None, "weeks": 1, "at": "18:00", "minutes": 45,
            "time_zone": "Europe/Berlin"}  # fmt: skip

    status, plan = call("POST", "series/plans", rule)
    assert (status, len(plan["dates"])) == (200, 7)
    offer = {**rule, "title": "Yoga", "place": "Studio", "capacity": 3, "price": 0, "agreed": plan["digest"]}
    status, series = call("POST", "series", offer)
    assert (status, len(series["sessions"])) == (201, 7)
    assert call("POST", "series", offer)[1]["code"] == "plan_changed"
    assert call("GET", f"series/{series['id']}")[1]["rule"].startswith("FREQ=WEEKLY")
    third = series["sessions"][2]["id"]
    edited = call("PATCH", f"sessions/{third}/following", {"place": "Room 9"})[1]
    assert [session["place"] for session in edited] == ["Room 9"] * 5
    assert call("GET", f"sessions/{third}/following/cancellation")[1]["sessions"] == 5
    assert len(call("POST", f"sessions/{third}/following/cancellation", {"reason": ""})[1]) == 5
    assert call("POST", f"sessions/{third}/following/cancellation", {"reason": ""})[1]["code"] == "no_series"


def upload(user: User, content: bytes, **fields: Any) -> tuple[int, Any]:
    client = Client()
    client.force_login(user)
    file = SimpleUploadedFile("plan.ics", content, "text/calendar")
    response = client.post("/api/v1/imports/sessions", {"file": file, **fields})
    return response.status_code, response.json()


def test_a_field_beside_a_file_that_is_not_known_is_refused():
    coach = make_coach()

    status, answer = upload(coach, file_of(event()), beside_id=str(make_coach().pk))

    assert (status, "beside_id" in str(answer), Import.objects.exists()) == (422, True, False), answer


def test_a_calendar_file():
    coach = make_coach()
    call = Caller(coach)

    status, import_ = upload(coach, file_of(event()))
    assert (status, import_["rows_total"], import_["rows_skipped"]) == (201, 1, 0)
    plain = call("POST", f"imports/{import_['id']}/confirmation")
    assert (plain[0], plain[1]["code"]) == (409, "options_needed")
    address = f"imports/sessions/{import_['id']}/confirmation"
    assert Caller(make_coach())("POST", address, {"capacity": 4, "price": 0})[0] == 404
    assert call("POST", address, {"capacity": 4, "price": 1_000})[0] == 202
    run_import(import_["id"])
    assert call("GET", f"imports/{import_['id']}")[1]["state"] == "done"
    assert Session.objects.get().capacity == 4


def test_an_admin_imports_for_a_coach_and_nobody_else_does():
    coach = make_coach()

    assert upload(make_admin(), file_of(event()), coach_id=str(coach.pk))[0] == 201
    assert upload(make_coach(), file_of(event()), coach_id=str(coach.pk))[0] == 403
    assert upload(make_member(), file_of(event()))[0] == 403
    assert upload(coach, b"rubbish")[0] == 422


def test_a_feed():
    call = Caller(make_member())

    status, feed = call("POST", "feeds")
    assert status == 201
    path = feed["address"].partition("/calendar/")[2]
    assert Client().get(f"/calendar/{path}").status_code == 200
    (listed,) = call("GET", "feeds")[1]
    assert "address" not in listed
    assert Caller(make_member())("DELETE", f"feeds/{feed['id']}")[0] == 404
    assert call("DELETE", f"feeds/{feed['id']}")[0] == 204
    assert Client().get(f"/calendar/{path}").status_code == 404
