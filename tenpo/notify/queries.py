"""What the pages and the mails of this app ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core import signing
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone, translation

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Kind, kinds_for, say
from tenpo.notify.models import Channel, Delivery, Notification, NotificationPreference
from tenpo.people.models import User

UNSUBSCRIBE_SALT = "notify.unsubscribe"
# How Django's file mailer ends each mail.
MAIL_END = b"\n" + b"-" * 79 + b"\n"


@contextmanager
def reading_as(user: User) -> Iterator[None]:
    """Words and times inside are as this person reads them; in UTC when their zone is none that we know."""
    try:
        zone = ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    with translation.override(user.locale), timezone.override(zone):
        yield


def unsubscribe_path(user: User, kind: str) -> str:
    """The address under which a mail of this kind is switched off without signing in; it never runs out."""
    token = signing.dumps([str(user.pk), kind], salt=UNSUBSCRIBE_SALT)
    return reverse("notify:unsubscribe", args=[token])


def read_unsubscribe_token(token: str) -> tuple[UUID, str] | None:
    """Whose mails of which kind a token switches off; None for one that we did not make."""
    try:
        user, kind = signing.loads(token, salt=UNSUBSCRIBE_SALT)
        return UUID(user), str(kind)
    except (signing.BadSignature, ValueError, TypeError):
        return None


def choices_of(user: User) -> dict[tuple[str, str], bool]:
    """What a user chose, by kind and channel; one statement."""
    rows = NotificationPreference.objects.filter(user=user).values_list("kind", "channel", "is_on")
    return {(kind, channel): is_on for kind, channel, is_on in rows}


def preferences_of(user: User) -> list[tuple[Kind, dict[Channel, bool]]]:
    """For each kind that this user can be told, by which channels it reaches them."""
    chosen = choices_of(user)
    return [
        (
            kind,
            {
                Channel.IN_APP: chosen.get((kind.code, Channel.IN_APP), True),
                Channel.EMAIL: not kind.email_is_optional or chosen.get((kind.code, Channel.EMAIL), kind.by_email),
            },
        )
        for kind in kinds_for(user)
    ]


@dataclass(frozen=True)
class WrittenMail:
    """A mail that was written to a file instead of being sent."""

    name: str
    at: datetime | None
    to: str
    subject: str
    text: str


def written_mails(folder: Path, limit: int = 50) -> list[WrittenMail]:
    """The newest mails in `folder`, newest first."""
    files = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime_ns, reverse=True)[:limit]
    found: list[WrittenMail] = []
    for file in files:
        # One connection to the mailer makes one file; the mails in it stand in the order in which they were sent.
        parts = [part for part in file.read_bytes().split(MAIL_END) if part.strip()]
        found += [_written(f"{file.stem}-{number}", part) for number, part in reversed(list(enumerate(parts)))]
    return found[:limit]


def _written(name: str, raw: bytes) -> WrittenMail:
    message = message_from_bytes(raw, policy=policy.default)
    body = message.get_body(preferencelist=("plain",))
    sent = message["Date"]
    return WrittenMail(
        name=name,
        at=sent.datetime if sent is not None else None,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        text=str(body.get_content()) if body is not None else "",
    )


def find_deliveries(*, state: str = "", channel: str = "", q: str = "") -> "models.QuerySet[Delivery]":
    """Deliveries by state, channel and whom they are for; with what they say and to whom, in one statement."""
    rows = Delivery.objects.select_related("notification__user")
    if state:
        rows = rows.filter(state=state)
    if channel:
        rows = rows.filter(channel=channel)
    if words := q.split():
        people = User.objects.all()
        for word in words[:4]:
            people = people.filter(Q(name__icontains=word) | Q(email__icontains=word))
        rows = rows.filter(notification__user__in=people)
    return rows


def find_messages(*, state: str = "") -> "models.QuerySet[OutboxMessage]":
    """Events by state: `waiting`, `dead`, `delivered`; those that have not arrived when none is named."""
    rows = OutboxMessage.objects.all()
    if state == "delivered":
        return rows.filter(delivered_at__isnull=False)
    if state == "waiting":
        return rows.waiting()
    return rows.dead() if state == "dead" else rows.filter(delivered_at=None)


@dataclass(frozen=True)
class Headline:
    """What a notification says in one line, and the address that opens it."""

    title: str
    path: str


def headlines(user_id: UUID, ids: list[str]) -> dict[str, Headline]:
    """The headlines of some of a user's notifications, in their language and zone; one statement, none for none."""
    if not ids:
        return {}
    found = {}
    rows = Notification.objects.filter(user_id=user_id, pk__in=ids).select_related("user")
    for row in rows:
        with reading_as(row.user):
            title = say(row.kind, row.payload).title
        found[str(row.pk)] = Headline(title, reverse("notify:notification-open", args=[row.pk]))
    return found
