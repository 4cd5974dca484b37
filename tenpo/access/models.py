from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.models import BaseModel
from tenpo.people.models import HASH_LENGTH, User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class Scope(models.TextChoices):
    """What an API key may do on behalf of its owner."""

    READ = "read", _("Read")
    WRITE = "write", _("Read and change")


class ApiClientQuerySet(models.QuerySet["ApiClient"]):
    def visible_to(self, user: "Viewer") -> Self:
        """A key is its owner's; admins see them all, to revoke."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(owner=user)


class ApiClient(BaseModel):
    """A program that acts for one user with a key; the key is shown once and stored as a hash."""

    owner = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="api_clients")
    name = models.CharField(_("Name"), max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    secret_hash = models.CharField(max_length=HASH_LENGTH)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    expires_at = models.DateTimeField(_("Expires"), null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    objects = ApiClientQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="api_client_scopes_are_known", condition=Q(scopes__contained_by=Scope.values, scopes__len__gt=0)
            )
        ]
        indexes = [models.Index(name="api_client_by_owner", fields=["owner", "-id"])]

    def __str__(self) -> str:
        return self.name

    def state(self, now: datetime | None = None) -> str:
        """`good`, `revoked` or `expired`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= (now or clock.now()) else "good"


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self.filter(actor=user) if user.is_authenticated else self.none()


class IdempotencyKey(BaseModel):
    """One call that must have its effect once, and the answer that a repeat of it gets."""

    actor = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=HASH_LENGTH)
    locked_until = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="idempotency_key_once_per_route", fields=["actor", "route", "key"]),
            models.CheckConstraint(
                name="idempotency_key_is_running_or_answered",
                condition=Q(locked_until=None, status__isnull=False) | Q(locked_until__isnull=False, status=None),
            ),
        ]
        indexes = [models.Index(name="idempotency_by_age", fields=["created_at"])]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
