from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q

from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.ledger.models import Account
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


NUMBER_LENGTH = 12


class DayCloseQuerySet(models.QuerySet["DayClose"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The books are the admins'."""
        return self if getattr(user, "is_admin", False) else self.none()


class DayClose(BaseModel):
    """One business day's books in one currency, closed: nothing is posted to that day any more.

    Also a snapshot: what an account came to is its line of the last closed day, and what moved since.
    """

    day = models.DateField()
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    # From midnight to midnight where the business is; kept, because it may move to another time zone.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    transfers = models.PositiveIntegerField()
    amount = models.BigIntegerField()
    # Over every transfer of the day, the lines, and the fingerprint of the day before.
    fingerprint = models.CharField(max_length=64)
    # None: the nightly job.
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = DayCloseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="day_is_closed_once", fields=["day", "currency"]),
            models.CheckConstraint(name="day_ends_after_it_starts", condition=Q(ends_at__gte=F("starts_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.currency}"


class DayCloseLineQuerySet(models.QuerySet["DayCloseLine"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The books are the admins'."""
        return self if getattr(user, "is_admin", False) else self.none()


class DayCloseLine(BaseModel):
    """What one kind of account came to on a closed day; those of people together, the business's own by name."""

    day_close = models.ForeignKey(DayClose, models.PROTECT, db_index=False, related_name="lines")
    # One of `Account.Kind`, which has the words for it; a new kind is no change here.
    kind = models.CharField(max_length=12)
    name = models.CharField(max_length=60, blank=True)
    opening = models.BigIntegerField()
    debits = models.BigIntegerField()
    credits = models.BigIntegerField()
    closing = models.BigIntegerField()
    # Everything up to the end of the day, as a trial balance shows it.
    debits_to_date = models.BigIntegerField()
    credits_to_date = models.BigIntegerField()

    objects = DayCloseLineQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="day_close_has_one_line_for_each", fields=["day_close", "kind", "name"]),
            models.CheckConstraint(
                name="day_close_line_adds_up",
                condition=Q(closing=F("opening") + F("credits") - F("debits"))
                & Q(closing=F("credits_to_date") - F("debits_to_date")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.name}".strip()

    @property
    def label(self) -> str:
        """The kind of account in words."""
        return str(Account.Kind(self.kind).label)


class AccountNumberQuerySet(models.QuerySet["AccountNumber"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The books are the admins'."""
        return self if getattr(user, "is_admin", False) else self.none()


class AccountNumber(BaseModel):
    """The number that one kind of account has in the business's own chart of accounts, where it is not the usual."""

    kind = models.CharField(max_length=12, unique=True)
    number = models.CharField(max_length=NUMBER_LENGTH)

    objects = AccountNumberQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(name="account_number_is_not_empty", condition=~Q(number=""))]

    def __str__(self) -> str:
        return self.number
