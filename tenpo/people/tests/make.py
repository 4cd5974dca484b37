"""People for tests."""

from itertools import count, islice

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.account.models import EmailAddress
from django.core import mail
from django.http import HttpRequest
from django.test import Client

from tenpo.people.actions.invites import invite_person, send_invite
from tenpo.people.models import Invite, Participant, Role, RoleGrant, User

PASSWORD = "correct horse battery"
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


def freshly_signed_in(user: User) -> Client:
    """A browser in which somebody has just shown their password again, as what lets one in for good asks for."""
    client = Client(raise_request_exception=False)
    client.force_login(user)
    request = HttpRequest()
    request.user, request.session = user, client.session
    reauthenticate_by_password(request)
    request.session.save()
    return client


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
