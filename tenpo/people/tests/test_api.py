import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.core.limits import LIMITS
from tenpo.people.actions.imports import preview_people_import, run_import
from tenpo.people.actions.invites import decline_invite, revoke_invite
from tenpo.people.models import Import, Invite, User
from tenpo.people.tests.make import PASSWORD, freshly_signed_in, make_admin, make_coach, make_invite, make_member

pytestmark = pytest.mark.django_db
ROOT = "/api/v1"
ACCEPT = {"name": "Lena Okafor", "password": PASSWORD}


class Caller:
    """Somebody who calls the API from a signed-in browser, or nobody."""

    def __init__(self, user: User | None = None) -> None:
        self.client = freshly_signed_in(user) if user else Client()

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        data = "" if body is None else json.dumps(body)
        return self.client.generic(method, ROOT + path, data, "application/json")


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.content)["code"]


def test_me_is_read_and_changed():
    coach = make_coach("Maya Berg")
    call = Caller(coach)

    me = call("GET", "/me").json()
    assert (me["name"], me["email"], me["roles"]) == ("Maya Berg", coach.email, ["coach"])
    assert me["participant_id"] == str(coach.participant.pk)
    changed = call("PATCH", "/me", {"name": "Maya Olsen", "headline": "Breathing"}).json()
    assert (changed["name"], changed["coach"]["headline"]) == ("Maya Olsen", "Breathing")
    assert call("GET", "/me").json() == changed


def test_me_refuses_what_is_wrong():
    call = Caller(make_member("Lena"))

    assert code(call("PATCH", "/me", {"headline": "Breathing"})) == (409, "not_a_coach")
    assert code(call("PATCH", "/me", {"time_zone": "Mars"})) == (422, "invalid_input")
    assert code(call("PATCH", "/me", {"email": "other@example.com"})) == (422, "invalid_input")
    assert code(call("PATCH", "/me", {"name": "\0"})) == (422, "invalid_input")
    assert code(Caller()("GET", "/me")) == (401, "not_signed_in")
    assert call("GET", "/me").json()["name"] == "Lena"


def test_members_find_coaches_without_their_addresses():
    coach, member, other = make_coach("Maya Berg"), make_member("Lena"), make_member("Tom")
    call = Caller(member)

    people = call("GET", "/people").json()["items"]
    assert [(one["name"], one["email"]) for one in people] == [("Lena", member.email), ("Maya Berg", None)]
    for part in (coach.email, coach.email.split("@")[0], "example.com"):
        assert call("GET", f"/people?q={part}").json()["items"] == []
    assert len(call("GET", "/people?q=berg").json()["items"]) == 1
    assert call("GET", f"/people/{coach.pk}").json()["email"] is None
    assert code(call("GET", f"/people/{other.pk}")) == (404, "not_found")


def test_admins_page_through_everybody():
    admin = make_admin("Ada")
    for number in range(5):
        make_member(f"Member {number}")
    call = Caller(admin)

    names, cursor = [], None
    while True:
        page = call("GET", "/people?limit=2" + (f"&cursor={cursor}" if cursor else "")).json()
        names += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break

    assert names == ["Ada", *(f"Member {number}" for number in range(5))]
    assert code(call("GET", "/people?cursor=nonsense")) == (422, "invalid_input")
    assert [one["name"] for one in call("GET", "/people?role=admin").json()["items"]] == ["Ada"]


def test_lists_cost_the_same_for_one_and_thirty():
    admin = make_admin()
    call = Caller(admin)

    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert call("GET", path).status_code == 200
        return len(captured)

    paths = ["/people", "/invites", "/imports"]
    make_invite(by=admin)
    preview_people_import("people.csv", b"email\nlena@example.com", by=admin)
    first = [statements(path) for path in paths]
    for _ in range(30):
        make_coach()
        make_invite(by=admin)
        preview_people_import("people.csv", b"email\nlena@example.com", by=admin)
    assert [statements(path) for path in paths] == first


def test_roles_are_given_by_admins_only():
    admin, member = make_admin(), make_member()
    call = Caller(admin)

    assert call("PATCH", f"/people/{member.pk}", {"roles": ["coach", "admin"]}).json()["roles"] == ["admin", "coach"]
    assert call("PATCH", f"/people/{member.pk}", {"roles": []}).json()["roles"] == []
    assert code(call("PATCH", f"/people/{admin.pk}", {"roles": ["coach"]})) == (409, "last_admin")
    assert call("GET", f"/people/{admin.pk}").json()["roles"] == ["admin"]
    coach = make_coach()
    assert code(Caller(coach)("PATCH", f"/people/{coach.pk}", {"roles": ["admin"]})) == (403, "not_allowed")
    assert code(call("PATCH", f"/people/{member.pk}", {"roles": ["king"]})) == (422, "invalid_input")


def test_an_account_is_disabled_and_enabled():
    admin, member = make_admin(), make_member()
    call, path = Caller(admin), f"/people/{member.pk}/disablement"

    assert call("POST", path).json()["disabled_at"]
    assert Caller(member)("GET", "/me").status_code == 401
    assert call("DELETE", path).json()["disabled_at"] is None
    assert code(call("POST", f"/people/{admin.pk}/disablement")) == (409, "last_admin")
    coach = make_coach()
    assert code(Caller(member)("POST", f"/people/{coach.pk}/disablement")) == (403, "not_allowed")
    assert User.objects.active().count() == 3


def test_invites_are_made_sent_again_and_revoked():
    call = Caller(make_admin())

    mailed = call("POST", "/invites", {"email": "lena@example.com", "role": "coach"})
    assert (mailed.status_code, mailed.json()["link"], mailed.json()["state"]) == (201, None, "open")
    bare = call("POST", "/invites", {"name": "Tom"}).json()
    assert "/invite/" in bare["link"]
    assert "link" not in call("GET", "/invites").json()["items"][0]
    path = f"/invites/{mailed.json()['id']}"
    assert call("POST", f"{path}/mailing").status_code == 202
    assert "/invite/" in call("POST", f"{path}/link").json()["link"]
    assert call("POST", f"{path}/revocation").json()["state"] == "revoked"
    assert code(call("POST", f"{path}/mailing")) == (409, "invite_settled")
    assert code(call("POST", f"/invites/{bare['id']}/mailing")) == (409, "no_address")
    assert [one["id"] for one in call("GET", "/invites?state=open").json()["items"]] == [bare["id"]]


def test_invites_refuse_what_is_wrong():
    admin, member = make_admin(), make_member()
    make_invite("lena@example.com", by=admin)
    call = Caller(admin)

    assert code(call("POST", "/invites", {"email": member.email})) == (409, "account_exists")
    assert code(call("POST", "/invites", {"email": "LENA@example.com"})) == (409, "already_invited")
    assert code(call("POST", "/invites", {"email": "no address"})) == (422, "invalid_input")
    assert code(call("POST", "/invites", {"days": 91})) == (422, "invalid_input")
    assert code(Caller(member)("POST", "/invites", {})) == (403, "not_allowed")
    assert code(Caller(member)("GET", "/invites")) == (403, "not_allowed")
    assert Invite.objects.count() == 1


def test_an_invite_is_accepted_without_an_account():
    _invite, token = make_invite("lena@example.com", role="coach")
    call = Caller()

    answer = call("POST", f"/invites/{token}/acceptance", ACCEPT)

    assert answer.status_code == 201
    assert answer.json()["email_is_verified"]
    assert User.objects.with_roles().get(pk=answer.json()["user_id"]).is_coach
    assert code(call("POST", f"/invites/{token}/acceptance", ACCEPT)) == (404, "not_found")


def test_a_password_is_kept_as_it_was_typed():
    _, token = make_invite("lena@example.com")
    typed = "  Four wörds, put together "

    Caller()("POST", f"/invites/{token}/acceptance", {**ACCEPT, "password": typed})

    user = User.objects.get(email="lena@example.com")
    assert user.check_password(typed)
    assert not user.check_password(typed.strip())


def test_an_acceptance_refuses_what_is_wrong_and_the_link_stays_good():
    member = make_member()
    call = Caller()
    bare = Caller(make_admin())("POST", "/invites", {}).json()["link"].rstrip("/").rsplit("/", 1)[1]
    path = f"/invites/{bare}/acceptance"

    assert code(call("POST", path, {**ACCEPT, "email": member.email})) == (409, "account_exists")
    assert code(call("POST", path, ACCEPT)) == (422, "invalid_input")
    weak = call("POST", path, {"name": "Lena", "password": "short", "email": "lena@example.com"})
    assert [error["field"] for error in weak.json()["errors"]] == ["password"] * len(weak.json()["errors"])
    assert call("POST", path, {**ACCEPT, "email": "lena@example.com"}).status_code == 201


def test_every_token_that_does_not_work_gets_the_same_answer():
    admin = make_admin()
    tokens = ["x" * 32]
    for name in ("declined", "revoked", "expired"):
        invite, token = make_invite(by=admin)
        tokens.append(token)
        if name == "declined":
            decline_invite(token)
        if name == "revoked":
            revoke_invite(invite, by=admin)
        if name == "expired":
            Invite.objects.filter(pk=invite.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    call = Caller()

    answers = {call("POST", f"/invites/{token}/acceptance", ACCEPT).content for token in tokens}
    answers |= {call("POST", f"/invites/{token}/declination").content for token in tokens}

    assert len(answers) == 1


def test_an_invite_is_declined_by_its_token():
    invite, token = make_invite()

    assert Caller()("POST", f"/invites/{token}/declination").status_code == 204

    invite.refresh_from_db()
    assert invite.state() == Invite.State.DECLINED


@pytest.mark.usefixtures("one_window")
def test_accepting_is_limited_by_address():
    call = Caller()
    answers = [call("POST", "/invites/guess/acceptance", ACCEPT) for _ in range(LIMITS["invite-accept"].count + 1)]

    assert {answer.status_code for answer in answers[:-1]} == {404}
    assert code(answers[-1]) == (429, "too_many_requests")
    assert answers[-1]["Retry-After"]


def upload(user: User, content: bytes) -> Any:
    call = Caller(user)
    file = SimpleUploadedFile("people.csv", content, "text/csv")
    return call.client.post(f"{ROOT}/imports/people", {"file": file})


def test_an_import_from_upload_to_end():
    admin = make_admin()
    call = Caller(admin)

    found = upload(admin, b"email,name\nlena@example.com,Lena\nbad,Tom\n").json()
    assert (found["state"], found["rows_total"], found["rows_skipped"]) == ("preview", 2, 1)
    assert found["rows"][1] == {
        "line": 3,
        "data": {"email": "bad", "name": "Tom", "role": "member"},
        "problem": "This is not an e-mail address.",
    }
    path = f"/imports/{found['id']}"
    assert call("POST", f"{path}/confirmation").status_code == 202
    run_import(Import.objects.get().pk)
    assert call("GET", path).json()["state"] == "done"
    assert call("GET", "/imports").json()["items"][0]["rows_done"] == 2
    assert Invite.objects.get().email == "lena@example.com"


def test_imports_refuse_what_is_wrong():
    admin, coach = make_admin(), make_coach()

    assert code(upload(admin, b"nothing")) == (422, "invalid_input")
    assert code(upload(admin, b"email\n" + b"x" * 1_100_000)) == (422, "invalid_input")
    assert code(upload(coach, b"email\nlena@example.com")) == (403, "not_allowed")
    found = upload(admin, b"email\nbad").json()
    assert code(Caller(admin)("POST", f"/imports/{found['id']}/confirmation")) == (409, "nothing_to_import")
    assert code(Caller(coach)("GET", f"/imports/{found['id']}")) == (404, "not_found")
    assert not Invite.objects.exists()
