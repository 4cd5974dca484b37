"""Google's word that a calendar has changed: asked for, renewed before it ends, and taken for no more than a hint."""

import hmac
from datetime import timedelta
from time import monotonic
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from tenpo.core import clock
from tenpo.core.jobs import defer
from tenpo.core.tokens import hash_token, new_id, new_token
from tenpo.schedule.actions.calendars import lock_connection
from tenpo.schedule.calendar_models import CalendarChannel, CalendarConnection
from tenpo.schedule.calendars.base import CalendarLost, CalendarTimeout
from tenpo.schedule.calendars.google import Google

# A channel lives for a week; what is still left when the next one begins.
RENEWED_BEFORE = timedelta(days=1)
LONGEST_TOKEN = 256
MAX_SECONDS = 30.0

log = structlog.get_logger()


def renew_channels(limit: int = 50) -> int:
    """Open a channel for each calendar at Google that has none, or one that ends soon; returns how many.

    No further one after `MAX_SECONDS`: everything else that is due each minute waits for it.

    Without a public address by https there are none: then calendars are asked every quarter of an hour as ever.
    """
    if urlsplit(settings.PUBLIC_URL).scheme != "https":
        return 0
    lasting = CalendarChannel.objects.filter(ends_at__gt=clock.now() + RENEWED_BEFORE).values("connection")
    rows = CalendarConnection.objects.filter(
        kind=CalendarConnection.Kind.GOOGLE, state=CalendarConnection.State.ACTIVE, user__disabled_at=None
    )
    without = rows.exclude(pk__in=lasting).order_by("id")[:limit]
    gives_up_at = monotonic() + MAX_SECONDS
    return sum(open_channel(connection) for connection in without if monotonic() < gives_up_at)


def open_channel(connection: CalendarConnection) -> bool:
    """Have Google tell of one calendar, and let go of its older channels; False when it does not answer or let us.

    Of two that open one at the same moment both are told of, which does no harm: the older one ends by itself.
    """
    token, channel_id = new_token(), new_id()
    google = Google()
    try:
        resource, ends_at = google.watch(connection, channel_id=channel_id, token=token)
    except (CalendarTimeout, CalendarLost) as error:
        log.info("no_channel", connection_id=str(connection.pk), why=str(error))
        return False
    with transaction.atomic():
        try:
            locked = lock_connection(connection)
        except CalendarConnection.DoesNotExist:
            return False
        older = list(CalendarChannel.objects.filter(connection=locked))
        CalendarChannel.objects.create(
            id=channel_id, connection=locked, token_hash=hash_token(token), resource=resource[:200], ends_at=ends_at
        )
    for channel in older:
        _close(google, connection, channel)
    return True


def _close(google: Google, connection: CalendarConnection, channel: CalendarChannel) -> None:
    try:
        google.unwatch(connection, channel_id=channel.pk, resource=channel.resource)
    except (CalendarTimeout, CalendarLost) as error:
        # What goes on being told is told to nobody: it ends there by itself.
        log.info("channel_not_closed", channel_id=str(channel.pk), why=str(error))
    CalendarChannel.objects.filter(pk=channel.pk).delete()


@transaction.atomic
def take_notification(channel_id: UUID, token: str) -> bool:
    """Have the calendar of a channel asked, if the secret is the one that Google was given; whether it was.

    Said twice it is asked twice, which changes nothing; what was never said the poll finds.
    """
    channel = CalendarChannel.objects.filter(pk=channel_id).first()
    said = hash_token(token[:LONGEST_TOKEN])
    if channel is None or not hmac.compare_digest(channel.token_hash, said) or channel.ends_at < clock.now():
        return False
    CalendarConnection.objects.followed().filter(pk=channel.connection_id).update(due_at=clock.now())
    defer("schedule.sync_calendar", connection_id=str(channel.connection_id))
    return True
