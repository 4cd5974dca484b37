"""A second factor that the business asks for: who is asked, what is open until then, and the way out."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.access import jobs
from tenpo.access.actions.second_factors import drop_second_factors
from tenpo.audit.models import AuditLog
from tenpo.config import streams
from tenpo.core.business import current_business, forget_business
from tenpo.core.models import Business
from tenpo.people.middleware import SecondFactorMiddleware
from tenpo.people.models import User
from tenpo.people.tests.make import (
    app_code,
    ask_for_factor,
    freshly_signed_in,
    make_admin,
    make_coach,
    make_member,
    set_up_app,
    show_that_it_is_me,
    signed_in_by_password,
)
from tenpo.people.tests.make import is_signed_in as is_let_in
from tenpo.people.tests.passkeys import HOST, Passkey, made_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_window")]
# allauth remembers a new factor, and tells of it, once it is committed.
committed = pytest.mark.django_db(transaction=True)
HERE, SET_UP = "/me/second-factor/", "/account/2fa/totp/activate/"
PROGRAM_TOTP = "/_allauth/browser/v1/account/authenticators/totp"
PROGRAM_PASSKEYS = "/_allauth/browser/v1/account/authenticators/webauthn"


@pytest.mark.parametrize(
    ("choice", "admin", "coach", "member"),
    [
        ("nobody", True, True, True),
        ("admins", False, True, True),
        ("team", False, False, True),
        ("everybody", False, False, False),
    ],
)
def test_whom_the_business_asks(choice, admin, coach, member):
    ask_for_factor(choice)

    people = (make_admin(), make_coach(), make_member())

    assert [is_let_in(signed_in_by_password(person)) for person in people] == [admin, coach, member]


def test_until_the_day_it_starts_an_admin_is_reminded_and_let_in(time_machine):
    """By the calendar of the business: in Berlin the day begins an hour before it does in London."""
    time_machine.move_to("2031-03-03T22:59:30Z", tick=False)
    ask_for_factor("admins", in_days=1)
    Business.objects.update(time_zone="Europe/Berlin")
    forget_business()
    client = signed_in_by_password(make_admin())

    assert "you need a second step" in client.get("/").content.decode()
    time_machine.move_to("2031-03-03T23:00:00Z", tick=False)
    assert client.get("/")["Location"] == HERE


def test_a_new_business_asks_its_admins_after_a_week():
    business = current_business()

    assert business.second_factor_for == "admins"
    assert business.second_factor_starts_on == business.created_at.date() + timedelta(days=7)
    assert is_let_in(signed_in_by_password(make_admin()))


@committed
def test_who_sets_an_app_up_goes_on_to_where_they_wanted_to():
    ask_for_factor("admins")
    client = signed_in_by_password(make_admin())

    assert client.get("/people/?q=lena")["Location"] == HERE
    page = client.get(HERE).content.decode()
    assert SET_UP in page
    assert 'data-stream="/stream"' not in page
    assert 'href="/people/"' not in client.get(SET_UP, follow=True).content.decode()
    set_up_app(client)
    codes = client.get("/account/2fa/recovery-codes/").content.decode()
    assert f'href="{HERE}"' in codes
    assert client.get(HERE)["Location"] == "/people/?q=lena"
    assert client.get("/people/?q=lena").status_code == 200
    assert client.get(HERE)["Location"] == "/"


@committed
def test_a_visit_that_showed_a_password_alone_shows_the_factor_that_was_set_up_elsewhere():
    """Somebody who knows the password may have signed in before its owner had a second factor."""
    admin = make_admin()
    before, owner = signed_in_by_password(admin), signed_in_by_password(admin)
    secret = set_up_app(owner)
    ask_for_factor("admins")
    Authenticator.objects.filter(type="totp").update(last_used_at=None)

    assert is_let_in(owner)
    assert before.get("/people/")["Location"] == HERE
    assert before.get(HERE)["Location"] == "/account/2fa/reauthenticate/?next=%2Fme%2Fsecond-factor%2F"
    # Their password is not enough to set up another one.
    show_that_it_is_me(before)
    for path in (SET_UP, "/account/2fa/webauthn/add/"):
        assert before.get(path)["Location"] == HERE
    assert before.get(PROGRAM_PASSKEYS).status_code == 403

    before.post("/account/2fa/reauthenticate/", {"code": app_code(secret), "next": HERE})
    assert is_let_in(before)
    assert before.get(HERE)["Location"] == "/people/"


@committed
def test_who_signs_in_with_an_app_is_let_in_at_once():
    ask_for_factor("admins")
    admin = make_admin()
    secret = set_up_app(signed_in_by_password(admin))
    Authenticator.objects.filter(type="totp").update(last_used_at=None)

    client = signed_in_by_password(admin)
    client.post("/account/2fa/authenticate/", {"code": app_code(secret)})

    assert is_let_in(client)


def test_a_passkey_alone_is_two_factors():
    """The device asks for the finger or the PIN before it answers: allauth asks it to when it signs in alone."""
    ask_for_factor("admins")
    passkey, client = Passkey(make_admin()), Client()
    options = client.get("/account/2fa/webauthn/login/", headers={"accept": "application/json"}).json()
    assert options["request_options"]["publicKey"]["userVerification"] == "required"

    passkey.sign_in(client)

    assert is_let_in(client)


def test_the_api_says_why():
    ask_for_factor("admins")
    client = signed_in_by_password(make_admin())

    answer = client.get("/api/v1/people")

    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
    assert answer["Content-Type"] == "application/problem+json"


def test_a_fragment_sends_the_whole_page_away():
    ask_for_factor("admins")
    client = signed_in_by_password(make_admin())

    answer = client.get("/people/?q=lena", headers={"hx-request": "true"})

    assert (answer.status_code, answer["HX-Redirect"]) == (200, HERE)


@committed
def test_a_program_sets_one_up_too():
    ask_for_factor("admins")
    client = freshly_signed_in(make_admin())
    secret = client.get(PROGRAM_TOTP).json()["meta"]["secret"]

    answer = client.post(PROGRAM_TOTP, {"code": app_code(secret)}, content_type="application/json")

    assert answer.status_code == 200
    assert client.get("/api/v1/people").status_code == 200


def test_who_sets_a_passkey_up_is_let_in():
    ask_for_factor("admins")
    client, headers = freshly_signed_in(make_admin()), {"host": HOST}
    asked = client.get(PROGRAM_PASSKEYS, headers=headers).json()["data"]["creation_options"]["publicKey"]
    body = {"name": "Phone", "credential": made_for(asked["challenge"], generate_private_key(SECP256R1()), b"phone")}
    assert not is_let_in(client)

    assert client.post(PROGRAM_PASSKEYS, body, content_type="application/json", headers=headers).status_code == 200

    assert is_let_in(client)


@committed
@pytest.mark.parametrize("by", ["page", "program"])
def test_the_last_factor_stays_while_it_is_asked_for(by):
    ask_for_factor("admins")
    client = signed_in_by_password(make_admin())
    set_up_app(client)

    if by == "page":
        assert client.get("/account/2fa/totp/deactivate/")["Location"] == "/account/2fa/"
        answer = client.post("/account/2fa/totp/deactivate/", follow=True)
        assert "Set up another one before" in answer.content.decode()
    else:
        answer = client.delete(PROGRAM_TOTP)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_second_factor")
    assert Authenticator.objects.filter(type="totp").count() == 1

    ask_for_factor("nobody")
    client.post("/account/2fa/totp/deactivate/")
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("by", ["page", "program"])
def test_one_of_two_passkeys_may_go_and_not_the_other(by):
    admin = make_admin()
    passkeys, client = [Passkey(admin, name) for name in ("Phone", "Laptop")], Client()
    keys = [passkey.row for passkey in passkeys]
    passkeys[0].sign_in(client)
    show_that_it_is_me(client)
    ask_for_factor("admins")

    def remove(*gone: Authenticator) -> int:
        if by == "page":
            return max(client.post(f"/account/2fa/webauthn/keys/{key.pk}/remove/").status_code for key in gone)
        body = {"authenticators": [key.pk for key in gone]}
        return int(client.delete(PROGRAM_PASSKEYS, body, content_type="application/json").status_code)

    if by == "program":
        assert remove(*keys) == 409
    remove(keys[0])
    remove(keys[1])

    assert list(Authenticator.objects.filter(type="webauthn")) == [keys[1]]


@committed
def test_whoever_runs_the_server_lets_the_last_admin_in_again():
    ask_for_factor("admins")
    admin = make_admin()
    client = signed_in_by_password(admin)
    set_up_app(client)
    assert is_let_in(client)

    drop_second_factors(admin, by=None)
    drop_second_factors(admin, by=None)

    assert not Authenticator.objects.exists()
    assert client.get("/me/")["Location"].startswith("/account/login/")
    assert signed_in_by_password(admin).get("/")["Location"] == HERE
    [written] = AuditLog.objects.filter(action="user.second_factors_dropped")
    assert (written.actor_id, written.object_id) == (None, admin.pk)
    assert written.before == {"kinds": ["recovery_codes", "totp"]}


def test_they_are_told_by_mail_in_their_language():
    """Once, whoever lets them in: it may be somebody who talked the operator into it."""
    admin = make_admin("Ada")
    User.objects.filter(pk=admin.pk).update(locale="de")
    Passkey(admin)

    for _ in range(2):
        drop_second_factors(admin, by=None)
    [job] = ProcrastinateJob.objects.filter(task_name="access.tell_of_dropped_factors")
    jobs.tell_of_dropped_factors(**job.args)

    [message] = mail.outbox
    assert message.to == [f"Ada <{admin.email}>"]
    assert message.subject == "Dein zweiter Schritt wurde entfernt"


def test_no_admin_takes_them_from_another():
    admin, other = make_admin(), make_admin()
    Passkey(other)

    with pytest.raises(PermissionDenied):
        drop_second_factors(other, by=admin)

    assert Authenticator.objects.filter(user=other).exists()


def test_no_stream_of_news_either():
    ask_for_factor("nobody")
    admin = make_admin()
    token = signed_in_by_password(admin).cookies["tenpo_session"].value
    assert streams._signed_in_user(token) == str(admin.pk)

    ask_for_factor("admins")
    assert streams._signed_in_user(token) is None


@pytest.mark.control
def test_control_without_the_middleware_a_password_alone_is_enough(monkeypatch):
    monkeypatch.setattr(SecondFactorMiddleware, "process_view", lambda *_: None)
    ask_for_factor("admins")

    assert is_let_in(signed_in_by_password(make_admin()))
