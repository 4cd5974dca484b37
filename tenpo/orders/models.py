from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from tenpo.core.db import TsTzRange, UuidPoint
from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.core.words import say_percent
from tenpo.orders.cancelling import Policy, read_policy
from tenpo.orders.sponsor_models import Sponsorship
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

EVERYBODY = "00000000-0000-0000-0000-000000000000"
# The rules of a cancellation policy beside its windows.
POLICY_COLUMNS = ("no_show_percent", "grace_count", "grace_days", "reschedules", "reschedule_hours")


class CancellationPolicyQuerySet(models.QuerySet["CancellationPolicy"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self if user.is_authenticated else self.none()


class CancellationPolicy(BaseModel):
    """What comes back to whoever cancels or does not come, and when it may be moved; see `tenpo.orders.cancelling`.

    A change makes a new row: a booking keeps a copy of what held when it was made.
    """

    name = models.CharField(_("Name"), max_length=80)
    windows = models.JSONField(default=list)
    no_show_percent = models.PositiveSmallIntegerField(default=0, db_default=0)
    # So many late cancellations and no-shows of a person within so many days cost nothing.
    grace_count = models.PositiveSmallIntegerField(default=0, db_default=0)
    grace_days = models.PositiveSmallIntegerField(default=0, db_default=0)
    # How often a booking may be moved, and until how many hours before it starts.
    reschedules = models.PositiveSmallIntegerField(default=0, db_default=0)
    reschedule_hours = models.PositiveSmallIntegerField(default=0, db_default=0)
    is_default = models.BooleanField(default=False)
    retired_at = models.DateTimeField(null=True)

    objects = CancellationPolicyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="cancellation_policy_one_default", fields=["is_default"], condition=Q(is_default=True)
            ),
            models.CheckConstraint(
                name="cancellation_policy_no_show_percent_is_within",
                condition=Q(no_show_percent__gte=0, no_show_percent__lte=100),
            ),
            models.CheckConstraint(
                name="cancellation_policy_grace_has_days",
                condition=Q(grace_count=0, grace_days=0)
                | Q(grace_count__gte=1, grace_count__lte=20, grace_days__gte=1, grace_days__lte=365),
            ),
            models.CheckConstraint(
                name="cancellation_policy_reschedules_are_within",
                condition=Q(reschedules=0, reschedule_hours=0)
                | Q(reschedules__gte=1, reschedules__lte=20, reschedule_hours__gte=0, reschedule_hours__lte=2160),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> Policy:
        """What it says, as `tenpo.orders.cancelling` takes it."""
        return read_policy(self.windows, {name: getattr(self, name) for name in POLICY_COLUMNS})


class SharePolicyQuerySet(models.QuerySet["SharePolicy"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Everybody may know what the company pays; admins decide it."""
        return self if user.is_authenticated else self.none()

    def in_force(self, at: datetime) -> Self:
        return self.filter(Q(active_until=None) | Q(active_until__gt=at), active_from__lte=at)


class SharePolicy(BaseModel):
    """The part of a price that the company pays, from and until when; for everybody's sessions or one coach's.

    The terms of a policy never change. A new version starts when it says and ends the one before it.
    """

    name = models.CharField(_("Name"), max_length=80)
    coach = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="share_policies")
    percent = models.PositiveSmallIntegerField(
        _("Percent"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    amount = models.BigIntegerField(_("Fixed amount"), null=True, blank=True)
    cap = models.BigIntegerField(_("At most"), null=True, blank=True)
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    active_from = models.DateTimeField(_("From"))
    active_until = models.DateTimeField(_("Until"), null=True, blank=True)
    supersedes = models.ForeignKey("self", models.PROTECT, null=True, related_name="superseded_by")
    created_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = SharePolicyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="share_policy_is_percent_or_amount",
                condition=Q(percent__isnull=False, amount=None) | Q(percent=None, amount__isnull=False, cap=None),
            ),
            models.CheckConstraint(
                name="share_policy_percent_is_within", condition=Q(percent=None) | Q(percent__gte=1, percent__lte=100)
            ),
            models.CheckConstraint(
                name="share_policy_amounts_are_positive",
                condition=(Q(amount=None) | Q(amount__gt=0)) & (Q(cap=None) | Q(cap__gt=0)),
            ),
            models.CheckConstraint(
                name="share_policy_ends_after_it_starts",
                condition=Q(active_until=None) | Q(active_until__gte=F("active_from")),
            ),
            ExclusionConstraint(
                name="share_policy_one_in_force",
                expressions=[
                    (
                        UuidPoint(Coalesce(F("coach"), Value(EVERYBODY, output_field=models.UUIDField()))),
                        RangeOperators.OVERLAPS,
                    ),
                    (TsTzRange(F("active_from"), F("active_until"), Value("[)")), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [models.Index(name="share_policy_by_start", fields=["-active_from"])]

    def __str__(self) -> str:
        return self.name


class SplitRuleQuerySet(models.QuerySet["SplitRule"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Who earns what is between the business and whoever earns: admins see every rule, coaches their own."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(coach=user)

    def in_force(self, at: datetime) -> Self:
        return self.filter(Q(active_until=None) | Q(active_until__gt=at), active_from__lte=at)


class SplitRule(BaseModel):
    """Who earns which part of what is sold, from and until when; the first one that fits decides.

    A coach's own rule goes before those for everybody; then one for that very thing before one for its kind, and that
    before one for anything; then the lower place, then the newer one. Without any, all of it is the business's. The
    percentages of a rule never change.
    """

    class TaughtBy(models.TextChoices):
        ANYBODY = "", _("Anybody")
        CREATOR = "creator", _("Whoever made it")
        OTHER = "other", _("Somebody else")

    name = models.CharField(_("Name"), max_length=80)
    place = models.PositiveSmallIntegerField(_("Place"), default=100)
    coach = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="split_rules")
    # What it is for: a kind of line, or anything; and of it one thing that is offered, such as a service. A plain id,
    # since what is offered stands above orders.
    kind = models.CharField(max_length=12, blank=True, default="", db_default="")
    offered_id = models.UUIDField(null=True)
    taught_by = models.CharField(max_length=8, choices=TaughtBy, blank=True, default=TaughtBy.ANYBODY)
    # Of the price; together all of it. Who made it and teaches it earns both shares.
    business_percent = models.PositiveSmallIntegerField(_("The business"))
    creator_percent = models.PositiveSmallIntegerField(_("Whoever made it"))
    teacher_percent = models.PositiveSmallIntegerField(_("Whoever teaches it"))
    active_from = models.DateTimeField(_("From"))
    active_until = models.DateTimeField(_("Until"), null=True, blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = SplitRuleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="split_rule_divides_all",
                condition=Q(business_percent=100 - F("creator_percent") - F("teacher_percent")),
            ),
            models.CheckConstraint(
                name="split_rule_ends_after_it_starts",
                condition=Q(active_until=None) | Q(active_until__gte=F("active_from")),
            ),
            models.CheckConstraint(
                name="split_rule_for_one_thing_says_its_kind", condition=Q(offered_id=None) | ~Q(kind="")
            ),
        ]
        indexes = [models.Index(name="split_rule_by_start", fields=["-active_from"])]

    def __str__(self) -> str:
        return self.name

    def holds(self, at: datetime) -> bool:
        """Whether it was in force at a time."""
        return self.active_from <= at and (self.active_until is None or at < self.active_until)


class OrderQuerySet(models.QuerySet["Order"]):
    def visible_to(self, user: "Viewer") -> Self:
        """An order is its buyer's and the admins' to see."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(buyer=user)


class Order(BaseModel):
    """What somebody buys at once, whatever it is."""

    class State(models.TextChoices):
        OPEN = "open", _("To be paid")
        PAID = "paid", _("Paid")
        VOID = "void", _("Not completed")

    number = models.CharField(max_length=12, unique=True)
    buyer = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="orders")
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    settled_at = models.DateTimeField(null=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="order_settled_when_not_open",
                condition=Q(state="open", settled_at=None) | Q(state__in=["paid", "void"], settled_at__isnull=False),
            )
        ]
        indexes = [models.Index(name="order_by_buyer", fields=["buyer", "-id"])]

    def __str__(self) -> str:
        return self.number


class LineQuerySet(models.QuerySet["Line"]):
    def visible_to(self, user: "Viewer") -> Self:
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(order__buyer=user)


class Line(BaseModel):
    """One thing in an order: its price, and who pays which part of it, frozen when it was ordered."""

    class Kind(models.TextChoices):
        SESSION = "session", _("Session")

    order = models.ForeignKey(Order, models.PROTECT, related_name="lines")
    kind = models.CharField(max_length=12, choices=Kind)
    # What is bought (a session); a plain id, since what can be sold stands above orders.
    subject_id = models.UUIDField()
    description = models.CharField(max_length=200)
    price = models.BigIntegerField()
    company_share = models.BigIntegerField(default=0)
    credit_spent = models.BigIntegerField(default=0)
    wallet_spent = models.BigIntegerField(db_default=0, default=0)
    own_share = models.BigIntegerField()
    share_policy = models.ForeignKey(SharePolicy, models.PROTECT, null=True, related_name="lines")
    sponsor_share = models.BigIntegerField(db_default=0, default=0)
    sponsorship = models.ForeignKey(Sponsorship, models.PROTECT, null=True, db_index=False, related_name="lines")
    # By which rule it is divided, should others give it by then; none also of what was ordered before lines said so.
    split_rule = models.ForeignKey(SplitRule, models.PROTECT, null=True, db_index=False, related_name="+")
    # Whether somebody else earns of it: then it has splits.
    is_split = models.BooleanField(default=False, db_default=False)
    # How much of each part went back so far.
    company_back = models.BigIntegerField(default=0, db_default=0)
    credit_back = models.BigIntegerField(default=0, db_default=0)
    wallet_back = models.BigIntegerField(default=0, db_default=0)
    own_back = models.BigIntegerField(default=0, db_default=0)
    sponsor_back = models.BigIntegerField(default=0, db_default=0)
    # Where the own share goes when the buyer cancels, as it was said before they paid, where the window that holds then
    # says no other place; once it was cancelled, where it went.
    back_to = models.CharField(max_length=6, choices=RefundTo, default=RefundTo.CREDIT, db_default="credit")
    # What a cancellation gave back of what was left then.
    refunded_percent = models.PositiveSmallIntegerField(null=True)
    refunded_at = models.DateTimeField(null=True)

    objects = LineQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="line_shares_sum_to_the_price",
                condition=Q(
                    price=F("company_share")
                    + F("sponsor_share")
                    + F("credit_spent")
                    + F("wallet_spent")
                    + F("own_share")
                ),
            ),
            models.CheckConstraint(
                name="line_shares_are_not_negative",
                condition=Q(
                    company_share__gte=0,
                    sponsor_share__gte=0,
                    credit_spent__gte=0,
                    wallet_spent__gte=0,
                    own_share__gte=0,
                ),
            ),
            models.CheckConstraint(
                name="line_gives_back_within",
                condition=Q(company_back__gte=0, company_back__lte=F("company_share"))
                & Q(credit_back__gte=0, credit_back__lte=F("credit_spent"))
                & Q(wallet_back__gte=0, wallet_back__lte=F("wallet_spent"))
                & Q(own_back__gte=0, own_back__lte=F("own_share")),
            ),
            models.CheckConstraint(
                name="line_gives_back_to_a_known_place", condition=Q(back_to__in=["credit", "wallet", "method"])
            ),
            models.CheckConstraint(
                name="line_company_share_has_a_policy", condition=Q(company_share=0) | Q(share_policy__isnull=False)
            ),
            models.CheckConstraint(
                name="line_sponsor_share_has_a_sponsorship", condition=Q(sponsor_share=0) | Q(sponsorship__isnull=False)
            ),
            models.CheckConstraint(
                name="line_sponsor_gets_back_within",
                condition=Q(sponsor_back__gte=0, sponsor_back__lte=F("sponsor_share")),
            ),
            models.CheckConstraint(
                name="line_refunded_percent_is_within",
                condition=Q(refunded_percent=None, refunded_at=None)
                | Q(refunded_percent__gte=0, refunded_percent__lte=100, refunded_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="line_by_subject", fields=["kind", "subject_id"]),
            models.Index(name="line_by_sponsorship", fields=["sponsorship", "-id"], condition=~Q(sponsorship=None)),
        ]

    def __str__(self) -> str:
        return self.description


class SplitQuerySet(models.QuerySet["Split"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Each sees what they earn; admins see everything."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(recipient=user)


class Split(BaseModel):
    """Who earns which part of a line, frozen when it was ordered; theirs once what was sold has taken place."""

    class Part(models.TextChoices):
        BUSINESS = "business", _("The business")
        CREATOR = "creator", _("Made and taught")
        ROYALTY = "royalty", _("Royalty")
        TEACHER = "teacher", _("Taught")

    line = models.ForeignKey(Line, models.PROTECT, db_index=False, related_name="splits")
    part = models.CharField(max_length=8, choices=Part)
    recipient = models.ForeignKey(User, models.PROTECT, null=True, db_index=False, related_name="splits")
    percent = models.PositiveSmallIntegerField()
    amount = models.BigIntegerField()
    # How much of it went back with refunds.
    reversed = models.BigIntegerField(default=0, db_default=0)
    earned_at = models.DateTimeField(null=True)

    objects = SplitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="split_one_of_each_part_and_person", fields=["line", "part", "recipient"], nulls_distinct=False
            ),
            models.CheckConstraint(
                name="split_is_reversed_within", condition=Q(amount__gte=0, reversed__gte=0, reversed__lte=F("amount"))
            ),
            models.CheckConstraint(
                name="split_of_a_person_has_a_recipient",
                condition=Q(part="business", recipient=None, earned_at=None)
                | Q(part__in=["creator", "royalty", "teacher"], recipient__isnull=False),
            ),
        ]
        indexes = [models.Index(name="split_by_recipient", fields=["recipient", "-id"])]

    def __str__(self) -> str:
        return f"{self.get_part_display()} {self.amount}"

    @property
    def said_percent(self) -> str:
        """Which part of the price it is, in the reader's words: "15%"."""
        return say_percent(self.percent / 100)

    @property
    def left(self) -> int:
        """What of it was not given back, in minor units."""
        return self.amount - self.reversed
