"""What is next for one person, what waits for them, and what they teach."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, Min, OuterRef, Q, Sum
from django.utils import timezone

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.ledger.models import Account
from tenpo.orders.own_share import Shares
from tenpo.payments.models import Payment
from tenpo.payments.providers import provider_of
from tenpo.people.models import User
from tenpo.schedule.actions.check_in import is_check_in_open
from tenpo.schedule.guest_queries import with_guests
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.queries import one_for_each_session, shares_of
from tenpo.schedule.request_queries import requests_for
from tenpo.schedule.session_coach_queries import name_coaches
from tenpo.schedule.video_queries import has_video

WEEK = timedelta(days=7)
# So many of those who come are named.
NAMED = 12
# Whoever looks back further has the list of their sessions for it.
UNMARKED_FOR = timedelta(days=30)
SHOWN = 20
SUGGESTED = 3


@dataclass(frozen=True)
class Waiting:
    """Something that waits for a person: a seat to take or to pay, or a payment to confirm."""

    booking: Booking
    payment: Payment | None
    # What there is to pay for it and all that was ordered with it, in minor units; 0 while nothing is ordered.
    amount: int
    # How many are offered, or held, with it.
    places: int = 1

    @property
    def kind(self) -> str:
        """`offer`, `confirm`, `pay`, `transfer` (the money is on its way to us) or `clearing` (at the provider)."""
        if self.booking.state == Booking.State.OFFERED:
            return "offer"
        if self.payment is None:
            return "pay"
        if self.payment.state == Payment.State.NEEDS_ACTION and self.payment.action_url:
            return "confirm"
        if self.payment.state == Payment.State.PENDING and provider_of(self.payment.provider).is_marked_by_hand:
            return "transfer"
        return "clearing" if self.payment.state in Payment.OPEN else "pay"

    @property
    def is_act(self) -> bool:
        """Whether there is something to do, rather than only to wait for."""
        return self.kind not in ("transfer", "clearing")


@dataclass(frozen=True)
class Suggestion:
    """A session that could be booked, and who would pay what of it."""

    session: Session
    shares: Shares


@dataclass(frozen=True)
class Day:
    """A member's day: the next seat, the rest of the week, what waits, the credit left, and what could be booked."""

    next: Booking | None
    week: list[Booking]
    waiting: list[Waiting]
    credit: int
    credit_ends_at: datetime | None
    currency: str
    suggestions: list[Suggestion] = field(default_factory=list)

    @property
    def is_busy(self) -> bool:
        """Whether something of one's own is to come; for those who come here for their work."""
        return bool(self.next or self.week or self.waiting)


@dataclass(frozen=True)
class Teaching:
    """A coach's day: what is next, what waits for a yes or no, today, the week ahead, and what lacks its attendance."""

    next: Session | None
    # Who comes to it, and whether people can be checked in and go in by video.
    guests: list[Booking]
    can_check_in: bool
    can_join: bool
    requests: list[Booking]
    today: list[Session]
    week: list[Session]
    unmarked: list[Session]

    @property
    def rest_today(self) -> list[Session]:
        """What else there is today."""
        return [session for session in self.today if session is not self.next]

    @property
    def rest_week(self) -> list[Session]:
        """What else there is in the days after."""
        return [session for session in self.week if session is not self.next]


def day_of(user: User, *, now: datetime | None = None) -> Day:
    """What waits for a member today and this week. Six statements."""
    now = now or clock.now()
    currency = current_business().currency
    bookings = _live_bookings(user, now)
    places = one_for_each_session([booking for booking in bookings if booking.state != "offered"], user)
    seated = [booking for booking in places if booking.state in (Booking.State.CONFIRMED, Booking.State.HELD)]
    upcoming = seated[0] if seated else None
    week = [b for b in places if b is not upcoming and b.session.starts_at <= now + WEEK]
    waiting = _waiting(user, bookings)
    left = Account.objects.credits_of(user).filter(currency=currency, balance__gt=0)
    left = left.filter(Q(expires_at=None) | Q(expires_at__gt=now)).order_by()
    credit = left.aggregate(sum=Sum("balance"), ends_at=Min("expires_at"))
    return Day(
        next=upcoming,
        week=week,
        waiting=sorted(waiting, key=lambda thing: not thing.is_act),
        credit=credit["sum"] or 0,
        credit_ends_at=credit["ends_at"],
        currency=currency,
        suggestions=_suggestions(user, now),
    )


def _waiting(user: User, bookings: list[Booking]) -> list[Waiting]:
    """What there is to take, to pay or to wait for; once for what was ordered together."""
    payments = _payments_of(user, bookings)
    found: dict[object, Booking] = {}
    amounts: dict[object, int] = {}
    places: dict[object, int] = {}
    for booking in bookings:
        if booking.state in (Booking.State.OFFERED, Booking.State.HELD):
            key = booking.line.order_id if booking.line else booking.party or booking.pk
            places[key] = places.get(key, 0) + 1
            found.setdefault(key, booking)
            amounts[key] = amounts.get(key, 0) + (booking.line.own_share if booking.line else 0)
    return [Waiting(booking, payments.get(key), amounts[key], places[key]) for key, booking in found.items()]


def _live_bookings(user: User, now: datetime) -> list[Booking]:
    rows = Booking.objects.of(user).live().filter(session__status=Session.Status.PLANNED, session__ends_at__gt=now)
    rows = rows.select_related("session__coach", "line", "participant").order_by("session__starts_at", "id")
    bookings = list(rows[:SHOWN])
    name_coaches(booking.session for booking in bookings)
    return bookings


def _payments_of(user: User, bookings: list[Booking]) -> dict[object, Payment]:
    """The payments under way for seats that are held, by order."""
    orders = [booking.line.order_id for booking in bookings if booking.line and booking.state == Booking.State.HELD]
    open_payments = Payment.objects.visible_to(user).open().filter(order_id__in=orders)
    return {payment.order_id: payment for payment in open_payments}


def _suggestions(user: User, now: datetime) -> list[Suggestion]:
    """The next sessions with a free seat that this person neither has nor teaches."""
    mine = Booking.objects.of(user).live().filter(session=OuterRef("pk"))
    offered = Session.objects.visible_to(user).open_to_all().upcoming(now)
    free = offered.filter(seats_taken__lt=F("capacity")).exclude(coaches__coach=user)
    sessions = list(free.filter(~Exists(mine)).select_related("coach").order_by("starts_at", "id")[:SUGGESTED])
    name_coaches(sessions)
    shares = shares_of(sessions, user, at=now)
    return [Suggestion(session, shares[session.pk]) for session in sessions]


def teaching_of(coach: User, *, now: datetime | None = None) -> Teaching:
    """What a coach teaches today and this week, who comes or waits, asks, or was not marked. Six statements."""
    now = now or clock.now()
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = midnight + timedelta(days=1)
    waitlisted = Count("bookings", filter=Q(bookings__state=Booking.State.WAITLISTED))
    planned = Session.objects.taught_by(coach).select_related("coach").exclude(status=Session.Status.CANCELLED)
    coming = planned.filter(ends_at__gte=midnight, starts_at__lt=midnight + WEEK).annotate(waitlisted=waitlisted)
    sessions = list(with_guests(coming).order_by("starts_at", "id")[: 2 * SHOWN])
    unmarked = Count("bookings", filter=Q(bookings__state=Booking.State.CONFIRMED))
    past = planned.filter(starts_at__range=(now - UNMARKED_FOR, now)).annotate(unmarked=unmarked)
    asked = requests_for(coach, now=now).filter(session__coaches__coach=coach).select_related("session", "participant")
    upcoming = next((one for one in sessions if one.is_planned and not one.has_ended(now)), None)
    return Teaching(
        next=upcoming,
        guests=_comers(upcoming) if upcoming else [],
        can_check_in=upcoming is not None and is_check_in_open(upcoming),
        can_join=upcoming is not None and has_video(upcoming),
        requests=list(asked.order_by("held_until", "id")[:SHOWN]),
        today=[session for session in sessions if session.starts_at < tomorrow],
        week=[session for session in sessions if session.starts_at >= tomorrow],
        unmarked=list(past.filter(unmarked__gt=0).order_by("-starts_at", "id")[:SHOWN]),
    )


def _comers(session: Session) -> list[Booking]:
    """Who has a place in a session, by name."""
    coming = session.bookings.filter(state__in=[Booking.State.CONFIRMED, Booking.State.ATTENDED])
    return list(coming.select_related("participant").order_by("participant__name", "id")[:NAMED])
