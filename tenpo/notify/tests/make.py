"""Notifications and deliveries for tests."""

from itertools import count
from typing import Any

from tenpo.notify.actions.telling import notify_users
from tenpo.notify.kinds import Kind, Notice
from tenpo.notify.models import Channel, Delivery, Notification
from tenpo.people.models import User
from tenpo.schedule.booking_notifications import CONFIRMED

_causes = count(1)


def make_notification(user: User, *, kind: Kind = CONFIRMED, **payload: Any) -> Notification:
    """Something that `user` is told now."""
    told = notify_users([Notice(kind, user.pk, {"session": "Yoga", **payload})], cause=f"test {next(_causes)}")
    return Notification.objects.get(pk=told[0])


def make_delivery(user: User, *, kind: Kind = CONFIRMED, state: str = "queued", **payload: Any) -> Delivery:
    """An e-mail to `user` that waits to be sent, or is in another `state`."""
    delivery = make_notification(user, kind=kind, **payload).deliveries.get(channel=Channel.EMAIL)
    if state != Delivery.State.QUEUED:
        delivery.state = Delivery.State(state)
        delivery.save(update_fields=["state"])
    return delivery
