"""Fills a scratch installation: people with API keys, sessions, bookings that the company pays, and their news.

In bulk, because thousands of bookings by the real action would take minutes; `tenpo check` finds nothing wrong in it.
"""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from uuid import UUID, uuid4

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from tenpo.access.actions.api_clients import create_api_client
from tenpo.access.models import Scope
from tenpo.audit.actions import record_all
from tenpo.core.business import current_business
from tenpo.core.outbox import publish_all
from tenpo.core.tokens import new_id
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.actions.default_policy import default_cancellation_policy
from tenpo.orders.actions.orders import credit_payment
from tenpo.orders.actions.policies import ShareTerms, create_share_policy
from tenpo.orders.models import Line, Order, SharePolicy
from tenpo.payments.models import Payment
from tenpo.people.models import Participant, Role, RoleGrant, User
from tenpo.people.visits import SessionStore
from tenpo.schedule.actions.session_coaches import write_sessions
from tenpo.schedule.models import (
    Availability,
    Booking,
    CalendarConnection,
    CoachTime,
    OutsideEvent,
    Service,
    ServiceCoach,
    ServicePrice,
    Session,
)

PRICE = 8_000
CAPACITY = 10_000
SESSIONS_PER_COACH = 500
BATCH = 500
# What is booked while measuring, of each kind; together with the callers they make the pairs that can be booked.
BOOKABLE = 100
# Credit in a currency that no session is sold in (ISO 4217: for testing), so that no booking spends it.
TEST_CURRENCY = "XTS"
TEST_CREDIT = 1_000_000_000
# Enough that two of some dozens of clients seldom take from the same one.
POTS = 5_000
# Coaches who can be booked by time, and what each of them teaches in the month to come.
COACHES = 200
TAUGHT = 95
# And on how many days they are taken elsewhere.
ELSEWHERE_DAYS = 40
ONE_COACH, ANY_COACH = "Of one coach", "Of any coach"
COACHES_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney")
READERS_BOOKINGS = 60


@dataclass(frozen=True)
class Caller:
    """Somebody who books over HTTP."""

    user: User
    key: str


@dataclass(frozen=True)
class Place:
    """What was filled, as far as measuring needs to know it."""

    admin: User
    reader: Caller
    callers: list[Caller]
    covered: list[UUID]
    by_card: list[UUID]
    coaches: int


def fill_base(*, callers: int, coaches: int, pots: int) -> Place:
    """People with keys, and sessions to book: those that the company pays in full, and those paid by card.

    And so many coaches with hours, and so many people with credit.
    """
    admin, reader, *others = _make_users(["Admin", "Reader", *(f"Caller {n}" for n in range(callers))])
    RoleGrant.objects.create(user=admin, role=Role.ADMIN)
    admin = User.objects.with_roles().get(pk=admin.pk)
    covered = _make_sessions(_make_coach(admin, is_sponsored=True), BOOKABLE)
    by_card = _make_sessions(_make_coach(admin, is_sponsored=False), BOOKABLE)
    place = Place(
        admin=admin,
        reader=_caller(reader),
        callers=[_caller(user) for user in others],
        covered=[session.pk for session in covered],
        by_card=[session.pk for session in by_card],
        coaches=coaches,
    )
    _book([(place.reader.user, session) for session in covered[:READERS_BOOKINGS]])
    _give_test_credit(_make_users([f"Owner {n}" for n in range(pots)]))
    _make_hours(coaches)
    return place


def add_rows(place: Place, bookings: int) -> None:
    """Add so many bookings of other people, with a fifth as many sessions and a tenth as many people."""
    sessions: list[Session] = []
    while len(sessions) < max(1, bookings // 5):
        missing = max(1, bookings // 5) - len(sessions)
        coach = _make_coach(place.admin, is_sponsored=True)
        sessions += _make_sessions(coach, min(SESSIONS_PER_COACH, missing))
    people = _make_users([f"Person {n}" for n in range(max(1, bookings // 10))])
    pairs = []
    for number in range(bookings):
        turn, place_in_turn = divmod(number, len(people))
        pairs.append((people[place_in_turn], sessions[(place_in_turn + turn) % len(sessions)]))
    for batch in batched(pairs, BATCH, strict=False):
        _book(batch)


def signed_in_cookie(user: User) -> str:
    """The cookie of a browser in which `user` has signed in."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return f"{settings.SESSION_COOKIE_NAME}={store.token}"


def pots() -> list[Pot]:
    """The credits that transfers take from while measuring."""
    accounts = Account.objects.filter(kind=Account.Kind.CREDIT, currency=TEST_CURRENCY).order_by("id")
    return [Pot.of(account) for account in accounts]


def _make_users(names: Sequence[str]) -> list[User]:
    start = User.objects.count()
    users = [User(name=name, email=f"person{start + n}@example.com") for n, name in enumerate(names)]
    for user in users:
        user.set_unusable_password()
    User.objects.bulk_create(users, batch_size=BATCH)
    addresses = (EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users)
    EmailAddress.objects.bulk_create(addresses, batch_size=BATCH)
    Participant.objects.bulk_create((Participant(user=user, name=user.name) for user in users), batch_size=BATCH)
    return users


def _make_coach(admin: User, *, is_sponsored: bool) -> User:
    [coach] = _make_users(["Coach"])
    RoleGrant.objects.create(user=coach, role=Role.COACH)
    if is_sponsored:
        create_share_policy(name="All of it", terms=ShareTerms(percent=100), by=admin, coach=coach)
    return coach


def _caller(user: User) -> Caller:
    _, key = create_api_client(user, name="Bench", scopes=list(Scope.values), expires_at=None, by=user)
    return Caller(User.objects.with_roles().get(pk=user.pk), key)


def _make_sessions(
    coach: User, number: int, *, every: timedelta = timedelta(hours=1), first_in: timedelta = timedelta(days=7)
) -> list[Session]:
    policy = default_cancellation_policy()
    first = timezone.now().replace(minute=0, second=0, microsecond=0) + first_in
    starts = [first + place * every for place in range(number)]
    return write_sessions(
        [
            Session(
                coach=coach, title=f"Breathing at work {hour}", description="Half an hour of calm.", starts_at=start,
                ends_at=start + timedelta(minutes=60), time_zone="Europe/Berlin", place="Studio, 2nd floor",
                capacity=CAPACITY, price=PRICE, currency=current_business().currency, cancellation_policy=policy,
            )
            for hour, start in enumerate(starts)
        ]
    )  # fmt: skip


@transaction.atomic
def _book(pairs: Sequence[tuple[User, Session]]) -> None:
    """Confirmed bookings that the company pays in full, with the transfers and the news that the real ones have."""
    now = timezone.now()
    policies = {policy.coach_id: policy for policy in SharePolicy.objects.in_force(now)}
    participants = {row.user_id: row for row in Participant.objects.filter(user__in=[user for user, _ in pairs])}
    orders = Order.objects.bulk_create(
        Order(number=secrets.token_hex(6).upper(), buyer=user, currency=session.currency, state="paid", settled_at=now)
        for user, session in pairs
    )
    lines = Line.objects.bulk_create(
        Line(
            order=order, kind=Line.Kind.SESSION, subject_id=session.pk, description=session.title, price=session.price,
            company_share=session.price, own_share=0, share_policy=policies[session.coach_id],
        )
        for order, (_, session) in zip(orders, pairs, strict=True)
    )  # fmt: skip
    bookings = Booking.objects.bulk_create(
        Booking(
            session=session, participant=participants[user.pk], booked_by=user, line=line, state="confirmed",
            confirmed_at=now,
            policy=session.cancellation_policy.windows, policy_rules=session.cancellation_policy.terms.rules(),
        )
        for line, (user, session) in zip(lines, pairs, strict=True)
    )  # fmt: skip
    for session, seats in Counter(session for _, session in pairs).items():
        Session.objects.filter(pk=session.pk).update(seats_taken=F("seats_taken") + seats)
    currency = pairs[0][1].currency
    company, sales = Pot(Account.Kind.COMPANY, currency), Pot(Account.Kind.SALES, currency)
    kind = Transfer.Kind.COMPANY_SHARE
    post_transfers(
        [Posting(kind, company, sales, line.company_share, f"line:{line.pk}:company", line.pk) for line in lines]
    )
    record_all([("booking.confirmed", booking, None, None) for booking in bookings], by=None)
    publish_all([("booking.confirmed", b, {"session_id": b.session_id, "line_id": b.line_id}) for b in bookings])


@transaction.atomic
def _give_test_credit(owners: Sequence[User]) -> None:
    """As a payment gives it that came when its seat was gone."""
    for user in owners:
        credit_payment(
            Payment.objects.create(
                payer=user, provider="sandbox", amount=TEST_CREDIT, currency=TEST_CURRENCY, state="succeeded",
                paid_at=timezone.now(), reference=str(uuid4()), description="To be spent",
            )
        )  # fmt: skip


def _make_hours(number: int) -> None:
    """Coaches around the world who work from nine to one and two to six on weekdays, and teach every eight hours."""
    coaches = _make_users([f"Coach {n}" for n in range(number)])
    for place, coach in enumerate(coaches):
        coach.time_zone = COACHES_ZONES[place % len(COACHES_ZONES)]
    User.objects.bulk_update(coaches, ["time_zone"], batch_size=BATCH)
    RoleGrant.objects.bulk_create(RoleGrant(user=coach, role=Role.COACH) for coach in coaches)
    CoachTime.objects.bulk_create(CoachTime(coach=coach) for coach in coaches)
    Availability.objects.bulk_create(
        Availability(coach=coach, weekday=weekday, opens=opens, closes=opens + 4 * 60)
        for coach in coaches for weekday in range(5) for opens in (9 * 60, 14 * 60)
    )  # fmt: skip
    for name, given_by in ((ONE_COACH, coaches[:1]), (ANY_COACH, coaches)):
        rule = Service.Coaches.ANY if len(given_by) > 1 else Service.Coaches.CHOSEN
        service = Service.objects.create(
            name=name, durations=[60], currency=current_business().currency, coaches_rule=rule
        )
        ServicePrice.objects.create(service=service, people=1, amount=PRICE)
        ServiceCoach.objects.bulk_create(ServiceCoach(service=service, coach=coach) for coach in given_by)
    for coach in coaches:
        _make_sessions(coach, TAUGHT, every=timedelta(hours=8), first_in=timedelta(hours=12))
    _make_calendars(coaches)


def _make_calendars(coaches: Sequence[User]) -> None:
    """A calendar elsewhere of each coach, by which they are taken an hour of every day."""
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    # There is nothing at its address.
    never = now + timedelta(days=10_000)
    made = CalendarConnection.objects.bulk_create(
        CalendarConnection(id=new_id(), user=coach, kind="feed", secrets="{}", account="bench", due_at=never)
        for coach in coaches
    )
    OutsideEvent.objects.bulk_create(
        OutsideEvent(
            connection=one, user_id=one.user_id, uid=f"{day}", starts_at=now + timedelta(days=day),
            ends_at=now + timedelta(days=day, hours=1), is_busy=True,
        )
        for one in made for day in range(ELSEWHERE_DAYS)
    )  # fmt: skip
