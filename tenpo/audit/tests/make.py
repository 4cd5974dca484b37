"""Audit records for tests. Made of stand-ins: this app knows no people."""

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

from tenpo.audit.actions import record
from tenpo.audit.models import AuditLog
from tenpo.core.models import Business


@dataclass
class Actor:
    """Somebody who acts."""

    pk: UUID
    name: str

    def __str__(self) -> str:
        return self.name


def make_actor(name: str = "Ada Admin") -> Actor:
    """Somebody with an id and a name."""
    return Actor(uuid4(), name)


def make_record(
    action: str = "thing.changed",
    *,
    by: Actor | None = None,
    on: UUID | None = None,
    name: str = "Thing",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditLog:
    """A record of `by` doing `action` to a thing with the id `on`."""
    thing = Business(pk=on or uuid4(), name=name)
    record(action, by=cast("Any", by), on=thing, before=before, after=after)
    return AuditLog.objects.order_by("-id")[0]
