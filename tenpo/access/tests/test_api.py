import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tenpo.access.actions.api_clients import MAX_KEYS_PER_USER, authenticate_key, create_api_client
from tenpo.access.models import ApiClient
from tenpo.core.errors import RuleError
from tenpo.core.limits import LIMITS, hit
from tenpo.people.actions.imports import preview_people_import
from tenpo.people.actions.invites import invite_person
from tenpo.people.models import Invite, User
from tenpo.people.tests.make import PASSWORD, make_admin, make_member
from tenpo.people.tests.test_api import Caller, code

pytestmark = pytest.mark.django_db


def make_key(owner: User, *, scopes: tuple[str, ...] = ("read",), days: int | None = None) -> str:
    expires_at = timezone.now() + timedelta(days=days) if days else None
    return create_api_client(owner, name="Payroll", scopes=list(scopes), expires_at=expires_at, by=owner)[1]


def test_a_key_is_made_listed_and_revoked():
    call = Caller(make_member())

    made = call("POST", "/api-keys", {"name": "Payroll", "scope": "write"}).json()
    assert made["key"].startswith(f"tenpo_{made['prefix']}_")
    assert made["scopes"] == ["read", "write"]
    listed = call("GET", "/api-keys").json()["items"]
    assert [one["name"] for one in listed] == ["Payroll"]
    assert "key" not in listed[0]
    assert ApiClient.objects.get().secret_hash not in json.dumps(listed)
    assert call("DELETE", f"/api-keys/{made['id']}").json()["state"] == "revoked"
    assert authenticate_key(made["key"]) is None


def test_keys_of_others_are_seen_and_revoked_by_admins_only():
    owner, stranger, admin = make_member(), make_member(), make_admin()
    make_key(owner)
    key = ApiClient.objects.get()

    assert Caller(stranger)("GET", f"/api-keys?owner_id={owner.pk}").json()["items"] == []
    assert code(Caller(stranger)("DELETE", f"/api-keys/{key.pk}")) == (404, "not_found")
    assert len(Caller(admin)("GET", f"/api-keys?owner_id={owner.pk}").json()["items"]) == 1
    assert Caller(admin)("DELETE", f"/api-keys/{key.pk}").json()["state"] == "revoked"


def test_keys_refuse_what_is_wrong():
    member = make_member()
    call = Caller(member)

    assert code(call("POST", "/api-keys", {"name": "Old", "expires_at": "2020-01-01T00:00:00Z"})) == (
        409,
        "expires_in_past",
    )
    assert code(call("POST", "/api-keys", {"name": ""})) == (422, "invalid_input")
    for _ in range(MAX_KEYS_PER_USER):
        make_key(member)
    with pytest.raises(RuleError):
        make_key(member)
    assert code(call("POST", "/api-keys", {"name": "One more"})) == (409, "too_many_keys")
    assert ApiClient.objects.count() == MAX_KEYS_PER_USER


def test_a_key_says_who_calls_and_what_it_may():
    member = make_member("Lena")
    reads, writes = make_key(member), make_key(member, scopes=("read", "write"))

    def call(key: str, method: str = "GET"):
        headers = {"authorization": f"Bearer {key}"}
        return Client().generic(method, "/api/v1/me", "{}", "application/json", headers=headers)

    assert call(reads).json()["name"] == "Lena"
    assert call(reads, "PATCH").status_code == 403
    assert call(writes, "PATCH").status_code == 200
    assert call(reads[:-1] + ("1" if reads[-1] == "0" else "0")).status_code == 401
    assert call("tenpo_").status_code == 401
    assert ApiClient.objects.filter(last_used_at=None).count() == 0
    ApiClient.objects.update(expires_at=timezone.now())
    assert call(reads).status_code == 401


def test_a_key_makes_no_keys():
    """Whoever found a key would make another one, which goes on when the first is revoked."""
    member = make_member()
    key = make_key(member, scopes=("read", "write"))
    body = json.dumps({"name": "Mine now", "scope": "read"})

    answer = Client().post("/api/v1/api-keys", body, "application/json", headers={"authorization": f"Bearer {key}"})

    assert code(answer) == (403, "not_allowed")
    assert ApiClient.objects.count() == 1


def test_a_key_gives_nothing_that_outlives_it():
    """Nor roles, nor another admin, nor a calendar address: whoever lost a key revokes it, and it is over."""
    admin, member = make_admin(), make_member()
    headers = {"authorization": f"Bearer {make_key(admin, scopes=('read', 'write'))}"}
    rows = b"email,name,role\nrex@example.com,Rex,admin\n"
    import_ = preview_people_import("admins.csv", rows, by=admin)
    invite = invite_person("nora@example.com", role="admin", by=admin)
    asked = [
        ("PATCH", f"people/{member.pk}", {"roles": ["admin"]}),
        ("POST", "invites", {"email": "max@example.com", "role": "admin"}),
        ("POST", "invites", {"role": "admin"}),
        ("POST", f"invites/{invite.pk}/link", {}),
        ("POST", f"invites/{invite.pk}/mailing", {}),
        ("POST", f"imports/{import_.pk}/confirmation", {}),
        ("POST", "feeds", {}),
    ]

    answers = [
        Client().generic(method, f"/api/v1/{path}", json.dumps(body), "application/json", headers=headers)
        for method, path, body in asked
    ]

    assert [code(answer) for answer in answers] == [(403, "not_allowed")] * len(asked)
    assert User.objects.with_roles().get(pk=member.pk).roles == frozenset()
    assert [open_.email for open_ in Invite.objects.open()] == ["nora@example.com"]
    # What it may: let a member in.
    body = json.dumps({"email": "lena@example.com"})
    assert Client().post("/api/v1/invites", body, "application/json", headers=headers).status_code == 201


def test_devices_are_listed_and_signed_out():
    member, stranger = make_member(), make_member()
    agents = {"here": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", "there": "Mozilla/5.0 (iPhone) Safari/605"}
    clients = {name: Client(headers={"user-agent": agent}) for name, agent in agents.items()}
    for client in clients.values():
        client.post("/account/login/", {"login": member.email, "password": PASSWORD})

    found = clients["here"].get("/api/v1/devices").json()
    assert [(one["name"], one["is_this_one"]) for one in found] == [
        ("Safari on iPhone", False),
        ("Firefox on Windows", True),
    ]
    other = found[0]["id"]
    assert code(Caller(stranger)("DELETE", f"/devices/{other}")) == (404, "not_found")
    clients["here"].post("/account/reauthenticate/", {"password": PASSWORD})
    assert clients["here"].delete(f"/api/v1/devices/{other}").status_code == 204
    assert clients["there"].get("/api/v1/me").status_code == 401
    assert clients["here"].get("/api/v1/me").status_code == 200


def test_the_business_is_read_by_all_and_changed_by_admins():
    member, admin = make_member(), make_admin()

    assert Caller(member)("GET", "/business").json()["name"] == "Tenpo"
    assert code(Caller(member)("PATCH", "/business", {"name": "Mine"})) == (403, "not_allowed")
    changed = Caller(admin)("PATCH", "/business", {"name": "Nordlicht", "accent_hue": 20}).json()
    assert (changed["name"], changed["accent_hue"]) == ("Nordlicht", 20)
    assert code(Caller(admin)("PATCH", "/business", {"currency": "XXX"})) == (422, "invalid_input")


def test_signing_in_by_the_api(client):
    member = make_member()
    root = "/_allauth/browser/v1"

    wrong = client.post(f"{root}/auth/login", {"email": member.email, "password": "wrong"}, "application/json")
    unknown = client.post(
        f"{root}/auth/login", {"email": "nobody@example.com", "password": "wrong"}, "application/json"
    )
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    right = client.post(f"{root}/auth/login", {"email": member.email, "password": PASSWORD}, "application/json")

    assert right.status_code == 200
    assert client.get("/api/v1/me").json()["email"] == member.email


@pytest.mark.usefixtures("one_window")
def test_a_limit_of_ours_is_said_to_programs_as_a_problem():
    member = make_member()
    for _ in range(LIMITS["account-mail-everywhere"].count):
        hit("account-mail-everywhere", member.email)

    path = "/_allauth/browser/v1/auth/code/request"
    answer = Client().post(path, {"email": member.email}, "application/json")

    assert code(answer) == (429, "too_many_requests")
    assert answer["Retry-After"]


@pytest.mark.usefixtures("one_window")
def test_asking_for_codes_by_the_api_is_limited():
    path = "/_allauth/browser/v1/auth/code/request"
    answers = {}
    for email in (make_member().email, "nobody@example.com"):
        networks = range(LIMITS["account-mail-everywhere"].count + 1)
        clients = [Client(REMOTE_ADDR=f"10.0.0.{number}") for number in networks]
        answers[email] = [client.post(path, {"email": email}, "application/json").status_code for client in clients]

    assert len({tuple(statuses) for statuses in answers.values()}) == 1
    assert answers["nobody@example.com"][-1] == 429
