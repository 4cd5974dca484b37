"""Telling people: the notification, its deliveries and the live signal, all in the caller's transaction."""

import json
from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from tenpo.core.jobs import defer_all
from tenpo.notify.kinds import Kind, Notice
from tenpo.notify.models import Channel, Delivery
from tenpo.people.models import User

LIVE_CHANNEL = "tenpo_live"
MAIL_QUEUE = "mail"

_TELL = """
    INSERT INTO notify_notification (user_id, kind, payload, key, in_app)
    SELECT * FROM unnest(
        %(users)s::uuid[], %(kinds)s::text[], %(payloads)s::jsonb[], %(keys)s::text[], %(in_app)s::bool[])
    ON CONFLICT (user_id, key) DO NOTHING
    RETURNING id, user_id, key, in_app
"""
_SIGNAL = "SELECT pg_notify(%s, message) FROM unnest(%s::text[]) AS message"


@transaction.atomic
def notify_users(notices: Iterable[Notice], *, cause: str) -> list[UUID]:
    """Tell each person by the channels that they chose; returns the ids of the notifications that are new.

    `cause` names what happened (an event's id): the same cause again tells nobody twice. In-app ones are sent with
    this transaction, mails by a job that it queues. Who is disabled is not told. Six statements for any number.
    """
    wanted = _wanted(list(notices), cause)
    if not wanted:
        return []
    rows = list(wanted.values())
    with connection.cursor() as cursor:
        cursor.execute(
            _TELL,
            {
                "users": [notice.user_id for notice, _channels in rows],
                "kinds": [notice.kind.code for notice, _channels in rows],
                "payloads": [json.dumps(dict(notice.payload)) for notice, _channels in rows],
                "keys": [key for _user, key in wanted],
                "in_app": [Channel.IN_APP in channels for _notice, channels in rows],
            },
        )
        told = cursor.fetchall()
    if not told:
        return []
    _deliver([(id_, user_id, wanted[user_id, key][1]) for id_, user_id, key, _in_app in told])
    return [row[0] for row in told]


def _wanted(notices: list[Notice], cause: str) -> dict[tuple[UUID, str], tuple[Notice, set[Channel]]]:
    """Whom to tell by which channels, by user and key; nobody who wants none."""
    choices = _choices({notice.user_id for notice in notices})
    wanted: dict[tuple[UUID, str], tuple[Notice, set[Channel]]] = {}
    for notice in notices:
        if notice.user_id not in choices:
            continue
        channels = channels_of(notice.kind, choices[notice.user_id])
        if notice.is_quiet:
            channels -= {Channel.EMAIL}
        key = f"{notice.once or cause}:{notice.kind.code}"
        if channels:
            wanted.setdefault((notice.user_id, key), (notice, channels))
    return wanted


def _choices(user_ids: set[UUID]) -> dict[UUID, dict[tuple[str, str], bool]]:
    """What each active user chose, by kind and channel; one statement."""
    choices: dict[UUID, dict[tuple[str, str], bool]] = {}
    preference = "notification_preferences"
    rows = User.objects.active().filter(pk__in=user_ids)
    for user_id, kind, channel, is_on in rows.values_list(
        "pk", f"{preference}__kind", f"{preference}__channel", f"{preference}__is_on"
    ):
        mine = choices.setdefault(user_id, {})
        if kind is not None:
            mine[kind, channel] = is_on
    return choices


def channels_of(kind: Kind, choices: dict[tuple[str, str], bool]) -> set[Channel]:
    """The channels of a kind for somebody with these choices."""
    channels = set()
    if choices.get((kind.code, Channel.IN_APP), True):
        channels.add(Channel.IN_APP)
    if not kind.email_is_optional or choices.get((kind.code, Channel.EMAIL), kind.by_email):
        channels.add(Channel.EMAIL)
    return channels


def _deliver(told: list[tuple[UUID, UUID, set[Channel]]]) -> None:
    now = Now()
    deliveries = []
    for id_, _user, channels in told:
        if Channel.IN_APP in channels:
            deliveries.append(
                Delivery(
                    notification_id=id_, channel=Channel.IN_APP, state=Delivery.State.SENT, attempts=1, sent_at=now
                )
            )
        if Channel.EMAIL in channels:
            deliveries.append(Delivery(notification_id=id_, channel=Channel.EMAIL))
    made = Delivery.objects.bulk_create(deliveries)
    signal([(user, id_) for id_, user, channels in told if Channel.IN_APP in channels])
    defer_all(
        "notify.send_delivery",
        [{"delivery_id": str(row.pk)} for row in made if row.channel == Channel.EMAIL],
        queue=MAIL_QUEUE,
    )


def signal(told: list[tuple[UUID, UUID]]) -> None:
    """Say to the live streams of each user, once this transaction commits, which notification is new."""
    _send_signals([{"user": str(user), "kind": "notification", "id": str(id_)} for user, id_ in told])


def signal_read(user: User) -> None:
    """Say to the live streams of a user that the count of unread ones has changed."""
    _send_signals([{"user": str(user.pk), "kind": "unread", "id": str(user.pk)}])


def _send_signals(messages: list[dict[str, str]]) -> None:
    if not messages:
        return
    with connection.cursor() as cursor:
        cursor.execute(_SIGNAL, [LIVE_CHANNEL, [json.dumps(message) for message in messages]])
