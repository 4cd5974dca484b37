"""The one way to write an audit record: inside the action, in its transaction."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import models

from tenpo.audit.models import AuditLog
from tenpo.core.request_context import current_origin

if TYPE_CHECKING:
    from tenpo.core.models import Viewer
    from tenpo.people.models import User

MAX_NAME_LENGTH = 200

# An action, what it was done to, and what that was before and after.
type Entry = tuple[str, models.Model, Mapping[str, Any] | None, Mapping[str, Any] | None]


def record(
    action: str,
    *,
    by: "User | None",
    on: models.Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down that `by` (None: the system) did `action` ("session.cancelled") to `on`: one statement.

    `before` and `after` hold what changed, never secrets.
    """
    record_all([(action, on, before, after)], by=by)


def record_all(entries: list[Entry], *, by: "User | None") -> None:
    """Write many records of one actor with one statement; see `record`."""
    AuditLog.objects.bulk_create(records_of(entries, by=by))


def records_of(entries: list[Entry], *, by: "User | None") -> list[AuditLog]:
    """The same, for an action that writes them together with other rows (`core.inserts`)."""
    origin = current_origin()
    return [
        AuditLog(
            actor_id=by.pk if by else None,
            actor_name=str(by)[:MAX_NAME_LENGTH] if by else "",
            action=action,
            object_type=on._meta.label,
            object_id=on.pk,
            object_name=str(on)[:MAX_NAME_LENGTH],
            before=_plain(before),
            after=_plain(after),
            via=origin.via,
            address=origin.address,
            agent=origin.agent,
            request_id=origin.request_id,
        )
        for action, on, before, after in entries
    ]


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {key: _plain_value(value) for key, value in values.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, models.Model):
        return str(value.pk)
    if isinstance(value, list):
        return [_plain_value(one) for one in value]
    return value


def note_export(*, by: "Viewer", wanted: Mapping[str, Any]) -> None:
    """Write down that somebody took records out of the house, and which."""
    assert not isinstance(by, AnonymousUser), "whoever exports is signed in"
    record("audit.exported", by=by, on=by, after=wanted)
