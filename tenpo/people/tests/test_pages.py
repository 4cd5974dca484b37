from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.core.limits import LIMITS
from tenpo.people.actions.imports import preview_people_import, run_import
from tenpo.people.actions.invites import create_invite_link, decline_invite, revoke_invite, send_invite
from tenpo.people.models import Import, Invite, Role, User
from tenpo.people.tests.make import (
    PASSWORD,
    freshly_signed_in,
    is_signed_in,
    mailed_token,
    make_admin,
    make_coach,
    make_invite,
    make_member,
    shown,
    signed_in,
)

pytestmark = pytest.mark.django_db
ACCEPT = {"name": "Lena Okafor", "password": PASSWORD}


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize(
    "path", ["/people/", "/people/?q=pers", "/invites/", "/invites/?state=open", "/imports/", "/me/keys/", "/settings/"]
)
def test_lists_cost_the_same_for_one_and_thirty(path):
    admin = make_admin()
    client = freshly_signed_in(admin)

    def add(count: int) -> None:
        for _ in range(count):
            make_coach()
            make_invite(by=admin)
            preview_people_import("people.csv", b"email\nlena@example.com", by=admin)
            client.post("/me/keys/", {"name": "Payroll", "scope": "read", "days": "30"})

    add(1)
    client.get(path)
    one = statements(client, path)
    add(17)

    assert statements(client, path) == one <= 12


@pytest.mark.parametrize(
    "path", ["/people/", "/invites/", "/invites/new/", "/imports/", "/settings/", "/people/?cursor=nonsense"]
)
def test_pages_of_admins_are_not_there_for_others(path):
    for who in (make_member, make_coach):
        assert signed_in(who()).get(path).status_code == 404
    assert Client().get(path)["Location"].startswith("/account/login/")


def test_a_cursor_of_somebody_elses_making_is_not_found():
    assert signed_in(make_admin()).get("/people/?cursor=nonsense").status_code == 404


def test_people_are_found_by_the_beginnings_of_words():
    admin = make_admin("Ada Lovelace")
    for name in ("Maya Berg", "Jonas Bergmann", "Lena Okafor"):
        make_member(name)
    client = signed_in(admin)

    def found(query: str) -> list[str]:
        return [str(user) for user in client.get(f"/people/?{query}").context["page"].items]

    assert found("q=ber") == ["Jonas Bergmann", "Maya Berg"]
    assert found("q=ma+be") == ["Maya Berg"]
    assert found("q=%27%3A%2A+%26+%21%28") == []
    assert found(f"q={admin.email}") == ["Ada Lovelace"]
    assert found("role=admin") == ["Ada Lovelace"]
    assert len(found("role=member")) == 3
    assert found("state=disabled") == []


def test_a_members_page_is_for_admins_a_coachs_page_for_everybody():
    admin, coach, member = make_admin(), make_coach("Maya Berg"), make_member()

    assert signed_in(member).get(f"/people/{coach.pk}/").status_code == 200
    assert coach.email not in signed_in(member).get(f"/people/{coach.pk}/").content.decode()
    assert signed_in(coach).get(f"/people/{member.pk}/").status_code == 404
    assert member.email in signed_in(admin).get(f"/people/{member.pk}/").content.decode()


def test_roles_are_given_and_taken_on_the_page():
    admin, member = make_admin(), make_member()
    client = freshly_signed_in(admin)

    client.post(f"/people/{member.pk}/roles/", {"role": "coach", "act": "grant"})
    assert User.objects.with_roles().get(pk=member.pk).is_coach
    client.post(f"/people/{member.pk}/roles/", {"role": "coach", "act": "revoke"})
    assert not User.objects.with_roles().get(pk=member.pk).is_coach

    page = client.post(f"/people/{admin.pk}/roles/", {"role": "admin", "act": "revoke"}, follow=True)
    assert "is the last admin" in page.content.decode()
    assert signed_in(member).post(f"/people/{member.pk}/roles/", {"role": "admin"}).status_code == 404
    assert list(admin.role_grants.values_list("role", flat=True)) == [Role.ADMIN]


def test_somebody_is_disabled_and_let_in_again_on_the_page():
    admin, member = make_admin(), make_member()
    client = signed_in(admin)

    client.post(f"/people/{member.pk}/disable/")
    assert not User.objects.get(pk=member.pk).is_active
    assert "Let in again" in client.get(f"/people/{member.pk}/").content.decode()
    client.post(f"/people/{member.pk}/enable/")
    assert User.objects.get(pk=member.pk).is_active
    assert signed_in(member).post(f"/people/{admin.pk}/disable/").status_code == 404


def test_an_invite_from_the_form_to_the_account(client):
    admin = make_admin("Ada Lovelace")
    signed_in(admin).post("/invites/new/", {"email": "lena@example.com", "name": "", "role": "coach", "days": "7"})
    send_invite(Invite.objects.get().pk)
    path = f"/invite/{mailed_token()}/"

    page = client.get(path)
    assert "Ada Lovelace would like you to join as a coach" in page.content.decode()
    assert page["Referrer-Policy"] == "strict-origin"
    assert "no-store" in page["Cache-Control"]
    assert client.post(path, ACCEPT).url == "/"

    assert is_signed_in(client)
    assert User.objects.with_roles().get(email="lena@example.com").is_coach
    assert Client().get(path).status_code == 404


def test_a_bare_link_is_shown_once_and_asks_for_a_code(client):
    admin = signed_in(make_admin())
    page = admin.post("/invites/new/", {"email": "", "name": "", "role": "member", "days": "7"})
    link = page.context["link"]
    assert link in page.content.decode()
    assert link not in admin.get("/invites/").content.decode()

    path = "/invite/" + link.rstrip("/").rsplit("/", 1)[1] + "/"
    assert client.post(path, {**ACCEPT, "email": "lena@example.com"}).url == "/account/confirm-email/"
    assert not is_signed_in(client)
    client.post("/account/confirm-email/", {"code": str(mail.outbox[-1].body).split("yours:")[1].split()[0]})

    assert is_signed_in(client)
    assert EmailAddress.objects.get(email="lena@example.com").verified


def test_what_is_wrong_stands_beside_its_field_and_the_words_stay(client):
    _invite, token = make_invite()

    page = client.post(f"/invite/{token}/", {"name": "Lena Okafor", "password": "short"})

    assert page.status_code == 422
    assert "too short" in page.content.decode()
    assert 'value="Lena Okafor"' in page.content.decode()
    assert Client().get(f"/invite/{token}/").status_code == 200


def test_every_link_that_does_not_work_looks_the_same():
    admin = make_admin()
    tokens = {"wrong": "x" * 32, "strange": "%F0%9F%92%A5", "long": "a" * 4000}
    for name in ("used", "declined", "revoked", "expired"):
        invite, tokens[name] = make_invite(by=admin)
        if name == "used":
            Client().post(f"/invite/{tokens[name]}/", ACCEPT)
        if name == "declined":
            decline_invite(tokens[name])
        if name == "revoked":
            revoke_invite(invite, by=admin)
        if name == "expired":
            Invite.objects.filter(pk=invite.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    answers = set()
    for token in tokens.values():
        for method in ("get", "post"):
            client = Client(REMOTE_ADDR="10.1.1.1")
            answer = getattr(client, method)(f"/invite/{token}/", ACCEPT)
            answers.add((answer.status_code, shown(answer)))

    assert len(answers) == 1
    assert answers.pop()[0] == 404


@pytest.mark.usefixtures("one_window")
def test_guessing_links_is_limited_by_address():
    _invite, token = make_invite()
    for _ in range(LIMITS["invite-open"].count):
        assert Client(REMOTE_ADDR="10.0.0.1").get("/invite/guess/").status_code == 404

    answer = Client(REMOTE_ADDR="10.0.0.1").get(f"/invite/{token}/")
    assert answer.status_code == 429
    assert answer["Retry-After"]
    assert Client(REMOTE_ADDR="10.0.0.2").get(f"/invite/{token}/").status_code == 200


def test_whoever_is_signed_in_keeps_the_link_for_somebody_else():
    _invite, link = create_invite_link(by=make_admin())
    path = "/invite/" + link.rstrip("/").rsplit("/", 1)[1] + "/"
    member = signed_in(make_member())

    assert "You have an account here" in member.get(path).content.decode()
    member.post(path, {**ACCEPT, "email": "lena@example.com"})

    assert not User.objects.filter(email="lena@example.com").exists()


def test_declining_is_one_press(client):
    invite, token = make_invite()

    assert "You declined" in client.post(f"/invite/{token}/decline/").content.decode()

    invite.refresh_from_db()
    assert invite.state() == Invite.State.DECLINED
    assert client.get(f"/invite/{token}/decline/").status_code == 405


def test_an_import_on_pages(client):
    admin = make_admin()
    client.force_login(admin)
    file = SimpleUploadedFile("people.csv", b"email;name\nlena@example.com;Lena\nbad;Tom\n", "text/csv")
    path = client.post("/imports/", {"file": file}).url
    page = client.get(path).content.decode()
    assert "1 person will be invited" in page
    assert "1 row is skipped" in page
    assert not Invite.objects.exists()

    client.post(f"{path}confirm/")
    running = client.get(path).content.decode()
    assert f'hx-get="{path}progress/"' in running
    run_import(Import.objects.get().pk)
    assert client.get(f"{path}progress/")["HX-Refresh"] == "true"
    assert "1 person was invited" in client.get(path).content.decode()
    assert Client().get(path).status_code == 302


def test_a_profile_on_its_page(client):
    coach = make_coach("Maya Berg")
    client.force_login(coach)
    data = {"name": "Maya Olsen", "time_zone": "Asia/Tokyo", "locale": "de", "headline": "Atem", "bio": ""}

    assert client.post("/me/", data).status_code == 302
    coach.refresh_from_db()
    assert (coach.name, coach.time_zone, coach.locale) == ("Maya Olsen", "Asia/Tokyo", "de")
    assert 'lang="de"' in client.get("/me/").content.decode()
    assert client.post("/me/", {**data, "name": ""}).status_code == 422


def test_a_key_on_its_page_is_shown_once():
    member = make_member()
    client = freshly_signed_in(member)

    page = client.post("/me/keys/", {"name": "Payroll", "scope": "read", "days": "30"})
    secret = page.context["secret"]
    assert secret in page.content.decode()
    assert secret not in client.get("/me/keys/").content.decode()
    bearer = {"authorization": f"Bearer {secret}"}
    assert Client().get("/api/v1/me", headers=bearer).json()["email"] == member.email
    assert Client().patch("/api/v1/me", "{}", "application/json", headers=bearer).status_code == 403

    key = member.api_clients.get()
    assert signed_in(make_member()).post(f"/me/keys/{key.pk}/revoke/").status_code == 404
    client.post(f"/me/keys/{key.pk}/revoke/")
    assert Client().get("/api/v1/me", headers=bearer).status_code == 401


def test_who_takes_their_own_admin_role_away_is_back_at_home():
    make_admin()
    admin = make_admin()
    client = freshly_signed_in(admin)

    assert "You cannot give it back to yourself" in client.get(f"/people/{admin.pk}/").content.decode()
    coach = client.post(f"/people/{admin.pk}/roles/", {"role": "coach", "act": "revoke"})
    answer = client.post(f"/people/{admin.pk}/roles/", {"role": "admin", "act": "revoke"})

    assert (coach["Location"], answer["Location"]) == (f"/people/{admin.pk}/", "/")
    assert not User.objects.with_roles().get(pk=admin.pk).is_admin


def test_a_new_language_is_spoken_at_once():
    client = signed_in(make_member("Mina"))

    page = client.post("/me/", {"name": "Mina", "time_zone": "Europe/Berlin", "locale": "de"}, follow=True)

    assert "Gespeichert." in page.content.decode()
