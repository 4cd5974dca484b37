"""Embeds by API: who may make which, what is refused, and that an ended one is shown nowhere."""

import json
from typing import Any

import pytest
from django.test import Client

from tenpo.core.limits import EMBEDS_KEPT, LIMITS, hit
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.models import Embed
from tenpo.schedule.tests.intro_make import make_intro_service
from tenpo.schedule.tests.time_make import make_service

pytestmark = pytest.mark.django_db

SITE = "https://coach.example"
BODY = {"name": "My site", "origins": [SITE]}


def ask(user: User, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
    data = "" if body is None else json.dumps(body)
    answer = signed_in(user).generic(method, f"/api/v1/embeds{path}", data, content_type="application/json")
    return answer.status_code, json.loads(answer.content or "null")


def test_a_coach_makes_one_changes_it_and_ends_it():
    lena, member = make_coach("Lena"), make_member()
    service = make_intro_service(lena, name="First talk")

    status, made = ask(lena, "POST", "", BODY | {"origins": ["https://Coach.example/", SITE]})
    assert (status, made["coach_id"], made["service_id"]) == (201, str(lena.pk), None)
    assert (made["origins"], made["theme"], made["version"], made["ended_at"]) == ([SITE], "auto", 0, None)
    path = f"/{made['id']}"
    status, now = ask(
        lena, "PATCH", path, {"version": 0, "service_id": str(service.pk), "theme": "dark", "accent_hue": 20}
    )
    assert (status, now["service_id"], now["theme"], now["accent_hue"], now["version"]) == (
        200, str(service.pk), "dark", 20, 1,
    )  # fmt: skip
    assert now["name"] == "My site"
    status, refused = ask(lena, "PATCH", path, {"version": 0, "name": "Mine"})
    assert (status, refused["code"]) == (409, "changed_meanwhile")
    emptied = ask(lena, "PATCH", path, {"service_id": None, "accent_hue": None})[1]
    assert (emptied["service_id"], emptied["accent_hue"]) == (None, None)
    assert ask(member, "GET")[1]["items"] == []
    assert Client().get(f"/embed/{made['id']}/").status_code == 200

    ended = ask(lena, "POST", f"{path}/ending")[1]
    assert ask(lena, "POST", f"{path}/ending")[1] == ended
    assert Client().get(f"/embed/{made['id']}/").status_code == 404
    assert ask(lena, "PATCH", path, {"name": "Mine"})[1]["code"] == "ended"
    assert [ask(lena, "GET", f"?ended={which}")[1]["items"] for which in ("true", "false")] == [[ended], []]


def test_an_admin_shows_anybody_or_everything_and_a_coach_themselves_alone():
    admin, lena, jonas = make_admin(), make_coach("Lena"), make_coach("Jonas")
    theirs = make_intro_service(jonas, name="With Jonas")
    closed = make_service(lena, name="For members")

    assert ask(admin, "POST", "", BODY)[1]["coach_id"] is None
    of_lena = ask(admin, "POST", "", BODY | {"coach_id": str(lena.pk)})[1]
    assert of_lena["coach_id"] == str(lena.pk)
    made = Embed.objects.count()

    for wrong, status in (
        ({"coach_id": str(jonas.pk)}, 403),
        ({"coach_id": None}, 403),
        ({"coach_id": str(make_member().pk)}, 404),
        ({"service_id": str(theirs.pk)}, 404),
        ({"service_id": str(closed.pk)}, 404),
    ):
        assert ask(lena, "POST", "", BODY | wrong)[0] == status
        assert ask(lena, "PATCH", f"/{of_lena['id']}", wrong)[0] == status
    assert ask(jonas, "PATCH", f"/{of_lena['id']}", {"name": "Mine"})[0] == 404
    assert ask(jonas, "POST", f"/{of_lena['id']}/ending")[0] == 404
    assert ask(admin, "POST", "", BODY | {"service_id": str(closed.pk)})[0] == 404
    assert Embed.objects.count() == made
    assert Embed.objects.get(pk=of_lena["id"]).version == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"colour": "red"}, "colour"), ({"name": ""}, "name"), ({"origins": []}, "origins"),
        ({"origins": ["http://coach.example"]}, "origins"), ({"origins": ["https://*.example"]}, "origins"),
        ({"origins": [f"https://{number}.example" for number in range(11)]}, "origins"),
        ({"theme": "pink"}, "theme"), ({"accent_hue": 360}, "accent_hue"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_by_field(wrong, field):
    status, problem = ask(make_coach("Lena"), "POST", "", BODY | wrong)

    assert status == 422
    assert any(error["field"].startswith(field) for error in problem["errors"])
    assert not Embed.objects.exists()


def test_a_coach_keeps_so_many():
    lena = make_coach("Lena")
    Embed.objects.bulk_create(Embed(coach=lena, **BODY) for _number in range(EMBEDS_KEPT))

    status, refused = ask(lena, "POST", "", BODY)

    assert (status, refused["code"]) == (409, "too_many")
    assert Embed.objects.count() == EMBEDS_KEPT


def test_nobody_makes_and_ends_them_without_end():
    lena = make_coach("Lena")
    for _time in range(LIMITS["embed-user"].count - 2):
        hit("embed-user", lena.pk)
    status, made = ask(lena, "POST", "", BODY)
    assert (status, ask(lena, "POST", f"/{made['id']}/ending")[0]) == (201, 200)
    page = signed_in(lena)
    form = {"name": "My site", "origins": SITE, "theme": "auto", "coach": lena.pk}

    assert page.post("/teaching/embeds/new/", form).status_code == 302
    assert page.post("/teaching/embeds/new/", form).status_code == 429
    assert ask(lena, "POST", "", BODY)[0] == 429
    assert ask(make_coach("Jonas"), "POST", "", BODY)[0] == 201
    assert Embed.objects.filter(coach=lena).count() == 2
