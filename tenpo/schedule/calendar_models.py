"""Calendars that people keep elsewhere: the connection to one, and the times that it says are taken."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F, Q, Value
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.db import TsTzRange, UuidPoint
from tenpo.core.fields import EncryptedField
from tenpo.core.models import BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

MAX_UID = 255
MAX_TAG = 255


class CalendarConnectionQuerySet(models.QuerySet["CalendarConnection"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Each person's own, and nobody else's: where somebody keeps their private calendar is not for admins."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def followed(self) -> Self:
        """Those that are read, also those whose owner has something to mend."""
        return self.filter(state__in=[CalendarConnection.State.ACTIVE, CalendarConnection.State.ATTENTION])


class CalendarConnection(BaseModel):
    """One calendar that somebody keeps elsewhere, and what it is used for here."""

    class Kind(models.TextChoices):
        FEED = "feed", _("Calendar address (.ics)")

    class State(models.TextChoices):
        ACTIVE = "active", _("Connected")
        ATTENTION = "attention", _("Needs you")
        OFF = "off", _("Switched off")

    class Problem(models.TextChoices):
        """Why a calendar cannot be read."""

        NO_ANSWER = "no_answer", _("It does not answer.")
        NOT_ALLOWED = "not_allowed", _("Its address does not lead to a calendar in the internet.")
        REFUSED = "refused", _("It no longer lets us in.")
        NOT_THERE = "not_there", _("There is nothing at its address any more.")
        UNREADABLE = "unreadable", _("What stands at its address is no calendar.")
        TOO_LARGE = "too_large", _("It holds more than can be read.")

    user = models.ForeignKey(User, models.PROTECT, related_name="calendar_connections")
    kind = models.CharField(max_length=10, choices=Kind)
    label = models.CharField(_("Name"), max_length=80)
    # Where it is and what lets us in, as its adapter keeps it (JSON): even an address alone lets in whoever has it.
    secrets = EncryptedField()
    # What of it may be shown: the host, or whose account it is.
    account = models.CharField(max_length=254)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    problem = models.CharField(max_length=12, choices=Problem, blank=True)
    blocks_time = models.BooleanField(_("Its times are taken"), default=True)
    # Where the next reading goes on, in its adapter's own words; empty: from the start.
    sync_token = models.TextField(blank=True)
    synced_at = models.DateTimeField(null=True)
    # Until when what repeats has been written out; all is read anew before that comes near.
    expanded_until = models.DateTimeField(null=True)
    # Of the last whole reading: events whose time nobody can tell.
    unread_events = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    failures = models.PositiveSmallIntegerField(default=0)
    # While somebody reads it; who dies leaves it to the next after this.
    held_until = models.DateTimeField(null=True)

    objects = CalendarConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="calendar_connection_says_its_problem",
                condition=Q(state="attention") & ~Q(problem="") | ~Q(state="attention") & Q(problem=""),
            ),
        ]
        indexes = [
            models.Index(
                name="calendar_connection_due", fields=["due_at"], condition=Q(state__in=["active", "attention"])
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def needs_its_owner(self) -> bool:
        return self.state == self.State.ATTENTION

    def is_held(self, now: datetime | None = None) -> bool:
        return self.held_until is not None and self.held_until > (now or clock.now())


class OutsideEventQuerySet(models.QuerySet["OutsideEvent"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self.filter(user=user) if user.is_authenticated else self.none()


class OutsideEvent(BaseModel):
    """A time at which somebody is taken elsewhere; one of each day for what repeats.

    Its title and everything else is not kept: that somebody is busy is all that is asked of it, and who they see and
    why is nobody's business here. What is not there cannot get out.
    """

    connection = models.ForeignKey(CalendarConnection, models.PROTECT, db_index=False, related_name="events")
    # The connection's: whose time it is, where many are asked for at once.
    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    uid = models.CharField(max_length=MAX_UID)
    # Which one of many (RFC 5545), as a moment in UTC; empty for what does not repeat.
    recurrence_id = models.CharField(max_length=20, blank=True)
    # The part of the calendar that it stands in, where that is read part by part, and its version.
    href = models.CharField(max_length=500, blank=True)
    etag = models.CharField(max_length=MAX_TAG, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_busy = models.BooleanField()

    objects = OutsideEventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="outside_event_once_in_its_calendar", fields=["connection", "uid", "recurrence_id"]
            ),
            models.CheckConstraint(name="outside_event_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
        ]
        indexes = [
            GistIndex(
                UuidPoint("user"),
                TsTzRange("starts_at", "ends_at", Value("[)")),
                name="outside_event_by_user_and_time",
                condition=Q(is_busy=True),
            ),
            models.Index(name="outside_event_by_part", fields=["connection", "href"]),
            models.Index(name="outside_event_past", fields=["ends_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M}–{self.ends_at:%H:%M}"
