"""The only way into the ledger: the database's own function, in the newest migration that has `ledger_post`."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from tenpo.core.errors import CHECK, RuleError, is_violation
from tenpo.core.inserts import insert_together, inserts, mark_written
from tenpo.core.tokens import new_id
from tenpo.ledger.models import Account, Transfer
from tenpo.runtime import metrics

# How often what is there is looked at anew because it was spent meanwhile.
SPENDING_RACES = 3


@dataclass(frozen=True)
class Pot:
    """Names an account; it is opened when first posted to."""

    kind: Account.Kind
    currency: str
    owner_id: UUID | None = None
    source_id: UUID | None = None
    name: str = ""
    expires_at: datetime | None = None

    @classmethod
    def of(cls, account: Account) -> "Pot":
        """The name of an account that is already open."""
        return cls(
            Account.Kind(account.kind),
            account.currency,
            account.owner_id,
            account.source_id,
            account.name,
            account.expires_at,
        )

    @property
    def code(self) -> str:
        """The account's whole name in one text, as `ledger_code` makes it in the database."""
        return f"{self.kind.value}:{self.currency}:{self.owner_id or ''}:{self.source_id or ''}:{self.name}"

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "currency": self.currency,
            "owner": str(self.owner_id) if self.owner_id else None,
            "source": str(self.source_id) if self.source_id else None,
            "name": self.name,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
        }


@dataclass(frozen=True)
class Posting:
    """A transfer to be made: `amount` (minor units, above zero) from `debit` to `credit`, once for each `key`."""

    kind: Transfer.Kind
    debit: Pot
    credit: Pot
    amount: int
    key: str
    subject_id: UUID
    reverses_id: UUID | None = field(default=None)


_waiting: ContextVar[list[Posting] | None] = ContextVar("postings that wait", default=None)


@contextmanager
def posted_together() -> Iterator[None]:
    """What is posted inside is posted as one in the end, so that all its accounts are locked in the one order.

    Two transactions that post twice could each hold what the other wants next. Inside another one, it is part of that.
    Whatever may be refused for want of money is refused in the end.
    """
    if _waiting.get() is not None:
        yield
        return
    postings: list[Posting] = []
    token = _waiting.set(postings)
    try:
        yield
    finally:
        _waiting.reset(token)
    post_transfers(postings)


def post_transfers(postings: Sequence[Posting], *, rows: Sequence[Model] = ()) -> int:
    """Post all transfers or none, with one statement; return how many were new.

    `rows` are new rows that the same statement writes (`core.inserts`): what the money is for.

    A key that was posted before is left as it is, so a retry does nothing; the same key with another amount or other
    ends is a mistake of ours and fails. Accounts are locked in the order of their ids, after whatever rows the caller
    locked. Raises RuleError("insufficient_funds") when an owner's account would go below zero.
    """
    if not postings:
        if rows:
            insert_together(rows)
        return 0
    assert connection.in_atomic_block, "money moves in the transaction of what it pays for"
    if (waiting := _waiting.get()) is not None:
        assert not rows, "what is written with its money waits for nothing"
        waiting.extend(postings)
        return 0
    beginning, parameters = inserts(rows) if rows else ("", [])
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"{beginning} SELECT ledger_post({_COLUMNS})", [*parameters, *_columns(postings)])
            row = cursor.fetchone()
    except IntegrityError as error:
        if is_violation(error, CHECK, "account_never_below_zero"):
            raise RuleError("insufficient_funds", _("There is not enough credit for this.")) from error
        raise
    assert row is not None
    mark_written(rows)
    posted: int = row[0]
    transaction.on_commit(partial(_count, postings, posted))
    return posted


def post_what_is_there[T](look: Callable[[], T], postings: Callable[[T], Sequence[Posting]], *, nothing: T) -> T:
    """Post what follows from how much there is, as `look` finds it; returns what it went by.

    Where some of it was spent at the same moment it looks again, and after a few tries goes by `nothing`.
    """
    for _again in range(SPENDING_RACES):
        there = look()
        try:
            with transaction.atomic():
                post_transfers(postings(there))
        except RuleError as refusal:
            if refusal.code != "insufficient_funds":
                raise
        else:
            return there
    post_transfers(postings(nothing))
    return nothing


# One column of the new transfers each, and what is to be known of accounts that are not open yet.
_COLUMNS = "%s::uuid[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::uuid[], %s::uuid[], %s"


def _columns(postings: Sequence[Posting]) -> list[Any]:
    return [
        [new_id() for _posting in postings],
        [posting.kind.value for posting in postings],
        [posting.debit.code for posting in postings],
        [posting.credit.code for posting in postings],
        [posting.amount for posting in postings],
        [posting.key for posting in postings],
        [posting.subject_id for posting in postings],
        [posting.reverses_id for posting in postings],
        json.dumps([pot.as_json() for posting in postings for pot in (posting.debit, posting.credit)]),
    ]


def _count(postings: Sequence[Posting], posted: int) -> None:
    """Count the new transfers by kind; where some had been posted before, the database does not say which."""
    if posted == len(postings):
        for posting in postings:
            metrics.TRANSFERS.labels(posting.kind.value).inc()
    elif posted:
        metrics.TRANSFERS.labels("mixed").inc(posted)
