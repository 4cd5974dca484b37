import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from tenpo.audit.models import AuditLog
from tenpo.core.business import current_business, forget_business
from tenpo.core.limits import LIMITS
from tenpo.core.models import Business
from tenpo.people.models import Participant, User
from tenpo.people.tests.make import (
    PASSWORD,
    app_code,
    is_signed_in,
    mailed_code,
    make_member,
    set_up_app,
    show_that_it_is_me,
    shown,
    sign_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_window")]
LOGIN, CODE, RESET = "/account/login/", "/account/login/code/", "/account/password/reset/"


def test_the_page_names_the_business_and_all_ways_in(client):
    Business.objects.filter(pk=current_business().pk).update(name="Nordlicht")
    forget_business()

    page = client.get(LOGIN)

    assert "Sign in to Nordlicht" in page.content.decode()
    assert CODE in page.content.decode()
    assert "<style" not in page.content.decode()
    assert " onclick=" not in page.content.decode()


def test_a_password_signs_in_and_is_written_down(client):
    member = make_member()

    assert sign_in(client, member).status_code == 302

    assert is_signed_in(client)
    assert AuditLog.objects.filter(action="user.signed_in", actor_id=member.pk).count() == 1
    assert UserSession.objects.filter(user=member).count() == 1


def test_the_case_of_an_address_does_not_matter(client):
    member = make_member()
    client.post(LOGIN, {"login": member.email.upper(), "password": PASSWORD})
    assert is_signed_in(client)


def test_wrong_passwords_and_unknown_addresses_look_alike(client):
    member = make_member()

    wrong = client.post(LOGIN, {"login": member.email, "password": "not my password"})
    unknown = client.post(LOGIN, {"login": "nobody@example.com", "password": "not my password"})

    assert wrong.status_code == unknown.status_code == 200
    assert shown(wrong).replace(member.email, "") == shown(unknown).replace("nobody@example.com", "")
    assert not is_signed_in(client)


def test_an_unknown_address_costs_a_hash_too(client, settings, monkeypatch):
    hashed = []
    monkeypatch.setattr(User, "set_password", lambda self, raw: hashed.append(raw))

    client.post(LOGIN, {"login": "nobody@example.com", "password": "not my password"})

    assert hashed == ["not my password"]


def test_tries_are_limited_alike_for_known_and_unknown(client):
    member = make_member()
    limit = LIMITS["sign-in-account"].count

    for address, email in (("10.0.0.1", member.email), ("10.0.0.2", "nobody@example.com")):
        wrong = {"login": email, "password": "wrong wrong wrong"}
        pages = [client.post(LOGIN, wrong, REMOTE_ADDR=address) for _ in range(limit + 1)]
        assert "do not belong together" in pages[limit - 1].content.decode()
        assert "very often" in pages[limit].content.decode()
    # Beyond the limit the right password does not help either, and another address is free.
    client.post(LOGIN, {"login": member.email, "password": PASSWORD}, REMOTE_ADDR="10.0.0.1")
    assert not is_signed_in(client)
    sign_in(client, make_member())
    assert is_signed_in(client)


def test_a_disabled_account_does_not_get_in(client):
    member = make_member()
    User.objects.filter(pk=member.pk).update(disabled_at=timezone.now())

    assert sign_in(client, member).url == "/account/inactive/"

    assert not is_signed_in(client)


def test_a_code_by_mail_signs_in_once(client):
    member = make_member()
    client.post(CODE, {"email": member.email})
    code = mailed_code()

    assert client.post("/account/login/code/confirm/", {"code": code}).status_code == 302
    assert is_signed_in(client)

    again = Client()
    again.post("/account/login/code/confirm/", {"code": code})
    assert not is_signed_in(again)


def test_a_wrong_code_does_not_sign_in(client):
    client.post(CODE, {"email": make_member().email})

    page = client.post("/account/login/code/confirm/", {"code": "AAAAAA"})

    assert "This is not the code" in page.content.decode()
    assert not is_signed_in(client)


@pytest.mark.parametrize("path", [CODE, RESET])
def test_asking_for_mail_looks_alike_for_known_and_unknown(path):
    member = make_member()
    pages = []
    for email in (member.email, "nobody@example.com"):
        client = Client()
        answer = client.post(path, {"email": email})
        pages.append((answer.status_code, answer["Location"], shown(client.get(answer["Location"])).replace(email, "")))

    assert pages[0] == pages[1]
    assert len(mail.outbox) == 2
    assert "no account" in mail.outbox[1].subject


@pytest.mark.parametrize("path", [CODE, RESET])
def test_mails_that_strangers_ask_for_are_limited_alike(path):
    limit = LIMITS["account-mail"].count
    for email in (make_member().email, "nobody@example.com"):
        answers = [Client().post(path, {"email": email}).status_code for _ in range(limit + 1)]
        assert answers == [302] * limit + [429]
        assert sum(email in message.to for message in mail.outbox) == limit
        # Whoever used it up has not used up what others may.
        assert Client(REMOTE_ADDR="10.0.0.2").post(path, {"email": email}).status_code == 302


@pytest.mark.parametrize("path", [CODE, RESET])
def test_mails_that_many_networks_ask_for_are_limited_alike(path):
    limit = LIMITS["account-mail-everywhere"].count
    for email in (make_member().email, "nobody@example.com"):
        answers = [Client(REMOTE_ADDR=f"10.0.0.{n}").post(path, {"email": email}).status_code for n in range(limit + 1)]
        assert answers == [302] * limit + [429]
        assert sum(email in message.to for message in mail.outbox) == limit


def test_an_account_is_not_kept_from_its_owner(client):
    member = make_member()
    for _ in range(LIMITS["sign-in-account"].count + 1):
        client.post(LOGIN, {"login": member.email, "password": "wrong"}, REMOTE_ADDR="2001:db8::1")
    # The same network: one customer of a provider has all of it.
    client.post(LOGIN, {"login": member.email, "password": PASSWORD}, REMOTE_ADDR="2001:db8::2")
    assert not is_signed_in(client)

    client.post(LOGIN, {"login": member.email, "password": PASSWORD}, REMOTE_ADDR="2001:db8:0:1::1")
    assert is_signed_in(client)


def test_many_networks_try_one_account_a_limited_number_of_times(client):
    member = make_member()
    limit = LIMITS["sign-in-everywhere"].count

    pages = [
        client.post(LOGIN, {"login": member.email, "password": "wrong"}, REMOTE_ADDR=f"10.0.{n // 250}.{n % 250}")
        for n in range(limit + 1)
    ]

    assert "do not belong together" in pages[limit - 1].content.decode()
    assert "very often" in pages[limit].content.decode()


def test_a_flood_of_others_frees_nobody(client):
    """More than Django's cache keeps: it drops a third of what it holds, whoever is among it."""
    member = make_member()
    wrong = {"login": member.email, "password": "not my password"}
    for _ in range(LIMITS["sign-in-account"].count):
        client.post(LOGIN, wrong)

    for n in range(400):
        data = {"email": f"nobody{n}@example.com", "password": "not my password"}
        other = f"10.0.{n // 250}.{n % 250}"
        answer = client.post("/_allauth/browser/v1/auth/login", data, "application/json", REMOTE_ADDR=other)
        assert answer.status_code == 400

    assert "very often" in client.post(LOGIN, wrong).content.decode()


def test_signing_up_is_limited_alike_for_known_and_unknown():
    Business.objects.filter(pk=current_business().pk).update(allows_sign_up=True)
    forget_business()
    limit = LIMITS["account-mail"].count
    for email in (make_member().email, "new@example.com"):
        data = {"name": "Lena Okafor", "email": email, "password1": PASSWORD}
        answers = [Client().post("/account/signup/", data).status_code for _ in range(limit + 1)]
        assert answers == [302] * limit + [429]


def test_a_mail_reads_well_as_text_and_html(client):
    member = make_member()
    client.post(RESET, {"email": member.email})

    message = mail.outbox[-1]
    assert isinstance(message, EmailMultiAlternatives)
    assert message.to == [member.email]
    assert "Choose a new password:\nhttp" in message.body
    assert [kind for _html, kind in message.alternatives] == ["text/html"]


def test_a_new_password_by_mail(client):
    member = make_member()
    client.post(RESET, {"email": member.email}, headers={"host": "localhost"})
    [link] = re.findall(r"http://[^/]+(/account/password/reset/key/\S+)", str(mail.outbox[-1].body))

    form_at = client.get(link).url
    client.post(form_at, {"password1": "another horse battery", "password2": "another horse battery"})

    member.refresh_from_db()
    assert member.check_password("another horse battery")
    assert client.get(link, follow=True).content.decode().count("does not work any more")
    assert AuditLog.objects.filter(action="user.password_reset", actor_id=member.pk).exists()
    assert mail.outbox[-1].subject == "Your password was changed"


@pytest.mark.parametrize(
    "password", ["short", "q1w2e3r4t5y6", "987654321098", "Tenpo-Coach-2031", "Quiet Lamps 2031!", "password-welcome"]
)
def test_weak_passwords_are_refused(client, password):
    member = make_member()
    client.force_login(member)
    current_business()
    Business.objects.update(name="Quiet Lamps")
    forget_business()

    client.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": password, "password2": password})

    member.refresh_from_db()
    assert member.check_password(PASSWORD)


def test_changing_the_password_needs_the_old_one(client):
    member = make_member()
    sign_in(client, member)
    new = {"password1": "another horse battery", "password2": "another horse battery"}

    client.post("/account/password/change/", {"oldpassword": "not my password", **new})
    member.refresh_from_db()
    assert member.check_password(PASSWORD)

    client.post("/account/password/change/", {"oldpassword": PASSWORD, **new})
    member.refresh_from_db()
    assert member.check_password("another horse battery")
    assert is_signed_in(client)


def test_sign_up_is_closed_until_the_operator_opens_it(client):
    data = {"name": "Lena Okafor", "email": "lena@example.com", "password1": PASSWORD}
    assert "by invitation" in client.get("/account/signup/").content.decode()
    client.post("/account/signup/", data)
    assert not User.objects.exists()

    Business.objects.filter(pk=current_business().pk).update(allows_sign_up=True)
    forget_business()
    client.post("/account/signup/", data)
    user = User.objects.get()
    assert (user.name, Participant.objects.get(user=user).name) == ("Lena Okafor", "Lena Okafor")
    assert not is_signed_in(client)

    client.post("/account/confirm-email/", {"code": mailed_code()})
    assert is_signed_in(client)
    assert EmailAddress.objects.get(user=user).verified


def test_signing_up_with_a_known_address_looks_alike():
    Business.objects.filter(pk=current_business().pk).update(allows_sign_up=True)
    forget_business()
    member = make_member()
    answers = []
    for email in (member.email, "new@example.com"):
        client = Client()
        data = {"name": "Lena Okafor", "email": email, "password1": PASSWORD}
        answer = client.post("/account/signup/", data)
        answers.append(
            (answer.status_code, answer["Location"], shown(client.get(answer["Location"])).replace(email, ""))
        )

    assert answers[0] == answers[1]
    assert User.objects.filter(email=member.email).count() == 1


def test_an_authenticator_app_is_asked_from_then_on(client, django_capture_on_commit_callbacks):
    member = make_member()
    sign_in(client, member)
    with django_capture_on_commit_callbacks(execute=True):
        secret = set_up_app(client)
    assert mail.outbox[-1].subject == "Your app is asked when you sign in"
    assert secret not in str(Authenticator.objects.get(type="totp").data)
    assert AuditLog.objects.filter(action="user.totp_activated", actor_id=member.pk).exists()
    Authenticator.objects.filter(type="totp").update(last_used_at=None)

    other = Client()
    assert sign_in(other, member).url == "/account/2fa/authenticate/"
    assert not is_signed_in(other)
    other.post("/account/2fa/authenticate/", {"code": "000000"})
    assert not is_signed_in(other)
    other.post("/account/2fa/authenticate/", {"code": app_code(secret)})
    assert is_signed_in(other)


def test_a_recovery_code_works_once(client):
    member = make_member()
    sign_in(client, member)
    set_up_app(client)
    codes = client.get("/account/2fa/recovery-codes/").context["unused_codes"]
    assert client.get("/account/2fa/recovery-codes/download/").content.decode().split() == codes

    for expected in (True, False):
        other = Client()
        sign_in(other, member)
        other.post("/account/2fa/authenticate/", {"code": codes[0]})
        assert is_signed_in(other) is expected


def test_new_recovery_codes_end_the_old_ones(client):
    member = make_member()
    sign_in(client, member)
    set_up_app(client)
    old = client.get("/account/2fa/recovery-codes/").context["unused_codes"]

    client.post("/account/2fa/recovery-codes/generate/")

    other = Client()
    sign_in(other, member)
    other.post("/account/2fa/authenticate/", {"code": old[0]})
    assert not is_signed_in(other)


def test_the_app_can_be_turned_off(client):
    member = make_member()
    sign_in(client, member)
    set_up_app(client)

    client.post("/account/2fa/totp/deactivate/")

    assert not Authenticator.objects.exists()
    assert sign_in(Client(), member).url == "/"


def test_setting_up_an_app_needs_the_password_again(client):
    sign_in(client, make_member())

    assert client.get("/account/2fa/totp/activate/").url.startswith("/account/reauthenticate/")


def test_passkeys_are_offered_without_inline_scripts(client):
    member = make_member()
    sign_in(client, member)

    show_that_it_is_me(client)

    page = client.get("/account/2fa/webauthn/add/").content.decode()

    assert 'id="passkey-data" type="application/json"' in page
    assert "people/passkeys.js" in page
    options = Client().get("/account/2fa/webauthn/login/", headers={"accept": "application/json"})
    assert options.json()["request_options"]["publicKey"]["challenge"]


def test_signing_out_another_device_ends_its_session():
    member = make_member()
    here, there, stranger = Client(), Client(), Client()
    for client in (here, there):
        sign_in(client, member)
    sign_in(stranger, make_member())
    device = UserSession.objects.get(session_key=there.session.session_key)

    assert stranger.post(f"/me/devices/{device.pk}/sign-out/").status_code == 404
    assert is_signed_in(there)
    show_that_it_is_me(here)
    here.post(f"/me/devices/{device.pk}/sign-out/")

    assert not is_signed_in(there)
    assert is_signed_in(here)


def test_signing_out_everywhere_else():
    member = make_member()
    clients = [Client() for _ in range(3)]
    for client in clients:
        sign_in(client, member)

    show_that_it_is_me(clients[0])
    clients[0].post("/account/sessions/")

    assert [is_signed_in(client) for client in clients] == [True, False, False]


def test_a_device_is_signed_out_by_who_showed_just_now_that_it_is_theirs():
    """Who sits at an open browser does not shut its owner out elsewhere."""
    member = make_member()
    here, there = Client(), Client()
    for client in (here, there):
        sign_in(client, member)
    device = UserSession.objects.get(session_key=there.session.session_key)
    sessions = "/_allauth/browser/v1/auth/sessions"

    for path in (f"/me/devices/{device.pk}/sign-out/", "/account/sessions/"):
        assert here.post(path)["Location"] == "/account/reauthenticate/?next=%2Faccount%2Fsessions%2F"
    assert here.delete(sessions, {"sessions": [device.pk]}, content_type="application/json").status_code == 403
    assert here.delete(f"/api/v1/devices/{device.pk}").status_code == 403

    assert is_signed_in(there)
    assert here.get("/account/sessions/").status_code == 200


def test_a_new_address_counts_once_it_is_confirmed(client):
    member = make_member()
    sign_in(client, member)
    show_that_it_is_me(client)
    old = member.email

    client.post("/account/email/", {"action_add": "", "email": "new@example.com"})
    member.refresh_from_db()
    assert member.email == old

    client.post("/account/confirm-email/", {"code": mailed_code()})
    member.refresh_from_db()
    assert member.email == "new@example.com"
    assert list(EmailAddress.objects.filter(user=member).values_list("email", flat=True)) == ["new@example.com"]
    assert any(message.subject == "Your address was changed" and old in message.to for message in mail.outbox)


@pytest.mark.parametrize("path", ["/account/email/", "/_allauth/browser/v1/account/email"])
def test_another_address_is_for_who_showed_just_now_that_they_are_its_owner(client, path):
    """Whoever finds a browser that somebody left signed in does not become its owner for good."""
    member = make_member()
    sign_in(client, member)

    if path.startswith("/_allauth"):
        answer = client.post(path, {"email": "new@example.com"}, content_type="application/json")
    else:
        answer = client.post(path, {"action_add": "", "email": "new@example.com"})

    assert answer.status_code == (401 if path.startswith("/_allauth") else 302)
    assert answer.headers.get("Location", "/account/reauthenticate/").startswith("/account/reauthenticate/")
    assert mail.outbox == []
    show_that_it_is_me(client)
    client.post("/account/email/", {"action_add": "", "email": "new@example.com"})
    assert mail.outbox[-1].to == ["new@example.com"]


def test_signing_in_and_failing_to_leave_a_trace(client):
    member = make_member()

    with capture_logs() as said:
        sign_in(client, member, password="not my password at all")
        sign_in(client, member)

    assert [line["log_level"] for line in said if line["event"] == "sign_in_failed"] == ["warning"]
    assert "not my password" not in str(said)
    assert AuditLog.objects.get(action="user.signed_in").after == {"ways": ["password"]}


@pytest.mark.parametrize("path", ["account/phone", "auth/phone/verify", "auth/phone/verify/resend"])
def test_accounts_have_no_telephone_numbers(client, path):
    client.force_login(make_member())

    assert client.get(f"/_allauth/browser/v1/{path}").status_code == 404
