"""People for tests, the browsers in which they sign in, and what a business asks of them."""

import re
import time
from datetime import timedelta
from itertools import count, islice
from typing import Any

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.account.models import EmailAddress
from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.http import HttpRequest
from django.test import Client

from tenpo.core import clock
from tenpo.core.business import current_business, forget_business
from tenpo.core.models import Business
from tenpo.people.actions.invites import invite_person, send_invite
from tenpo.people.models import Invite, Participant, Role, RoleGrant, User

PASSWORD = "correct horse battery"
TOKEN = re.compile(r'(csrfmiddlewaretoken" value="|X-CSRFToken": "|nonce=")[^"]+')
_numbers = count(1)


def make_user(
    name: str = "", *, roles: tuple[Role, ...] = (), email: str = "", time_zone: str = "Europe/Berlin"
) -> User:
    """Somebody with an account; a member, and whatever `roles` say."""
    number = next(_numbers)
    name = name or f"Person {number}"
    user = User(name=name, email=email or f"person{number}@example.com", time_zone=time_zone)
    user.set_password(PASSWORD)
    user.save()
    Participant.objects.create(user=user, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    for role in roles:
        RoleGrant.objects.create(user=user, role=role)
    fresh: User = User.objects.with_roles().get(pk=user.pk)
    return fresh


def make_member(name: str = "") -> User:
    return make_user(name)


def make_members(count: int) -> list[User]:
    """Many members at a time, by a statement for each table."""
    users = [User(name=f"Person {n}", email=f"person{n}@example.com") for n in islice(_numbers, count)]
    for user in users:
        user.set_unusable_password()
    User.objects.bulk_create(users)
    Participant.objects.bulk_create(Participant(user=user, name=user.name) for user in users)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
    return list(User.objects.with_roles().filter(pk__in=[user.pk for user in users]))


def make_coach(name: str = "") -> User:
    return make_user(name, roles=(Role.COACH,))


def make_admin(name: str = "") -> User:
    return make_user(name, roles=(Role.ADMIN,))


def make_invite(email: str = "", *, role: str = Invite.Grant.MEMBER, by: User | None = None) -> tuple[Invite, str]:
    """An invite that was mailed, and the token of its link."""
    email = email or f"invited{next(_numbers)}@example.com"
    invite = invite_person(email, role=role, by=by or make_admin())
    send_invite(invite.pk)
    invite.refresh_from_db()
    return invite, mailed_token()


def mailed_token() -> str:
    """The token of the link in the newest mail."""
    text = str(mail.outbox[-1].body)
    return text.split("/invite/")[1].split("/")[0]


def mailed_code() -> str:
    """The code in the newest mail."""
    return str(mail.outbox[-1].body).split("waiting for it")[1].split("\n\n")[1].strip()


def sign_in(client: Client, user: User, password: str = PASSWORD) -> Any:
    """Type a password into the page of signing in."""
    return client.post("/account/login/", {"login": user.email, "password": password})


def is_signed_in(client: Client) -> bool:
    return client.get("/me/").status_code == 200


def signed_in(user: User) -> Client:
    """A browser in which somebody is signed in, however they did it."""
    client = Client()
    client.force_login(user)
    return client


def signed_in_by_password(user: User) -> Client:
    """A browser whose visit showed a password, and nothing else."""
    client = Client()
    assert sign_in(client, user).status_code == 302
    return client


def freshly_signed_in(user: User) -> Client:
    """A browser in which somebody has just shown their password again, as what lets one in for good asks for."""
    client = Client(raise_request_exception=False)
    client.force_login(user)
    show_password_again(client, user)
    return client


def show_password_again(client: Client, user: User) -> None:
    """What whoever is asked who they are does on the way."""
    request = HttpRequest()
    request.user, request.session = user, client.session
    reauthenticate_by_password(request)
    request.session.save()


def show_that_it_is_me(client: Client, password: str = PASSWORD) -> None:
    assert client.post("/account/reauthenticate/", {"password": password}).status_code == 302


def note_shown_factor(client: Client) -> None:
    """Let whoever is signed in have shown a second factor: who has one gets in by nothing less."""
    session = client.session
    session["account_authentication_methods"] = [*session["account_authentication_methods"], {"method": "mfa", "at": 0}]
    session.save()


def app_code(secret: str) -> str:
    """What an authenticator app shows now, with enough time left to type it."""
    period, enough = mfa_settings.TOTP_PERIOD, 4
    while period - time.time() % period < enough:
        time.sleep(0.5)
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // period)))


def set_up_app(client: Client, password: str = PASSWORD) -> str:
    """Turn on the authenticator app of whoever is signed in; returns its secret."""
    show_that_it_is_me(client, password)
    page = client.get("/account/2fa/totp/activate/")
    secret = page.context["form"].secret
    assert client.post("/account/2fa/totp/activate/", {"code": app_code(secret)}).status_code == 302
    return str(secret)


def shown(response: Any) -> str:
    """The page, without what is new in each answer."""
    return TOKEN.sub("", response.content.decode())


def ask_for_factor(choice: str = "admins", *, in_days: int = 0) -> None:
    """Let the business ask for a second factor, from now on or from another day, by the calendar of UTC."""
    current_business()
    starts_on = (clock.now() + timedelta(days=in_days)).date()
    Business.objects.update(second_factor_for=choice, second_factor_starts_on=starts_on, time_zone="UTC")
    forget_business()
