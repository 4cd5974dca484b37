"""Calendars that people keep elsewhere: the connection to one, and the times that it says are taken."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F, Q, Value
from django.utils.translation import gettext_lazy as _

from tenpo.core.db import TsTzRange, UuidPoint
from tenpo.core.fields import EncryptedField
from tenpo.core.models import TIME_ZONE_LENGTH, BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

MAX_UID = 255
MAX_TAG = 255
# An address of theirs, with a name of ours at its end; and what says where a reading goes on.
MAX_REFERENCE = 3_000
MAX_TOKEN = 8_000
# What was due earlier than this is not about to be asked: nobody works.
SOON_ASKED = timedelta(minutes=5)


class CalendarConnectionQuerySet(models.QuerySet["CalendarConnection"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Each person's own, and nobody else's: where somebody keeps their private calendar is not for admins."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def followed(self) -> Self:
        """Those that are read, also those whose owner has something to mend."""
        return self.filter(state__in=[CalendarConnection.State.ACTIVE, CalendarConnection.State.ATTENTION])

    def asked(self) -> Self:
        """Those, and what is let go as soon as what we wrote there is taken away."""
        return self.exclude(state=CalendarConnection.State.OFF)


class CalendarConnection(BaseModel):
    """One calendar that somebody keeps elsewhere, and what it is used for here."""

    class Kind(models.TextChoices):
        FEED = "feed", _("Calendar address (.ics)")
        CALDAV = "caldav", _("CalDAV")
        GOOGLE = "google", _("Google")

    class State(models.TextChoices):
        ACTIVE = "active", _("Connected")
        ATTENTION = "attention", _("Needs you")
        OFF = "off", _("Switched off")
        LEAVING = "leaving", _("Being disconnected")

    class Problem(models.TextChoices):
        """Why a calendar cannot be read."""

        NO_ANSWER = "no_answer", _("It does not answer.")
        NOT_ALLOWED = "not_allowed", _("Its address does not lead to a calendar in the internet.")
        REFUSED = "refused", _("It no longer lets us in.")
        NOT_THERE = "not_there", _("There is nothing at its address any more.")
        UNREADABLE = "unreadable", _("What stands at its address is no calendar.")
        READ_ONLY = "read_only", _("It does not let us write.")
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
    writes_sessions = models.BooleanField(_("Sessions from here are written to it"), default=False, db_default=False)
    # Since when something of ours may have changed that is to be written.
    wants_writing_at = models.DateTimeField(null=True)
    # Whose days the whole days in it were taken for when it was last read as a whole.
    time_zone = models.CharField(max_length=TIME_ZONE_LENGTH, blank=True, db_default="")
    # Where the next reading goes on, in its adapter's own words; empty: from the start.
    sync_token = models.TextField(max_length=MAX_TOKEN, blank=True)
    synced_at = models.DateTimeField(null=True)
    # Until when what repeats has been written out; all is read anew before that comes near.
    expanded_until = models.DateTimeField(null=True)
    # Of the last whole reading: events whose time nobody can tell.
    unread_events = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    # Since when it cannot be read, and how often that was tried; nothing while it can.
    failing_at = models.DateTimeField(null=True)
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
            models.Index(name="calendar_connection_due", fields=["due_at"], condition=~Q(state="off")),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def needs_its_owner(self) -> bool:
        return self.state == self.State.ATTENTION

    @property
    def is_new(self) -> bool:
        """Whether it is still to be read for the first time, so that nobody knows yet whether it can be."""
        return self.state == self.State.ACTIVE and self.synced_at is None and not self.failures

    @property
    def is_silent(self) -> bool:
        """Whether it gives no answer, be it told already or not. What it said last still holds."""
        if self.state == self.State.ATTENTION:
            return self.problem == self.Problem.NO_ANSWER
        return self.state == self.State.ACTIVE and self.failures > 0

    def is_asked(self, now: datetime) -> bool:
        """Whether somebody is reading it, or is about to."""
        held = self.held_until is not None and self.held_until > now
        is_due = now - SOON_ASKED <= self.due_at <= now
        return self.state != self.State.OFF and (held or is_due)

    @property
    def should_hold_ours(self) -> bool:
        """Whether what is ours is to stand there; otherwise what we wrote is taken away again."""
        return self.writes_sessions and self.state in (self.State.ACTIVE, self.State.ATTENTION)


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


class WrittenEventQuerySet(models.QuerySet["WrittenEvent"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self.filter(connection__user=user) if user.is_authenticated else self.none()

    def in_conflict(self) -> Self:
        return self.filter(state=WrittenEvent.State.CONFLICT)


class WrittenEvent(BaseModel):
    """A session or a booking of ours as it stands in a calendar elsewhere.

    Somebody may change it there. Then both say something else, and its owner decides; nothing is overwritten before.
    """

    class State(models.TextChoices):
        WRITTEN = "written", _("Written")
        CONFLICT = "conflict", _("Says something else there")
        LEFT_OUT = "left_out", _("Left out")

    connection = models.ForeignKey(CalendarConnection, models.PROTECT, db_index=False, related_name="written")
    # The session's for whoever teaches it, the booking's for whoever booked it (`ical`).
    uid = models.CharField(max_length=MAX_UID)
    session = models.ForeignKey("schedule.Session", models.PROTECT, related_name="+")
    booking = models.ForeignKey("schedule.Booking", models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.WRITTEN)
    # Where it stands, and the version that we last saw there; no version: it does not stand there.
    reference = models.TextField(max_length=MAX_REFERENCE)
    tag = models.CharField(max_length=MAX_TAG, blank=True)
    # What we last wrote, by its hash; and what it says to people, on both sides. Nothing of theirs: it was removed.
    content_hash = models.CharField(max_length=64, blank=True)
    ours = models.JSONField()
    theirs = models.JSONField(null=True)
    ends_at = models.DateTimeField()

    objects = WrittenEventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="written_event_once_in_its_calendar", fields=["connection", "uid"]),
        ]

    def __str__(self) -> str:
        return str(self.ours.get("title", ""))


class CalendarChannelQuerySet(models.QuerySet["CalendarChannel"]):
    def visible_to(self, user: "Viewer") -> Self:
        """The machine room: nobody's business, not even its owner's."""
        return self.none()


class CalendarChannel(BaseModel):
    """That Google tells us when a calendar changes, until a time; its notifications bear a secret of ours."""

    connection = models.ForeignKey(CalendarConnection, models.PROTECT, related_name="channels")
    # Compared only. Its id here is its name there.
    token_hash = models.CharField(max_length=64)
    resource = models.CharField(max_length=200)
    ends_at = models.DateTimeField()

    objects = CalendarChannelQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(name="calendar_channel_ends", fields=["ends_at"])]

    def __str__(self) -> str:
        return f"{self.connection_id} until {self.ends_at:%Y-%m-%d %H:%M}"


class CalendarOverlapQuerySet(models.QuerySet["CalendarOverlap"]):
    def visible_to(self, user: "Viewer") -> Self:
        """What was told; what overlaps now is asked of sessions and times (`taught_while_elsewhere`)."""
        return self.none()


class CalendarOverlap(BaseModel):
    """That somebody teaches a session while a calendar of theirs says that they are elsewhere: told once.

    Whatever takes its time there, and in however many calendars: it is told anew only where the session moves.
    """

    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    session = models.ForeignKey("schedule.Session", models.PROTECT, db_index=False, related_name="+")
    starts_at = models.DateTimeField()

    objects = CalendarOverlapQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="calendar_overlap_told_once", fields=["session", "user"]),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.session_id}"
