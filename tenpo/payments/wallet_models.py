"""What somebody decided about their wallet: when it is low, and how it is filled by itself."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.payments.provider_models import PaymentMethod
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class AutoTopUpQuerySet(models.QuerySet["AutoTopUp"]):
    def visible_to(self, user: "Viewer") -> Self:
        """How a wallet is filled is its owner's and the admins' to see."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(user=user)

    def watching(self) -> Self:
        """Those for which something happens when their wallet is low."""
        return self.filter(Q(is_on=True) | Q(low_below__isnull=False))


class AutoTopUp(BaseModel):
    """How somebody's wallet is filled by itself when little is left in it, and below what they are told; one each."""

    class Kind(models.TextChoices):
        FIXED = "fixed", _("The same amount each time")
        TARGET = "target", _("Up to an amount")

    user = models.OneToOneField(User, models.PROTECT, related_name="auto_top_up")
    is_on = models.BooleanField(default=False)
    # It begins when less than this is left to spend. All amounts are in minor units of `currency`.
    threshold = models.BigIntegerField(default=1_000)
    kind = models.CharField(max_length=6, choices=Kind, default=Kind.FIXED)
    # What is paid in, or up to what.
    amount = models.BigIntegerField(default=2_500)
    # Nothing begins that would pay in more than this by itself on one day of the business's.
    daily_cap = models.BigIntegerField(default=5_000)
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    method = models.ForeignKey(PaymentMethod, models.PROTECT, null=True, related_name="+")
    # How often in a row it did not work, and until when it then waits.
    failed_times = models.PositiveSmallIntegerField(default=0)
    paused_until = models.DateTimeField(null=True)
    # Why it did not work last, also where that switched it off.
    failure_code = models.CharField(max_length=60, blank=True)
    # Its owner is told when less than this is left; null: they are not.
    low_below = models.BigIntegerField(null=True)
    # Since when it is lower than that, as its owner was told or saw; null: it is not.
    low_since = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(editable=False, db_default=Now())

    objects = AutoTopUpQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="auto_top_up_kind_is_known", condition=Q(kind__in=["fixed", "target"])),
            models.CheckConstraint(
                name="auto_top_up_amounts_are_positive", condition=Q(threshold__gt=0, amount__gt=0, daily_cap__gt=0)
            ),
            models.CheckConstraint(
                name="auto_top_up_target_is_above_threshold", condition=Q(kind="fixed") | Q(amount__gt=F("threshold"))
            ),
            models.CheckConstraint(
                name="auto_top_up_cap_holds_one",
                condition=Q(kind="target") | Q(daily_cap__gte=F("amount")),
            ),
            models.CheckConstraint(
                name="auto_top_up_on_has_a_method", condition=Q(is_on=False) | Q(method__isnull=False)
            ),
            models.CheckConstraint(
                name="auto_top_up_pauses_only_after_a_failure",
                condition=Q(paused_until=None) | (Q(is_on=True) & ~Q(failure_code="")),
            ),
            models.CheckConstraint(
                name="auto_top_up_low_is_positive", condition=Q(low_below=None) | Q(low_below__gt=0)
            ),
            models.CheckConstraint(
                name="auto_top_up_is_low_below_something", condition=Q(low_since=None) | Q(low_below__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.amount} {self.currency}"

    @property
    def is_paused(self) -> bool:
        """Whether it waits, because it did not work a while ago."""
        return self.paused_until is not None and self.paused_until > clock.now()
