from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import UUID7, Cast, Now
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from tenpo.people.models import User

    type Viewer = User | AnonymousUser

CURRENCY_LENGTH = 3
TIME_ZONE_LENGTH = 64


class BaseModel(models.Model):
    """What every row has: an id that sorts by time (UUIDv7), and when it was made."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True


def check_fields(row: models.Model, *names: str) -> None:
    """Hold some fields of a row against their own limits; raises ValidationError by field. No statement."""
    row.clean_fields(exclude={field.name for field in row._meta.fields} - set(names))
    # Django leaves these two to its forms.
    for name in names:
        value, longest = getattr(row, name), getattr(row._meta.get_field(name), "max_length", None)
        if isinstance(value, str) and longest and len(value) > longest:
            raise ValidationError({name: _("At most %(n)s characters.") % {"n": longest}})
        if isinstance(value, str) and "\0" in value:
            raise ValidationError({name: _("This text holds a character that nobody can read.")})


def set_differing(row: models.Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set on a row what differs; what it was before, by field. What is equal is no change, and nothing is saved."""
    before = {name: getattr(row, name) for name, value in values.items() if getattr(row, name) != value}
    for name in before:
        setattr(row, name, values[name])
    return before


class BusinessQuerySet(models.QuerySet["Business"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Everybody may see whom they deal with."""
        return self


class Business(BaseModel):
    """The business that this installation serves, and what its owner chose; one row."""

    class SecondFactorFor(models.TextChoices):
        """Who gets in only with a second factor."""

        NOBODY = "nobody", _("Nobody")
        ADMINS = "admins", _("Admins")
        TEAM = "team", _("Admins and coaches")
        EVERYBODY = "everybody", _("Everybody")

    only = models.BooleanField(default=True, unique=True, editable=False)
    name = models.CharField(max_length=80, default="Tenpo")
    currency = models.CharField(max_length=CURRENCY_LENGTH, default="EUR")
    time_zone = models.CharField(max_length=TIME_ZONE_LENGTH, default="Europe/Berlin")
    locale = models.CharField(max_length=10, default="en")
    accent_hue = models.PositiveSmallIntegerField(default=162, validators=[MaxValueValidator(359)])
    allows_sign_up = models.BooleanField(_("Anybody may sign up"), default=False)
    hold_minutes = models.PositiveSmallIntegerField(
        default=15, validators=[MinValueValidator(5), MaxValueValidator(120)]
    )
    offer_hours = models.PositiveSmallIntegerField(
        default=12, validators=[MinValueValidator(1), MaxValueValidator(168)]
    )
    manual_hold_days = models.PositiveSmallIntegerField(
        default=7, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    credit_months = models.PositiveSmallIntegerField(
        default=24, validators=[MinValueValidator(1), MaxValueValidator(120)]
    )
    # In minor units of the currency.
    top_up_least = models.PositiveIntegerField(default=500, db_default=500, validators=[MinValueValidator(1)])
    top_up_most = models.PositiveIntegerField(default=50_000, db_default=50_000, validators=[MinValueValidator(1)])
    wallet_most = models.PositiveIntegerField(default=200_000, db_default=200_000, validators=[MinValueValidator(1)])
    invite_days = models.PositiveSmallIntegerField(default=14, validators=[MinValueValidator(1), MaxValueValidator(90)])
    # Whether people may pay by bank transfer. It is switched on only with an account below; who offered it before there
    # was one to set goes on, and is told so.
    offers_bank_transfer = models.BooleanField(default=False, db_default=False)
    # The account that bank transfers go to, as its bank knows it; empty while nobody has said.
    bank_holder = models.CharField(max_length=70, blank=True, default="", db_default="")
    bank_iban = models.CharField(max_length=34, blank=True, default="", db_default="")
    bank_bic = models.CharField(max_length=11, blank=True, default="", db_default="")
    bank_name = models.CharField(max_length=80, blank=True, default="", db_default="")
    second_factor_for = models.CharField(
        max_length=10, choices=SecondFactorFor, default=SecondFactorFor.ADMINS, db_default=SecondFactorFor.ADMINS
    )
    # A week after the first start, or after the release that brought the rule: time to set one up.
    second_factor_starts_on = models.DateField(db_default=Cast(Now() + Value(timedelta(days=7)), models.DateField()))

    objects = BusinessQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="business_is_one", condition=Q(only=True)),
            models.CheckConstraint(name="business_hue_is_on_the_wheel", condition=Q(accent_hue__lt=360)),
            models.CheckConstraint(
                name="business_second_factor_for_is_known",
                condition=Q(second_factor_for__in=["nobody", "admins", "team", "everybody"]),
            ),
            models.CheckConstraint(
                name="business_account_has_a_holder",
                condition=(~Q(bank_iban="") & ~Q(bank_holder=""))
                | Q(bank_holder="", bank_iban="", bank_bic="", bank_name=""),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OutboxMessageQuerySet(models.QuerySet["OutboxMessage"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The machine room: admins only."""
        return self if getattr(user, "is_admin", False) else self.none()

    def waiting(self) -> Self:
        return self.filter(delivered_at=None, dead_at=None)

    def dead(self) -> Self:
        return self.filter(dead_at__isnull=False)


class OutboxMessage(models.Model):
    """One domain event on its way to one consumer.

    Not a UUID: the number orders the messages of one subject, whose writer holds the subject's lock.
    """

    id = models.BigAutoField(primary_key=True)
    consumer = models.CharField(max_length=40)
    event_id = models.UUIDField()
    name = models.CharField(max_length=80)
    subject_id = models.UUIDField()
    payload = models.JSONField(default=dict)
    # Of the request that it comes from, so that what follows from it can be found in the log.
    request_id = models.CharField(max_length=32, blank=True, db_default="")
    published_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)
    dead_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    objects = OutboxMessageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="outbox_message_once_per_consumer", fields=["event_id", "consumer"]),
            models.CheckConstraint(
                name="outbox_message_is_delivered_or_dead", condition=Q(delivered_at=None) | Q(dead_at=None)
            ),
        ]
        indexes = [
            models.Index(
                name="outbox_waiting_by_subject",
                fields=["consumer", "subject_id", "id"],
                condition=Q(delivered_at=None, dead_at=None),
            ),
            models.Index(name="outbox_waiting", fields=["id"], condition=Q(delivered_at=None, dead_at=None)),
            models.Index(name="outbox_dead", fields=["-id"], condition=Q(dead_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name} → {self.consumer}"

    @property
    def state(self) -> str:
        """`waiting`, `delivered` or `dead`."""
        if self.dead_at is not None:
            return "dead"
        return "waiting" if self.delivered_at is None else "delivered"


class CheckRunQuerySet(models.QuerySet["CheckRun"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The machine room: admins only."""
        return self if getattr(user, "is_admin", False) else self.none()


class CheckRun(BaseModel):
    """One look at whether everything holds that must, and what did not; see `tenpo.core.invariants`."""

    seconds = models.FloatField()
    asked = models.PositiveSmallIntegerField()
    # Of each that does not hold: `app`, `name`, `count`, and the first of the rows that break it.
    faults = models.JSONField(default=list, blank=True)

    objects = CheckRunQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(name="check_run_newest", fields=["-created_at"])]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"


class RateCountQuerySet(models.QuerySet["RateCount"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self.none()


class RateCount(models.Model):
    """How often something was tried in one window of time; see `tenpo.core.limits`."""

    key = models.CharField(max_length=64)
    window_starts_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)

    objects = RateCountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(name="rate_count_once_per_window", fields=["key", "window_starts_at"])]

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
