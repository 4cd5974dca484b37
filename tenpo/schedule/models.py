from datetime import datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchQuery, SearchVector, SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, Deferrable, Exists, F, OuterRef, Q, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Now
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.db import IntPoint, TsTzRange, UuidPoint
from tenpo.core.models import CURRENCY_LENGTH, TIME_ZONE_LENGTH, BaseModel
from tenpo.core.money import MAX_AMOUNT
from tenpo.core.words import say_names
from tenpo.orders.cancelling import Policy, read_policy
from tenpo.orders.models import CancellationPolicy, Line
from tenpo.people.models import HASH_LENGTH, Participant, User
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.availability_models import (
    Availability,
    AvailabilityException,
    CoachTime,
    CoachWeek,
    TimeOff,
    Travel,
    WorkingTerms,
)
from tenpo.schedule.calendar_models import (
    CalendarChannel,
    CalendarConnection,
    CalendarOverlap,
    OutsideEvent,
    WrittenEvent,
)
from tenpo.schedule.embed_models import Embed
from tenpo.schedule.intro_models import Intro
from tenpo.schedule.miss_models import Miss
from tenpo.schedule.note_models import SessionNote
from tenpo.schedule.resource_models import SessionResource
from tenpo.schedule.review_models import SessionReview
from tenpo.schedule.series_models import Series
from tenpo.schedule.service_models import Format, Location, Room, Service, ServiceCoach, ServicePrice
from tenpo.schedule.session_coach_models import SessionCoach
from tenpo.schedule.video_models import VideoRoom, VideoRoomEvent

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

__all__ = [
    "Attendance", "Availability", "AvailabilityException", "Booking", "CalendarChannel", "CalendarConnection",
    "CalendarFeed", "CalendarOverlap", "CoachTime", "CoachWeek", "Embed", "Intro", "Location", "Miss", "OutsideEvent",
    "Room", "Series", "Service", "ServiceCoach", "ServicePrice", "Session", "SessionCoach", "SessionNote",
    "SessionResource", "SessionReview", "TimeOff", "Travel", "VideoRoom", "VideoRoomEvent", "WorkingTerms",
    "WrittenEvent",
]  # fmt: skip

MAX_CAPACITY = 10_000
MAX_SESSION_MINUTES = 24 * 60


class SessionQuerySet(models.QuerySet["Session"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whoever is signed in sees what is offered to all; nobody sees it from outside.

        What was booked as a slot is seen by its coaches, by whoever booked it or takes part, and by admins.
        """
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        mine = Booking.objects.filter(session=OuterRef("pk")).filter(Q(booked_by=user) | Q(participant__user=user))
        given = SessionCoach.objects.filter(session=OuterRef("pk"), coach=user)
        return self.filter(Q(is_private=False) | Exists(given) | Exists(mine))

    def open_to_all(self) -> Self:
        """Without those that were booked as a slot, for somebody."""
        return self.filter(is_private=False)

    def upcoming(self, now: datetime | None = None) -> Self:
        return self.filter(status=Session.Status.PLANNED, starts_at__gt=now or clock.now())

    def taught_by(self, coach: User | UUID) -> Self:
        """Those that they give, alone or with others."""
        return self.filter(pk__in=SessionCoach.objects.filter(coach=coach).values("session"))

    def matching(self, words: str) -> Self:
        """Full-text search; each word counts from its beginning, so "yo" finds yoga."""
        terms = [word for word in "".join(c if c.isalnum() else " " for c in words).split() if word][:8]
        if not terms:
            return self
        query = SearchQuery(" & ".join(f"{term}:*" for term in terms), config="simple", search_type="raw")
        return self.filter(search=query)


_BUSY = TsTzRange(Coalesce("busy_from", "starts_at"), Coalesce("busy_until", "ends_at"), Value("[)"))
_NO_TIME = TsTzRange("starts_at", "starts_at", Value("[)"))


class Session(BaseModel):
    """One meeting at one time, that people book a seat in; or one that came to be because somebody booked a slot."""

    class Status(models.TextChoices):
        PLANNED = "planned", _("Planned")
        CANCELLED = "cancelled", _("Cancelled")
        COMPLETED = "completed", _("Completed")

    # Its lead; who gives it with them stands in `SessionCoach`, as the lead does.
    coach = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="sessions")
    # Several give it together. So whoever deals with one of a single coach asks nobody about others.
    is_together = models.BooleanField(default=False, db_default=False, editable=False)
    # Who made it, where that is said, as its service or an admin did; none: whoever leads it.
    creator = models.ForeignKey(User, models.PROTECT, null=True, db_index=False, related_name="+")
    series = models.ForeignKey(Series, models.PROTECT, null=True, related_name="sessions")
    title = models.CharField(_("Title"), max_length=120)
    description = models.TextField(_("Description"), max_length=4_000, blank=True)
    starts_at = models.DateTimeField(_("Starts"))
    ends_at = models.DateTimeField(_("Ends"))
    time_zone = models.CharField(_("Time zone"), max_length=TIME_ZONE_LENGTH)
    place = models.CharField(_("Place"), max_length=200, blank=True)
    join_link = models.URLField(_("Link to join"), max_length=500, blank=True)
    # What it is a session of, when it was booked as a slot; how and where people meet.
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="sessions")
    format = models.CharField(max_length=10, choices=Format, default=Format.CLASS, db_default=Format.CLASS)
    location = models.ForeignKey(Location, models.PROTECT, null=True, db_index=False, related_name="+")
    room = models.ForeignKey(Room, models.PROTECT, null=True, db_index=False, related_name="+")
    # Booked as a slot: it is there for those who booked it, and goes when the last of them goes.
    is_private = models.BooleanField(default=False, db_default=False)
    # From when until when its coaches and its room are taken, with the time before and after; none: while it lasts.
    busy_from = models.DateTimeField(null=True)
    busy_until = models.DateTimeField(null=True)
    # The same as one range, empty when it does not take place: what its coaches' claims follow.
    claimed = models.GeneratedField(
        expression=Case(When(status="cancelled", then=_NO_TIME), default=_BUSY),
        output_field=DateTimeRangeField(),
        db_persist=True,
    )
    capacity = models.PositiveIntegerField(
        _("Seats"), validators=[MinValueValidator(1), MaxValueValidator(MAX_CAPACITY)]
    )
    # Seats that are held, offered, booked, or kept; the one place where capacity is guarded.
    seats_taken = models.PositiveIntegerField(default=0, editable=False)
    # Those of them that nobody has yet: they are kept until there are enough for a party that waits.
    seats_kept = models.PositiveIntegerField(default=0, editable=False, db_default=0)
    price = models.BigIntegerField(_("Price"), validators=[MinValueValidator(0), MaxValueValidator(MAX_AMOUNT)])
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    cancellation_policy = models.ForeignKey(CancellationPolicy, models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.PLANNED)
    cancelled_at = models.DateTimeField(null=True)
    cancel_reason = models.CharField(max_length=300, blank=True)
    # Where an imported session comes from, so that importing twice changes nothing.
    source_uid = models.CharField(max_length=255, blank=True)
    # Counts the edits: a form that shows an older version is refused, and calendars know what is newer.
    version = models.PositiveIntegerField(default=0, editable=False, db_default=0)
    changed_at = models.DateTimeField(editable=False, db_default=Now())
    search = models.GeneratedField(
        expression=SearchVector("title", "description", "place", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = SessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="session_claims_one_time", fields=["id", "claimed"]),
            ExclusionConstraint(
                name="session_room_never_in_two_at_once",
                expressions=[(UuidPoint("room"), RangeOperators.OVERLAPS), (_BUSY, RangeOperators.OVERLAPS)],
                condition=~Q(status="cancelled") & Q(room__isnull=False),
            ),
            models.CheckConstraint(
                name="session_is_within_its_busy_time",
                condition=Q(busy_from=None, busy_until=None)
                | Q(busy_from__lte=F("starts_at"), busy_until__gte=F("ends_at")),
            ),
            models.CheckConstraint(
                name="session_booked_as_a_slot_has_a_service", condition=Q(is_private=False) | Q(service__isnull=False)
            ),
            models.CheckConstraint(name="session_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(name="session_seats_within_capacity", condition=Q(seats_taken__lte=F("capacity"))),
            models.CheckConstraint(name="session_seats_kept_are_taken", condition=Q(seats_kept__lte=F("seats_taken"))),
            models.CheckConstraint(
                name="session_keeps_seats_while_planned", condition=Q(seats_kept=0) | Q(status="planned")
            ),
            models.CheckConstraint(name="session_has_a_seat", condition=Q(capacity__gte=1)),
            models.CheckConstraint(name="session_price_is_not_negative", condition=Q(price__gte=0)),
            models.CheckConstraint(
                name="session_cancelled_has_a_time",
                condition=Q(status="cancelled", cancelled_at__isnull=False)
                | (~Q(status="cancelled") & Q(cancelled_at=None)),
            ),
            models.UniqueConstraint(
                name="session_imported_once", fields=["coach", "source_uid"], condition=~Q(source_uid="")
            ),
        ]
        indexes = [
            models.Index(name="session_by_start", fields=["starts_at", "id"]),
            models.Index(name="session_by_coach", fields=["coach", "starts_at"]),
            models.Index(name="session_keeps_seats", fields=["starts_at"], condition=Q(seats_kept__gt=0)),
            GinIndex(name="session_search", fields=["search"]),
        ]

    def __str__(self) -> str:
        return self.title

    @cached_property
    def coach_ids(self) -> list[UUID]:
        """Who gives it, the lead first; a statement only where there are several."""
        if not self.is_together:
            return [self.coach_id]
        return list(self.coaches.order_by("place").values_list("coach_id", flat=True))

    @cached_property
    def named_coaches(self) -> list[str]:
        """Who gives it; a statement only where there are several. Of many sessions see `name_coaches`."""
        if not self.is_together:
            return [str(self.coach)]
        return [str(one.coach) for one in self.coaches.select_related("coach").order_by("place")]

    @property
    def coach_names(self) -> str:
        """Who gives it, in the reader's words."""
        return say_names(self.named_coaches)

    @property
    def made_by_id(self) -> UUID:
        """Who earns of it as its creator: who was said to have made it, otherwise its lead."""
        return self.creator_id or self.coach_id

    def is_given_by(self, user: User) -> bool:
        return self.coach_id == user.pk or (self.is_together and user.pk in self.coach_ids)

    @property
    def seats_left(self) -> int:
        return self.capacity - self.seats_taken

    @property
    def is_full(self) -> bool:
        return self.seats_left <= 0

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds() // 60)

    @property
    def is_planned(self) -> bool:
        return self.status == self.Status.PLANNED

    def has_started(self, now: datetime | None = None) -> bool:
        return self.starts_at <= (now or clock.now())

    def has_ended(self, now: datetime | None = None) -> bool:
        return self.ends_at <= (now or clock.now())


class BookingQuerySet(models.QuerySet["Booking"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Whoever booked or takes part, the session's coaches, and the admins."""
        if not user.is_authenticated:
            return self.none()
        if user.is_admin:
            return self
        return self._any_of(Q(booked_by=user), Q(participant__user=user), Q(session__coaches__coach=user))

    def of(self, user: User) -> Self:
        return self.filter(booked_by=user)

    def concerning(self, user: User) -> Self:
        """Those that `user` made or takes part by."""
        return self._any_of(Q(booked_by=user), Q(participant__user=user))

    def _any_of(self, *conditions: Q) -> Self:
        """Those that meet one of the conditions, each found by its own index: an OR over tables would read them all."""
        first, *others = (Booking.objects.filter(condition).values("pk") for condition in conditions)
        return self.filter(pk__in=first.union(*others))

    def seated(self) -> Self:
        """Those that take a seat now or took it then."""
        return self.filter(state__in=Booking.SEATED)

    def live(self) -> Self:
        return self.filter(state__in=Booking.LIVE)


_IS_OFFERED = IntPoint(Case(When(state="offered", then=Value(1)), default=Value(0)))
_IS_TAKEN = IntPoint(Case(When(state__in=["waitlisted", "offered"], then=Value(0)), default=Value(1)))


class Booking(BaseModel):
    """One participant's place in one session."""

    class State(models.TextChoices):
        WAITLISTED = "waitlisted", _("On the waitlist")
        OFFERED = "offered", _("Seat offered")
        HELD = "held", _("Held until paid")
        CONFIRMED = "confirmed", _("Booked")
        ATTENDED = "attended", _("Attended")
        NO_SHOW = "no_show", _("Did not come")
        CANCELLED = "cancelled", _("Cancelled")

    class Ending(models.TextChoices):
        BY_MEMBER = "member", _("Cancelled by the participant")
        BY_HOST = "host", _("Cancelled by the coach")
        EXPIRED = "expired", _("Not paid in time")
        OFFER_LAPSED = "offer_lapsed", _("Offer not taken")

    SEATED = ("offered", "held", "confirmed", "attended", "no_show")
    # Who is in one place at a time: an offer is somebody's only when they take it.
    PRESENT = ("held", "confirmed", "attended", "no_show")
    LIVE = ("waitlisted", "offered", "held", "confirmed", "attended", "no_show")

    session = models.ForeignKey(Session, models.PROTECT, related_name="bookings")
    participant = models.ForeignKey(Participant, models.PROTECT, db_index=False, related_name="bookings")
    booked_by = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="bookings")
    line = models.OneToOneField(Line, models.PROTECT, null=True, related_name="booking")
    state = models.CharField(max_length=10, choices=State)
    # When its session is, as long as its participant counts on it: they are in one place at a time. None: they do not
    # yet or any more, or their session was moved to where they have another one.
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    # What the service asked, and what was answered: `label` and `answer`.
    answers = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    # The cancellation windows that held when this was booked, and the rules beside them.
    policy = models.JSONField(default=list)
    policy_rules = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    # How often whoever booked has moved it, of what its policy counts; when last; and what its calendar event had
    # counted by then.
    reschedules = models.PositiveSmallIntegerField(default=0, db_default=0)
    rescheduled_at = models.DateTimeField(null=True)
    sequence = models.PositiveIntegerField(default=0, db_default=0)
    held_until = models.DateTimeField(null=True)
    # Held until its coach says yes or no, and not ordered before; of one that is over, that it never got its yes.
    awaits_approval = models.BooleanField(default=False, db_default=False)
    # What it costs once its coach says yes (minor units): its part of a group's price. None: the session's.
    asked_price = models.BigIntegerField(null=True)
    waitlisted_at = models.DateTimeField(null=True)
    # Those who wait, are offered and are booked together bear the same one; none: whoever waits alone. And how often
    # seats that came free went to others, because they were too few for all of them.
    party = models.UUIDField(null=True, editable=False)
    passed_over = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    confirmed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=12, choices=Ending, blank=True)
    reminded_at = models.DateTimeField(null=True)
    # When another time, or of a time with somebody another coach, was made of what was booked: since then its windows
    # count no more.
    moved_at = models.DateTimeField(null=True)

    objects = BookingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="booking_one_live_per_participant",
                fields=["session", "participant"],
                condition=~Q(state="cancelled"),
            ),
            ExclusionConstraint(
                name="booking_participant_never_in_two_at_once",
                expressions=[
                    (UuidPoint("participant"), RangeOperators.OVERLAPS),
                    (TsTzRange("starts_at", "ends_at", Value("[)")), RangeOperators.OVERLAPS),
                ],
                condition=Q(starts_at__isnull=False, state__in=["held", "confirmed", "attended", "no_show"]),
            ),
            ExclusionConstraint(
                name="booking_party_is_offered_together",
                expressions=[
                    (UuidPoint("party"), RangeOperators.OVERLAPS),
                    (_IS_OFFERED, RangeOperators.ADJACENT_TO),
                ],
                condition=Q(party__isnull=False, state__in=["waitlisted", "offered"]),
                deferrable=Deferrable.DEFERRED,
            ),
            ExclusionConstraint(
                name="booking_party_is_taken_together",
                expressions=[
                    (UuidPoint("party"), RangeOperators.OVERLAPS),
                    (_IS_TAKEN, RangeOperators.ADJACENT_TO),
                ],
                condition=Q(party__isnull=False) & ~Q(state="cancelled"),
                deferrable=Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                name="booking_passed_over_is_of_a_party", condition=Q(passed_over=0) | Q(party__isnull=False)
            ),
            models.CheckConstraint(
                name="booking_held_has_an_end",
                condition=Q(state__in=["held", "offered"], held_until__isnull=False)
                | (~Q(state__in=["held", "offered"]) & Q(held_until=None)),
            ),
            models.CheckConstraint(
                name="booking_that_awaits_approval_is_not_ordered",
                condition=Q(awaits_approval=False) | Q(state__in=["held", "cancelled"], line=None),
            ),
            models.CheckConstraint(
                name="booking_confirmed_is_ordered",
                condition=~Q(state__in=["confirmed", "attended", "no_show"])
                | Q(line__isnull=False, confirmed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="booking_cancelled_has_a_time",
                condition=Q(state="cancelled", cancelled_at__isnull=False)
                | (~Q(state="cancelled") & Q(cancelled_at=None)),
            ),
            models.CheckConstraint(
                name="booking_is_moved_as_often_as_allowed",
                condition=Q(reschedules=0)
                | Q(reschedules__lte=Cast(KeyTextTransform("reschedules", "policy_rules"), models.IntegerField())),
            ),
            models.CheckConstraint(
                name="booking_waits_since", condition=~Q(state="waitlisted") | Q(waitlisted_at__isnull=False)
            ),
        ]
        indexes = [
            models.Index(name="booking_by_payer", fields=["booked_by", "-id"]),
            models.Index(name="booking_by_participant", fields=["participant", "-id"]),
            models.Index(
                name="booking_waitlist", fields=["session", "waitlisted_at", "id"], condition=Q(state="waitlisted")
            ),
            models.Index(name="booking_by_party", fields=["party"], condition=Q(party__isnull=False)),
            models.Index(name="booking_hold_ends", fields=["held_until"], condition=Q(state__in=["held", "offered"])),
        ]

    @property
    def terms(self) -> Policy:
        """The policy that holds of it, as `tenpo.orders.cancelling` takes it."""
        return read_policy(self.policy, self.policy_rules)

    @property
    def is_for_another(self) -> bool:
        """Whether whoever booked it is not who takes part."""
        return self.participant.user_id != self.booked_by_id

    @property
    def was_moved(self) -> bool:
        """Whether the host made another time of what was booked, or gave a time with somebody to another coach."""
        return self.moved_at is not None

    def __str__(self) -> str:
        # Only what is loaded is said: a name is not worth a question to the database.
        session = self._state.fields_cache.get("session")
        return session.title if session else f"{self.participant_id} in {self.session_id}"


class CalendarFeedQuerySet(models.QuerySet["CalendarFeed"]):
    def visible_to(self, user: "Viewer") -> Self:
        return self.filter(user=user) if user.is_authenticated else self.none()


class CalendarFeed(BaseModel):
    """A private address from which one user's calendar program reads their sessions; shown once, stored as a hash."""

    user = models.OneToOneField(User, models.PROTECT, related_name="calendar_feed")
    token_hash = models.CharField(max_length=HASH_LENGTH, unique=True)
    read_at = models.DateTimeField(null=True)

    objects = CalendarFeedQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.user)
