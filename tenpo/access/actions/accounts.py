"""Shutting an account, and opening it again: here, because what gets in for it goes with it."""

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.module_loading import import_string

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.outbox import publish
from tenpo.people.actions.accounts import check_not_last_admin, fresh_user, lock_admins
from tenpo.people.actions.visits import end_devices, lock_user, sign_out_devices
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin


@transaction.atomic
def disable_user(user: User, *, by: User | None) -> User:
    """Shut somebody out: no sign-in, every device signed out, whatever gets in for them ended. Twice changes nothing.

    API keys, the calendar's address and open links end for good (`STANDING_ACCESS`); passkeys stay, and open nothing
    until they may sign in again. Their bookings and payments stay. The last active admin cannot be disabled.
    """
    lock_admins()
    user = lock_user(user)
    if not is_active_admin(by):
        raise PermissionDenied
    if user.disabled_at is not None:
        return fresh_user(user)
    check_not_last_admin(user)
    user.disabled_at = clock.now()
    user.save(update_fields=["disabled_at"])
    devices = sign_out_devices(user)
    _end_standing_access(user, by=by)
    record("user.disabled", by=by, on=user, after={"signed_out": devices})
    publish("user.disabled", subject=user)
    return fresh_user(user)


@transaction.atomic
def enable_user(user: User, *, by: User | None) -> User:
    """Let somebody in again; old devices, keys and addresses stay out, passkeys work again. Twice changes nothing."""
    user = lock_user(user)
    if not is_active_admin(by):
        raise PermissionDenied
    if user.disabled_at is not None:
        user.disabled_at = None
        user.save(update_fields=["disabled_at"])
        record("user.enabled", by=by, on=user)
    return fresh_user(user)


@transaction.atomic
def sign_out_device(device: UserSession, *, by: User) -> None:
    """End one signed-in device of one's own."""
    if device.user_id != by.pk:
        raise PermissionDenied
    end_devices([device])
    record("user.device_signed_out", by=by, on=by, before={"agent": device.user_agent, "address": device.ip})


@transaction.atomic
def end_all_access(user: User, *, by: User, but: str | None) -> None:
    """End whatever gets in for `user` but one session: every other device, keys, addresses, links; no passkeys."""
    if by.pk != user.pk:
        raise PermissionDenied
    # A key that is being made meanwhile is made, and found.
    lock_user(user)
    devices = sign_out_devices(user, but=but)
    _end_standing_access(user, by=by)
    record("user.access_ended", by=by, on=user, after={"signed_out": devices})


def _end_standing_access(user: User, *, by: User | None) -> None:
    for end in filter(None, settings.STANDING_ACCESS.values()):
        import_string(end)(user, by=by)
