"""Money that goes back to whoever paid it."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.core.money import format_money
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class RefundTo(models.TextChoices):
    """Where that goes back to which was paid from outside."""

    CREDIT = "credit", _("Credit")
    WALLET = "wallet", _("Wallet")
    METHOD = "method", _("The way it was paid")


class RefundTermsQuerySet(models.QuerySet["RefundTerms"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if getattr(user, "is_admin", False) else self.none()


class RefundTerms(BaseModel):
    """What the business decided about refunds; one row. What was sold before keeps where its cancellation goes."""

    only = models.BooleanField(default=True, unique=True, editable=False)
    # So long after it took place, or was paid, one may ask.
    ask_days = models.PositiveSmallIntegerField(default=14)
    # What is asked for is granted by itself up to this amount in all for each thing; null: an admin always looks.
    automatic_amount = models.BigIntegerField(null=True, blank=True)
    # Where the own share of what is sold now goes when its buyer cancels.
    cancellation_to = models.CharField(max_length=6, choices=RefundTo, default=RefundTo.CREDIT)

    objects = RefundTermsQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="refund_terms_are_one", condition=Q(only=True)),
            models.CheckConstraint(
                name="refund_terms_automatic_is_positive",
                condition=Q(automatic_amount=None) | Q(automatic_amount__gt=0),
            ),
            models.CheckConstraint(
                name="refund_terms_go_to_a_known_place", condition=Q(cancellation_to__in=["credit", "wallet", "method"])
            ),
        ]

    def __str__(self) -> str:
        return "refunds"


class RefundQuerySet(models.QuerySet["Refund"]):
    def visible_to(self, user: "Viewer") -> Self:
        """A refund is the buyer's and the admins' to see."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(user=user)

    def waiting(self) -> Self:
        """Those that somebody or something still has to deal with."""
        return self.filter(state__in=Refund.WAITING)

    def granted(self) -> Self:
        return self.filter(state__in=Refund.GRANTED)


class Refund(BaseModel):
    """Money that goes back of what somebody bought or topped up: asked for, granted by somebody else, sent.

    Its parts go back to who paid them; the own part, to where it says.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("Asked for")
        APPROVED = "approved", _("Granted")
        SENT = "sent", _("On its way")
        DONE = "done", _("Given back")
        FAILED = "failed", _("Did not arrive")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    class Origin(models.TextChoices):
        REQUEST = "request", _("Asked for")
        ADMIN = "admin", _("Given")
        CANCELLATION = "cancellation", _("Cancelled")
        # What a bank took back of a line for good, and gave its customer.
        DISPUTE = "dispute", _("Taken back by the bank")

    WAITING = ("asked", "approved", "sent", "failed")
    # Their amount has gone back, or is held to go.
    GRANTED = ("approved", "sent", "done", "failed")
    # Their own part is held.
    HELD = ("approved", "sent", "failed")

    # Who gets it.
    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="refunds")
    # What was paid from outside, if anything was; by itself it is a top-up.
    payment = models.ForeignKey("payments.Payment", models.PROTECT, null=True, related_name="refunds")
    provider = models.CharField(max_length=20, blank=True)
    # The line of an order; a plain id, since orders stand above payments.
    line_id = models.UUIDField(null=True)
    description = models.CharField(max_length=200)
    origin = models.CharField(max_length=12, choices=Origin, default=Origin.REQUEST)
    # Of the whole price, whoever paid it: how much was asked for, and how much of it was granted.
    asked = models.BigIntegerField()
    amount = models.BigIntegerField(default=0)
    company = models.BigIntegerField(default=0)
    credit = models.BigIntegerField(default=0)
    wallet = models.BigIntegerField(default=0)
    own = models.BigIntegerField(default=0)
    sponsor = models.BigIntegerField(default=0, db_default=0)
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    to = models.CharField(max_length=6, choices=RefundTo)
    reason = models.CharField(_("Reason"), max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    # Granted by the terms, without anybody's review.
    by_policy = models.BooleanField(default=False)
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    # What whoever decided said.
    word = models.CharField(_("Word"), max_length=300, blank=True)
    # Which time it is sent; each has a key of its own at the provider.
    attempt = models.PositiveSmallIntegerField(default=1)
    sent_at = models.DateTimeField(null=True)
    # When the job sent it or asked what became of it last.
    asked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # Who said that it was sent back by hand.
    marked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reference = models.CharField(max_length=120, null=True)
    failure_code = models.CharField(max_length=60, blank=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="refund_is_of_something",
                condition=Q(line_id__isnull=False)
                | Q(payment__isnull=False, to__in=["method", "wallet"], company=0, sponsor=0, credit=0, wallet=0),
            ),
            models.CheckConstraint(
                name="refund_parts_sum_to_its_amount",
                condition=Q(amount=F("company") + F("credit") + F("wallet") + F("own") + F("sponsor")),
            ),
            models.CheckConstraint(
                name="refund_parts_are_not_negative",
                condition=Q(company__gte=0, credit__gte=0, wallet__gte=0, own__gte=0, sponsor__gte=0),
            ),
            models.CheckConstraint(
                name="refund_grants_no_more_than_was_asked", condition=Q(asked__gt=0, amount__lte=F("asked"))
            ),
            models.CheckConstraint(
                name="refund_state_is_known",
                condition=Q(state__in=["asked", "approved", "sent", "done", "failed", "rejected", "withdrawn"])
                & Q(origin__in=["request", "admin", "cancellation", "dispute"], to__in=["credit", "wallet", "method"]),
            ),
            models.CheckConstraint(
                name="refund_granted_has_an_amount",
                condition=Q(state__in=["approved", "sent", "done", "failed"], amount__gt=0)
                | (~Q(state__in=["approved", "sent", "done", "failed"]) & Q(amount=0)),
            ),
            models.CheckConstraint(
                name="refund_is_decided_by_somebody_else",
                condition=(Q(reviewed_by=None) | ~Q(reviewed_by=F("user")))
                & (Q(marked_by=None) | ~Q(marked_by=F("user"))),
            ),
            models.CheckConstraint(
                name="refund_is_decided_at_a_time",
                condition=Q(state__in=["asked", "withdrawn"], reviewed_by=None, reviewed_at=None, by_policy=False)
                | (
                    ~Q(state__in=["asked", "withdrawn"])
                    & Q(reviewed_at__isnull=False)
                    & (Q(by_policy=True, reviewed_by=None) | Q(by_policy=False, reviewed_by__isnull=False))
                ),
            ),
            models.CheckConstraint(
                name="refund_waits_only_where_it_leaves",
                condition=~Q(state__in=["approved", "sent", "failed"])
                | Q(to="method", own__gt=0, payment__isnull=False),
            ),
            models.CheckConstraint(
                name="refund_sent_has_a_time", condition=~Q(state__in=["sent", "failed"]) | Q(sent_at__isnull=False)
            ),
            models.CheckConstraint(
                name="refund_ended_has_a_time",
                condition=Q(state__in=["done", "rejected", "withdrawn"], ended_at__isnull=False)
                | (~Q(state__in=["done", "rejected", "withdrawn"]) & Q(ended_at=None)),
            ),
            models.UniqueConstraint(name="refund_reference_once", fields=["provider", "reference"]),
            models.UniqueConstraint(
                name="refund_one_open_request_per_line", fields=["line_id"], condition=Q(state="asked")
            ),
            models.UniqueConstraint(
                name="refund_one_open_request_per_top_up",
                fields=["payment"],
                condition=Q(state="asked", line_id=None),
            ),
        ]
        indexes = [
            models.Index(name="refund_by_user", fields=["user", "-id"]),
            models.Index(name="refund_by_line", fields=["line_id"]),
            models.Index(
                name="refund_waiting", fields=["id"], condition=Q(state__in=["asked", "approved", "sent", "failed"])
            ),
        ]

    def __str__(self) -> str:
        return format_money(self.amount or self.asked, self.currency, "en")

    @property
    def said_description(self) -> str:
        """What it is of, in the reader's words where they are ours."""
        return self.payment.said_description if self.line_id is None and self.payment else self.description

    @property
    def key(self) -> str:
        """What the provider knows this try of it by, and what ends the key of what it moves."""
        return str(self.pk) if self.attempt == 1 else f"{self.pk}:{self.attempt}"

    @property
    def hold_key(self) -> str:
        """The key of the transfer that set its own part aside."""
        if self.line_id is None:
            return f"refund:{self.pk}:hold"
        by = "" if self.origin == self.Origin.CANCELLATION else f":refund:{self.pk}"
        return f"line:{self.line_id}:own:hold{by}"

    @property
    def buyers(self) -> int:
        """What of it is for whoever bought."""
        return self.amount - self.company - self.sponsor

    @property
    def is_open(self) -> bool:
        return self.state == self.State.ASKED
