"""What banks take back of what their customers had paid."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.core.money import format_money

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

# In the key of what the business bears no more of a loss, as it was taken of a refund of the same money.
RELIEF = "relief"


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Between the business, its provider and the bank."""
        return self if getattr(user, "is_admin", False) else self.none()


class Dispute(BaseModel):
    """A payment, or a part of it, that its payer's bank wants back: what it took so far, and how that ended."""

    class State(models.TextChoices):
        OPEN = "open", _("Not decided")
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    payment = models.ForeignKey("payments.Payment", models.PROTECT, related_name="disputes")
    provider = models.CharField(max_length=20)
    reference = models.CharField(max_length=120)
    state = models.CharField(max_length=4, choices=State, default=State.OPEN)
    # What the bank wants back.
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    # What it took so far, less what it returned, and what the provider kept for it; each is in the books.
    taken = models.BigIntegerField(default=0)
    fee = models.BigIntegerField(default=0)
    # How much of that is lost for good: taken back from who had it, or borne by the business.
    lost = models.BigIntegerField(default=0)
    decided_at = models.DateTimeField(null=True)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="dispute_reference_once", fields=["provider", "reference"]),
            models.CheckConstraint(name="dispute_amounts_are_not_negative", condition=Q(amount__gte=0, lost__gte=0)),
            models.CheckConstraint(
                name="dispute_decided_has_a_time",
                condition=Q(state="open", decided_at=None)
                | Q(state__in=["won", "lost"], decided_at__isnull=False),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return format_money(self.amount, self.currency, "en")
