"""One effect for one key, however often a call is sent."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from tenpo.access.models import IdempotencyKey
from tenpo.core.limits import check_count, counting
from tenpo.people.models import User

LOCK_SECONDS = 60
KEPT_DAYS = 30
UNANSWERED_KEPT_HOURS = 24

# A claim does not wait for the disk: what follows is written after it, and after a crash is never there without it.
_CLAIM = """
    INSERT INTO access_idempotencykey (actor_id, route, key, fingerprint, locked_until)
    VALUES (%(actor)s, %(route)s, %(key)s, %(fingerprint)s, now() + %(lock)s)
    ON CONFLICT (actor_id, route, key) DO UPDATE SET locked_until = now() + %(lock)s
    WHERE access_idempotencykey.locked_until < now()
      AND access_idempotencykey.fingerprint = excluded.fingerprint
    RETURNING set_config('synchronous_commit', 'off', true)
"""


class StillRunning(Exception):
    """The first call with this key has not been answered yet."""


class DifferentRequest(Exception):
    """This key was used for another request."""


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body, and whether they were kept from an earlier call."""

    status: int
    body: Any
    replayed: bool = False


def fingerprint(body: bytes) -> str:
    """What tells whether a repeat says the same as the first call."""
    return hashlib.sha256(body).hexdigest()


def run_once(*, actor: User, route: str, key: str, body: bytes, work: Callable[[], Answer], limit: str = "") -> Answer:
    """Do `work` for the first call with this key; give every later one the same answer.

    `limit` names what the call counts as a try of (`core.limits`); a repeat is no try.

    The claim commits before the work, because the work may wait for a payment provider. When the process dies in
    between, the claim lapses after `LOCK_SECONDS` and a retry works again; the actions are then guarded by what they
    write (one live booking per participant, one live payment per order). An unexpected error, and a refusal that
    depended on nothing but the input, give the key back.
    """
    print_ = fingerprint(body)
    claim: dict[str, Any] = {
        "actor": actor.pk,
        "route": route,
        "key": key,
        "fingerprint": print_,
        "lock": timedelta(seconds=LOCK_SECONDS),
    }
    sql = _CLAIM
    if limit:
        count, parameters = counting(limit, actor.pk, of="claimed")
        claim |= parameters
        sql = f"WITH claimed AS ({_CLAIM}), counted AS ({count}) TABLE counted"
    with connection.cursor() as cursor:
        cursor.execute(sql, claim)
        claimed = cursor.fetchone()
    rows = IdempotencyKey.objects.filter(actor=actor, route=route, key=key)
    if claimed is None:
        return _kept_answer(rows.get(), print_)
    try:
        if limit:
            check_count(limit, *claimed)
        answer = work()
    except BaseException:
        rows.filter(status=None).delete()
        raise
    rows.update(status=answer.status, body=answer.body, locked_until=None)
    return answer


def forget_old_keys() -> int:
    """Drop answers older than `KEPT_DAYS`, and calls that died unanswered a day ago; returns how many."""
    old = Q(created_at__lt=Now() - timedelta(days=KEPT_DAYS))
    died = Q(status=None, locked_until__lt=Now() - timedelta(hours=UNANSWERED_KEPT_HOURS))
    deleted, _ = IdempotencyKey.objects.filter(old | died).delete()
    return deleted


def _kept_answer(row: IdempotencyKey, print_: str) -> Answer:
    if row.fingerprint != print_:
        raise DifferentRequest
    if row.status is None:
        raise StillRunning
    return Answer(row.status, row.body, replayed=True)
