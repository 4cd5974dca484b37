"""Whatever shows something costs the same number of statements for a few rows as for many.

Every address that the table of the matrix knows (`tests/matrix`) is asked, so a new list cannot be forgotten; one of
which `add_rows` makes no rows is found too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.access.actions.api_clients import MAX_KEYS_PER_USER, create_api_client
from tenpo.books.models import DayClose
from tenpo.books.tests.make import make_close, make_difference
from tenpo.checkout.actions.slots import book_slot
from tenpo.checkout.tests.make import make_booking, make_manual, make_top_up
from tenpo.checkout.tests.refund_make import make_bought, make_request
from tenpo.core import outbox
from tenpo.core.limits import CALENDARS_KEPT, METHODS_KEPT
from tenpo.core.models import CheckRun, OutboxMessage
from tenpo.core.tokens import new_id
from tenpo.notify.tests.make import make_delivery
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.actions.sponsorships import add_sponsored_people, record_sponsor_payment
from tenpo.orders.tests.make import make_cancellation_policy, make_credit, make_share_policy, make_sponsorship
from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.actions.payout_accounts import remove_payout_account
from tenpo.payments.actions.payouts import cancel_payout
from tenpo.payments.actions.refunds import withdraw_refund
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.models import Dispute, Payout, PayoutBatch
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.payments.tests.make import make_payout, make_payout_account
from tenpo.people.actions.invites import invite_person
from tenpo.people.models import Import, Participant, User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.embeds import make_embed
from tenpo.schedule.actions.hours import set_day, set_weekly_hours
from tenpo.schedule.actions.intros import Visitor, ask_intro, confirm_intro
from tenpo.schedule.actions.notes import write_note
from tenpo.schedule.actions.places import close_location, open_room
from tenpo.schedule.actions.resources import add_link
from tenpo.schedule.actions.services import withdraw_service
from tenpo.schedule.actions.time_off import add_time_off, add_travel
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.availability_queries import hours_of
from tenpo.schedule.models import OutsideEvent, ServiceCoach, Session, SessionCoach, TimeOff, WrittenEvent
from tenpo.schedule.review_models import SessionReview
from tenpo.schedule.tests.calendar_plants import make_calendar
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.meeting_make import make_attended, make_stay
from tenpo.schedule.tests.time_make import make_hours, make_location, make_service
from tenpo.schedule.views.calendar import LIST_DAYS
from tenpo.schedule.weekly_hours import Hours
from tests.matrix.table import OUTSIDE, rows
from tests.world import World, make_world, named

pytestmark = pytest.mark.django_db

FEW, MANY = 2, 30
# Whose eyes are looked through: the first of them who may see an address.
READERS = ("admin", "member", "coach")
# What has no more rows than this, or none that `add_rows` makes; everything else that lists must show `MANY`.
LIMITED = {
    "/api/v1/api-keys": MAX_KEYS_PER_USER,
    "/api/v1/api-keys?owner_id={user}": MAX_KEYS_PER_USER,
    "/api/v1/credits/{credit}/transfers": 1,  # each booking spends what expires first
    "/api/v1/ledger/transfers?account_id={credit}": 1,
    "/api/v1/calendars": CALENDARS_KEPT,
    "/api/v1/bookings/{attended}/reviews": 0,  # one of each side, and the admin is neither
    "/api/v1/feeds": 0,  # one for each person, and the admin has none
    "/api/v1/ledger/accounts?kind=sales": 1,
    "/api/v1/ledger/accounts/{credit}/transfers": 1,
    "/api/v1/ledger/trial-balance": 1,  # people's are added up
    "/api/v1/ledger/account-numbers": 1,  # by the kinds of account that there are
    "/design/events": 1,
    "/api/v1/payment-methods": METHODS_KEPT,
    "/api/v1/notification-preferences": 1,  # by the kinds of news that there are
    "/api/v1/payout-balances": 2,  # earnings and wallet
    "/api/v1/services/{service}/slots?since={=slots_since}&until={=slots_until}": 15,  # the starts of a day
    "/api/v1/services/{service}/dates?starts_at={=slot}&times=3": 3,
    "/api/v1/people?q=example.com": 0,  # a stop for whoever collects addresses
    "/api/v1/people?q=minnow": 1,
}
# Which say that there is nothing: an example, what only a browser's hardware makes, and the month before.
# And of a top-up nothing can go back once its wallet is spent.
EMPTY = {"/design", "/account/2fa/webauthn/", "/me/money/payments/{top_up}/refund/"}
# Of each device allauth asks apart whether it is still signed in; nobody has many.
ASKED_APART = {"/account/sessions/", "/_allauth/browser/v1/auth/sessions"}
# When the first of the rows begins, in days from now; the others follow each hour. So the calendar's page lists them
# too, and nobody is elsewhere then: all other sessions are within two weeks, or from thirty days on.
FIRST_DAY = LIST_DAYS // 3
# Where nothing is shown without asking for it.
_DAYS = {"start": timezone.now() + timedelta(days=FIRST_DAY - 1), "end": timezone.now() + timedelta(days=LIST_DAYS)}
QUESTIONS = dict.fromkeys(
    ("/calendar/events.json", "/sessions/events.json"),
    "&".join(f"{name}={day:%Y-%m-%d}T00:00:00Z" for name, day in _DAYS.items()),
)
# It shows the last whole month by itself, in which nothing moved yet.
QUESTIONS["/money/ledger/journal/"] = "since=2020-01-01&until=2999-12-31"
_hours = count(FIRST_DAY * 24)
# The same of those that are over, longer ago than all others.
_hours_ago = count(20 * 24, 2)
_days = count()
OURS = {"title": "A", "starts_at": "2030-01-01T00:00+00:00", "ends_at": "2030-01-01T01:00+00:00", "place": ""}


@dataclass(frozen=True)
class Shown:
    """What an address answered, and by which statements."""

    text: str
    items: list[Any] | None
    statements: list[str]


def addresses(world: World) -> Iterator[tuple[str, str, str]]:
    """Every address that somebody may read: as the table names it, filled in, and who reads it."""
    for row in rows():
        reader = next((one for one in READERS if row.cell(one).startswith("200")), "")
        if row.method != "GET" or row.path in OUTSIDE or not reader:
            continue
        filled = re.sub(r"\{=?(\w+)\}", lambda name: named(world.things[name[1]]), row.address.partition("#")[0])
        yield row.address, f"{filled}{'&' if '?' in filled else '?'}{QUESTIONS.get(row.path, 'limit=100')}", reader


def add_rows(world: World, number: int) -> None:
    """One more of everything that an address shows, so many times."""
    admin, member, coach = (world.people[name] for name in READERS)
    things = world.things
    Session.objects.filter(pk__in=[things["booked"].pk, things["soon"].pk]).update(capacity=100)
    for _ in range(number):
        host = make_coach()
        for who in (admin, member):
            _add_own(who, host, things["booked"])
            give_money(who, amount=100, reason="Welcome", by=None)
            Participant.objects.create(guest_of=who, name=f"Guest {host.pk}")
            create_split_rule(
                name="Share", business_percent=50, creator_percent=50, teacher_percent=0, coach=host, by=admin,
                kind="session", offered_id=make_service(host).pk,
            )  # fmt: skip
        make_hours(host)
        _add_intro(world, host)
        ServiceCoach.objects.create(service=things["service"], coach=host)
        make_booking(_session(coach), member)
        booked = make_booking(things["booked"], make_member())
        write_note(things["booked"], about=booked.participant, text="Knee", by=coach)
        _add_there(world)
        add_link(things["booked"], "https://video.example.com/1", kind="recording", name="Film", by=coach)
        full = _session(host, capacity=1)
        make_booking(full, make_member())
        for session, who in ((full, admin), (full, member), (things["full"], make_member())):
            join_waitlist(session, participant=who.participant, by=who)
        Session.objects.filter(pk=_session(coach).pk).update(series=things["series"])
        make_manual(host)
        Payout.objects.filter(pk=make_payout(host).pk).update(batch=things["batch"])
        PayoutBatch.objects.create(
            id=new_id(), method="sepa", currency="EUR", count=1, total=1, document="file", made_by=admin
        )
        make_share_policy(percent=50, coach=host)
        _add_sponsored(world)
        paid = things["payment"]
        Dispute.objects.create(payment=paid, provider="sandbox", reference=f"dp-{host.pk}", amount=1, currency="EUR")
        make_cancellation_policy()
        invite_person(f"{host.pk}@example.com", role="member", by=admin)
        Import.objects.create(kind=Import.Kind.PEOPLE, file_name="people.csv", created_by=admin)
        for plan in (things["import"], things["plan"]):
            Import.objects.filter(pk=plan.pk).update(rows=[*Import.objects.get(pk=plan.pk).rows, *plan.rows[:1]])
        CheckRun.objects.create(seconds=1, asked=100)
        make_difference(f"line-{host.pk}", of=things["compared"])
        make_difference(f"line-{host.pk}-alone")
        _add_offers(world, host)
        _add_asked(world)
        make_close(DayClose.objects.earliest("day").day - timedelta(days=1))
        OutboxMessage.objects.create(
            consumer="notifications", event_id=host.pk, name="test.lost", subject_id=host.pk, dead_at=timezone.now()
        )
    outbox.drain(10_000)


def _add_intro(world: World, host: User) -> None:
    """One more who comes without an account, and one more who can be asked for that."""
    talk = world.things["talk"]
    ServiceCoach.objects.create(service=talk, coach=host)
    visitor = Visitor(f"{host.pk}", f"{host.pk}@example.com", "UTC", "en")
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=5)
    confirm_intro(ask_intro(talk, starts_at=noon, minutes=15, coach=host, visitor=visitor))
    make_embed(by=host, coach=host, name="Site", origins=["https://site.example"])
    make_service(world.people["coach"], open_to="visitors", name=f"Open {host.pk}")


def _add_there(world: World) -> None:
    """One more who is expected at the door, and one who is in."""
    make_booking(world.things["soon"], make_member())
    make_stay(world.things["running"], make_member())
    coach, member = world.people["coach"], make_member()
    attended = make_attended(coach=coach, member=member, ended_ago=timedelta(hours=next(_hours_ago)))
    SessionReview.objects.create(
        session=attended.session,
        participant=member.participant,
        side="participant",
        author=member,
        subject=coach,
        rating=4,
    )


def _add_sponsored(world: World) -> None:
    """One more budget of each, whom it funds, what it went to, and what was paid of it."""
    admin, member, _coach = (world.people[name] for name in READERS)
    person = make_member()
    sponsorship = world.things["sponsorship"]
    add_sponsored_people(sponsorship, [person.email], by=admin)
    make_booking(make_session(starts_in=timedelta(hours=next(_hours))), person)
    record_sponsor_payment(sponsorship, amount=1, received_on=timezone.localdate(), by=admin)
    make_sponsorship(admin, member, sponsor=member, amount=1)


def _add_offers(world: World, host: User) -> None:
    """One more service of Cora's with all that stands beside it, a room, a day that differs, a time off, a travel."""
    coach, things = world.people["coach"], world.things
    location = make_location(f"Place {host.pk}")
    room = open_room(things["location"], name=f"Room {host.pk}", by=None)
    make_service(coach, host, locations=[location, things["location"]], rooms=[room], name=f"Service {host.pk}")
    withdraw_service(make_service(coach, host, locations=[location], name=f"Stopped {host.pk}"), by=None)
    close_location(make_location(f"Closed {host.pk}"), by=None)
    # Each on days of its own, and in the middle of the day, whatever the zone.
    day = timezone.localdate() + timedelta(days=400 + 3 * coach.travels.count())
    set_day(coach, day, [], by=None)
    noon = datetime.combine(day, time(12), UTC)
    add_time_off(coach, starts_at=noon, ends_at=noon + timedelta(hours=1), stand_in=host, by=None)
    _add_stood_in(coach, things["time_off"])
    add_travel(coach, starts_on=day, ends_on=day, time_zone="Asia/Tokyo", by=None)
    minutes = 30 * coach.availability.filter(weekday=6, location=things["location"]).count()
    further = Hours(6, minutes, minutes + 15, things["location"].pk)
    set_weekly_hours(coach, [*hours_of(coach), further], by=None)


def _add_stood_in(coach: User, off: TimeOff) -> None:
    """One more of her sessions that Carl could give while she is away, one that he does, and one that he cannot."""
    stand_in = off.stand_in
    assert stand_in is not None
    number = SessionCoach.objects.filter(stands_in_for=coach).count()
    at = off.starts_at + timedelta(hours=5 + 6 * number)
    make_session(coach, starts_at=at, beside=[make_coach()])
    given = make_session(stand_in, starts_at=at + timedelta(hours=2), beside=[make_coach()])
    SessionCoach.objects.filter(session=given, coach=stand_in).update(stands_in_for=coach)
    for one in (coach, stand_in):
        make_session(one, starts_at=at + timedelta(hours=4), beside=[make_coach()])


def _add_asked(world: World) -> None:
    """One more who asks Cora for a time, and waits for her answer."""
    service = world.things["asked"].session.service
    number, someone = service.sessions.count(), make_member()
    day = (timezone.now() + timedelta(days=35 + number // 3)).replace(hour=10, minute=0, second=0, microsecond=0)
    book_slot(
        service, starts_at=day + timedelta(hours=2 * (number % 3)), minutes=60, participant=someone.participant,
        by=someone,
    )  # fmt: skip


def _session(coach: User, **wanted: Any) -> Session:
    # Others give it as well, whom every list names with its coach.
    return make_session(coach, starts_in=timedelta(hours=next(_hours)), beside=[make_coach()], **wanted)


def _add_own(who: User, host: User, booked: Session) -> None:
    """What somebody finds on the pages about themselves."""
    taught = _session(who)
    make_booking(taught, who)
    cancel_booking(make_booking(_session(host), who), by=who)
    make_credit(who, 100)
    make_top_up(who, 500)
    make_delivery(who, state="dead")
    cancel_payout(make_payout(who), by=who)
    remove_payout_account(make_payout_account(who), by=who)
    withdraw_refund(make_request(make_bought(member=who), 100), by=who)
    make_request(make_bought(member=who), 100)
    browser = Client()
    browser.force_login(who)
    UserSession.objects.create(user=who, session_key=browser.session.session_key, ip="203.0.113.7")
    if who.calendar_connections.count() < CALENDARS_KEPT:
        make_calendar(who)
    WrittenEvent.objects.create(
        connection=who.calendar_connections.earliest("pk"), uid=str(host.pk), session=booked, state="conflict",
        reference="1.ics", ours=OURS, theirs=OURS, ends_at=booked.ends_at,
    )  # fmt: skip
    # One that stands alone, and one over what they teach.
    for start in (datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=next(_days)), taught.starts_at):
        OutsideEvent.objects.create(
            connection=who.calendar_connections.earliest("pk"), user=who, uid=str(start), starts_at=start,
            ends_at=start + timedelta(hours=1), is_busy=True,
        )  # fmt: skip
    if who.payment_methods.kept().count() < METHODS_KEPT:
        add_payment_method(who, provider="sandbox", source=SUCCEEDS, by=who)
    if who.api_clients.filter(revoked_at=None).count() < MAX_KEYS_PER_USER:
        create_api_client(who, name="A program", scopes=["read"], expires_at=None, by=who)


def show_all(world: World) -> dict[str, Shown]:
    clients = {reader: Client() for reader in READERS}
    for reader, client in clients.items():
        client.cookies[settings.SESSION_COOKIE_NAME] = world.cookies[reader]
        client.get("/me/")  # when somebody was here last is noted now and then
    return {name: show(clients[reader], address) for name, address, reader in addresses(world)}


def show(client: Client, address: str) -> Shown:
    with CaptureQueriesContext(connection) as captured:
        answer: Any = client.get(address)
    assert answer.status_code == 200, address
    text = b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode(errors="replace")
    found = answer.json() if "json" in answer["Content-Type"] else None
    items = found if isinstance(found, list) else found.get("items") if isinstance(found, dict) else None
    return Shown(text, items, [query["sql"] for query in captured])


def written_two_ways(page: str) -> list[str]:
    """Whole amounts that a page writes with their cents ("€16.00") beside others that it writes without ("€16")."""
    main = page.partition("<main")[2].partition("</main>")[0]
    # A chart is by itself, with its scale and the table of what it draws.
    text = re.sub(r"<[^>]*>", " ", re.sub(r"<figure.*?</figure>", "", main, flags=re.DOTALL))
    found = re.findall(r"€[\d,]+(?:\.\d\d)?", text)
    whole, exact = [one for one in found if "." not in one], [one for one in found if one.endswith(".00")]
    return [whole[0], exact[0]] if whole and exact else []


def test_whatever_shows_something_costs_the_same_for_few_rows_and_for_many():
    world = make_world()

    add_rows(world, FEW)
    few = show_all(world)
    add_rows(world, MANY - FEW)
    many = show_all(world)

    mixed = {
        name: found for name, shown in many.items() if name != "/design" and (found := written_two_ways(shown.text))
    }
    assert mixed == {}
    rows_of = {name: len(shown.items) for name, shown in many.items() if shown.items is not None}
    assert {name: number for name, number in rows_of.items() if number < LIMITED.get(name, MANY)} == {}
    assert {name for name, shown in many.items() if 'class="empty"' in shown.text} == EMPTY
    grown = {
        name: "\n".join(many[name].statements)
        for name in many.keys() - ASKED_APART
        if len(many[name].statements) > len(few[name].statements)
    }
    assert grown == {}
