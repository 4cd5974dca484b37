"""The outbox: what happened, told to every consumer at least once, in order for each subject.

An action publishes in its own transaction, so an event exists exactly when its change does. `drain` runs in the
worker, in as many processes as one likes; a consumer's writes join the transaction that marks its message delivered,
so what a consumer does in the database it does exactly once. A message that its consumer refuses waits, and the later
ones of its subject with it, until it is delivered or dead; all other subjects and consumers go on.

A try counts before it is made, so a message that kills its worker is given up like any other. That costs no statement:
the one that marks a message delivered takes the next in hand, and both commit together.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from tenpo.core.compiled import columns_of
from tenpo.core.models import OutboxMessage
from tenpo.core.request_context import Origin, coming_from, current_origin
from tenpo.runtime import metrics

# The waits double from 5 s, so a message is dead after some ten minutes.
MAX_ATTEMPTS = 8
FIRST_RETRY_SECONDS = 5
MAX_ERROR_LENGTH = 2_000
KEPT_DAYS = 30
# Said of a message that was given up, to whoever looks after the machinery.
DEAD_EVENT = "outbox.message_dead"

log = structlog.get_logger()


class WorkerDied(Exception):
    """Nobody knows what the last try of a message came to: its worker died with it."""

    def __repr__(self) -> str:
        return "its worker died at every try"


# The oldest waiting message of some subject that nobody else has in hand, taken in hand: the try counts, and it
# is due again when it would be had this try failed. A later message of that subject does not qualify while an earlier
# one waits, also while another worker has it in hand, so each subject is told in order however many drain. A cursor
# ("id after the last one") would not do: ids become visible out of order. `told` is the message that this very
# statement marks, which it still sees as waiting.
_TAKE = """
    UPDATE core_outboxmessage SET attempts = attempts + 1,
      next_attempt_at = statement_timestamp() + make_interval(secs => %(first)s * 2 ^ attempts)
    WHERE id = (
      SELECT m.id FROM core_outboxmessage m
      WHERE m.delivered_at IS NULL AND m.dead_at IS NULL AND m.next_attempt_at <= statement_timestamp()
        AND NOT EXISTS (
          SELECT 1 FROM core_outboxmessage earlier
          WHERE earlier.consumer = m.consumer AND earlier.subject_id = m.subject_id AND earlier.id < m.id
            AND earlier.delivered_at IS NULL AND earlier.dead_at IS NULL AND earlier.id <> %(told)s)
      ORDER BY m.id LIMIT 1
      FOR NO KEY UPDATE OF m SKIP LOCKED)
    RETURNING {columns}
""".replace("{columns}", columns_of(OutboxMessage))
_TELL = """
    WITH told AS (UPDATE core_outboxmessage SET delivered_at = statement_timestamp() WHERE id = %(told)s)
"""

_FORGET = """
    DELETE FROM core_outboxmessage WHERE id IN (
        SELECT id FROM core_outboxmessage
        WHERE delivered_at < statement_timestamp() - make_interval(days => %s) ORDER BY id LIMIT %s)
"""


def publish(name: str, *, subject: models.Model, **payload: Any) -> None:
    """Say that `name` ("booking.confirmed") happened to `subject`, in the caller's transaction: one statement.

    The caller holds the subject's lock, or has just made it: that is what gives its events their order. The payload
    holds ids and plain facts, never secrets or health data.
    """
    publish_all([(name, subject, payload)])


def publish_all(events: list[tuple[str, models.Model, Mapping[str, Any]]]) -> None:
    """Publish many events with one statement; see `publish`."""
    OutboxMessage.objects.bulk_create(messages_of(events))


def messages_of(events: list[tuple[str, models.Model, Mapping[str, Any]]]) -> list[OutboxMessage]:
    """The same, for an action that writes them together with other rows (`core.inserts`)."""
    assert transaction.get_connection().in_atomic_block, "an event belongs to the transaction of its change"
    messages, request_id = [], current_origin().request_id
    for name, subject, payload in events:
        event_id = uuid4()
        messages += [
            OutboxMessage(
                consumer=consumer,
                event_id=event_id,
                name=name,
                subject_id=subject.pk,
                payload=_plain(payload),
                request_id=request_id,
            )
            for consumer in settings.OUTBOX_CONSUMERS
        ]
    return messages


def drain(limit: int = 100) -> int:
    """Deliver up to `limit` waiting messages, each in its own transaction; return how many were tried."""
    message = _take() if limit else None
    for tried in range(limit):
        if message is None:
            return tried
        message = _deliver(message, takes_next=tried + 1 < limit)
    return limit


def revive(message: OutboxMessage) -> None:
    """Let a dead message be tried again from the start, after those of its subject that have gone on without it."""
    rows = OutboxMessage.objects.filter(pk=message.pk, dead_at__isnull=False)
    rows.update(dead_at=None, attempts=0, next_attempt_at=Now())


def named(message: OutboxMessage) -> OutboxMessage:
    """The message under its event's id instead of its number, for whatever is told or recorded about it."""
    stand_in = OutboxMessage(name=message.name, consumer=message.consumer)
    stand_in.pk = message.event_id  # type: ignore[assignment] # never saved: only its name tags are read
    return stand_in


def forget_delivered(limit: int = 5_000) -> int:
    """Drop messages delivered more than `KEPT_DAYS` ago, at most `limit` at once; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [KEPT_DAYS, limit])
        return int(cursor.rowcount)


def _take() -> OutboxMessage | None:
    """Take the next message in hand: one statement. None when none is due."""
    return next(iter(OutboxMessage.objects.raw(_TAKE, {"first": FIRST_RETRY_SECONDS, "told": 0})), None)


def _tell_and_take(message: OutboxMessage) -> OutboxMessage | None:
    """Mark a message delivered and take the next in hand: one statement."""
    values = {"first": FIRST_RETRY_SECONDS, "told": message.pk}
    return next(iter(OutboxMessage.objects.raw(_TELL + _TAKE, values)), None)


@transaction.atomic
def _deliver(message: OutboxMessage, *, takes_next: bool) -> OutboxMessage | None:
    """Deliver a message in hand: three statements besides those of its consumer. Returns the next one, in hand."""
    if not _lock(message):
        return _take() if takes_next else None
    try:
        with coming_from(Origin(request_id=message.request_id)):
            _tell(message)
        metrics.DELIVERIES.labels("told").inc()
    except Exception as error:  # noqa: BLE001 - whatever a consumer raises, the others must go on
        metrics.DELIVERIES.labels("failed").inc()
        with coming_from(Origin(request_id=message.request_id)):
            _note_failure(message, error)
        return _take() if takes_next else None
    if takes_next:
        return _tell_and_take(message)
    OutboxMessage.objects.filter(pk=message.pk).update(delivered_at=Now())
    return None


def _tell(message: OutboxMessage) -> None:
    if message.attempts > MAX_ATTEMPTS:
        raise WorkerDied
    with transaction.atomic():
        import_string(settings.OUTBOX_CONSUMERS[message.consumer])(message)
        _check_deferred()


def _lock(message: OutboxMessage) -> bool:
    """Lock what is in hand while its consumer works; False when that took so long that another worker has it."""
    mine = OutboxMessage.objects.waiting().filter(pk=message.pk, attempts=message.attempts)
    return mine.select_for_update(skip_locked=True, no_key=True).exists()


def _check_deferred() -> None:
    """Let a broken foreign key of the consumer's writes show now, inside its savepoint.

    Checked at the commit, it would undo the note of the failure as well, and the message would be first in line for
    ever.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _note_failure(message: OutboxMessage, error: Exception) -> None:
    attempts = min(message.attempts, MAX_ATTEMPTS)
    log.warning(
        "outbox_delivery_failed", event_name=message.name, message_id=message.pk, attempts=attempts, exc_info=error
    )
    # PostgreSQL's text holds no NUL, and an error may quote one.
    changes: dict[str, Any] = {"attempts": attempts, "last_error": repr(error).replace("\0", "")[:MAX_ERROR_LENGTH]}
    if attempts >= MAX_ATTEMPTS:
        changes["dead_at"] = Now()
        # Of the death of such news itself nobody is told: it would not arrive either.
        if message.name != DEAD_EVENT:
            publish(DEAD_EVENT, subject=named(message), event=message.name, consumer=message.consumer)
    else:
        changes["next_attempt_at"] = Now() + timedelta(seconds=FIRST_RETRY_SECONDS * 2 ** (attempts - 1))
    OutboxMessage.objects.filter(pk=message.pk).update(**changes)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Promise):
        return str(value)
    return value
