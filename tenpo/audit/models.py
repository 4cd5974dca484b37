from typing import TYPE_CHECKING, Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Value
from django.db.models.functions import Replace

from tenpo.core.models import BaseModel

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class AuditLogQuerySet(models.QuerySet["AuditLog"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Admins see who did what; nobody else does."""
        return self if getattr(user, "is_admin", False) else self.none()


class AuditLog(BaseModel):
    """Who did what to which thing, when, from where, and what it was before and after.

    Append-only: the application's database role may insert and read. The actor is an id and a name, not a foreign
    key, so that people may write here (`people` stands above) and the record outlives whoever it speaks of.
    """

    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=200, blank=True)
    action = models.CharField(max_length=80)
    object_type = models.CharField(max_length=80)
    object_id = models.UUIDField()
    object_name = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    via = models.CharField(max_length=10)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    search = models.GeneratedField(
        # PostgreSQL would take "booking.cancelled" for the name of a host.
        expression=SearchVector(
            "actor_name", Replace("action", Value("."), Value(" ")), "object_name", config="simple"
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = AuditLogQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(name="audit_by_object", fields=["object_id", "id"]),
            models.Index(name="audit_by_actor", fields=["actor_id", "id"]),
            models.Index(name="audit_by_action", fields=["action", "id"]),
            GinIndex(name="audit_search", fields=["search"]),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_name}"
