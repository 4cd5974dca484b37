from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from allauth.usersessions.models import UserSession
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client

from tenpo.access.actions import accounts
from tenpo.access.actions.accounts import disable_user, enable_user
from tenpo.access.actions.api_clients import authenticate_key, create_api_client, revoke_api_client
from tenpo.access.models import ApiClient
from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.people.actions.accounts import check_not_last_admin, revoke_role
from tenpo.people.actions.invites import create_invite_link
from tenpo.people.models import Invite, Role, User, Visit
from tenpo.people.tests.make import PASSWORD, freshly_signed_in, make_admin, make_coach, make_invite, make_member

pytestmark = pytest.mark.django_db


def make_key(owner: User) -> str:
    return create_api_client(owner, name="Payroll", scopes=["read"], expires_at=None, by=owner)[1]


def sign_in(user: User) -> Client:
    client = Client()
    client.post("/account/login/", {"login": user.email, "password": PASSWORD})
    assert client.get("/me/").status_code == 200
    return client


def test_disabling_ends_devices_and_keys_for_good():
    admin, member = make_admin(), make_member()
    devices, key = [sign_in(member), sign_in(member)], make_key(member)
    other, other_key = sign_in(admin), make_key(admin)

    assert disable_user(member, by=admin).disabled_at

    assert [device.get("/me/").status_code for device in devices] == [302, 302]
    assert authenticate_key(key) is None
    assert not UserSession.objects.filter(user=member).exists()
    assert Visit.objects.count() == 1
    enable_user(member, by=admin)
    assert [device.get("/me/").status_code for device in devices] == [302, 302]
    assert authenticate_key(key) is None
    sign_in(member)
    assert (other.get("/me/").status_code, authenticate_key(other_key) is not None) == (200, True)


def test_twice_is_once():
    admin, member = make_admin(), make_member()

    first, second = disable_user(member, by=admin), disable_user(member, by=admin)
    enable_user(member, by=admin)
    enable_user(member, by=admin)

    assert first.disabled_at == second.disabled_at
    assert Counter(AuditLog.objects.values_list("action", flat=True)) == {"user.disabled": 1, "user.enabled": 1}


@pytest.mark.parametrize("who", [make_member, make_coach])
def test_only_admins_disable(who):
    somebody, member = who(), make_member()

    for act in (disable_user, enable_user):
        with pytest.raises(PermissionDenied):
            act(member, by=somebody)

    member.refresh_from_db()
    assert member.disabled_at is None


def test_the_last_admin_is_not_disabled():
    admin, gone = make_admin(), make_admin()
    disable_user(gone, by=admin)

    with pytest.raises(RuleError) as refusal:
        disable_user(admin, by=admin)

    assert refusal.value.code == "last_admin"
    admin.refresh_from_db()
    assert admin.disabled_at is None


def disable_each_other(admins: list[User]) -> None:
    def one(number: int) -> None:
        try:
            disable_user(admins[number], by=admins[number - 1])
        except RuleError:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(len(admins)) as pool:
        list(pool.map(one, range(len(admins))))


@pytest.mark.django_db(transaction=True)
def test_one_admin_stays_when_they_disable_each_other_at_once():
    disable_each_other([make_admin() for _ in range(8)])

    assert User.objects.active().count() == 1


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_nobody_may_be_left(monkeypatch):
    """Shows that the test above can fail: whoever passes the check together, leaves together."""
    together = Barrier(2)

    def check_and_meet(user: User) -> None:
        check_not_last_admin(user)
        together.wait(timeout=20)

    monkeypatch.setattr(accounts, "lock_admins", lambda: None)
    monkeypatch.setattr(accounts, "check_not_last_admin", check_and_meet)

    disable_each_other([make_admin() for _ in range(2)])

    assert User.objects.active().count() == 0


def test_nobody_makes_a_key_who_was_disabled_meanwhile():
    member = make_member()
    disable_user(member, by=make_admin())

    with pytest.raises(PermissionDenied):
        make_key(member)
    assert not ApiClient.objects.exists()


def test_a_key_is_revoked_by_its_owner_or_an_admin():
    owner, admin = make_member(), make_admin()
    make_key(owner)
    key = ApiClient.objects.get()

    with pytest.raises(PermissionDenied):
        revoke_api_client(key, by=make_member())
    assert ApiClient.objects.get().revoked_at is None

    assert revoke_api_client(key, by=admin).state() == "revoked"
    assert revoke_api_client(key, by=owner).state() == "revoked"
    assert AuditLog.objects.filter(action="api_key.revoked").count() == 1


@pytest.mark.parametrize("leave", [disable_user, lambda user, by: revoke_role(user, role=Role.ADMIN, by=by)])
def test_who_is_no_admin_any_more_has_no_link_to_come_back_by(leave):
    boss, leaver = make_admin(), make_admin()
    link, _address = create_invite_link(by=leaver)
    to_admin, _token = make_invite("new.admin@example.com", role="admin", by=leaver)
    to_member, _token = make_invite("new.member@example.com", by=leaver)
    of_boss, _address = create_invite_link(by=boss)

    leave(leaver, by=boss)

    open_now = set(Invite.objects.open().values_list("pk", flat=True))
    assert open_now == {to_member.pk, of_boss.pk}
    assert AuditLog.objects.filter(action="invite.revoked", object_id__in=[link.pk, to_admin.pk]).count() == 2


SHUTTING = [pytest.param("disable", "POST", id="out"), pytest.param("enable", "DELETE", id="in-again")]


def shut_or_not(act: str, user: User, by: User) -> User:
    """Somebody as they are before the act."""
    return disable_user(user, by=by) if act == "enable" else user


@pytest.mark.parametrize(("act", "method"), SHUTTING)
def test_an_admin_is_shut_out_and_let_in_only_by_who_has_just_shown_who_they_are(act, method):
    admin, other = make_admin(), make_admin()
    shut_or_not(act, other, admin)
    page, operation = f"/people/{other.pk}/{act}/", f"/api/v1/people/{other.pk}/disablement"
    _client, key = create_api_client(admin, name="Staff list", scopes=["read", "write"], expires_at=None, by=admin)
    by_key, stale = {"authorization": f"Bearer {key}"}, Client()
    stale.force_login(admin)
    before = (User.objects.get(pk=other.pk).disabled_at, AuditLog.objects.count())

    assert stale.post(page)["Location"].startswith("/account/reauthenticate/")
    assert stale.generic(method, operation).status_code == 403
    assert Client().generic(method, operation, headers=by_key).status_code == 403
    assert (User.objects.get(pk=other.pk).disabled_at, AuditLog.objects.count()) == before

    assert freshly_signed_in(admin).post(page)["Location"] == f"/people/{other.pk}/"
    assert (User.objects.get(pk=other.pk).disabled_at is None) == (act == "enable")


@pytest.mark.parametrize(("act", "method"), SHUTTING)
def test_somebody_else_is_shut_out_and_let_in_by_any_admin_and_their_key(act, method):
    admin, members = make_admin(), [shut_or_not(act, make_member(), make_admin()) for _ in range(2)]
    _client, key = create_api_client(admin, name="Staff list", scopes=["read", "write"], expires_at=None, by=admin)
    client = Client()
    client.force_login(admin)

    client.post(f"/people/{members[0].pk}/{act}/")
    path = f"/api/v1/people/{members[1].pk}/disablement"
    assert Client().generic(method, path, headers={"authorization": f"Bearer {key}"}).status_code == 200

    assert User.objects.filter(pk__in=[one.pk for one in members], disabled_at=None).count() == 2 * (act == "enable")
