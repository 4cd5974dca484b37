from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class Channel(models.TextChoices):
    """How a notification reaches somebody."""

    IN_APP = "in_app", _("In the app")
    EMAIL = "email", _("By e-mail")


class NotificationQuerySet(models.QuerySet["Notification"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Each person sees their own, admins included."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def shown(self) -> Self:
        """Those told in the app; the others went by e-mail alone."""
        return self.filter(in_app=True)

    def unread(self) -> Self:
        return self.filter(read_at=None, in_app=True)


class Notification(BaseModel):
    """Something that a user is told. Its words are made when it is shown, from the kind and the payload."""

    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="notifications")
    kind = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    # What caused it, told once: a repeated event finds its notification already there.
    key = models.CharField(max_length=120)
    in_app = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(name="notification_once_per_cause", fields=["user", "key"])]
        indexes = [
            models.Index(name="notification_by_user", fields=["user", "-id"]),
            models.Index(name="notification_unread", fields=["user"], condition=Q(read_at=None, in_app=True)),
        ]

    def __str__(self) -> str:
        return self.kind


class NotificationPreferenceQuerySet(models.QuerySet["NotificationPreference"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self.filter(user=user) if user.is_authenticated else self.none()


class NotificationPreference(BaseModel):
    """One user's choice to be told or not of one kind of thing by one channel; without a row, the kind's default."""

    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="notification_preferences")
    kind = models.CharField(max_length=60)
    channel = models.CharField(max_length=10, choices=Channel)
    is_on = models.BooleanField()

    objects = NotificationPreferenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="notification_preference_once", fields=["user", "kind", "channel"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel}: {self.is_on}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Admins see what was sent to whom; a person sees their own."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(notification__user=user)

    def unfinished(self) -> Self:
        return self.filter(state__in=Delivery.UNFINISHED)


class Delivery(BaseModel):
    """One sending of one notification by one channel."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed, will be tried again")
        DEAD = "dead", _("Given up")

    UNFINISHED = ("queued", "failed")

    notification = models.ForeignKey(Notification, models.PROTECT, db_index=False, related_name="deliveries")
    channel = models.CharField(max_length=10, choices=Channel)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Nobody else tries before this; whoever tries moves it on, so that a crash is tried again.
    next_attempt_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="delivery_once_per_channel", fields=["notification", "channel"]),
            models.CheckConstraint(
                name="delivery_sent_has_a_time",
                condition=Q(state="sent", sent_at__isnull=False) | (~Q(state="sent") & Q(sent_at=None)),
            ),
        ]
        indexes = [
            models.Index(name="delivery_by_state", fields=["state", "-id"]),
            models.Index(
                name="delivery_unfinished",
                fields=["next_attempt_at"],
                condition=Q(state__in=["queued", "failed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notification} {self.channel}: {self.state}"
