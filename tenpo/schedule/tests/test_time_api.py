"""Services, places and working hours by API: what the matrix does not ask."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_location, make_service

pytestmark = pytest.mark.django_db


def ask(user: User, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = "" if body is None else json.dumps(body)
    answer = signed_in(user).generic(method, f"/api/v1{path}", data, content_type="application/json")
    return answer.status_code, json.loads(answer.content or "null")


def test_a_service_is_offered_read_changed_and_withdrawn():
    admin, coach, member = make_admin(), make_coach("Cora"), make_member()
    place = make_location()
    room = place.rooms.get()
    body = {
        "name": "Coaching", "durations": [60], "capacity": 3, "join_link": "https://meet.example.com/a",
        "prices": [{"people": 2, "amount": 9_000}, {"people": 1, "amount": 5_000}],
        "coach_ids": [str(coach.pk)], "location_ids": [str(place.pk)], "room_ids": [str(room.pk)],
    }  # fmt: skip

    status, made = ask(admin, "POST", "/services", body)
    assert (status, made["prices"][0], made["locations"]) == (
        201, {"people": 1, "amount": 5_000}, [{"id": str(place.pk), "name": "Studio"}],
    )  # fmt: skip
    assert (made["coaches"], made["join_link"]) == ([{"id": str(coach.pk), "name": "Cora"}], body["join_link"])
    assert ask(member, "GET", f"/services/{made['id']}")[1]["join_link"] is None

    changed = {"version": 0, "most_per_day": 2, "location_ids": [], "room_ids": []}
    status, now = ask(coach, "PATCH", f"/services/{made['id']}", changed)
    assert (status, now["version"], now["most_per_day"], now["rooms"]) == (200, 1, 2, [])
    status, refused = ask(coach, "PATCH", f"/services/{made['id']}", {"version": 0, "most_per_day": None})
    assert (status, refused["code"]) == (409, "changed_meanwhile")
    assert ask(coach, "PATCH", f"/services/{made['id']}", {"most_per_day": None})[1]["most_per_day"] is None
    assert ask(coach, "POST", f"/services/{made['id']}/withdrawal")[1]["is_offered"] is False
    assert ask(member, "GET", "/services")[1]["items"] == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"prices": [{"people": 1, "amount": 1}, {"people": 1, "amount": 2}]}, "prices"),
        ({"colour": "red"}, "colour"), ({"durations": [60, "long"]}, "durations"), ({"name": ""}, "name"),
        ({"questions": [{"label": "a", "kind": "choice"}]}, "questions"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_service_is_said_by_field(wrong, field):
    body = {"name": "A", "durations": [60], "prices": [{"people": 1, "amount": 1}], "join_link": "https://a.example"}

    status, answer = ask(make_coach(), "POST", "/services", body | wrong)

    assert status == 422
    assert any(error["field"].startswith(field) for error in answer["errors"])


def test_services_are_found():
    first, second = make_coach(), make_coach()
    make_service(first, name="Running", format="class")
    make_service(second, name="Talking", locations=[make_location("Pitch")])
    member = make_member()

    def names(query: str) -> list[str]:
        return [one["name"] for one in ask(member, "GET", f"/services{query}")[1]["items"]]

    assert names("") == ["Running", "Talking"]
    assert names("?q=RUN") == names("?format=class") == names(f"?coach={first.pk}") == ["Running"]
    assert names(f"?location={make_location('Pitch').pk}") == ["Talking"]
    assert names("?offered=false") == []
    page = ask(member, "GET", "/services?limit=1")[1]
    assert names(f"?limit=1&cursor={page['next_cursor']}") == ["Talking"]


def test_a_week_is_put_whole():
    coach = make_coach()
    path = f"/coaches/{coach.pk}/hours"
    empty = ask(coach, "GET", path)[1]

    week = [
        {"weekday": "fr", "opens": "20:00", "closes": "24:00"},
        {"weekday": "mo", "opens": "09:00", "closes": "12:00"},
    ]
    status, said = ask(coach, "PUT", path, {"hours": week, "version": empty["version"]})
    assert (status, [row["weekday"] for row in said["hours"]]) == (200, ["mo", "fr"])
    assert said["hours"][1]["closes"] == "24:00"
    status, refused = ask(coach, "PUT", path, {"hours": [], "version": empty["version"]})
    assert (status, refused["code"]) == (409, "changed_meanwhile")
    for wrong in ({"opens": "25:00"}, {"opens": "9:00"}, {"closes": "24:01"}, {"weekday": "monday"}):
        assert ask(coach, "PUT", path, {"hours": [week[0] | wrong]})[0] == 422
    assert ask(coach, "PUT", path, {"hours": [week[0] | {"opens": "24:00"}]})[0] == 422

    assert ask(coach, "GET", path)[1] == said


def test_a_time_off_says_what_falls_into_it():
    coach = make_coach()
    session = make_session(coach)
    start = timezone.now() + timedelta(days=1)
    body = {"starts_at": start.isoformat(), "ends_at": (start + timedelta(days=30)).isoformat()}

    status, off = ask(coach, "POST", f"/coaches/{coach.pk}/time-off", body)

    assert (status, [one["id"] for one in off["sessions"]]) == (201, [str(session.pk)])
    assert ask(coach, "GET", f"/time-off/{off['id']}")[1] == off


def test_terms_are_the_account_s_until_they_are_said():
    coach = make_coach()
    path = f"/coaches/{coach.pk}/working-terms"

    assert ask(coach, "GET", path)[1] == {"time_zone": "", "holidays_of": "", "most_per_day": None}
    said = {"time_zone": "Europe/Lisbon", "holidays_of": "PT", "most_per_day": 5}
    assert ask(coach, "PUT", path, said) == (200, said)
    assert ask(coach, "PUT", path, {"holidays_of": "XX"})[0] == 422
    assert ask(coach, "GET", path)[1] == said
