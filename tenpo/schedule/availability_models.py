"""When and where coaches can be booked: their weekly hours, what differs on some days, and when they are away.

All of it is said in the clock of the coach: 18:00 stays 18:00 when the clocks change. Minutes count from midnight, so
that a day may end at 24:00.
"""

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.utils.translation import gettext_lazy as _

from tenpo.core.db import DayRange, UuidPoint
from tenpo.core.models import TIME_ZONE_LENGTH, BaseModel
from tenpo.people.models import User
from tenpo.schedule.service_models import Location
from tenpo.schedule.slots import MINUTES_OF_DAY

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

MAX_HOURS_ROWS = 100
MAX_EXCEPTIONS = 400
REGION_LENGTH = 12


class OwnQuerySet[T: models.Model](models.QuerySet[T]):
    """Rows of one coach: theirs and the admins' to see. What others see are slots."""

    def visible_to(self, user: "Viewer") -> Self:
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(coach=user)


class AvailabilityQuerySet(OwnQuerySet["Availability"]):
    pass


class Availability(BaseModel):
    """Hours of one weekday in which a coach can be booked, each week or in the weeks from one day to another."""

    coach = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="availability")
    weekday = models.PositiveSmallIntegerField()  # Monday is 0
    opens = models.PositiveSmallIntegerField(_("From"), validators=[MaxValueValidator(MINUTES_OF_DAY - 1)])
    closes = models.PositiveSmallIntegerField(_("Until"), validators=[MaxValueValidator(MINUTES_OF_DAY)])
    # Only there; none: wherever the service is given.
    location = models.ForeignKey(Location, models.PROTECT, null=True, blank=True, related_name="+")
    starts_on = models.DateField(_("From day"), null=True, blank=True)
    ends_on = models.DateField(_("Until day"), null=True, blank=True)

    objects = AvailabilityQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="availability_is_on_a_weekday", condition=Q(weekday__lte=6)),
            models.CheckConstraint(
                name="availability_closes_after_it_opens",
                condition=Q(closes__gt=F("opens"), closes__lte=MINUTES_OF_DAY),
            ),
            models.CheckConstraint(
                name="availability_ends_after_it_starts",
                condition=Q(starts_on=None) | Q(ends_on=None) | Q(ends_on__gte=F("starts_on")),
            ),
        ]
        indexes = [models.Index(name="availability_of_coach", fields=["coach", "weekday", "opens"])]

    def __str__(self) -> str:
        return f"{self.weekday}: {self.opens}-{self.closes}"


class AvailabilityExceptionQuerySet(OwnQuerySet["AvailabilityException"]):
    pass


class AvailabilityException(BaseModel):
    """One day that is not as its weekday: these hours instead of the weekly ones, or none at all."""

    coach = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="availability_exceptions")
    day = models.DateField(_("Day"))
    # Neither: not on this day.
    opens = models.PositiveSmallIntegerField(_("From"), null=True, blank=True)
    closes = models.PositiveSmallIntegerField(_("Until"), null=True, blank=True)
    location = models.ForeignKey(Location, models.PROTECT, null=True, blank=True, related_name="+")

    objects = AvailabilityExceptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="availability_exception_has_hours_or_none",
                condition=Q(opens=None, closes=None)
                | Q(opens__isnull=False, closes__gt=F("opens"), closes__lte=MINUTES_OF_DAY),
            ),
            models.UniqueConstraint(
                name="availability_exception_closed_once", fields=["coach", "day"], condition=Q(opens=None)
            ),
        ]
        indexes = [models.Index(name="availability_exception_day", fields=["coach", "day"])]

    def __str__(self) -> str:
        return f"{self.day}"


class TimeOffQuerySet(OwnQuerySet["TimeOff"]):
    pass


class TimeOff(BaseModel):
    """A time in which a coach is away, and who stands in for them."""

    coach = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="time_off")
    starts_at = models.DateTimeField(_("From"))
    ends_at = models.DateTimeField(_("Until"))
    # Shown to nobody but the coach and admins.
    reason = models.CharField(_("Why"), max_length=120, blank=True)
    stand_in = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = TimeOffQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="time_off_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(
                name="time_off_stand_in_is_another", condition=Q(stand_in=None) | ~Q(stand_in=F("coach"))
            ),
        ]
        indexes = [models.Index(name="time_off_of_coach", fields=["coach", "ends_at"])]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d}"


class TravelQuerySet(OwnQuerySet["Travel"]):
    pass


class Travel(BaseModel):
    """Some days on which a coach's hours are those of another time zone."""

    coach = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="travels")
    starts_on = models.DateField(_("From day"))
    ends_on = models.DateField(_("Until day"))
    time_zone = models.CharField(_("Time zone"), max_length=TIME_ZONE_LENGTH)

    objects = TravelQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="travel_ends_after_it_starts", condition=Q(ends_on__gte=F("starts_on"))),
            ExclusionConstraint(
                name="travel_one_zone_on_a_day",
                expressions=[
                    (UuidPoint("coach"), RangeOperators.OVERLAPS),
                    (DayRange("starts_on", "ends_on", Value("[]")), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [models.Index(name="travel_of_coach", fields=["coach", "ends_on"])]

    def __str__(self) -> str:
        return f"{self.time_zone}"


class WorkingTermsQuerySet(OwnQuerySet["WorkingTerms"]):
    pass


class WorkingTerms(BaseModel):
    """How a coach works, whatever their hours: in which clock, on which holidays not, and how much at most.

    Without such a row the clock is that of their account, no holiday is kept, and there is no limit.
    """

    coach = models.OneToOneField(User, models.PROTECT, related_name="working_terms")
    time_zone = models.CharField(_("Time zone"), max_length=TIME_ZONE_LENGTH, blank=True)
    # A country or one of its regions, whose public holidays are free (ISO 3166: "DE", "DE-BE").
    holidays_of = models.CharField(_("Holidays of"), max_length=REGION_LENGTH, blank=True)
    # The most sessions on one day of theirs; none: as many as there are.
    most_per_day = models.PositiveSmallIntegerField(
        _("Sessions a day at most"), null=True, blank=True, validators=[MinValueValidator(1)]
    )

    objects = WorkingTermsQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="working_terms_limit_is_positive", condition=Q(most_per_day=None) | Q(most_per_day__gte=1)
            )
        ]

    def __str__(self) -> str:
        return str(self.coach)


class UnseenQuerySet[T: models.Model](models.QuerySet[T]):
    """What is only worked out from other rows, and seen by nobody."""

    def visible_to(self, user: "Viewer") -> Self:
        return self.none()


class CoachTimeQuerySet(UnseenQuerySet["CoachTime"]):
    pass


class CoachTime(models.Model):
    """How often a coach's time has changed: whatever was worked out before that is old.

    It counts in the transaction that changes something (`lock_coach`, `count_changed`), or right after it.
    """

    coach = models.OneToOneField(User, models.PROTECT, primary_key=True, related_name="+")
    version = models.BigIntegerField(default=1)

    objects = CoachTimeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.coach_id}: {self.version}"


class CoachWeekQuerySet(UnseenQuerySet["CoachWeek"]):
    pass


class CoachWeek(BaseModel):
    """One week of a coach as bits (`slot_bits`), as of one version of their time; kept so that many are searched."""

    coach = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    week = models.IntegerField()
    version = models.BigIntegerField()
    # The clock that their hours were read from, which is their account's, unless they said another one.
    time_zone = models.CharField(max_length=TIME_ZONE_LENGTH)
    first = models.BinaryField()
    open = models.BinaryField()
    there = models.BinaryField()
    free = models.BinaryField()

    objects = CoachWeekQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(name="coach_week_once", fields=["coach", "week"])]

    def __str__(self) -> str:
        return f"{self.coach_id}: {self.week}"
