from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class PaymentQuerySet(models.QuerySet["Payment"]):
    def visible_to(self, user: "Viewer") -> Self:
        """A payment is its payer's and the admins' to see."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(payer=user)

    def open(self) -> Self:
        return self.filter(state__in=Payment.OPEN)


class Payment(BaseModel):
    """Money that somebody pays from outside, through one provider; one attempt."""

    class State(models.TextChoices):
        CREATED = "created", _("Started")
        NEEDS_ACTION = "needs_action", _("Needs your confirmation")
        PENDING = "pending", _("Waiting for the money")
        UNKNOWN = "unknown", _("Being confirmed")
        SUCCEEDED = "succeeded", _("Paid")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    OPEN = ("created", "needs_action", "pending", "unknown")

    payer = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="payments")
    # The order that it pays; a plain id, since orders stand above payments.
    order_id = models.UUIDField(null=True)
    provider = models.CharField(max_length=20)
    method = models.CharField(max_length=60, blank=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    fee = models.BigIntegerField(default=0)
    description = models.CharField(max_length=200)
    state = models.CharField(max_length=12, choices=State, default=State.CREATED)
    reference = models.CharField(max_length=120, null=True)
    failure_code = models.CharField(max_length=60, blank=True)
    action_url = models.CharField(max_length=300, blank=True)
    paid_at = models.DateTimeField(null=True)
    marked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = PaymentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="payment_amount_is_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="payment_fee_is_within", condition=Q(fee__gte=0)),
            models.CheckConstraint(
                name="payment_succeeded_has_a_time",
                condition=Q(state="succeeded", paid_at__isnull=False) | (~Q(state="succeeded") & Q(paid_at=None)),
            ),
            models.CheckConstraint(
                name="payment_state_is_known",
                condition=Q(
                    state__in=["created", "needs_action", "pending", "unknown", "succeeded", "failed", "cancelled"]
                ),
            ),
            models.UniqueConstraint(name="payment_reference_once", fields=["provider", "reference"]),
            models.UniqueConstraint(
                name="payment_one_live_per_order",
                fields=["order_id"],
                condition=Q(state__in=["created", "needs_action", "pending", "unknown", "succeeded"]),
            ),
        ]
        indexes = [
            models.Index(name="payment_by_payer", fields=["payer", "-id"]),
            models.Index(name="payment_by_order", fields=["order_id"]),
            models.Index(
                name="payment_open",
                fields=["id"],
                condition=Q(state__in=["created", "needs_action", "pending", "unknown"]),
            ),
        ]

    def __str__(self) -> str:
        return self.description


class ProviderEventQuerySet(models.QuerySet["ProviderEvent"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if getattr(user, "is_admin", False) else self.none()


class ProviderEvent(BaseModel):
    """What a payment provider told us by webhook; each of its events counts once."""

    provider = models.CharField(max_length=20)
    event_id = models.CharField(max_length=120)
    reference = models.CharField(max_length=120)
    payload = models.JSONField(default=dict)
    applied_at = models.DateTimeField(null=True)

    objects = ProviderEventQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(name="provider_event_once", fields=["provider", "event_id"])]

    def __str__(self) -> str:
        return f"{self.provider} {self.event_id}"


class SandboxChargeQuerySet(models.QuerySet["SandboxCharge"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if getattr(user, "is_admin", False) else self.none()


class SandboxCharge(BaseModel):
    """What the sandbox provider remembers on its side, as a real one would in its own database."""

    key = models.CharField(max_length=120, unique=True)
    card = models.CharField(max_length=19)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    state = models.CharField(max_length=12)
    failure_code = models.CharField(max_length=60, blank=True)

    objects = SandboxChargeQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(name="sandbox_charge_is_positive", condition=Q(amount__gt=0))]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}: {self.state}"
