"""What pages and endpoints read of the schedule, in a number of statements that does not grow with the rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import models
from django.db.models import Avg, Case, CharField, Count, Exists, F, IntegerField, OuterRef, Q, Sum, Value, When
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Coalesce, TruncDate
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.orders.own_share import Payers, Shares
from tenpo.orders.queries import Quote, frozen_quote, together
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import Participant, ParticipantQuerySet, User
from tenpo.people.queries import Standing
from tenpo.schedule.guest_queries import booked_with, with_guests
from tenpo.schedule.models import Booking, CalendarFeed, Intro, Session, SessionQuerySet
from tenpo.schedule.review_models import SessionReview
from tenpo.schedule.session_coach_queries import name_coaches


@dataclass(frozen=True)
class SessionFilter:
    """What somebody looks for; dates are whole days of the reader, both included."""

    words: str = ""
    coach_id: UUID | None = None
    since: date | None = None
    until: date | None = None
    only_free: bool = False


def find_sessions(user: User, wanted: SessionFilter, *, now: datetime | None = None) -> SessionQuerySet:
    """The sessions that can still be booked or waited for and fit the filter."""
    rows = Session.objects.visible_to(user).open_to_all().upcoming(now).matching(wanted.words)
    if wanted.coach_id:
        rows = rows.filter(coaches__coach=wanted.coach_id)
    rows = in_days(rows, wanted.since, wanted.until)
    if wanted.only_free:
        rows = rows.filter(seats_taken__lt=F("capacity"))
    return rows.select_related("coach")


def days_with_sessions(user: User, wanted: SessionFilter) -> set[date]:
    """The reader's days on which something fits the filter: one statement."""
    starts = find_sessions(user, wanted).annotate(day=TruncDate("starts_at")).order_by()
    return set(starts.values_list("day", flat=True).distinct())


def in_days(rows: SessionQuerySet, since: date | None, until: date | None) -> SessionQuerySet:
    """Those that start on the reader's days from `since` to `until`, both included."""
    if since:
        rows = rows.filter(starts_at__gte=day_start(since))
    if until:
        rows = rows.filter(starts_at__lt=day_start(until + timedelta(days=1)))
    return rows


def day_start(day: date) -> datetime:
    """The first moment of a day in the reader's zone."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def shares_of(sessions: Sequence[Session], reader: User, *, at: datetime | None = None) -> dict[UUID, Shares]:
    """What company, a sponsor of the reader's and the reader would pay of each session's price: two statements."""
    if not sessions:
        return {}
    payers = Payers(reader, at=at)
    return {one.pk: payers.shares(one.price, currency=one.currency, coach_id=one.coach_id) for one in sessions}


def my_bookings_in(user: User, sessions: Sequence[Session]) -> dict[UUID, Booking]:
    """The reader's live booking of each session, or else one of their guests': one statement."""
    whose = Q(participant__user=user) | Q(participant__guest_of=user)
    mine = Booking.objects.filter(whose, session__in=[session.pk for session in sessions])
    rows = (
        mine.live()
        .select_related("line__order", "line__sponsorship")
        .order_by(F("participant__user").asc(nulls_first=True), "-id")
    )
    return {booking.session_id: booking for booking in rows}


@dataclass(frozen=True)
class BookedPrice:
    """What a booking costs as its page shows it, and for how many places that is."""

    quote: Quote
    # Those that are held, and so paid or given up, together, itself among them; of every other one it alone.
    held: Sequence[Booking]

    @property
    def places(self) -> int:
        return len(self.held)

    @property
    def due(self) -> int:
        """What is left to pay, in minor units; 0 of what is not held."""
        return self.quote.own_share if self.held[0].state == Booking.State.HELD else 0


def booked_price(booking: Booking | None) -> BookedPrice | None:
    """The price of a booking as it was frozen; of a held one that of all that was ordered with it: one statement."""
    if booking is None or booking.line is None:
        return None
    if booking.state != Booking.State.HELD:
        return BookedPrice(frozen_quote(booking.line), [booking])
    rows = Booking.objects.filter(line__order=booking.line.order_id, state=Booking.State.HELD)
    held = list(rows.select_related("participant", "line__order", "line__sponsorship").order_by("id")) or [booking]
    return BookedPrice(together([frozen_quote(one.line) for one in held if one.line]), held)


def bookable_participants(user: User) -> ParticipantQuerySet:
    """Whom somebody may name when they book a time: those whom they see, and a coach their clients.

    The action asks besides whether they are clients of a coach of the service.
    """
    seen = Participant.objects.visible_to(user)
    if user.is_admin or not user.is_coach:
        return seen
    # Whom others bring, they bring themselves.
    clients = Q(guest_of=None, pk__in=booked_with(user).values("participant"))
    return Participant.objects.filter(Q(user=user) | Q(guest_of=user) | clients)


def placeable_participants(user: User) -> ParticipantQuerySet:
    """For whom staff can book: those whom they may name, but for themselves, with an account that is in use."""
    return bookable_participants(user).filter(user__disabled_at=None, user__isnull=False).exclude(user=user)


def waitlist_position(booking: Booking) -> int:
    """Which place in line a waitlisted booking has, from 1; those who wait together have one."""
    since, mine = booking.waitlisted_at, booking.party or booking.pk
    waiting = Booking.objects.filter(session=booking.session_id, state=Booking.State.WAITLISTED)
    line = waiting.annotate(together=Coalesce("party", "pk"))
    ahead = line.filter(Q(waitlisted_at__lt=since) | Q(waitlisted_at=since, together__lt=mine))
    return 1 + ahead.values("together").distinct().count()


def waiting_with(booking: Booking) -> list[Booking]:
    """Those of a booking's party that are where it is, itself among them; one statement, or none for who is alone."""
    if booking.party is None:
        return [booking]
    same = Booking.objects.filter(party=booking.party, state=booking.state)
    return list(same.select_related("session", "participant").order_by("id")) or [booking]


def waitlist_length(session: Session) -> int:
    """How many stand in line."""
    return Booking.objects.filter(session=session, state=Booking.State.WAITLISTED).count()


def waitlist_end(session: Session) -> int:
    """Which number in line whoever joins now would be; those who wait together are one."""
    rows = Booking.objects.filter(session=session, state=Booking.State.WAITLISTED)
    return 1 + int(rows.aggregate(number=Count(Coalesce("party", "pk"), distinct=True))["number"])


@dataclass(frozen=True)
class CancellationEffect:
    """What cancelling would do: how many people are told, how much goes back (minor units).

    Told is whoever takes part by an account of theirs, and whoever booked, each once; of an intro its visitor.
    """

    sessions: int
    people: int
    credit: int
    wallet: int
    method: int
    company: int
    sponsor: int
    currency: str


def cancellation_effect(sessions: Sequence[Session]) -> CancellationEffect:
    """What cancelling these sessions would do: two statements."""
    own = F("line__own_share") - F("line__own_back")
    live = Booking.objects.filter(session__in=[session.pk for session in sessions]).live()
    booked = Q(confirmed_at__isnull=False)
    # All of it goes where it goes with the longest notice.
    first = KeyTextTransform("to", KeyTransform("0", "policy"))
    live = live.annotate(goes_to=Coalesce(first, "line__back_to", output_field=CharField()))
    sums = live.aggregate(
        booked=ArrayAgg("booked_by", distinct=True, default=[]),
        take_part=ArrayAgg("participant__user", filter=Q(participant__user__isnull=False), distinct=True, default=[]),
        credit=Sum(F("line__credit_spent") - F("line__credit_back"), filter=booked, default=0),
        wallet=Sum(F("line__wallet_spent") - F("line__wallet_back"), filter=booked, default=0),
        company=Sum(F("line__company_share") - F("line__company_back"), filter=booked, default=0),
        sponsor=Sum(F("line__sponsor_share") - F("line__sponsor_back"), filter=booked, default=0),
        **{f"own_{to}": Sum(own, filter=booked & Q(goes_to=to), default=0) for to in RefundTo.values},
    )
    for place in RefundTo.values:
        sums[place] = sums.get(place, 0) + sums.pop(f"own_{place}")
    currency = sessions[0].currency if sessions else ""
    visitors = Intro.objects.filter(session__in=sessions, state=Intro.State.CONFIRMED).count() if sessions else 0
    people = len({*sums.pop("booked"), *sums.pop("take_part")}) + visitors
    return CancellationEffect(sessions=len(sessions), people=people, currency=currency, **sums)


ROSTER_ORDER = [("confirmed", "attended", "no_show"), ("held",), ("offered",), ("waitlisted",)]


def roster(session: Session) -> list[Booking]:
    """Who has a place or waits for one: booked, then held and offered, then the line in its order.

    Of a session that was called off: who had booked it.
    """
    place = Case(
        *(When(state__in=states, then=Value(number)) for number, states in enumerate(ROSTER_ORDER)),
        output_field=IntegerField(),
    )
    rows = Booking.objects.filter(session=session).select_related("participant", "booked_by", "miss")
    if session.status == Session.Status.CANCELLED:
        rows = rows.filter(ending=Booking.Ending.BY_HOST, line__isnull=False)
    else:
        rows = rows.live()
    return list(rows.annotate(place=place).order_by("place", "waitlisted_at", "participant__name", "id"))


def following(session: Session) -> list[Session]:
    """This session and the later ones of its series that are still to come."""
    rows = Session.objects.filter(series=session.series_id, starts_at__gte=session.starts_at).upcoming()
    return list(rows.order_by("starts_at", "id")) if session.series_id else []


def has_following(booking: Booking) -> bool:
    """Whether the same person has booked more of the same series for the same participant, still to come."""
    series = booking.session.series_id
    others = Booking.objects.live().filter(booked_by=booking.booked_by_id, participant=booking.participant_id)
    others = others.filter(session__series=series, session__starts_at__gt=clock.now()).exclude(pk=booking.pk)
    return series is not None and others.exists()


def taught_sessions(user: User, *, coach: User | None, is_past: bool, now: datetime | None = None) -> SessionQuerySet:
    """The sessions that `user` manages: their own, an admin everybody's or one coach's; those to come, or the rest.

    What was cancelled stands where it would have been: it is past when its time is.
    """
    now = now or clock.now()
    rows = Session.objects.visible_to(user).select_related("coach")
    if not user.is_admin:
        rows = rows.taught_by(user)
    elif coach:
        rows = rows.taught_by(coach)
    to_come = Q(status__in=[Session.Status.PLANNED, Session.Status.CANCELLED], ends_at__gt=now)
    return rows.exclude(to_come) if is_past else rows.filter(to_come)


def my_bookings(user: User, *, when: str, now: datetime | None = None) -> models.QuerySet[Booking]:
    """The reader's bookings: "coming", "waiting" in line, or "past" (over, or cancelled)."""
    now = now or clock.now()
    rows = Booking.objects.visible_to(user).concerning(user)
    ahead = Q(session__ends_at__gt=now)
    coming = ahead & Q(state__in=["confirmed", "held", "offered", "attended", "no_show"])
    waiting = ahead & Q(state="waitlisted")
    chosen = {"coming": coming, "waiting": waiting}.get(when)
    rows = rows.filter(chosen) if chosen is not None else rows.exclude(coming | waiting)
    return rows.select_related("session__coach", "line__order", "participant", "miss")


@dataclass(frozen=True)
class BookedTogether:
    """All of somebody's bookings of one session that stand in one list: a row, with each who comes in it."""

    bookings: Sequence[Booking]

    @property
    def first(self) -> Booking:
        return self.bookings[0]

    @property
    def is_alike(self) -> bool:
        """Whether all of them are in the same state, so that it is said once."""
        return len({(one.state, one.ending, one.awaits_approval) for one in self.bookings}) == 1


def first_of_each_session(rows: models.QuerySet[Booking]) -> models.QuerySet[Booking]:
    """Of these bookings the first in each session: what a list with a row for each session is paged by."""
    before = rows.order_by().filter(session=OuterRef("session"), pk__lt=OuterRef("pk"))
    return rows.exclude(Exists(before.values("pk")))


def by_session(rows: models.QuerySet[Booking], firsts: Sequence[Booking]) -> list[BookedTogether]:
    """These bookings, those of the sessions of `firsts`, one for each session in that order: one statement."""
    found: dict[UUID, list[Booking]] = {one.session_id: [] for one in firsts}
    for booking in rows.filter(session__in=found).order_by("id"):
        found[booking.session_id].append(booking)
    # One that has just ended up elsewhere leaves the one that was read.
    return [BookedTogether(found[one.session_id] or [one]) for one in firsts]


WITH_BOOKING = ("session__coach", "line__order", "line__sponsorship", "participant", "miss")


def own_booking(user: User, booking_id: UUID) -> Booking:
    """A booking that `user` made or takes part by; an admin may look at everybody's. Http404 for every other."""
    rows = Booking.objects.visible_to(user)
    if not user.is_admin:
        rows = rows.concerning(user)
    return get_object_or_404(rows.select_related(*WITH_BOOKING), pk=booking_id)


FEED_PAST = timedelta(days=90)
FEED_CANCELLED = timedelta(days=30)
FEED_ROWS = 1_000


def standing_feed(user: User) -> list[Standing]:
    """The private address of the calendar of `user`, when there is one."""
    if not CalendarFeed.objects.filter(user=user).exists():
        return []
    return [Standing(_("The private address of your calendar"), reverse("schedule:calendar"))]


def feed_bookings(user: User, *, now: datetime | None = None) -> list[Booking]:
    """What a calendar program is told of `user`'s bookings: of the last months and to come, cancelled ones for a month.

    A place in line is no appointment, and several places in one session are one.
    """
    now = now or clock.now()
    rows = Booking.objects.concerning(user).filter(session__ends_at__gt=now - FEED_PAST)
    sure = ~Q(state__in=["cancelled", "waitlisted"])
    lately_off = Q(state="cancelled", confirmed_at__isnull=False, cancelled_at__gt=now - FEED_CANCELLED)
    rows = rows.filter(sure | lately_off).select_related("session__coach", "participant")
    bookings = list(rows.order_by("-session__starts_at", "id")[:FEED_ROWS])
    name_coaches(booking.session for booking in bookings)
    return one_for_each_session(bookings, user)


def one_for_each_session(bookings: Iterable[Booking], user: User) -> list[Booking]:
    """Of several places in one session the one that stands in somebody's calendar: what holds, their own, the first."""
    found: dict[UUID, Booking] = {}
    for booking in bookings:
        other = found.get(booking.session_id)
        if other is None or _stands_before(booking, other, user):
            found[booking.session_id] = booking
    return list(found.values())


def dates_ordered_with(booking: Booking, reader: User) -> list[Booking]:
    """The places that were ordered with one and still hold, one for each session, in the order of their starts.

    Only those that concern the reader, whoever booked them.
    """
    if booking.line is None:
        return [booking]
    rows = Booking.objects.concerning(reader).filter(line__order=booking.line.order_id).live()
    rows = rows.select_related("session__coach", "participant").order_by("session__starts_at", "id")
    return one_for_each_session(rows, reader) or [booking]


def _stands_before(one: Booking, other: Booking, user: User) -> bool:
    def rank(booking: Booking) -> tuple[bool, bool]:
        return booking.state != Booking.State.CANCELLED, booking.participant.user_id == user.pk

    return rank(one) > rank(other)


def feed_taught(user: User, *, now: datetime | None = None) -> list[Session]:
    """The same of the sessions that `user` teaches."""
    now = now or clock.now()
    rows = Session.objects.taught_by(user).filter(ends_at__gt=now - FEED_PAST).select_related("coach")
    lately_off = Q(status="cancelled", cancelled_at__gt=now - FEED_CANCELLED)
    rows = rows.filter(~Q(status="cancelled") | lately_off)
    sessions = list(rows.order_by("-starts_at", "id")[:FEED_ROWS])
    name_coaches(sessions)
    return sessions


def calendar_of(user: User, since: datetime, until: datetime) -> tuple[list[Booking], list[Session]]:
    """What `user` has booked (waiting too) and what they teach, from `since` until before `until`."""
    during = Q(session__starts_at__lt=until, session__ends_at__gt=since)
    mine = Booking.objects.concerning(user).live().filter(during)
    taught = Session.objects.taught_by(user).exclude(status="cancelled").filter(starts_at__lt=until, ends_at__gt=since)
    return (
        list(mine.select_related("session__coach").order_by("session__starts_at", "id")[:FEED_ROWS]),
        list(with_guests(taught).order_by("starts_at", "id")[:FEED_ROWS]),
    )


@dataclass(frozen=True)
class Rating:
    """What people who were there say of a coach, in one number: the average to one decimal, None where nobody did."""

    average: float | None
    count: int


def coach_rating(coach: User) -> Rating:
    """Of the reviews that everybody may read: one statement."""
    sums = SessionReview.objects.of_coach(coach).opened().aggregate(average=Avg("rating"), count=Count("pk"))
    return Rating(round(sums["average"], 1) if sums["count"] else None, sums["count"])
