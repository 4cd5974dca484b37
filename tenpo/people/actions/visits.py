"""Visits: whether one still holds, and those that ended by themselves."""

from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.core.exceptions import PermissionDenied

from tenpo.core import clock
from tenpo.people.models import User, Visit

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


def forget_ended_visits() -> int:
    """Drop the visits whose time is over, and the devices that are signed in nowhere any more; how many visits."""
    now = clock.now()
    count, _ = Visit.objects.filter(expire_date__lt=now).delete()
    gone = UserSession.objects.filter(last_seen_at__lt=now - LISTED_BEFORE)
    gone.exclude(session_key__in=Visit.objects.values("session_key")).delete()
    return count
