"""One effect for one key, however often a call is sent."""

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.http import Http404

from tenpo.access.models import IdempotencyKey
from tenpo.core.errors import TooManyRequests
from tenpo.core.limits import check_count, counting
from tenpo.people.models import User

LOCK_SECONDS = 60
KEPT_DAYS = 30
UNANSWERED_KEPT_HOURS = 24
# Said before anything is made: the key is as good as new.
REFUSED = (Http404, PermissionDenied, ValidationError, TooManyRequests)

# A claim does not wait for the disk: what follows is written after it, and after a crash is never there without it.
_CLAIM = """
    INSERT INTO access_idempotencykey (actor_id, route, key, fingerprint, locked_until)
    VALUES (%(actor)s, %(route)s, %(key)s, %(fingerprint)s, now() + %(lock)s)
    ON CONFLICT (actor_id, route, key) DO UPDATE SET locked_until = now() + %(lock)s
    WHERE access_idempotencykey.locked_until <= statement_timestamp()
      AND access_idempotencykey.fingerprint = excluded.fingerprint
    RETURNING id, old.id IS NOT NULL AS is_again, locked_until, set_config('synchronous_commit', 'off', true)
"""
_CLAIM_AND_COUNT = """
    WITH claimed AS ({claim}), counted AS ({count})
    SELECT claimed.id, claimed.is_again, claimed.locked_until, counted.count, counted.retry_after FROM claimed, counted
"""
_KEEP = """
    UPDATE access_idempotencykey SET status = %(status)s, body = %(body)s::jsonb, locked_until = NULL
    WHERE id = %(id)s AND status IS NULL AND locked_until = %(locked_until)s
"""


class StillRunning(Exception):
    """The first call with this key has not been answered yet."""


class DifferentRequest(Exception):
    """This key was used for another request."""


@dataclass(frozen=True)
class Call:
    """One call under its key. What it makes first bears its id, by which a repeat finds what one that died had made."""

    id: UUID
    # An earlier try ended without an answer.
    is_again: bool


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body, and whether they were kept from an earlier call."""

    status: int
    body: Any
    replayed: bool = False


def fingerprint(body: bytes) -> str:
    """What tells whether a repeat says the same as the first call."""
    return hashlib.sha256(body).hexdigest()


def run_once(
    *,
    actor: User,
    route: str,
    key: str,
    body: bytes,
    work: Callable[[Call], Answer],
    limit: str = "",
    is_whole: bool = False,
) -> Answer:
    """Do `work` for the first call with this key; give every later one the same answer.

    `limit` names what the call counts as a try of (`core.limits`); a repeat is no try.

    The claim commits before the work, because the work may wait for a payment provider. When the process dies before
    the answer is kept, the claim lapses after `LOCK_SECONDS` and a retry works again. Work that `is_whole` is one
    transaction with its answer, so nothing is left of what died. Other work gives what it makes first the call's id,
    in the transaction that makes it; the retry (`Call.is_again`) finds it there and goes on. After an unexpected error
    a retry may do so at once. A refusal that comes before anything is made gives the key back.
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
        sql = _CLAIM_AND_COUNT.format(claim=_CLAIM, count=count)
    with connection.cursor() as cursor:
        cursor.execute(sql, claim)
        claimed = cursor.fetchone()
    rows = IdempotencyKey.objects.filter(actor=actor, route=route, key=key)
    if claimed is None:
        return _kept_answer(rows.first(), print_)
    call = Call(*claimed[:2])
    # Once the lock is over another call may have the key: what it keeps stays, and what is whole is its to make.
    own = {"id": call.id, "status": None, "locked_until": claimed[2]}
    try:
        if limit:
            check_count(limit, *claimed[3:])
        with transaction.atomic() if is_whole else contextlib.nullcontext():
            answer = work(call)
            is_kept = _keep(answer, own)
            if is_whole and not is_kept:
                raise StillRunning
    except BaseException as error:
        is_unmade = is_whole or (isinstance(error, REFUSED) and not call.is_again)
        if is_unmade:
            rows.filter(**own).delete()
        else:
            rows.filter(**own).update(locked_until=Now())
        raise
    return answer


def forget_old_keys() -> int:
    """Drop answers older than `KEPT_DAYS`, and calls that died unanswered a day ago; returns how many."""
    old = Q(created_at__lt=Now() - timedelta(days=KEPT_DAYS))
    died = Q(status=None, locked_until__lt=Now() - timedelta(hours=UNANSWERED_KEPT_HOURS))
    deleted, _ = IdempotencyKey.objects.filter(old | died).delete()
    return deleted


def _keep(answer: Answer, own: dict[str, Any]) -> bool:
    values = {**own, "status": answer.status, "body": json.dumps(answer.body)}
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, values)
        return bool(cursor.rowcount)


def _kept_answer(row: IdempotencyKey | None, print_: str) -> Answer:
    # The call that had the key a moment ago has just given it back.
    if row is None:
        raise StillRunning
    if row.fingerprint != print_:
        raise DifferentRequest
    if row.status is None:
        raise StillRunning
    return Answer(row.status, row.body, replayed=True)
