"""Who funds whom: the sponsorships of employers and others, the people they name, and what they paid of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class SponsorshipQuerySet(models.QuerySet["Sponsorship"]):
    def visible_to(self, user: "Viewer") -> Self:
        """A budget is its sponsor's and the admins' to see; whom it funds sees their own part (`SponsoredPerson`)."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(sponsor=user)


class Sponsorship(BaseModel):
    """A budget from which somebody pays a part of what named people buy, from and until when.

    Its terms never change; it may end earlier, and its pot may be raised. `spent` is what it gave, less what came back;
    what is held for an order that is not paid yet counts.
    """

    sponsor = models.ForeignKey(User, models.PROTECT, related_name="sponsorships")
    name = models.CharField(_("Name"), max_length=80)
    percent = models.PositiveSmallIntegerField(
        _("Percent"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    amount = models.BigIntegerField(_("Fixed amount"), null=True, blank=True)
    cap = models.BigIntegerField(_("At most"), null=True, blank=True)
    # The most in all, and the most for each person; null: as much as it comes to.
    pot = models.BigIntegerField(_("Budget"), null=True, blank=True)
    per_person = models.BigIntegerField(_("For each person"), null=True, blank=True)
    spent = models.BigIntegerField(default=0, db_default=0)
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    # For which kinds of things (`Line.Kind`); none: for all.
    kinds = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    active_from = models.DateTimeField(_("From"))
    active_until = models.DateTimeField(_("Until"), null=True, blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = SponsorshipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sponsorship_is_percent_or_amount",
                condition=Q(percent__isnull=False, amount=None) | Q(percent=None, amount__isnull=False, cap=None),
            ),
            models.CheckConstraint(
                name="sponsorship_percent_is_within", condition=Q(percent=None) | Q(percent__gte=1, percent__lte=100)
            ),
            models.CheckConstraint(
                name="sponsorship_amounts_are_positive",
                condition=(Q(amount=None) | Q(amount__gt=0))
                & (Q(cap=None) | Q(cap__gt=0))
                & (Q(pot=None) | Q(pot__gt=0))
                & (Q(per_person=None) | Q(per_person__gt=0)),
            ),
            models.CheckConstraint(
                name="sponsorship_stays_in_its_pot", condition=Q(spent__gte=0) & (Q(pot=None) | Q(spent__lte=F("pot")))
            ),
            models.CheckConstraint(
                name="sponsorship_ends_after_it_starts",
                condition=Q(active_until=None) | Q(active_until__gte=F("active_from")),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def left(self) -> int | None:
        """What is left of the pot, in minor units; None: there is no end to it."""
        return None if self.pot is None else self.pot - self.spent

    @property
    def transfer_reference(self) -> str:
        """What the sponsor writes on a bank transfer, so that an admin knows the money."""
        return f"S{self.pk.hex[-9:].upper()}"

    def is_over(self, now: datetime) -> bool:
        """Whether it pays nothing any more, or never did."""
        return self.active_until is not None and self.active_until <= max(now, self.active_from)


class SponsoredPersonQuerySet(models.QuerySet["SponsoredPerson"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whoever is funded sees their own part, a sponsor those whom they fund; admins see everybody."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(Q(user=user) | Q(sponsorship__sponsor=user))

    def funding(self, at: datetime) -> Self:
        """Those for whom something is paid at a time, in the order in which it is: what ends first, then the oldest."""
        began = self.filter(removed_at=None, sponsorship__active_from__lte=at)
        funding = began.filter(Q(sponsorship__active_until=None) | Q(sponsorship__active_until__gt=at))
        return funding.order_by(F("sponsorship__active_until").asc(nulls_last=True), "sponsorship_id")

    def past(self, at: datetime) -> Self:
        """Those for whom something was paid, and nothing is at a time: they were removed, or the budget is over."""
        return self.filter(Q(removed_at__isnull=False) | Q(sponsorship__active_until__lte=at), spent__gt=0)


class SponsoredPerson(BaseModel):
    """Somebody whom a sponsorship names, and what it paid for them; added again, they go on where they were."""

    sponsorship = models.ForeignKey(Sponsorship, models.PROTECT, related_name="people")
    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="sponsored_by")
    # The most for them: what their sponsorship has for each person, here as well so that the database can hold it.
    most = models.BigIntegerField(null=True)
    spent = models.BigIntegerField(default=0, db_default=0)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    objects = SponsoredPersonQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="sponsored_person_once_in_each", fields=["user", "sponsorship"]),
            models.CheckConstraint(
                name="sponsored_person_stays_within",
                condition=Q(spent__gte=0) & (Q(most=None) | Q(spent__lte=F("most"))),
            ),
        ]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def left(self) -> int | None:
        """What it still has for them (minor units), of their own part and of the pot; None: there is no end to it."""
        ends = [self.most - self.spent] if self.most is not None else []
        if (in_pot := self.sponsorship.left) is not None:
            ends.append(in_pot)
        return min(ends, default=None)

    @property
    def over_at(self) -> datetime | None:
        """When it pays for them no more: once they were removed, or the budget ends; None: there is no end to it."""
        ends = [self.removed_at, self.sponsorship.active_until]
        return min((at for at in ends if at is not None), default=None)


class SponsorPaymentQuerySet(models.QuerySet["SponsorPayment"]):
    def visible_to(self, user: "Viewer") -> Self:
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(sponsorship__sponsor=user)


class SponsorPayment(BaseModel):
    """Money that came from a sponsor by bank transfer for what they owed, as an admin saw it; never changed."""

    sponsorship = models.ForeignKey(Sponsorship, models.PROTECT, related_name="payments")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    # What stands on the bank's statement.
    reference = models.CharField(_("Reference"), max_length=140, blank=True)
    received_on = models.DateField(_("Received"))
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    objects = SponsorPaymentQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(name="sponsor_payment_is_positive", condition=Q(amount__gt=0))]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
