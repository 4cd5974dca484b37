"""Rooms on the web in which a session is held, and what their providers tell of them."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class VideoRoomQuerySet(models.QuerySet["VideoRoom"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The session's coach and the admins; whoever takes part sees the session, and goes in by its join page."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(session__coaches__coach=user)

    def under_way(self) -> Self:
        return self.filter(opened_at__isnull=False, ended_at=None)


class VideoRoom(BaseModel):
    """Where a session is held by video: a room of one provider under a name that nobody guesses."""

    session = models.OneToOneField("Session", models.PROTECT, related_name="video_room")
    provider = models.CharField(max_length=20)
    # What the provider calls it; ours, random, and the same for ever, so that making it again makes none.
    reference = models.CharField(max_length=64)
    made_by = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    # When it was first opened at its provider, and when it was over there.
    opened_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # When its recordings were last looked for.
    recordings_at = models.DateTimeField(null=True)

    objects = VideoRoomQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="video_room_is_one_at_its_provider", fields=["provider", "reference"]),
            models.CheckConstraint(
                name="video_room_ends_after_it_opened", condition=Q(ended_at=None) | Q(opened_at__isnull=False)
            ),
        ]
        indexes = [
            models.Index(
                name="video_room_under_way", fields=["opened_at"], condition=Q(opened_at__isnull=False, ended_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.pk}"


class VideoRoomEventQuerySet(models.QuerySet["VideoRoomEvent"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The machine room: admins only."""
        return self if getattr(user, "is_admin", False) else self.none()


class VideoRoomEvent(BaseModel):
    """What was told of a room, by its provider's webhook or when it was asked; each event counts once, in any order."""

    class Kind(models.TextChoices):
        JOINED = "joined", _("Somebody came in")
        LEFT = "left", _("Somebody went")
        ENDED = "ended", _("The room was closed")

    room = models.ForeignKey(VideoRoom, models.PROTECT, db_index=False, related_name="events")
    event_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=6, choices=Kind)
    # Whoever it was, as we had told the provider; and which of their connections, as the provider calls it.
    person_ref = models.CharField(max_length=64, blank=True)
    connection = models.CharField(max_length=120, blank=True)
    at = models.DateTimeField()

    objects = VideoRoomEventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="video_room_event_counts_once", fields=["room", "event_id"]),
            models.CheckConstraint(
                name="video_room_event_kind_is_known", condition=Q(kind__in=["joined", "left", "ended"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%H:%M:%S}"
