from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.people.actions import accounts
from tenpo.people.actions.accounts import create_admin, grant_role, revoke_role, update_profile
from tenpo.people.models import CoachProfile, Participant, Role, RoleGrant, User
from tenpo.people.tests.make import PASSWORD, make_admin, make_coach, make_member, make_user

pytestmark = pytest.mark.django_db


def test_a_role_is_granted_once_and_taken_once():
    admin, member = make_admin(), make_member()

    for _ in range(2):
        assert grant_role(member, role=Role.COACH, by=admin).is_coach
    assert CoachProfile.objects.filter(user=member).count() == 1
    for _ in range(2):
        assert not revoke_role(member, role=Role.COACH, by=admin).is_coach

    audited = AuditLog.objects.filter(object_id=member.pk).order_by("id").values_list("action", flat=True)
    assert list(audited) == ["user.role_granted", "user.role_revoked"]


def test_only_admins_deal_in_roles():
    coach, member = make_coach(), make_member()

    with pytest.raises(PermissionDenied):
        grant_role(member, role=Role.ADMIN, by=member)
    with pytest.raises(PermissionDenied):
        revoke_role(coach, role=Role.COACH, by=coach)

    assert RoleGrant.objects.count() == 1


def test_the_last_admin_keeps_the_role():
    admin = make_admin()

    with pytest.raises(RuleError) as refusal:
        revoke_role(admin, role=Role.ADMIN, by=admin)

    assert refusal.value.code == "last_admin"
    assert User.objects.with_roles().get(pk=admin.pk).is_admin
    assert not AuditLog.objects.exists()


def test_an_admin_who_is_not_the_last_may_step_down():
    admin = make_admin()
    make_admin()

    assert not revoke_role(admin, role=Role.ADMIN, by=admin).is_admin


def step_down_at_once(admins: list[User]) -> Counter[str]:
    def one(admin: User) -> str:
        try:
            revoke_role(admin, role=Role.ADMIN, by=admin)
        except RuleError as refusal:
            return refusal.code
        else:
            return "gone"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(admins)) as pool:
        return Counter(pool.map(one, admins))


@pytest.mark.django_db(transaction=True)
def test_one_admin_stays_when_all_step_down_at_once():
    admins = [make_admin() for _ in range(8)]

    answers = step_down_at_once(admins)

    assert answers == {"gone": 7, "last_admin": 1}
    assert RoleGrant.objects.filter(role=Role.ADMIN).count() == 1


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_nobody_may_be_left(monkeypatch):
    """Shows that the test above can fail."""
    monkeypatch.setattr(accounts, "lock_admins", lambda: None)
    left = set()
    for _ in range(10):
        step_down_at_once([make_admin() for _ in range(8)])
        left.add(RoleGrant.objects.filter(role=Role.ADMIN).count())
        RoleGrant.objects.all().delete()

    assert 0 in left


def test_a_profile_is_ones_own_and_its_changes_are_written_down():
    coach = make_coach("Maya Berg")

    update_profile(coach, by=coach, name="Maya Berg-Olsen", headline="Breathing", bio="Since 2010.")

    assert Participant.objects.get(user=coach).name == "Maya Berg-Olsen"
    assert CoachProfile.objects.get(user=coach).headline == "Breathing"
    row = AuditLog.objects.get()
    assert row.before == {"name": "Maya Berg", "headline": "", "bio": ""}
    assert row.after == {"name": "Maya Berg-Olsen", "headline": "Breathing", "bio": "Since 2010."}

    update_profile(coach, by=coach, name="Maya Berg-Olsen")
    assert AuditLog.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [{"name": ""}, {"name": "x" * 121}, {"time_zone": "Mars/Olympus"}, {"locale": "tlh"}, {"bio": "x" * 2001}],
)
def test_a_profile_that_is_not_valid_changes_nothing(changes):
    coach = make_coach("Maya Berg")

    with pytest.raises(ValidationError):
        update_profile(coach, by=coach, **changes)

    coach.refresh_from_db()
    assert (coach.name, coach.time_zone, coach.locale) == ("Maya Berg", "Europe/Berlin", "en")
    assert not AuditLog.objects.exists()


def test_nobody_edits_somebody_else():
    member = make_member("Lena")

    with pytest.raises(PermissionDenied):
        update_profile(member, by=make_admin(), name="Lina")

    member.refresh_from_db()
    assert member.name == "Lena"


def test_members_have_no_headline():
    member = make_member()

    with pytest.raises(RuleError) as refusal:
        update_profile(member, by=member, headline="Breathing")

    assert refusal.value.code == "not_a_coach"


def test_the_command_line_makes_the_first_admin():
    admin = create_admin(email="ada@example.com", name="Ada", password=PASSWORD)

    assert admin.is_admin
    assert EmailAddress.objects.get(user=admin).verified
    with pytest.raises(RuleError):
        create_admin(email="ADA@example.com", name="Ada", password=PASSWORD)
    with pytest.raises(ValidationError):
        create_admin(email="ben@example.com", name="Ben", password="short")
    assert User.objects.count() == 1


def test_everybody_sees_coaches_and_themselves_admins_everybody():
    admin, coach, member, other = make_admin(), make_coach(), make_member(), make_user()

    assert set(User.objects.visible_to(member)) == {member, coach}
    assert set(User.objects.visible_to(admin)) == {admin, coach, member, other}
