from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, PageOut, PageQuery, problems
from tenpo.core.mail import absolute
from tenpo.core.models import OutboxMessage
from tenpo.core.paging import keyset_page
from tenpo.notify.actions.deliveries import retry_delivery
from tenpo.notify.actions.notifications import mark_all_read, mark_read
from tenpo.notify.actions.outbox import retry_message
from tenpo.notify.actions.preferences import set_preferences
from tenpo.notify.kinds import say
from tenpo.notify.models import Channel, Delivery, Notification
from tenpo.notify.permissions import can_run_deliveries
from tenpo.notify.queries import find_deliveries, find_messages, preferences_of

router = Router(tags=["Notifications"])

ChannelName = Literal["in_app", "email"]


class NotificationOut(OutSchema):
    """Something that the caller is told, in their language, with the plain facts behind the words."""

    id: UUID
    created_at: datetime
    kind: Annotated[str, Field(examples=["booking.confirmed"])]
    title: str
    text: str
    url: Annotated[str, Field(description="The page that it speaks of.")]
    payload: dict[str, Any]
    read_at: datetime | None


class NotificationQuery(PageQuery):
    """Which of the caller's notifications."""

    unread: Annotated[bool, Field(description="Only those not read yet.")] = False


class UnreadOut(OutSchema):
    """How many notifications the caller has not read."""

    unread: int


class ReadOut(OutSchema):
    """How many notifications were marked as read."""

    marked: int


class PreferenceOut(OutSchema):
    """By which channels one kind of news reaches the caller."""

    kind: str
    label: str
    in_app: bool
    email: bool
    email_is_optional: Annotated[bool, Field(description="False: these e-mails cannot be switched off.")]


class PreferencesOut(OutSchema):
    """Every kind that the caller can be told."""

    items: list[PreferenceOut]


class PreferenceIn(InSchema):
    """One choice."""

    kind: Annotated[str, Field(max_length=60, examples=["booking.reminder"])]
    channel: Annotated[ChannelName, Field(examples=["email"])]
    is_on: Annotated[bool, Field(examples=[False])]


class PreferencesIn(InSchema):
    """What is to change; all else stays."""

    items: Annotated[list[PreferenceIn], Field(max_length=200)]


class DeliveryOut(OutSchema):
    """One sending of one notification by one channel."""

    id: UUID
    created_at: datetime
    notification_id: UUID
    user_id: UUID
    kind: str
    channel: ChannelName
    state: Annotated[str, Field(description="`queued`, `sent`, `failed` (will be tried again) or `dead`.")]
    attempts: int
    next_attempt_at: datetime
    sent_at: datetime | None
    last_error: str


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    state: Literal["", "queued", "sent", "failed", "dead"] = ""
    channel: Literal["", "in_app", "email"] = ""
    q: Annotated[str, Field(max_length=120, description="Of the name or address of whom they are for.")] = ""


class MessageOut(OutSchema):
    """One event on its way to one consumer."""

    id: int
    event_id: UUID
    name: Annotated[str, Field(examples=["booking.confirmed"])]
    consumer: str
    subject_id: UUID
    payload: dict[str, Any]
    state: Annotated[str, Field(description="`waiting`, `delivered` or `dead`.")]
    attempts: int
    published_at: datetime
    next_attempt_at: datetime
    delivered_at: datetime | None
    dead_at: datetime | None
    last_error: str


class MessageQuery(PageQuery):
    """Which events; without a state, those that have not arrived."""

    state: Literal["", "waiting", "delivered", "dead"] = ""


def notification_out(notification: Notification) -> dict[str, Any]:
    """A notification as the API shows it."""
    words = say(notification.kind, notification.payload)
    names = ("id", "created_at", "kind", "payload", "read_at")
    return {
        **{name: getattr(notification, name) for name in names},
        "title": words.title,
        "text": words.text,
        "url": absolute(words.path),
    }


@router.get("/notifications", response=PageOut[NotificationOut], summary="What I was told")
def list_notifications(request: ApiRequest, query: Query[NotificationQuery]) -> dict[str, Any]:
    """The caller's notifications, newest first."""
    mine = Notification.objects.visible_to(request.user).shown()
    page = keyset_page(mine.unread() if query.unread else mine, order=("-id",), cursor=query.cursor, limit=query.limit)
    return {"items": [notification_out(row) for row in page.items], "next_cursor": page.next_cursor}


@router.get("/notifications/unread-count", response=UnreadOut, summary="How much I have not read")
def count_unread_notifications(request: ApiRequest) -> dict[str, int]:
    """The number that stands beside the bell."""
    return {"unread": Notification.objects.visible_to(request.user).unread().count()}


@router.post("/notifications/reading", response=ReadOut, summary="Mark everything as read")
def read_all_notifications(request: ApiRequest) -> dict[str, int]:
    """Mark all of the caller's notifications; marking again changes nothing."""
    return {"marked": mark_all_read(request.user, by=request.user)}


@router.get(
    "/notifications/{notification_id}", response={200: NotificationOut, **problems(404)}, summary="Read a notification"
)
def get_notification(request: ApiRequest, notification_id: UUID) -> dict[str, Any]:
    """One notification of the caller's; looking at it here does not mark it."""
    return notification_out(get_object_or_404(Notification.objects.visible_to(request.user), pk=notification_id))


@router.post(
    "/notifications/{notification_id}/reading",
    response={200: NotificationOut, **problems(404)},
    summary="Mark a notification as read",
)
def read_notification(request: ApiRequest, notification_id: UUID) -> dict[str, Any]:
    """Mark one; the first reading counts."""
    notification = get_object_or_404(Notification.objects.visible_to(request.user), pk=notification_id)
    return notification_out(mark_read(notification, by=request.user))


@router.get("/notification-preferences", response=PreferencesOut, summary="What reaches me, and how")
def list_notification_preferences(request: ApiRequest) -> dict[str, Any]:
    """Every kind of news that the caller's roles can bring, with its channels."""
    return _preferences(request)


@router.patch(
    "/notification-preferences", response={200: PreferencesOut, **problems(409)}, summary="Choose what reaches me"
)
def change_notification_preferences(request: ApiRequest, data: PreferencesIn) -> dict[str, Any]:
    """Change some choices at once, all or none. Refuses with `unknown_kind` and `email_stays`."""
    wanted = {(item.kind, Channel(item.channel)): item.is_on for item in data.items}
    set_preferences(request.user, wanted, by=request.user)
    return _preferences(request)


@router.get("/deliveries", response={200: PageOut[DeliveryOut], **problems(403)}, summary="What was sent to whom")
def list_deliveries(request: ApiRequest, query: Query[DeliveryQuery]) -> dict[str, Any]:
    """Every sending with its state, newest first. For admins."""
    _check_admin(request)
    rows = find_deliveries(state=query.state, channel=query.channel, q=query.q)
    page = keyset_page(rows, order=("-id",), cursor=query.cursor, limit=query.limit)
    return {"items": [_delivery_out(row) for row in page.items], "next_cursor": page.next_cursor}


@router.post(
    "/deliveries/{delivery_id}/retries", response={200: DeliveryOut, **problems(403, 404, 409)}, summary="Send it again"
)
def retry_dead_delivery(request: ApiRequest, delivery_id: UUID) -> dict[str, Any]:
    """Try a delivery that was given up from the start. For admins. Refuses with `not_dead`."""
    rows = Delivery.objects.visible_to(request.user).select_related("notification")
    retry_delivery(get_object_or_404(rows, pk=delivery_id), by=request.user)
    return _delivery_out(rows.get(pk=delivery_id))


@router.get("/outbox-messages", response={200: PageOut[MessageOut], **problems(403)}, summary="Events on their way")
def list_outbox_messages(request: ApiRequest, query: Query[MessageQuery]) -> dict[str, Any]:
    """What happened and whether its consumers have heard of it, newest first. For admins."""
    _check_admin(request)
    return PageOut.of(
        keyset_page(find_messages(state=query.state), order=("-id",), cursor=query.cursor, limit=query.limit)
    )


@router.post(
    "/outbox-messages/{message_id}/retries",
    response={200: MessageOut, **problems(404, 409)},
    summary="Pass an event on again",
)
def retry_dead_outbox_message(request: ApiRequest, message_id: int) -> OutboxMessage:
    """Try an event that was given up from the start; later ones of its subject have gone on. For admins.

    Refuses with `not_dead`.
    """
    message = get_object_or_404(OutboxMessage.objects.visible_to(request.user), pk=message_id)
    return retry_message(message, by=request.user)


def _preferences(request: ApiRequest) -> dict[str, Any]:
    return {
        "items": [
            {
                "kind": kind.code,
                "label": str(kind.label),
                "in_app": on[Channel.IN_APP],
                "email": on[Channel.EMAIL],
                "email_is_optional": kind.email_is_optional,
            }
            for kind, on in preferences_of(request.user)
        ]
    }


def _delivery_out(delivery: Delivery) -> dict[str, Any]:
    notification = delivery.notification
    return {
        **{name: getattr(delivery, name) for name in DeliveryOut.model_fields if name not in ("user_id", "kind")},
        "user_id": notification.user_id,
        "kind": notification.kind,
    }


def _check_admin(request: ApiRequest) -> None:
    if not can_run_deliveries(request.user):
        raise PermissionDenied
