from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.ledger.models import Account, Transfer, title_of
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


NUMBER_LENGTH = 12
NOTE_LENGTH = 300


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
        return title_of(self.kind, self.name)


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


class ReconciliationQuerySet(models.QuerySet["Reconciliation"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The books are the admins'."""
        return self if getattr(user, "is_admin", False) else self.none()


class Reconciliation(BaseModel):
    """One comparison of a provider's own list with the books, over some business days."""

    provider = models.CharField(max_length=20)
    since = models.DateField()
    until = models.DateField()
    # None: the nightly job.
    made_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    equal = models.PositiveIntegerField()
    only_theirs = models.PositiveIntegerField()
    only_ours = models.PositiveIntegerField()
    different = models.PositiveIntegerField()

    objects = ReconciliationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="reconciliation_ends_after_it_starts", condition=Q(until__gte=F("since")))
        ]
        indexes = [models.Index(name="reconciliation_newest", fields=["provider", "-until"])]

    def __str__(self) -> str:
        return f"{self.place} {self.since:%Y-%m-%d} – {self.until:%Y-%m-%d}"

    @property
    def place(self) -> str:
        """The provider as the books call it."""
        return title_of(Account.Kind.PROVIDER, self.provider)

    @property
    def differing(self) -> int:
        """How many references do not say the same on both sides."""
        return self.only_theirs + self.only_ours + self.different


class DifferenceQuerySet(models.QuerySet["Difference"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The books are the admins'."""
        return self if getattr(user, "is_admin", False) else self.none()

    def open(self) -> Self:
        return self.filter(cleared_at=None)


class Difference(BaseModel):
    """What a provider and the books say differently of one reference, until somebody says how that was cleared.

    Amounts are what our money there changed by, in minor units, before the fee that was kept; none where one side
    knows nothing of it.
    """

    class What(models.TextChoices):
        ONLY_THEIRS = "only_theirs", _("Only at the provider")
        ONLY_OURS = "only_ours", _("Only in the books")
        DIFFERENT = "different", _("Different amounts")

    reconciliation = models.ForeignKey(Reconciliation, models.PROTECT, related_name="differences")
    provider = models.CharField(max_length=20)
    reference = models.CharField(max_length=160)
    what = models.CharField(max_length=12, choices=What)
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    their_amount = models.BigIntegerField(null=True)
    their_fee = models.BigIntegerField(null=True)
    our_amount = models.BigIntegerField(null=True)
    our_fee = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    # The first of our transfers for it.
    transfer = models.ForeignKey(Transfer, models.PROTECT, null=True, related_name="+")
    note = models.CharField(max_length=NOTE_LENGTH, blank=True)
    # None of a cleared one: a later comparison found both sides equal.
    cleared_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    cleared_at = models.DateTimeField(null=True)

    objects = DifferenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="difference_is_open_once", fields=["provider", "reference"], condition=Q(cleared_at=None)
            ),
            models.CheckConstraint(
                name="difference_is_cleared_with_a_word",
                condition=Q(cleared_at=None, note="") | (Q(cleared_at__isnull=False) & ~Q(note="")),
            ),
            models.CheckConstraint(
                name="difference_is_of_one_side_or_of_both",
                condition=Q(what="only_theirs", their_amount__isnull=False, our_amount=None)
                | Q(what="only_ours", their_amount=None, our_amount__isnull=False)
                | Q(what="different", their_amount__isnull=False, our_amount__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def apart(self) -> int:
        """How much more the provider says than the books, in minor units."""
        return (self.their_amount or 0) - (self.our_amount or 0)

    @property
    def place(self) -> str:
        """The provider as the books call it."""
        return title_of(Account.Kind.PROVIDER, self.provider)
