"""What gets in without a password: made only by who has just shown theirs, told with a new one, ended at once."""

import html
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.test import Client
from django.utils import timezone

from tenpo.access.actions.accounts import disable_user, enable_user, end_all_access
from tenpo.access.actions.api_clients import create_api_client, revoke_api_client
from tenpo.access.models import ApiClient
from tenpo.audit.models import AuditLog
from tenpo.people.actions.imports import confirm_import, preview_people_import, run_import
from tenpo.people.actions.invites import create_invite_link, revoke_invite
from tenpo.people.models import Invite, User
from tenpo.people.queries import find_standing_access
from tenpo.people.tests.make import (
    PASSWORD,
    freshly_signed_in,
    is_signed_in,
    make_admin,
    make_invite,
    make_member,
    note_shown_factor,
    signed_in_by_password,
)
from tenpo.people.tests.passkeys import Passkey
from tenpo.schedule.actions.feeds import new_feed_address
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.tests.calendar_plants import make_caldav

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

KEYS, KEYS_BY_API, STANDING = "/me/keys/", "/api/v1/api-keys", "/me/access/"
CHANGE, RESET = "/account/password/change/", "/account/password/reset/"
SHOW_AGAIN, NEW = "/account/reauthenticate/", "another horse battery"
FRESH_MINUTES = 15

type Opens = Callable[[], bool]


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


def end_all(client: Client, password: str = PASSWORD) -> None:
    client.post(SHOW_AGAIN, {"password": password})
    assert client.post(STANDING)["Location"] == STANDING


@pytest.mark.parametrize(("make", "refused", "made"), MAKING)
def test_making_it_asks_for_the_password_again(make, refused, made):
    member = make_member()
    client = signed_in_by_password(member)

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

    assert make(signed_in_by_password(member)) == refused

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
    client = signed_in_by_password(make_member())
    page = client.get(KEYS).content.decode()
    [way] = re.findall(r'href="(/account/reauthenticate/[^"]*)"', page)
    assert "Make the key" not in page
    # Who comes there may type at once.
    assert re.search(r'<input[^>]*name="password"[^>]* autofocus', client.get(way).content.decode())

    assert client.post(way, {"password": PASSWORD})["Location"] == KEYS

    assert "Make the key" in client.get(KEYS).content.decode()


def test_what_was_typed_for_a_key_waits_there():
    client = signed_in_by_password(make_member())
    asked = client.post(KEYS, {"name": "Payroll", "scope": "write", "days": "365"})["Location"]

    form = client.get(client.post(asked, {"password": PASSWORD})["Location"]).context["form"]

    assert [str(form[name].value()) for name in ("name", "scope", "days")] == ["Payroll", "write", "365"]
    assert client.get(KEYS).context["form"]["name"].value() is None


def test_the_calendar_leads_to_it_and_back():
    client = signed_in_by_password(make_member())
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


def by_key(owner: User) -> Opens:
    _key, secret = make_key(owner)
    return lambda: opens(secret)


def by_calendar(owner: User) -> Opens:
    address = f"/calendar/feed/{new_feed_address(owner, by=owner)}.ics"
    return lambda: Client().get(address).status_code == 200


def by_written_calendar(owner: User) -> Opens:
    make_caldav(owner)
    told = CalendarConnection.objects.asked().filter(user=owner, writes_sessions=True, user__disabled_at=None)
    return told.exists


def by_invite(owner: User) -> Opens:
    _invite, link = create_invite_link(role="admin", by=owner)
    return lambda: Client().get(urlsplit(link).path).status_code == 200


def by_file(owner: User) -> Opens:
    file = confirm_import(preview_people_import("staff", b"email,role\nrex@example.com,admin\n", by=owner), by=owner)

    def invites_now() -> bool:
        with transaction.atomic():
            run_import(file.pk)
            has_invited = Invite.objects.open().filter(email="rex@example.com").exists()
            transaction.set_rollback(True)
        return has_invited

    return invites_now


def by_passkey(owner: User) -> Opens:
    passkey = Passkey(owner)

    def opens_now() -> bool:
        client = Client()
        passkey.sign_in(client)
        return is_signed_in(client)

    return opens_now


# How each is made, and what asks whether it lets in now. Whatever is named in the settings has its line here.
WAYS: dict[str, Callable[[User], Opens]] = {
    "tenpo.access.queries.standing_keys": by_key,
    "tenpo.schedule.queries.standing_feed": by_calendar,
    "tenpo.schedule.calendar_queries.standing_calendars": by_written_calendar,
    "tenpo.people.queries.standing_invites": by_invite,
    "tenpo.people.queries.standing_files": by_file,
    "tenpo.people.queries.standing_passkeys": by_passkey,
}


@pytest.mark.parametrize("way", settings.STANDING_ACCESS)
def test_nothing_opens_while_its_owner_is_shut_out(way):
    owner, admin = make_admin(), make_admin()
    lets_in = WAYS[way](owner)
    assert lets_in()
    assert len(find_standing_access(owner)) == 1

    disable_user(owner, by=admin)

    assert not lets_in()
    enable_user(owner, by=admin)
    # For good, but for what only its owner ends.
    is_ended = settings.STANDING_ACCESS[way] is not None
    assert lets_in() is not is_ended
    assert [one.stays for one in find_standing_access(owner)] == ([] if is_ended else [True])


@pytest.mark.parametrize("way", settings.STANDING_ACCESS)
def test_each_is_told_listed_and_ended(way):
    owner = make_admin()
    client = signed_in_by_password(owner)
    lets_in = WAYS[way](owner)
    note_shown_factor(client)
    [one] = find_standing_access(owner)

    assert change_password(client) == STANDING
    assert one.words in str(mail.outbox[-1].body)
    assert one.words in html.unescape(client.get(STANDING).content.decode())
    assert lets_in()
    end_all(client, NEW)

    assert lets_in() is one.stays


def test_a_passkey_stays_and_the_words_say_so():
    owner = make_admin()
    client = signed_in_by_password(owner)
    lets_in = by_passkey(owner)
    note_shown_factor(client)
    make_key(owner)
    page = client.get(STANDING).content.decode()
    assert "Your passkeys stay." in page

    change_password(client)
    assert "Passkeys stay when you end all of it." in str(mail.outbox[-1].body)
    end_all(client, NEW)
    page = client.get(STANDING).content.decode()

    assert "so that you are not locked out" in page
    assert lets_in()


def test_a_passkey_is_removed_from_there_by_who_shows_their_password():
    owner = make_member()
    client = signed_in_by_password(owner)
    lets_in = by_passkey(owner)
    note_shown_factor(client)
    [way] = re.findall(r'href="(/account/2fa/webauthn/keys/[^"]*)"', client.get(STANDING).content.decode())
    asked = client.post(way)["Location"]
    assert lets_in()

    client.post(SHOW_AGAIN, {"password": PASSWORD})
    assert client.post(way)["Location"] == STANDING

    assert asked.startswith("/account/")
    assert not lets_in()
    assert find_standing_access(owner) == []


def test_links_are_named_and_others_are_not():
    owner, other = make_admin(), make_admin()
    make_invite("rex@example.com", role="admin", by=owner)
    make_invite("lena@example.com", role="coach", by=owner)
    make_invite("nora@example.com", role="admin", by=other)
    create_invite_link(role="coach", name="Carl", by=owner)
    ended, _link = create_invite_link(role="admin", by=owner)
    revoke_invite(ended, by=owner)
    create_invite_link(by=owner)

    assert [one.words for one in find_standing_access(owner)] == [
        "A link to a new account as Member",
        "The link to a new account as Coach, for Carl",
        "The invite as Admin of rex@example.com",
    ]
    end_all(signed_in_by_password(owner))
    assert set(Invite.objects.open().values_list("email", flat=True)) == {"lena@example.com", "nora@example.com"}


def test_a_new_password_tells_what_it_does_not_end():
    member = make_member()
    _key, secret = make_key(member)
    new_feed_address(member, by=member)

    assert change_password(signed_in_by_password(member)) == STANDING

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
    assert change_password(signed_in_by_password(make_member())) == "/me/"

    assert "still get in" not in str(mail.outbox[-1].body)
    assert "/account/sessions/" in str(mail.outbox[-1].body)


def test_all_of_it_ends_at_once_but_for_this_browser():
    member, other = make_member(), make_member()
    here, there = signed_in_by_password(member), signed_in_by_password(member)
    _key, secret = make_key(member)
    _others_key, others_secret = make_key(other)
    feed = f"/calendar/feed/{new_feed_address(member, by=member)}.ics"
    assert Client().get(feed).status_code == 200
    assert "Payroll" in here.get(STANDING).content.decode()

    for _ in range(2):
        end_all(here)

    assert (opens(secret), opens(others_secret)) == (False, True)
    assert Client().get(feed).status_code == 404
    assert [client.get("/me/").status_code for client in (here, there)] == [200, 302]
    assert UserSession.objects.filter(user=member).count() == 1
    assert AuditLog.objects.filter(action="user.access_ended", actor_id=member.pk).count() == 2
    assert find_standing_access(member) == []
    assert "Nothing does" in here.get(STANDING).content.decode()


def test_who_sits_at_an_open_browser_ends_nothing_elsewhere():
    member = make_member()
    here, there = signed_in_by_password(member), signed_in_by_password(member)
    _key, secret = make_key(member)

    assert here.post(STANDING)["Location"].startswith(SHOW_AGAIN)

    assert opens(secret)
    assert there.get("/me/").status_code == 200


def test_nobody_ends_what_is_anothers():
    member = make_member()
    _key, secret = make_key(member)

    with pytest.raises(PermissionDenied):
        end_all_access(member, by=make_member(), but=None)

    assert opens(secret)
