"""Money that leaves to people: the terms, where to, files for the bank, and payouts."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.fields import EncryptedField
from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.core.money import format_money
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class PayoutTermsQuerySet(models.QuerySet["PayoutTerms"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if getattr(user, "is_admin", False) else self.none()


class PayoutTerms(BaseModel):
    """What the business decided about payouts; one row. What was asked for before keeps its own terms."""

    class Schedule(models.TextChoices):
        """When earnings are asked for by themselves."""

        NEVER = "never", _("Only when somebody asks")
        WEEKLY = "weekly", _("Every Monday")
        MONTHLY = "monthly", _("On the first of each month")

    only = models.BooleanField(default=True, unique=True, editable=False)
    minimum = models.BigIntegerField(default=1_000)
    # Kept back of each payout.
    fee = models.BigIntegerField(default=0)
    # From this amount on two admins approve; null: one is enough.
    second_amount = models.BigIntegerField(null=True, blank=True)
    schedule = models.CharField(max_length=10, choices=Schedule, default=Schedule.NEVER)
    # What came by card and goes to a bank costs the business the fees of both.
    pays_wallets = models.BooleanField(default=False)
    pays_crypto = models.BooleanField(default=False)
    # The business's own account, which a file for the bank names.
    bank_iban = models.CharField(max_length=34, blank=True)
    bank_bic = models.CharField(max_length=11, blank=True)

    objects = PayoutTermsQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="payout_terms_are_one", condition=Q(only=True)),
            models.CheckConstraint(name="payout_terms_leave_something", condition=Q(fee__gte=0, minimum__gt=F("fee"))),
            models.CheckConstraint(
                name="payout_terms_second_is_positive", condition=Q(second_amount=None) | Q(second_amount__gt=0)
            ),
            models.CheckConstraint(
                name="payout_terms_schedule_is_known", condition=Q(schedule__in=["never", "weekly", "monthly"])
            ),
        ]

    def __str__(self) -> str:
        return "payouts"


class PayoutAccountQuerySet(models.QuerySet["PayoutAccount"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Each person sees their own; admins see whom they pay, masked."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(owner=user)

    def live(self) -> Self:
        return self.filter(disabled_at=None)


class PayoutAccount(BaseModel):
    """One way in which somebody can be paid. Its details never change: another number is another account.

    So what was approved goes where it was approved to.
    """

    class Method(models.TextChoices):
        """How money gets there; the names are those of the ledger's accounts too."""

        STRIPE = "stripe", _("Stripe")
        SEPA = "sepa", _("Bank account")
        PAYPAL = "paypal", _("PayPal")
        CRYPTO = "crypto", _("Crypto")
        MANUAL = "manual", _("By hand")

    owner = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="payout_accounts")
    method = models.CharField(max_length=10, choices=Method)
    # As its bank knows them.
    holder = models.CharField(max_length=70)
    # JSON: what the method needs to send money here.
    details = EncryptedField()
    # Enough for its owner to know it again.
    masked = models.CharField(max_length=300)
    is_default = models.BooleanField(default=False)
    # Nothing is paid to a new one before: its owner was told, and has that long to say that it is not theirs.
    usable_from = models.DateTimeField()
    # When a payout to it first arrived.
    verified_at = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)

    objects = PayoutAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="payout_account_method_is_known",
                condition=Q(method__in=["stripe", "sepa", "paypal", "crypto", "manual"]),
            ),
            models.CheckConstraint(
                name="payout_account_default_is_live", condition=Q(is_default=False) | Q(disabled_at=None)
            ),
            models.UniqueConstraint(name="payout_account_one_default", fields=["owner"], condition=Q(is_default=True)),
        ]
        indexes = [models.Index(name="payout_account_by_owner", fields=["owner", "-id"])]

    def __str__(self) -> str:
        method = str(self.get_method_display())
        return method if self.method == self.Method.MANUAL else f"{method} {self.masked}"

    @property
    def is_new(self) -> bool:
        """Whether it still waits before it can be paid to."""
        return self.usable_from > clock.now()


class PayoutBatchQuerySet(models.QuerySet["PayoutBatch"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if getattr(user, "is_admin", False) else self.none()


class PayoutBatch(BaseModel):
    """Approved payouts that leave by one file, which an admin hands to the bank."""

    class State(models.TextChoices):
        MADE = "made", _("File made")
        SENT = "sent", _("Sent")
        DROPPED = "dropped", _("Dropped")

    method = models.CharField(max_length=10, choices=PayoutAccount.Method)
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    count = models.PositiveIntegerField()
    total = models.BigIntegerField()
    # The file as it was made: made anew, it would be another one for the bank, which then pays twice.
    document = EncryptedField()
    state = models.CharField(max_length=10, choices=State, default=State.MADE)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    sent_at = models.DateTimeField(null=True)
    # Who took the file last: from then on the bank may have it.
    read_at = models.DateTimeField(null=True)
    read_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = PayoutBatchQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="payout_batch_is_not_empty", condition=Q(count__gt=0, total__gt=0)),
            models.CheckConstraint(
                name="payout_batch_state_is_known", condition=Q(state__in=["made", "sent", "dropped"])
            ),
            models.CheckConstraint(
                name="payout_batch_sent_has_a_time",
                condition=Q(state="sent", sent_at__isnull=False) | (~Q(state="sent") & Q(sent_at=None)),
            ),
            models.CheckConstraint(
                name="payout_batch_is_read_by_somebody",
                condition=Q(read_at=None, read_by=None) | Q(read_at__isnull=False, read_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()} {self.count}"


class PayoutQuerySet(models.QuerySet["Payout"]):
    def visible_to(self, user: "Viewer") -> Self:
        """A payout is its payee's and the admins' to see."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(payee=user)

    def under_way(self) -> Self:
        return self.filter(state__in=Payout.UNDER_WAY)


class Payout(BaseModel):
    """Money that leaves to a person, from earnings or wallet; asked for, held, approved by somebody else, sent."""

    class State(models.TextChoices):
        ASKED = "asked", _("Asked for")
        APPROVED = "approved", _("Approved")
        SENT = "sent", _("On its way")
        DONE = "done", _("Paid out")
        FAILED = "failed", _("Failed")
        REJECTED = "rejected", _("Rejected")
        CANCELLED = "cancelled", _("Cancelled")

    class Source(models.TextChoices):
        EARNINGS = "earnings", _("Earnings")
        WALLET = "wallet", _("Wallet")

    # Their amount is held; of all others but `done` it was given back.
    UNDER_WAY = ("asked", "approved", "sent")
    # Their whole amount is their payee's again, also what would have been the fee.
    WENT_BACK = ("cancelled", "rejected", "failed")

    payee = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="payouts")
    account = models.ForeignKey(PayoutAccount, models.PROTECT, related_name="payouts")
    method = models.CharField(max_length=10, choices=PayoutAccount.Method)
    source = models.CharField(max_length=10, choices=Source)
    # What leaves the payee's balance; the fee is kept of it, the rest is sent.
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(default=0)
    # What was owed for earlier refunds, and given back before this was asked for.
    settled = models.BigIntegerField(default=0)
    # What the method took from the business.
    cost = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    is_automatic = models.BooleanField(default=False)
    needs_second = models.BooleanField(default=False)
    approved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    seconded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    batch = models.ForeignKey(PayoutBatch, models.PROTECT, null=True, related_name="payouts")
    sent_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reference = models.CharField(max_length=120, null=True)
    # What whoever rejected it said, and what the method said of its failure.
    word = models.CharField(max_length=300, blank=True)
    failure_code = models.CharField(max_length=60, blank=True)
    # When the job sent it or asked what became of it last.
    asked_at = models.DateTimeField(null=True)

    objects = PayoutQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="payout_sends_something",
                condition=Q(amount__gt=F("fee"), fee__gte=0, settled__gte=0, cost__gte=0),
            ),
            models.CheckConstraint(
                name="payout_state_is_known",
                condition=Q(state__in=["asked", "approved", "sent", "done", "failed", "rejected", "cancelled"]),
            ),
            models.CheckConstraint(
                name="payout_settles_from_earnings",
                condition=Q(source="earnings") | Q(source="wallet", settled=0),
            ),
            models.CheckConstraint(
                name="payout_is_approved_by_somebody_else",
                condition=(Q(approved_by=None) | ~Q(approved_by=F("payee")))
                & (Q(seconded_by=None) | ~Q(seconded_by=F("payee"))),
            ),
            models.CheckConstraint(
                name="payout_is_approved_by_two",
                condition=Q(seconded_by=None) | (Q(approved_by__isnull=False) & ~Q(seconded_by=F("approved_by"))),
            ),
            models.CheckConstraint(
                name="payout_leaves_approved",
                condition=Q(state__in=["asked", "rejected", "cancelled"])
                | (
                    Q(approved_by__isnull=False, approved_at__isnull=False)
                    & (Q(needs_second=False) | Q(seconded_by__isnull=False))
                ),
            ),
            models.CheckConstraint(
                name="payout_sent_has_a_time",
                condition=Q(state__in=["sent", "done", "failed"], sent_at__isnull=False)
                | (~Q(state__in=["sent", "done", "failed"]) & Q(sent_at=None)),
            ),
            models.CheckConstraint(
                name="payout_ended_has_a_time",
                condition=Q(state__in=["asked", "approved", "sent"], ended_at=None)
                | (~Q(state__in=["asked", "approved", "sent"]) & Q(ended_at__isnull=False)),
            ),
            models.UniqueConstraint(name="payout_reference_once", fields=["method", "reference"]),
        ]
        indexes = [
            models.Index(name="payout_by_payee", fields=["payee", "-id"]),
            models.Index(name="payout_under_way", fields=["id"], condition=Q(state__in=["asked", "approved", "sent"])),
        ]

    def __str__(self) -> str:
        return format_money(self.amount, self.currency, "en")

    @property
    def sent_amount(self) -> int:
        """What arrives: the amount less the fee."""
        return self.amount - self.fee

    @property
    def taken(self) -> int:
        """What left the balance in all: the amount, and what was given back first."""
        return self.amount + self.settled

    @property
    def settled_change(self) -> int:
        return -self.settled

    @property
    def fee_change(self) -> int:
        return -self.fee

    @property
    def went_back(self) -> bool:
        return self.state in self.WENT_BACK

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY
