"""Visits: whether one still holds, and those that ended by themselves."""

from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.core.exceptions import PermissionDenied
from django.db import transaction

from tenpo.audit.models import AuditLog
from tenpo.core import clock
from tenpo.people.models import User, Visit

# What ends who is signed in, and who has shown a password and is asked for a second factor.
ENDS = ("user.access_ended", "user.disabled", "user.second_factors_dropped", "user.devices_signed_out")
# A device is listed when somebody signs in, a moment before their visit is stored.
LISTED_BEFORE = timedelta(days=1)


def lock_user(user: User) -> User:
    """The user's row, locked until the transaction ends."""
    locked: User = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    return locked


def lock_users(*users: User | None) -> None:
    """Lock several users' rows in the order of their ids, before what takes one of them: none waits for the other."""
    ids = {user.pk for user in users if user is not None}
    list(User.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk"))


def lock_signed_in(user: User, *, visit: str | None) -> User:
    """The user's row, locked, of whoever asks for what lets in for good; PermissionDenied when their sign-in has ended.

    Whoever ends everything, chooses a password or shuts an account has the same row: who waited for them finds it done.
    `visit` is the browser's (`session_key`); None where nobody is signed in by one, and then only the account is asked.
    """
    locked = lock_user(user)
    if locked.disabled_at is not None or (visit is not None and not _still_holds(locked, user, visit)):
        raise PermissionDenied
    return locked


def _still_holds(now: User, when_asked: User, visit: str) -> bool:
    return now.password == when_asked.password and Visit.objects.filter(pk=visit).exists()


def find_last_end(user: User) -> str:
    """The record of when all that was signed in as `user`, or signing in, was ended last; empty when it never was."""
    ended = AuditLog.objects.filter(object_id=user.pk, action__in=ENDS).order_by("-id").values_list("pk", flat=True)
    return str(ended.first() or "")


@transaction.atomic
def sign_out_devices(user: User, *, but: str | None = None) -> int:
    """End every signed-in device of `user` except the visit `but`; returns how many."""
    devices = list(UserSession.objects.filter(user=user).exclude(session_key=but))
    end_devices(devices)
    return len(devices)


def end_devices(devices: list[UserSession]) -> None:
    """End these, whosever they are."""
    Visit.objects.filter(pk__in=[device.session_key for device in devices]).delete()
    UserSession.objects.filter(pk__in=[device.pk for device in devices]).delete()


def forget_ended_visits() -> int:
    """Drop the visits whose time is over, and the devices that are signed in nowhere any more; how many visits."""
    now = clock.now()
    count, _ = Visit.objects.filter(expire_date__lt=now).delete()
    gone = UserSession.objects.filter(last_seen_at__lt=now - LISTED_BEFORE)
    gone.exclude(session_key__in=Visit.objects.values("session_key")).delete()
    return count
