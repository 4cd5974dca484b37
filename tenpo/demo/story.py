"""What the demo's people do, day after day. Every step is an action that a page or the API calls as well.

Chance decides who books what, from one seed, so every demo tells the same story.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from django.db.models import Count

from tenpo.access.actions.accounts import disable_user
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.actions.settling import decide_sandbox_charge, mark_paid
from tenpo.core.errors import RuleError
from tenpo.demo import cast
from tenpo.demo.clock import Clock
from tenpo.demo.post import invite_token, tick, work
from tenpo.notify.actions.notifications import mark_all_read
from tenpo.orders.actions.default_policy import default_cancellation_policy
from tenpo.orders.models import CancellationPolicy
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS, SUCCEEDS_LATE
from tenpo.payments.queries import manual_providers
from tenpo.people.actions.accounts import create_admin, update_profile
from tenpo.people.actions.imports import confirm_import, preview_people_import
from tenpo.people.actions.invites import accept_invite, invite_person
from tenpo.people.models import Import, Invite, User
from tenpo.schedule.actions.attendance import mark_all_attended, mark_attendance
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.sessions import create_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session

BOOKS_AHEAD = timedelta(days=13)
# (provider, card, how often): most pay at once, some in every other way.
WAYS_TO_PAY = (
    ("sandbox", SUCCEEDS, 62),
    ("payroll", "", 21),
    ("transfer", "", 8),
    ("sandbox", DECLINED, 3),
    ("sandbox", NEEDS_CONFIRMATION, 4),
    ("sandbox", SUCCEEDS_LATE, 2),
)
CANCELS = 0.025
COMES = 0.93


class Story:
    """The company's people and what they have done so far."""

    def __init__(self, clock: Clock, owner: psycopg.Connection[Any]) -> None:
        self.clock = clock
        self.owner = owner
        self.chance = Random(20260901)  # noqa: S311 - a story, not a secret
        self.zone = ZoneInfo(cast.ZONE)
        self.admins: list[User] = []
        self.coaches: list[User] = []
        self.members: list[User] = []
        self.invited: list[str] = []
        self.planned_until: datetime | None = None
        self.policies: dict[str, CancellationPolicy] = {}

    @property
    def admin(self) -> User:
        return self.admins[0]

    def member(self, name: str) -> User:
        """The member of that name."""
        return next(member for member in self.members if member.name == name)

    def leads(self) -> list[tuple[str, User]]:
        """Those whose accounts the demo is looked at with, by role."""
        members = [self.member(name) for name in cast.MEMBERS[:3]]
        return [
            *(("admin", user) for user in self.admins),
            *(("coach", user) for user in self.coaches[:2]),
            *(("member", user) for user in members),
        ]

    def at(self, day: datetime, hour: int, minute: int = 0) -> datetime:
        """A time of day at the company's place."""
        return datetime.combine(day.astimezone(self.zone).date(), time(hour, minute), self.zone)

    def work(self) -> None:
        """Let the worker do what waits."""
        work(self.owner)

    def first_admin(self) -> None:
        """The one whom nobody invites."""
        name = cast.ADMINS[0]
        self.admins.append(create_admin(email=cast.address(name), name=name, password=cast.PASSWORD))

    def begin(self) -> None:
        """The first morning: another admin, the coaches, and an import that invites the first members."""
        for name in cast.ADMINS[1:]:
            invite_person(cast.address(name), role=Invite.Grant.ADMIN, name=name, by=self.admin)
        for coach in cast.COACHES:
            invite_person(cast.address(coach.name), role=Invite.Grant.COACH, name=coach.name, by=self.admin)
        self.work()
        self.admins += [self.accept(name) for name in cast.ADMINS[1:]]
        for coach in cast.COACHES:
            user = self.accept(coach.name)
            update_profile(user, by=user, time_zone=coach.zone, headline=coach.headline, bio=coach.bio)
            self.coaches.append(user)
        self.import_people(cast.MEMBERS[: cast.FIRST_IMPORT], "people-september.csv")

    def import_people(self, names: Sequence[str], file_name: str, *, spoiled: bool = False) -> None:
        """An admin uploads a list of people and confirms it; a spoiled one has rows that are skipped."""
        import_ = preview_people_import(file_name, cast.people_file(names, spoiled=spoiled), by=self.admin)
        confirm_import(import_, by=self.admin)
        self.work()
        assert Import.objects.get(pk=import_.pk).state == Import.State.DONE
        self.invited += names

    def accept(self, name: str) -> User:
        """Somebody follows the link in their mail."""
        return accept_invite(invite_token(cast.address(name)), name=name, password=cast.PASSWORD)

    def arrive(self, count: int) -> None:
        """The next of those who were invited make their accounts."""
        for name in self.invited[:count]:
            self.members.append(self.accept(name))
        del self.invited[:count]

    def leave(self, name: str) -> None:
        """Somebody leaves the company: their seats are given back first."""
        user = self.member(name)
        self.members.remove(user)
        for booking in Booking.objects.of(user).filter(session__in=Session.objects.upcoming()).live():
            cancel_booking(booking, by=self.admin)
        disable_user(user, by=self.admin)

    def plan(self, until: datetime) -> None:
        """The coaches put their weekly sessions on offer up to `until`."""
        now = self.clock.now()
        monday = self.at(now - timedelta(days=now.astimezone(self.zone).weekday()), 0)
        week = self.planned_until or monday
        while week < until:
            for offer in cast.OFFERS:
                starts_at = self.at(week + timedelta(days=offer.weekday, hours=12), offer.hour, offer.minute)
                number = week.astimezone(self.zone).date().toordinal() // 7
                if starts_at > now + timedelta(hours=2) and number % offer.every == 0:
                    self.offer(offer, starts_at)
            week = self.at(week + timedelta(days=7, hours=12), 0)
        self.planned_until = week

    def offer(self, offer: cast.Offer, starts_at: datetime) -> Session:
        """One session of an offer, at a time of the demo's world."""
        coach = self.coaches[offer.coach]
        policy = self.policies.get(offer.title) or default_cancellation_policy()
        creator = None if offer.creator is None else self.coaches[offer.creator]
        return create_session(
            coach, by=self.admin if creator else coach, creator=creator, title=offer.title, description=offer.text,
            starts_at=self.clock.real(starts_at), minutes=offer.minutes, time_zone=coach.time_zone,
            capacity=offer.seats, price=offer.price, place=offer.place, join_link=offer.link,
            cancellation_policy=policy,
        )  # fmt: skip

    def day(self, *, unmarked: Sequence[str] = ()) -> None:
        """What happens on any day: the clockwork, attendance, money that arrives, bookings, second thoughts."""
        tick()
        self.mark_attendance(but=unmarked)
        self.mark_money()
        self.cancel_some()
        self.book_some()
        self.work()
        self.read_some()

    def book_some(self, *, most: int = 40) -> None:
        """People book what comes within two weeks, the sooner and the more wanted, the fuller."""
        wanted = {(offer.title, offer.price): offer.wanted for offer in cast.OFFERS}
        now = self.clock.real(self.clock.now())
        coming = Session.objects.upcoming(now).filter(starts_at__lt=now + BOOKS_AHEAD).order_by("starts_at", "id")
        for session in coming:
            near = 1 - (session.starts_at - now) / BOOKS_AHEAD
            full = wanted.get((session.title, session.price), 0.5) * (0.25 + 0.75 * near)
            full *= self.chance.uniform(0.8, 1.2)
            for _seat in range(round(full * session.capacity) - session.seats_taken):
                if most > 0 and self.members:
                    most -= 1
                    self.book(session, self.chance.choice(self.members))

    def book(self, session: Session, member: User) -> None:
        """One booking, paid one way or another; a full session has a waitlist."""
        ways = [way[:2] for way in WAYS_TO_PAY]
        [(provider, card)] = self.chance.choices(ways, [way[2] for way in WAYS_TO_PAY])
        try:
            booking = book_session(session, participant=member.participant, by=member, provider=provider, source=card)
        except RuleError as refusal:
            if refusal.code == "full" and self.chance.random() < 0.7:
                self.wait(session, member)
            return
        if card == DECLINED and booking.state == Booking.State.HELD:
            pay_booking(booking, by=member, provider="sandbox", source=SUCCEEDS)
        elif card == NEEDS_CONFIRMATION and booking.state == Booking.State.HELD:
            self.confirm(booking, succeeds=self.chance.random() < 0.8)

    def wait(self, session: Session, member: User) -> Booking | None:
        """Stand in line, unless one has a place already."""
        try:
            return join_waitlist(session, participant=member.participant, by=member)
        except RuleError:
            return None

    def confirm(self, booking: Booking, *, succeeds: bool) -> None:
        """The member says yes or no on the bank's page."""
        assert booking.line is not None
        payment = Payment.objects.open().get(order_id=booking.line.order_id)
        decide_sandbox_charge(SandboxCharge.objects.get(key=str(payment.pk)).pk, succeeds=succeeds)

    def cancel_some(self) -> None:
        """Now and then somebody cannot come after all: early, in time, or too late."""
        booked = Booking.objects.filter(state=Booking.State.CONFIRMED, session__in=Session.objects.upcoming())
        leads = {user.pk for _role, user in self.leads()}
        for booking in booked.exclude(booked_by__in=leads).select_related("booked_by").order_by("id"):
            if self.chance.random() < CANCELS:
                cancel_booking(booking, by=booking.booked_by)

    def mark_money(self) -> None:
        """The admin marks what arrived: most of what is older than two days."""
        since = self.clock.real(self.clock.now()) - timedelta(days=2)
        due = Payment.objects.filter(state=Payment.State.PENDING, provider__in=manual_providers(), created_at__lt=since)
        for payment in due.order_by("id"):
            if self.chance.random() < 0.85:
                others = [admin for admin in self.admins if admin.pk != payment.payer_id]
                mark_paid(payment, by=self.chance.choice(others))

    def mark_attendance(self, *, but: Sequence[str] = ()) -> None:
        """The coaches say who came to what is over."""
        now = self.clock.real(self.clock.now())
        over = Session.objects.exclude(status=Session.Status.CANCELLED).filter(
            ends_at__range=(now - timedelta(days=6), now), bookings__state=Booking.State.CONFIRMED
        )
        for session in over.annotate(n=Count("bookings")).select_related("coach").order_by("ends_at", "id"):
            if session.title in but:
                continue
            coach = next(coach for coach in self.coaches if coach.pk == session.coach_id)
            for booking in session.bookings.filter(state=Booking.State.CONFIRMED).order_by("id"):
                if self.chance.random() > COMES:
                    mark_attendance(booking, state=Booking.State.NO_SHOW, by=coach)
            mark_all_attended(session, by=coach)

    def read_some(self) -> None:
        """Some look at what they were told."""
        for user in [*self.members, *self.coaches, *self.admins]:
            if self.chance.random() < 0.3:
                mark_all_read(user, by=user)

    def call_off(self, title: str, reason: str) -> None:
        """A coach falls ill: the next session of that title does not take place."""
        now = self.clock.real(self.clock.now())
        session = Session.objects.upcoming(now).filter(title=title).order_by("starts_at").first()
        if session is not None:
            coach = next(coach for coach in self.coaches if coach.pk == session.coach_id)
            cancel_session(session, reason=reason, by=coach)
