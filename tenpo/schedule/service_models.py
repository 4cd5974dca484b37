"""What coaches offer by time, where, and for how much: what a slot is booked of."""

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.limits import SLOT_SERIES_DATES
from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.core.money import MAX_AMOUNT
from tenpo.orders.models import CancellationPolicy
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

MAX_SERVICE_MINUTES = 12 * 60
MAX_BUFFER_MINUTES = 4 * 60
MAX_NOTICE_MINUTES = 60 * 24 * 60
MAX_WINDOW_DAYS = 365
MAX_GROUP = 50
MAX_DURATIONS = 8
MAX_QUESTIONS = 10


class Format(models.TextChoices):
    """How people meet."""

    CLASS = "class", _("Class")
    ONE_ON_ONE = "one_on_one", _("One-on-one")
    VIRTUAL = "virtual", _("Online")
    HYBRID = "hybrid", _("On site and online")
    INTRO = "intro", _("Intro")


class LocationQuerySet(models.QuerySet["Location"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whoever is signed in sees where the business works; admins also where it did."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(closed_at=None)

    def open(self) -> Self:
        return self.filter(closed_at=None)


class Location(BaseModel):
    """A place where the business works: a studio, a pitch, a school."""

    name = models.CharField(_("Name"), max_length=80)
    address = models.CharField(_("Address"), max_length=200, blank=True)
    directions = models.CharField(_("How to find it"), max_length=300, blank=True)
    latitude = models.FloatField(_("Latitude"), null=True, blank=True)
    longitude = models.FloatField(_("Longitude"), null=True, blank=True)
    closed_at = models.DateTimeField(null=True)

    objects = LocationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="location_name_is_one", fields=["name"], condition=Q(closed_at=None)),
            models.CheckConstraint(
                name="location_is_on_the_globe",
                condition=Q(latitude=None, longitude=None)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RoomQuerySet(models.QuerySet["Room"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Those of the locations that one sees."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(closed_at=None, location__closed_at=None)

    def open(self) -> Self:
        return self.filter(closed_at=None, location__closed_at=None)


class Room(BaseModel):
    """A room, a court or a piece of equipment at a location, which one session uses at a time."""

    location = models.ForeignKey(Location, models.PROTECT, related_name="rooms")
    name = models.CharField(_("Name"), max_length=80)
    closed_at = models.DateTimeField(null=True)

    objects = RoomQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="room_name_is_one", fields=["location", "name"], condition=Q(closed_at=None))
        ]

    def __str__(self) -> str:
        return self.name


class ServiceQuerySet(models.QuerySet["Service"]):
    def visible_to(self, user: "Viewer") -> Self:
        """What is offered is seen by all; what is not any more, or not yet, by its coaches and admins.

        A visitor without an account sees what is offered to visitors.
        """
        offered = self.filter(is_offered=True)
        if not user.is_authenticated:
            return offered.filter(open_to=Service.OpenTo.VISITORS)
        if user.is_admin:
            return self
        return self.filter(Q(is_offered=True) | Q(pk__in=ServiceCoach.objects.filter(coach=user).values("service")))

    def offered(self) -> Self:
        return self.filter(is_offered=True)


class Service(BaseModel):
    """What can be booked by time: for how long, for how much, how long ahead, and by whom it is given."""

    class Basis(models.TextChoices):
        HOUR = "hour", _("for an hour")
        SESSION = "session", _("for a session")

    class Coaches(models.TextChoices):
        """Which of its coaches give one session."""

        CHOSEN = "chosen", _("The coach that people choose")
        ANY = "any", _("Any of them; whoever has the least to do")
        ALL = "all", _("All of them together")

    class OpenTo(models.TextChoices):
        """Who may book it."""

        VISITORS = "visitors", _("Everybody, also without an account")
        MEMBERS = "members", _("Everybody with an account")
        CLIENTS = "clients", _("Whoever was with one of its coaches before")
        TEAM = "team", _("Nobody: its coaches and admins book it for people")

    name = models.CharField(_("Name"), max_length=80)
    description = models.TextField(_("Description"), max_length=2_000, blank=True)
    format = models.CharField(_("Kind"), max_length=10, choices=Format, default=Format.ONE_ON_ONE)
    # Lengths that can be chosen, in minutes, the usual one first.
    durations = ArrayField(
        models.PositiveSmallIntegerField(
            validators=[MinValueValidator(5), MaxValueValidator(MAX_SERVICE_MINUTES)],
        ),
        size=MAX_DURATIONS,
    )
    price_basis = models.CharField(_("Price"), max_length=8, choices=Basis, default=Basis.SESSION)
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    # The most people in one session of it.
    capacity = models.PositiveSmallIntegerField(
        _("People at most"), default=1, validators=[MinValueValidator(1), MaxValueValidator(MAX_GROUP)]
    )
    # Time of its coach, and of its room, that is nobody's before and after a session.
    buffer_before = models.PositiveSmallIntegerField(
        _("Free before"), default=0, validators=[MaxValueValidator(MAX_BUFFER_MINUTES)]
    )
    buffer_after = models.PositiveSmallIntegerField(
        _("Free after"), default=0, validators=[MaxValueValidator(MAX_BUFFER_MINUTES)]
    )
    notice_minutes = models.PositiveIntegerField(
        _("Notice"), default=4 * 60, validators=[MaxValueValidator(MAX_NOTICE_MINUTES)]
    )
    window_days = models.PositiveSmallIntegerField(
        _("Days ahead"), default=60, validators=[MinValueValidator(1), MaxValueValidator(MAX_WINDOW_DAYS)]
    )
    # From one start to the next.
    step_minutes = models.PositiveSmallIntegerField(
        _("A start every"), default=30, validators=[MinValueValidator(5), MaxValueValidator(240)]
    )
    # How many sessions of it one person may have on one day, in one week (Monday first); none: as many as there are.
    most_per_day = models.PositiveSmallIntegerField(_("At most a day"), null=True, blank=True)
    most_per_week = models.PositiveSmallIntegerField(_("At most a week"), null=True, blank=True)
    # How often in a row the same time can be booked at once, every week or second week; 1: one by one.
    most_in_series = models.PositiveSmallIntegerField(
        _("Times in a row at most"), default=1, db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(SLOT_SERIES_DATES)],
    )  # fmt: skip
    # Who made it, where that is said: they earn of it also where somebody else gives it. None: whoever gives it.
    creator = models.ForeignKey(User, models.PROTECT, null=True, db_index=False, related_name="+")
    coaches_rule = models.CharField(_("Given by"), max_length=8, choices=Coaches, default=Coaches.CHOSEN)
    open_to = models.CharField(_("Open to"), max_length=10, choices=OpenTo, default=OpenTo.MEMBERS)
    # Whether its coach says yes or no to each.
    needs_approval = models.BooleanField(_("Its coach says yes to each"), default=False)
    # Of an intro: whether the same address may have several with the same coach.
    repeats_intro = models.BooleanField(_("The same visitor may come again"), default=False, db_default=False)
    # Asked when it is booked: `key`, `label`, `kind` (text, choice, yes), `required`, `options`.
    questions = models.JSONField(default=list, blank=True)
    # Where people meet who do not come to a location.
    join_link = models.URLField(_("Link to join"), max_length=500, blank=True)
    cancellation_policy = models.ForeignKey(CancellationPolicy, models.PROTECT, null=True, related_name="+")
    locations = models.ManyToManyField(Location, related_name="services", blank=True)
    # Any one of these must be free as well; none: it needs no room.
    rooms = models.ManyToManyField(Room, related_name="services", blank=True)
    is_offered = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="service_name_is_one", fields=["name"], condition=Q(is_offered=True)),
            models.CheckConstraint(name="service_has_a_duration", condition=Q(durations__len__gte=1)),
            models.CheckConstraint(
                name="service_capacity_is_within", condition=Q(capacity__gte=1, capacity__lte=MAX_GROUP)
            ),
            models.CheckConstraint(name="service_step_is_within", condition=Q(step_minutes__gte=5)),
            models.CheckConstraint(
                name="service_window_is_within", condition=Q(window_days__gte=1, window_days__lte=MAX_WINDOW_DAYS)
            ),
            models.CheckConstraint(
                name="service_series_is_within",
                condition=Q(most_in_series__gte=1, most_in_series__lte=SLOT_SERIES_DATES),
            ),
            models.CheckConstraint(
                name="service_limits_are_positive",
                condition=(Q(most_per_day=None) | Q(most_per_day__gte=1))
                & (Q(most_per_week=None) | Q(most_per_week__gte=1)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def comes_in_series(self) -> bool:
        """Whether the same time can be booked for several weeks at once: with one coach, who is not asked first."""
        return self.most_in_series > 1 and self.coaches_rule != self.Coaches.ALL and not self.needs_approval


class ServicePriceQuerySet(models.QuerySet["ServicePrice"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self.filter(service__in=Service.objects.visible_to(user))


class ServicePrice(BaseModel):
    """What a service costs a group of so many people, all together: for a session or for an hour, as its basis says.

    Of a size that has no price of its own the next smaller one holds, for each person as much.
    """

    service = models.ForeignKey(Service, models.PROTECT, db_index=False, related_name="prices")
    people = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(MAX_GROUP)])
    # In minor units of the service's currency.
    amount = models.BigIntegerField(validators=[MinValueValidator(0), MaxValueValidator(MAX_AMOUNT)])

    objects = ServicePriceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="service_price_one_for_each_size", fields=["service", "people"]),
            models.CheckConstraint(name="service_price_is_of_people", condition=Q(people__gte=1)),
            models.CheckConstraint(name="service_price_is_not_negative", condition=Q(amount__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.people}: {self.amount}"


class ServiceCoachQuerySet(models.QuerySet["ServiceCoach"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self.filter(service__in=Service.objects.visible_to(user))


class ServiceCoach(BaseModel):
    """Somebody who gives a service."""

    service = models.ForeignKey(Service, models.PROTECT, db_index=False, related_name="given_by")
    coach = models.ForeignKey(User, models.PROTECT, related_name="services")
    # Of two with as much to do, the one with the lower number is asked first.
    place = models.PositiveSmallIntegerField(default=0)

    objects = ServiceCoachQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(name="service_coach_once", fields=["service", "coach"])]
        ordering = (F("place"), F("id"))

    def __str__(self) -> str:
        return str(self.coach)
