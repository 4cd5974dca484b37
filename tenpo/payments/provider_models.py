"""What providers keep for people and know of them: saved ways to pay, customers, accounts, the sandbox's memory."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    def visible_to(self, user: "Viewer") -> Self:
        """What somebody pays with is theirs alone."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def ready(self) -> Self:
        return self.filter(state=PaymentMethod.State.READY)

    def kept(self) -> Self:
        """Ready, or being added."""
        return self.filter(state__in=[PaymentMethod.State.ADDING, PaymentMethod.State.READY])


class PaymentMethod(BaseModel):
    """A card that somebody keeps at a provider, to pay with again. Its number is the provider's alone."""

    class State(models.TextChoices):
        ADDING = "adding", _("Being added")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Not added")
        REMOVED = "removed", _("Removed")

    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="payment_methods")
    provider = models.CharField(max_length=20)
    # The provider's name of it; while it is being added, of the adding.
    reference = models.CharField(max_length=120, null=True)
    brand = models.CharField(max_length=30, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    expires_month = models.PositiveSmallIntegerField(null=True)
    expires_year = models.PositiveSmallIntegerField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.ADDING)
    is_default = models.BooleanField(default=False)
    failure_code = models.CharField(max_length=60, blank=True)
    action_url = models.CharField(max_length=2000, blank=True)
    removed_at = models.DateTimeField(null=True)
    # When its provider let it go as well.
    forgotten_at = models.DateTimeField(null=True)
    # When the job asked what became of it last.
    asked_at = models.DateTimeField(null=True)

    objects = PaymentMethodQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="payment_method_state_is_known", condition=Q(state__in=["adding", "ready", "failed", "removed"])
            ),
            models.CheckConstraint(
                name="payment_method_default_is_ready", condition=Q(is_default=False) | Q(state="ready")
            ),
            models.CheckConstraint(
                name="payment_method_ready_has_a_reference",
                condition=~Q(state="ready") | Q(reference__isnull=False),
            ),
            models.CheckConstraint(
                name="payment_method_removed_has_a_time",
                condition=Q(state="removed", removed_at__isnull=False) | (~Q(state="removed") & Q(removed_at=None)),
            ),
            models.UniqueConstraint(
                name="payment_method_one_default_per_user", fields=["user"], condition=Q(is_default=True)
            ),
            models.UniqueConstraint(name="payment_method_reference_once", fields=["provider", "reference"]),
        ]
        indexes = [
            models.Index(name="payment_method_by_user", fields=["user", "-id"]),
            models.Index(
                name="payment_method_unsettled",
                fields=["id"],
                condition=Q(state="adding") | Q(state="removed", forgotten_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand.capitalize() or _('Card')} •••• {self.last4}" if self.last4 else str(_("Card"))

    def is_expired(self, now: datetime) -> bool:
        """Whether the month that stands on it is over."""
        if self.expires_year is None or self.expires_month is None:
            return False
        return (self.expires_year, self.expires_month) < (now.year, now.month)


class ProviderCustomerQuerySet(models.QuerySet["ProviderCustomer"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if getattr(user, "is_admin", False) else self.none()


class ProviderCustomer(BaseModel):
    """Under which name a provider knows somebody who pays."""

    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    provider = models.CharField(max_length=20)
    reference = models.CharField(max_length=120)

    objects = ProviderCustomerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="provider_customer_once", fields=["user", "provider"]),
            models.UniqueConstraint(name="provider_customer_is_one_person", fields=["provider", "reference"]),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.reference}"


class SandboxCardQuerySet(models.QuerySet["SandboxCard"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if getattr(user, "is_admin", False) else self.none()


class SandboxCard(BaseModel):
    """A test card that the sandbox provider keeps for somebody."""

    key = models.CharField(max_length=120, unique=True)
    card = models.CharField(max_length=19)
    state = models.CharField(max_length=12)

    objects = SandboxCardQuerySet.as_manager()

    def __str__(self) -> str:
        return f"•••• {self.card[-4:]}: {self.state}"


class SandboxRefundQuerySet(models.QuerySet["SandboxRefund"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if getattr(user, "is_admin", False) else self.none()


class SandboxRefund(BaseModel):
    """What the sandbox provider gave back of one of its charges."""

    key = models.CharField(max_length=120, unique=True)
    charge = models.ForeignKey("payments.SandboxCharge", models.PROTECT, related_name="refunds")
    amount = models.BigIntegerField()
    state = models.CharField(max_length=12)
    failure_code = models.CharField(max_length=60, blank=True)

    objects = SandboxRefundQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(name="sandbox_refund_is_positive", condition=Q(amount__gt=0))]

    def __str__(self) -> str:
        return f"{self.amount} of {self.charge}: {self.state}"


class StripeAccountQuerySet(models.QuerySet["StripeAccount"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Each person sees their own; admins see whom they can pay."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(user=user)


class StripeAccount(BaseModel):
    """Somebody's own account at Stripe, to which their earnings can be sent; one for each person."""

    class Status(models.TextChoices):
        PENDING = "pending", _("To be completed")
        ACTIVE = "active", _("Ready")
        RESTRICTED = "restricted", _("Restricted")

    user = models.OneToOneField(User, models.PROTECT, related_name="stripe_account")
    reference = models.CharField(max_length=120, null=True, unique=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    payouts_enabled = models.BooleanField(default=False)
    # What Stripe still wants to know, in its own words.
    requirements = models.JSONField(default=list)
    onboarded_at = models.DateTimeField(null=True)
    # When the job asked how it stands last.
    asked_at = models.DateTimeField(null=True)

    objects = StripeAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="stripe_account_status_is_known", condition=Q(status__in=["pending", "active", "restricted"])
            ),
            models.CheckConstraint(
                name="stripe_account_pays_out_when_active", condition=Q(payouts_enabled=False) | Q(status="active")
            ),
        ]

    def __str__(self) -> str:
        return self.reference or "Stripe"
