"""What gets in without a password: made only by who has just shown theirs, told with a new one, ended at once."""

import re

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from tenpo.access.actions.accounts import end_all_access
from tenpo.access.actions.api_clients import create_api_client, revoke_api_client
from tenpo.access.models import ApiClient
from tenpo.audit.models import AuditLog
from tenpo.people.models import User
from tenpo.people.queries import find_standing_access
from tenpo.people.tests.make import PASSWORD, freshly_signed_in, make_member
from tenpo.schedule.actions.feeds import new_feed_address

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

KEYS, KEYS_BY_API, STANDING = "/me/keys/", "/api/v1/api-keys", "/me/access/"
LOGIN, CHANGE, RESET = "/account/login/", "/account/password/change/", "/account/password/reset/"
SHOW_AGAIN, NEW = "/account/reauthenticate/", "another horse battery"
FRESH_MINUTES = 15


def signed_in(member: User) -> Client:
    client = Client()
    assert client.post(LOGIN, {"login": member.email, "password": PASSWORD}).status_code == 302
    return client


def make_by_page(client: Client) -> int:
    return client.post(KEYS, {"name": "Payroll", "scope": "read", "days": "30"}).status_code


def make_by_api(client: Client) -> int:
    return client.post(KEYS_BY_API, {"name": "Payroll"}, "application/json").status_code


def make_feed_by_page(client: Client) -> int:
    return client.post("/calendar/feed/").status_code


def make_feed_by_api(client: Client) -> int:
    return client.post("/api/v1/feeds", {}, "application/json").status_code


# How it is made, and what that answers to a session that is not fresh, and to one that is.
MAKING = [
    pytest.param(make_by_page, 302, 200, id="key by page"),
    pytest.param(make_by_api, 403, 201, id="key by API"),
    pytest.param(make_feed_by_page, 302, 200, id="calendar by page"),
    pytest.param(make_feed_by_api, 403, 201, id="calendar by API"),
]


def make_key(owner: User, name: str = "Payroll", **changes: object) -> tuple[ApiClient, str]:
    key, secret = create_api_client(owner, name=name, scopes=["read"], expires_at=None, by=owner)
    ApiClient.objects.filter(pk=key.pk).update(**changes)
    return key, secret


def opens(secret: str) -> bool:
    return Client().get("/api/v1/me", headers={"authorization": f"Bearer {secret}"}).status_code == 200


def change_password(client: Client) -> str:
    answer = client.post(CHANGE, {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert answer.status_code == 302
    return str(answer["Location"])


@pytest.mark.parametrize(("make", "refused", "made"), MAKING)
def test_making_it_asks_for_the_password_again(make, refused, made):
    member = make_member()
    client = signed_in(member)

    assert make(client) == refused
    assert find_standing_access(member) == []

    client.post(SHOW_AGAIN, {"password": PASSWORD})
    # Nothing was made on the way.
    assert find_standing_access(member) == []
    assert make(client) == made
    assert len(find_standing_access(member)) == 1


@pytest.mark.parametrize(("make", "refused", "made"), MAKING)
def test_a_new_one_does_not_take_an_old_ones_place(make, refused, made):
    member = make_member()
    _key, secret = make_key(member)
    feed = f"/calendar/feed/{new_feed_address(member, by=member)}.ics"

    assert make(signed_in(member)) == refused

    assert opens(secret)
    assert Client().get(feed).status_code == 200


@pytest.mark.parametrize(("make", "refused", "made"), MAKING)
def test_a_quarter_of_an_hour_later_it_asks_again(make, refused, made):
    client = freshly_signed_in(make_member())
    with time_machine.travel(timezone.now(), tick=False) as clock:
        clock.shift(FRESH_MINUTES * 60 - 10)
        assert make(client) == made
        clock.shift(20)
        assert make(client) == refused


def test_the_page_leads_to_it_and_back():
    client = signed_in(make_member())
    page = client.get(KEYS).content.decode()
    [way] = re.findall(r'href="(/account/reauthenticate/[^"]*)"', page)
    assert "Make the key" not in page

    assert client.post(way, {"password": PASSWORD})["Location"] == KEYS

    assert "Make the key" in client.get(KEYS).content.decode()


def test_what_was_typed_for_a_key_waits_there():
    client = signed_in(make_member())
    asked = client.post(KEYS, {"name": "Payroll", "scope": "write", "days": "365"})["Location"]

    form = client.get(client.post(asked, {"password": PASSWORD})["Location"]).context["form"]

    assert [str(form[name].value()) for name in ("name", "scope", "days")] == ["Payroll", "write", "365"]
    assert client.get(KEYS).context["form"]["name"].value() is None


def test_the_calendar_leads_to_it_and_back():
    client = signed_in(make_member())
    asked = client.post("/calendar/feed/")["Location"]

    assert client.post(asked, {"password": PASSWORD})["Location"] == "/calendar/"


def test_only_what_works_stands():
    member, other = make_member(), make_member()
    make_key(member, "Good")
    make_key(member, "Ended", expires_at=timezone.now())
    revoked, _secret = make_key(member, "Revoked")
    revoke_api_client(revoked, by=member)
    make_key(other, "Somebody else's")
    new_feed_address(member, by=member)

    words = [one.words for one in find_standing_access(member)]

    assert words == ["The API key “Good”", "The private address of your calendar"]


def test_a_new_password_tells_what_it_does_not_end():
    member = make_member()
    _key, secret = make_key(member)
    new_feed_address(member, by=member)

    assert change_password(signed_in(member)) == STANDING

    assert opens(secret)
    [message] = [message for message in mail.outbox if message.subject == "Your password was changed"]
    assert "The API key “Payroll”" in str(message.body)
    assert "The private address of your calendar" in str(message.body)
    assert STANDING in str(message.body)


def test_a_password_by_mail_tells_it_too():
    member = make_member()
    make_key(member)
    client = Client()
    client.post(RESET, {"email": member.email}, headers={"host": "localhost"})
    [link] = re.findall(r"http://[^/]+(/account/password/reset/key/\S+)", str(mail.outbox[-1].body))

    client.post(client.get(link)["Location"], {"password1": NEW, "password2": NEW})

    assert mail.outbox[-1].subject == "Your password was changed"
    assert "The API key “Payroll”" in str(mail.outbox[-1].body)


def test_a_new_password_says_nothing_where_nothing_stands():
    assert change_password(signed_in(make_member())) == "/me/"

    assert "still get in" not in str(mail.outbox[-1].body)
    assert "/account/sessions/" in str(mail.outbox[-1].body)


def test_all_of_it_ends_at_once_but_for_this_browser():
    member, other = make_member(), make_member()
    here, there = signed_in(member), signed_in(member)
    _key, secret = make_key(member)
    _others_key, others_secret = make_key(other)
    feed = f"/calendar/feed/{new_feed_address(member, by=member)}.ics"
    assert Client().get(feed).status_code == 200
    assert "Payroll" in here.get(STANDING).content.decode()

    for _ in range(2):
        assert here.post(STANDING)["Location"] == STANDING

    assert (opens(secret), opens(others_secret)) == (False, True)
    assert Client().get(feed).status_code == 404
    assert [client.get("/me/").status_code for client in (here, there)] == [200, 302]
    assert UserSession.objects.filter(user=member).count() == 1
    assert AuditLog.objects.filter(action="user.access_ended", actor_id=member.pk).count() == 2
    assert find_standing_access(member) == []
    assert "Nothing does" in here.get(STANDING).content.decode()


def test_nobody_ends_what_is_anothers():
    member = make_member()
    _key, secret = make_key(member)

    with pytest.raises(PermissionDenied):
        end_all_access(member, by=make_member(), but=None)

    assert opens(secret)
