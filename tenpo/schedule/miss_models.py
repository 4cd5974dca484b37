"""Places given up late, or not taken: what counts for the grace of a policy."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class MissQuerySet(models.QuerySet["Miss"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whose it is, and the admins. A coach is told of it with the booking."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(user=user)

    def counting(self, since: datetime) -> Self:
        """Those that count for somebody's grace: all but those that the host let them off."""
        return self.filter(at__gt=since).exclude(outcome=Miss.Outcome.WAIVED)


class Miss(BaseModel):
    """A place that somebody gave up late, or did not take: whether it cost them, or why not."""

    class Kind(models.TextChoices):
        LATE = "late", _("Cancelled late")
        NO_SHOW = "no_show", _("Did not come")

    class Outcome(models.TextChoices):
        CHARGED = "charged", _("By the policy")
        GRACE = "grace", _("Costs nothing this time")
        WAIVED = "waived", _("Let off")

    booking = models.OneToOneField("schedule.Booking", models.PROTECT, related_name="miss")
    # Whoever booked it.
    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="misses")
    kind = models.CharField(max_length=7, choices=Kind)
    outcome = models.CharField(max_length=7, choices=Outcome)
    at = models.DateTimeField()
    # How many of the same person counted before it, and how many cost nothing by its policy.
    earlier = models.PositiveSmallIntegerField(default=0)
    grace = models.PositiveSmallIntegerField(default=0)
    # What came back of it.
    percent = models.PositiveSmallIntegerField()
    # Why it was let off, and by whom.
    reason = models.CharField(_("Reason"), max_length=300, blank=True)
    waived_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = MissQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="miss_is_of_a_known_kind",
                condition=Q(kind__in=["late", "no_show"], outcome__in=["charged", "grace", "waived"]),
            ),
            models.CheckConstraint(
                name="miss_costs_nothing_as_often_as_promised",
                condition=Q(outcome="waived")
                | Q(outcome="grace", earlier__lt=F("grace"))
                | Q(outcome="charged", earlier__gte=F("grace")),
            ),
            models.CheckConstraint(
                name="miss_that_costs_nothing_gives_all_back",
                condition=Q(outcome="charged", percent__lte=100) | Q(percent=100),
            ),
            models.CheckConstraint(
                name="miss_let_off_has_a_reason",
                condition=(Q(outcome="waived", waived_by__isnull=False) & ~Q(reason=""))
                | (~Q(outcome="waived") & Q(waived_by=None, reason="")),
            ),
            models.CheckConstraint(
                name="miss_is_let_off_by_somebody_else",
                condition=Q(waived_by=None) | ~Q(waived_by=F("user")),
            ),
        ]
        indexes = [models.Index(name="miss_by_person", fields=["user", "-at"])]

    def __str__(self) -> str:
        return str(self.get_kind_display())
