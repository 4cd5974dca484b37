"""Accounts: roles, profiles, and the first admin. Disabling one stands in `access`, which knows its keys."""

from collections.abc import Collection
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.business import current_business
from tenpo.core.errors import UNIQUE, RuleError, refuse_on
from tenpo.core.models import check_fields
from tenpo.core.zones import is_zone
from tenpo.people.actions.imports import stop_files_of
from tenpo.people.actions.invites import account_exists, revoke_links_of
from tenpo.people.actions.visits import lock_signed_in, lock_user, lock_users
from tenpo.people.models import CoachProfile, Participant, Role, RoleGrant, User
from tenpo.people.permissions import can_edit_profile, is_active_admin

USER_FIELDS = ("name", "time_zone", "locale")
COACH_FIELDS = ("headline", "bio")


@transaction.atomic
def grant_role(user: User, *, role: str, by: User | None, visit: str | None = None) -> User:
    """Give somebody a role, as asked in `visit`. Giving it twice changes nothing."""
    if role == Role.ADMIN:
        lock_admins()
    _lock_giver(by, visit, to=user)
    user = lock_user(user)
    if not is_active_admin(by):
        raise PermissionDenied
    _granted, is_new = RoleGrant.objects.get_or_create(user=user, role=Role(role), defaults={"granted_by": by})
    if is_new:
        if role == Role.COACH:
            CoachProfile.objects.get_or_create(user=user)
        record("user.role_granted", by=by, on=user, after={"role": role})
    return fresh_user(user)


@transaction.atomic
def revoke_role(user: User, *, role: str, by: User | None) -> User:
    """Take a role from somebody. Taking it twice changes nothing; the last active admin keeps theirs."""
    if role == Role.ADMIN:
        lock_admins()
    user = lock_user(user)
    if not is_active_admin(by):
        raise PermissionDenied
    if role == Role.ADMIN:
        check_not_last_admin(user)
    deleted, _each = RoleGrant.objects.filter(user=user, role=Role(role)).delete()
    if deleted:
        record("user.role_revoked", by=by, on=user, before={"role": role})
        if role == Role.ADMIN:
            stop_files_of(user, by=by)
            revoke_links_of(user, by=by)
    return fresh_user(user)


@transaction.atomic
def set_roles(user: User, *, roles: Collection[str], by: User | None, visit: str | None = None) -> User:
    """Give somebody exactly these roles, as asked in `visit`. The last active admin keeps theirs."""
    lock_admins()
    _lock_giver(by, visit, to=user)
    for role in Role.values:
        user = grant_role(user, role=role, by=by) if role in roles else revoke_role(user, role=role, by=by)
    return user


@transaction.atomic
def update_profile(user: User, *, by: User | None, **changes: Any) -> User:
    """Change what somebody says of themselves: name, time zone, language; a coach also headline and bio."""
    user = lock_user(user)
    if not can_edit_profile(by, user):
        raise PermissionDenied
    _check_choices(changes)
    before = {field: getattr(user, field) for field in USER_FIELDS if field in changes}
    before = {field: value for field, value in before.items() if value != changes[field]}
    for field in before:
        setattr(user, field, changes[field])
    check_fields(user, "name")
    if before:
        user.save(update_fields=list(before))
    if "name" in before:
        Participant.objects.filter(user=user).update(name=user.name)
    before |= _update_coach_profile(user, changes)
    if before:
        record("user.profile_changed", by=by, on=user, before=before, after={field: changes[field] for field in before})
    return fresh_user(user)


@refuse_on(UNIQUE, "user_email_is_unique", account_exists)
@transaction.atomic
def create_admin(*, email: str, name: str, password: str) -> User:
    """Make an admin from the command line: the first one has nobody to invite them."""
    business = current_business()
    user = User(email=email, name=name, time_zone=business.time_zone, locale=business.locale)
    check_fields(user, "email", "name")
    validate_password(password, user)
    if User.objects.filter(email__iexact=email).exists():
        raise account_exists()
    user.set_password(password)
    user.save()
    Participant.objects.create(user=user, name=name)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    RoleGrant.objects.create(user=user, role=Role.ADMIN)
    record("user.admin_created", by=None, on=user, after={"email": email})
    return fresh_user(user)


def lock_admins() -> None:
    """Hold every grant of the admin role, so that two admins cannot each remove the other at once."""
    # Whole locks: a grant may be deleted under them.
    list(RoleGrant.objects.select_for_update().filter(role=Role.ADMIN).order_by("pk").values_list("pk", flat=True))


def check_not_last_admin(user: User) -> None:
    """Raise RuleError when nobody could run the business without `user`. Call it under `lock_admins`."""
    admins = RoleGrant.objects.filter(role=Role.ADMIN, user__disabled_at=None)
    if admins.filter(user=user).exists() and not admins.exclude(user=user).exists():
        raise RuleError("last_admin", _("%(name)s is the last admin. Make somebody else one first.") % {"name": user})


def _lock_giver(by: User | None, visit: str | None, *, to: User) -> None:
    # A role stays, so none is given by who was signed out meanwhile; and two who give each other one do not deadlock.
    lock_users(by, to)
    if by is not None:
        lock_signed_in(by, visit=visit)


def fresh_user(user: User) -> User:
    """The user as it is now, with roles."""
    found: User = User.objects.with_roles().get(pk=user.pk)
    return found


def _update_coach_profile(user: User, changes: dict[str, Any]) -> dict[str, Any]:
    wanted = {field: changes[field] for field in COACH_FIELDS if field in changes}
    if not wanted:
        return {}
    if not user.is_coach:
        raise RuleError("not_a_coach", _("Only coaches have a headline and a text about them."))
    profile, _is_new = CoachProfile.objects.get_or_create(user=user)
    before = {field: getattr(profile, field) for field, value in wanted.items() if getattr(profile, field) != value}
    for field in before:
        setattr(profile, field, wanted[field])
    check_fields(profile, *COACH_FIELDS)
    if before:
        profile.save(update_fields=list(before))
    return before


def _check_choices(changes: dict[str, Any]) -> None:
    problems = {}
    if "time_zone" in changes and not is_zone(changes["time_zone"]):
        problems["time_zone"] = _("This is not a time zone that we know.")
    if "locale" in changes and changes["locale"] not in dict(settings.LANGUAGES):
        problems["locale"] = _("We do not speak this language yet.")
    if problems:
        raise ValidationError(problems)
