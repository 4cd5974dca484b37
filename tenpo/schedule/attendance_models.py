"""Who was there, and for how long."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q, Value
from django.utils.translation import gettext_lazy as _

from tenpo.core.db import TsTzRange, UuidPoint
from tenpo.core.models import BaseModel
from tenpo.people.models import Participant, User
from tenpo.schedule.session_coach_models import SessionCoach

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class AttendanceQuerySet(models.QuerySet["Attendance"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whoever was there, the session's coaches, and the admins."""
        if not user.is_authenticated:
            return self.none()
        given = SessionCoach.objects.filter(coach=user)
        return (
            self if user.is_admin else self.filter(Q(participant__user=user) | Q(session__in=given.values("session")))
        )

    def by_hand(self) -> Self:
        return self.filter(source=Attendance.Source.HAND)

    def in_room(self) -> Self:
        return self.filter(source=Attendance.Source.ROOM)

    def open(self) -> Self:
        return self.filter(left_at=None)


class Attendance(BaseModel):
    """One stay: somebody was in a session from then to then. Who leaves and comes back has several."""

    class Source(models.TextChoices):
        HAND = "hand", _("Checked in by hand")
        ROOM = "room", _("By the video room")

    session = models.ForeignKey("Session", models.PROTECT, related_name="stays")
    participant = models.ForeignKey(Participant, models.PROTECT, related_name="stays")
    source = models.CharField(max_length=4, choices=Source)
    joined_at = models.DateTimeField()
    # Null: still there, until the end of the session at most.
    left_at = models.DateTimeField(null=True)
    # Who checked them in; null where the room said it.
    noted_by = models.ForeignKey(User, models.PROTECT, null=True, db_index=False, related_name="+")

    objects = AttendanceQuerySet.as_manager()

    class Meta:
        constraints = [
            *(
                ExclusionConstraint(
                    name=name,
                    expressions=[
                        (UuidPoint("session"), RangeOperators.OVERLAPS),
                        (UuidPoint("participant"), RangeOperators.OVERLAPS),
                        (TsTzRange("joined_at", "left_at", Value("[)")), RangeOperators.OVERLAPS),
                    ],
                    condition=Q(source=source),
                )
                for name, source in (
                    ("attendance_by_hand_never_overlaps", "hand"),
                    ("attendance_in_room_never_overlaps", "room"),
                )
            ),
            models.CheckConstraint(
                name="attendance_left_after_joined", condition=Q(left_at=None) | Q(left_at__gt=F("joined_at"))
            ),
            models.CheckConstraint(name="attendance_source_is_known", condition=Q(source__in=["hand", "room"])),
            models.CheckConstraint(
                name="attendance_by_hand_says_by_whom", condition=Q(source="room") | Q(noted_by__isnull=False)
            ),
        ]
        indexes = [models.Index(name="attendance_open", fields=["session"], condition=Q(left_at=None))]

    def __str__(self) -> str:
        # Only what is loaded is said: a name is not worth a question to the database.
        participant = self._state.fields_cache.get("participant")
        return participant.name if participant else f"{self.participant_id} in {self.session_id}"

    def length(self, *, since: datetime, until: datetime) -> timedelta:
        """How much of a time somebody was there, as far as is known by `until`."""
        return max(timedelta(0), min(self.left_at or until, until) - max(self.joined_at, since))
