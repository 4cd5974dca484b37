from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.core.money import MAX_AMOUNT
from tenpo.payments.dispute_models import Dispute
from tenpo.payments.method_words import say_method
from tenpo.payments.payout_models import Payout, PayoutAccount, PayoutBatch, PayoutTerms
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.refund_models import Refund, RefundTerms
from tenpo.payments.wallet_models import AutoTopUp  # noqa: F401 (a model of this app, in a file of its own)
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

__all__ = [
    "Dispute", "Grant", "Payment", "PaymentMethod", "Payout", "PayoutAccount", "PayoutBatch", "PayoutTerms",
    "ProviderEvent", "Refund", "RefundTerms", "SandboxCharge",
]  # fmt: skip


class PaymentQuerySet(models.QuerySet["Payment"]):
    def visible_to(self, user: "Viewer") -> Self:
        """A payment is its payer's and the admins' to see."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(payer=user)

    def open(self) -> Self:
        return self.filter(state__in=Payment.OPEN)

    def by_itself(self) -> Self:
        """What no order accounts for: top-ups, and money that came when there was nothing to pay any more."""
        return self.filter(order_id=None)

    def with_disputes(self) -> Self:
        """With what of each a bank keeps for good (minor units), and whether one wants it back and nobody decided."""
        disputes = Dispute.objects.filter(payment=OuterRef("pk")).order_by()
        lost = disputes.values("payment").annotate(sum=Sum("lost")).values("sum")
        return self.annotate(kept_by_bank=Coalesce(Subquery(lost), 0), is_in_dispute=_is_in_dispute())

    def in_dispute(self) -> Self:
        """Those that a bank wants back, of which nobody has decided yet."""
        return self.filter(_is_in_dispute())


def _is_in_dispute() -> Q:
    disputes = Dispute.objects.filter(payment=OuterRef("pk"))
    is_decided = Exists(disputes) & ~Exists(disputes.filter(state=Dispute.State.OPEN))
    return Q(disputed_at__isnull=False) & ~is_decided


class Payment(BaseModel):
    """Money that somebody pays from outside, through one provider; one attempt. It pays an order or fills a wallet."""

    class Purpose(models.TextChoices):
        ORDER = "order", _("Order")
        TOP_UP = "top_up", _("Top-up")

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
    purpose = models.CharField(max_length=6, choices=Purpose, default=Purpose.ORDER, db_default="order")
    # The order that it pays; a plain id, since orders stand above payments.
    order_id = models.UUIDField(null=True)
    # The order that it was meant for, where it came too late to pay it and became credit.
    late_for = models.UUIDField(null=True)
    provider = models.CharField(max_length=20)
    method = models.CharField(max_length=60, blank=True)
    # What its payer had saved and chose for it.
    saved_method = models.ForeignKey(PaymentMethod, models.PROTECT, null=True, db_index=False, related_name="payments")
    # A top-up that began by itself: its payer is not there to confirm anything.
    is_automatic = models.BooleanField(default=False, db_default=False)
    # Whether what it is paid with is kept for later payments, once it succeeded.
    keeps_method = models.BooleanField(default=False, db_default=False)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    fee = models.BigIntegerField(default=0)
    description = models.CharField(max_length=200)
    state = models.CharField(max_length=12, choices=State, default=State.CREATED)
    reference = models.CharField(max_length=120, null=True)
    failure_code = models.CharField(max_length=60, blank=True)
    action_url = models.CharField(max_length=2000, blank=True)
    paid_at = models.DateTimeField(null=True)
    # Since when its payer's bank wants it back; it stays, however that ends.
    disputed_at = models.DateTimeField(null=True)
    marked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    # When the job asked what became of it last.
    asked_at = models.DateTimeField(null=True)
    # How much of it went back by the way that it came, or is held to go.
    refunded = models.BigIntegerField(default=0, db_default=0)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="payment_amount_is_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="payment_fee_is_within", condition=Q(fee__gte=0)),
            models.CheckConstraint(
                name="payment_refunds_within",
                condition=Q(refunded__gte=0, refunded__lte=F("amount")) & (Q(refunded=0) | Q(state="succeeded")),
            ),
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
            models.CheckConstraint(
                name="payment_of_a_top_up_has_no_order",
                condition=Q(purpose="order") | Q(purpose="top_up", order_id=None),
            ),
            models.CheckConstraint(
                name="payment_automatic_is_a_top_up", condition=Q(is_automatic=False) | Q(purpose="top_up")
            ),
            models.CheckConstraint(
                name="payment_is_marked_by_somebody_else",
                condition=Q(marked_by=None) | ~Q(marked_by=F("payer")),
            ),
            models.UniqueConstraint(name="payment_reference_once", fields=["provider", "reference"]),
            models.UniqueConstraint(
                name="payment_one_automatic_top_up",
                fields=["payer"],
                condition=Q(is_automatic=True, state__in=["created", "needs_action", "pending", "unknown"]),
            ),
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

    @property
    def said_method(self) -> str:
        """How it was paid, in the reader's words."""
        return say_method(self.method or self.provider)

    @property
    def said_description(self) -> str:
        """What it is for, in the reader's words where they are ours; they are kept in the business's."""
        return str(_("Top-up of a wallet")) if self.purpose == self.Purpose.TOP_UP else self.description

    @property
    def became_credit(self) -> bool:
        """Whether it came when its seat was gone, so that it bought nothing."""
        return self.state == self.State.SUCCEEDED and self.purpose == self.Purpose.ORDER and self.order_id is None

    @property
    def is_wanted_back(self) -> bool:
        """Whether its payer's bank wants it back, and nobody has decided yet; one statement where it ever did."""
        if self.disputed_at is None:
            return False
        states = list(self.disputes.values_list("state", flat=True))
        return not states or Dispute.State.OPEN in states

    @property
    def left(self) -> int:
        """What of it did not go back by the way that it came, in minor units."""
        return self.amount - self.refunded

    @property
    def transfer_reference(self) -> str:
        """What a payer writes on a bank transfer that pays no order, so that an admin knows the money."""
        return f"W{self.pk.hex[-9:].upper()}"


class GrantQuerySet(models.QuerySet["Grant"]):
    def visible_to(self, user: "Viewer") -> Self:
        """What was given is its owner's and the admins' to see."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(owner=user)


class Grant(BaseModel):
    """Money that the business gave somebody to spend here, and why; taken back in full, or not at all."""

    owner = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="grants")
    amount = models.BigIntegerField(_("Amount"))
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    reason = models.CharField(_("What for"), max_length=120)
    given_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    taken_back_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="grant_amount_is_within", condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT),
                violation_error_message=_("Give an amount above zero."),
            )
        ]  # fmt: skip
        indexes = [models.Index(name="grant_by_owner", fields=["owner", "-id"])]

    def __str__(self) -> str:
        return self.reason


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
    succeeded_at = models.DateTimeField(null=True)

    objects = SandboxChargeQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(name="sandbox_charge_is_positive", condition=Q(amount__gt=0))]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}: {self.state}"
