"""Reading what one was told."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Now

from tenpo.notify.actions.telling import signal_read
from tenpo.notify.models import Notification
from tenpo.people.models import User


@transaction.atomic
def mark_read(notification: Notification, *, by: User) -> Notification:
    """Mark one as read; the first reading counts."""
    if notification.user_id != by.pk:
        raise PermissionDenied
    if Notification.objects.unread().filter(pk=notification.pk).update(read_at=Now()):
        signal_read(by)
    return Notification.objects.get(pk=notification.pk)


@transaction.atomic
def mark_all_read(user: User, *, by: User) -> int:
    """Mark everything that `user` has not read; returns how many."""
    if user.pk != by.pk:
        raise PermissionDenied
    count = Notification.objects.unread().filter(user=user).update(read_at=Now())
    if count:
        signal_read(user)
    return count
