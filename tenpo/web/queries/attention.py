"""What needs a human: each thing with how many there are, and the first few to act on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, QuerySet, Window

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.models import CheckRun
from tenpo.notify.models import Delivery
from tenpo.payments.models import Payment
from tenpo.payments.queries import unmarked
from tenpo.people.models import Invite, User
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.session_coach_queries import name_coaches

SHOWN = 5
EXPIRES_SOON = timedelta(days=3)
EMPTY_SOON = timedelta(hours=48)
# The job that asks the provider runs every minute; what is still unknown after this long wants a human.
UNKNOWN_FOR = timedelta(minutes=10)
# It is made every night; one may be missed while the server is off.
CHECK_IS_OLD = timedelta(days=2)


@dataclass(frozen=True)
class Some[T]:
    """The first few of many."""

    items: Sequence[T]
    count: int

    def __bool__(self) -> bool:
        return self.count > 0

    @property
    def more(self) -> int:
        return self.count - len(self.items)


@dataclass(frozen=True)
class Attention:
    """What waits for an admin."""

    unmarked_payments: Some[Payment]
    unknown_payments: Some[Payment]
    dead_deliveries: Some[Delivery]
    open_invites: Some[Invite]
    empty_sessions: Some[Session]
    wanted_sessions: Some[Session]
    # People are to pay by bank transfer, but nobody said where to.
    has_no_account: bool
    # The last nightly check, when it found something or is too long ago.
    check: CheckRun | None
    now: datetime

    @property
    def expiring_invites(self) -> list[Invite]:
        """Of the open invites shown, those that end soon; they stand first."""
        return [invite for invite in self.open_invites.items if invite.expires_at <= self.now + EXPIRES_SOON]

    @property
    def count(self) -> int:
        """How many things want somebody; an open invite with time left does not."""
        return (
            self.unmarked_payments.count
            + self.unknown_payments.count
            + self.dead_deliveries.count
            + self.empty_sessions.count
            + self.wanted_sessions.count
            + len(self.expiring_invites)
            + self.has_no_account
            + (self.check is not None)
        )


def attention_for(admin: User, *, now: datetime | None = None) -> Attention:
    """What an admin should look at. Seven statements."""
    now, business = now or clock.now(), current_business()
    payments = Payment.objects.visible_to(admin).select_related("payer")
    by_hand = unmarked(payments)
    unknown = payments.filter(state=Payment.State.UNKNOWN, created_at__lt=now - UNKNOWN_FOR)
    dead = Delivery.objects.visible_to(admin).filter(state=Delivery.State.DEAD)
    planned = Session.objects.visible_to(admin).open_to_all().upcoming(now).select_related("coach")
    waiting = Count("bookings", filter=Q(bookings__state=Booking.State.WAITLISTED))
    wanted = planned.filter(seats_taken__gte=F("capacity")).annotate(waiting=waiting).filter(waiting__gt=0)
    empty = _some(planned.filter(seats_taken=0, starts_at__lte=now + EMPTY_SOON).order_by("starts_at", "id"))
    full = _some(wanted.order_by("starts_at", "id"))
    name_coaches([*empty.items, *full.items])
    return Attention(
        unmarked_payments=_some(by_hand.order_by("id")),
        unknown_payments=_some(unknown.order_by("id")),
        dead_deliveries=_some(dead.select_related("notification__user").order_by("-id")),
        open_invites=_some(Invite.objects.visible_to(admin).open(now).order_by("expires_at", "id")),
        empty_sessions=empty,
        wanted_sessions=full,
        has_no_account=business.offers_bank_transfer and not business.bank_iban,
        check=_check_to_look_at(admin, now),
        now=now,
    )


def _check_to_look_at(admin: User, now: datetime) -> CheckRun | None:
    last = CheckRun.objects.visible_to(admin).order_by("-created_at").first()
    return last if last and (last.faults or last.created_at < now - CHECK_IS_OLD) else None


def _some[T](rows: "QuerySet[T]") -> Some[T]:  # type: ignore[type-var]
    """The first few and how many there are, in one statement."""
    items = list(rows.annotate(of_all=Window(Count("pk")))[:SHOWN])
    return Some(items, items[0].of_all if items else 0)
