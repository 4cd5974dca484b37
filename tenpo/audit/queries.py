"""Finding audit records, and saying what changed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from tenpo.audit.models import AuditLog

MAX_WORDS = 8
# Ids are made a moment after their transaction's clock was read; no transaction of ours lasts this long.
ID_SLACK = timedelta(hours=1)
CHUNK = 2_000

# Jumps from one action to the next along the index, so it costs what there are actions, not records.
_ACTIONS = """
    WITH RECURSIVE known AS (
        (SELECT action FROM audit_auditlog ORDER BY action LIMIT 1)
        UNION ALL
        SELECT (SELECT a.action FROM audit_auditlog a WHERE a.action > known.action ORDER BY a.action LIMIT 1)
        FROM known WHERE known.action IS NOT NULL)
    SELECT action FROM known WHERE action IS NOT NULL
"""


@dataclass(frozen=True)
class AuditFilter:
    """Which records: words (of actor, action and thing, or an id), and what narrows them down. `until` is included."""

    words: str = ""
    actor_id: UUID | None = None
    object_id: UUID | None = None
    action: str = ""
    via: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Change:
    """One fact of a record: what it was and what it became; None where there was nothing."""

    name: str
    before: Any
    after: Any

    @property
    def is_changed(self) -> bool:
        return bool(self.before != self.after)


def find_records(rows: "models.QuerySet[AuditLog]", wanted: AuditFilter) -> "models.QuerySet[AuditLog]":
    """Those of `rows` that match; days are those of the reader's zone."""
    exact = {"actor_id": wanted.actor_id, "object_id": wanted.object_id, "action": wanted.action, "via": wanted.via}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.since:
        start = _day_start(wanted.since)
        rows = rows.filter(created_at__gte=start, id__gte=_first_id(start - ID_SLACK))
    if wanted.until:
        end = _day_start(wanted.until + timedelta(days=1))
        rows = rows.filter(created_at__lt=end, id__lt=_first_id(end + ID_SLACK))
    return rows.filter(_matching(wanted.words)) if wanted.words.strip() else rows


def known_actions() -> list[str]:
    """Every action that was ever recorded, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIONS)
        return [action for (action,) in cursor.fetchall()]


def changes_of(record: AuditLog) -> list[Change]:
    """What changed, fact by fact; those that differ first."""
    before: Mapping[str, Any] = record.before or {}
    after: Mapping[str, Any] = record.after or {}
    names = dict.fromkeys([*before, *after])
    changes = [Change(name, before.get(name), after.get(name)) for name in names]
    return sorted(changes, key=lambda change: not change.is_changed)


CSV_HEADER = (
    "time", "actor", "actor_id", "action", "object_type", "object", "object_id", "before", "after", "via", "address",
    "agent", "request_id",
)  # fmt: skip


def csv_name() -> str:
    """What the file of an export is called: the reader's day."""
    return f"audit-{timezone.localdate():%Y-%m-%d}.csv"


def csv_rows(rows: "models.QuerySet[AuditLog]") -> Iterator[tuple[Any, ...]]:
    """The records as cells, newest first, read as they are written out: any number needs the memory of a few."""
    for row in rows.order_by("-id").defer("search").iterator(chunk_size=CHUNK):
        yield (
            row.created_at.isoformat(), row.actor_name, row.actor_id, row.action, row.object_type, row.object_name,
            row.object_id, _json(row.before), _json(row.after), row.via, row.address, row.agent, row.request_id,
        )  # fmt: skip


def _json(values: Mapping[str, Any] | None) -> str:
    return "" if values is None else json.dumps(values, ensure_ascii=False)


def _matching(words: str) -> Q:
    try:
        id_ = UUID(words.strip())
    except ValueError:
        pass
    else:
        return Q(object_id=id_) | Q(actor_id=id_)
    terms = "".join(c if c.isalnum() else " " for c in words).split()[:MAX_WORDS]
    if not terms:
        return Q(pk=None)
    query = SearchQuery(" & ".join(f"{term}:*" for term in terms), config="simple", search_type="raw")
    return Q(search=query) | Q(request_id=words.strip())


def _day_start(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def _first_id(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: milliseconds lead it, so a range of time is a range of ids."""
    milliseconds = max(0, int(moment.timestamp() * 1000))
    return UUID(int=(milliseconds & (2**48 - 1)) << 80)
