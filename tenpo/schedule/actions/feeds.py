"""The private address from which a calendar program reads somebody's sessions."""

from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.tokens import hash_token, new_token
from tenpo.people.actions.visits import lock_signed_in
from tenpo.people.models import User
from tenpo.schedule.models import CalendarFeed

# How exactly we remember when an address was last read.
READ_EVERY = timedelta(hours=1)


@transaction.atomic
def new_feed_address(user: User, *, by: User | None, visit: str | None = None) -> str:
    """Make a private address for the calendar of a user, who asks in `visit`, and return its secret part, this once.

    An older one ends.
    """
    if by is not None and by.pk != user.pk:
        raise PermissionDenied
    lock_signed_in(user, visit=visit)
    token = new_token()
    feed, is_new = CalendarFeed.objects.update_or_create(
        user=user, defaults={"token_hash": hash_token(token), "read_at": None}
    )
    record("calendar_feed.created" if is_new else "calendar_feed.renewed", by=by, on=feed)
    return token


@transaction.atomic
def end_feed(user: User, *, by: User | None) -> None:
    """End a user's private address: its owner, or an admin who shuts them out. Ending again changes nothing."""
    if by is not None and by.pk != user.pk and not by.is_admin:
        raise PermissionDenied
    feed = CalendarFeed.objects.select_for_update(no_key=True).filter(user=user).first()
    if feed is not None:
        record("calendar_feed.ended", by=by, on=feed)
        feed.delete()


def open_feed(token: str) -> User | None:
    """Whose calendar this secret opens, or None; remembers, to the hour, that it was read."""
    feed = CalendarFeed.objects.filter(token_hash=hash_token(token)).first()
    user = User.objects.with_roles().active().filter(pk=feed.user_id).first() if feed else None
    if feed is None or user is None:
        return None
    now = clock.now()
    if feed.read_at is None or feed.read_at < now - READ_EVERY:
        CalendarFeed.objects.filter(pk=feed.pk).update(read_at=now)
    found: User = user
    return found
