"""One small business in which everybody has something, marked so that it is recognised wherever it turns up.

Mina is a member and Cora her coach; most things are hers. Otto is another member and Carl another coach, who have
nothing to do with them. Ada runs the business.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signing import TimestampSigner
from django.shortcuts import resolve_url
from django.test import Client
from django.utils import timezone

from tenpo.access.actions.accounts import disable_user
from tenpo.access.actions.api_clients import create_api_client, revoke_api_client
from tenpo.access.models import ApiClient, IdempotencyKey
from tenpo.audit.models import AuditLog
from tenpo.books.actions.numbers import set_account_numbers
from tenpo.books.tests.make import make_close, make_difference
from tenpo.checkout.actions.buying import book_places, book_session
from tenpo.checkout.actions.refunding import grant_refund
from tenpo.checkout.actions.slots import book_slot
from tenpo.checkout.actions.topping_up import top_up
from tenpo.checkout.tests.make import make_booking, make_top_up
from tenpo.checkout.tests.refund_make import make_bought, make_bought_by_hand, make_request
from tenpo.core.models import CheckRun, OutboxMessage, RateCount
from tenpo.core.outbox import publish
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.ledger.models import Account, Transfer
from tenpo.notify.actions.preferences import set_preferences
from tenpo.notify.models import Channel
from tenpo.notify.queries import unsubscribe_path
from tenpo.notify.tests.make import make_delivery, make_notification
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.actions.sponsorships import record_sponsor_payment
from tenpo.orders.models import SplitRule
from tenpo.orders.tests.make import make_cancellation_policy, make_credit, make_share_policy, make_sponsorship
from tenpo.payments.actions.auto_top_ups import TopUpWish, set_auto_top_up
from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.actions.payout_sending import make_payout_batch, mark_payout_sent, send_payout_batch
from tenpo.payments.actions.payouts import approve_payout
from tenpo.payments.actions.refund_sending import apply_refund_outcome, send_refund
from tenpo.payments.actions.refunds import update_refund_terms
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.models import Dispute, Grant, Payment, ProviderEvent, SandboxCharge
from tenpo.payments.provider_models import PaymentMethod, ProviderCustomer, SandboxRefund, StripeAccount
from tenpo.payments.providers.base import RefundOutcome, RefundState
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, REFUND_FAILS, SUCCEEDS
from tenpo.payments.tests.make import make_earnings, make_payout, make_payout_account, make_terms
from tenpo.people.actions.accounts import update_profile
from tenpo.people.actions.guests import add_guests
from tenpo.people.actions.imports import preview_people_import
from tenpo.people.models import User
from tenpo.people.tests.make import PASSWORD, make_admin, make_coach, make_invite, make_member
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.check_in import check_in
from tenpo.schedule.actions.embeds import make_embed
from tenpo.schedule.actions.feeds import new_feed_address
from tenpo.schedule.actions.hours import set_day
from tenpo.schedule.actions.imports import preview_sessions_import
from tenpo.schedule.actions.intros import Visitor, ask_intro, confirm_intro
from tenpo.schedule.actions.notes import write_note
from tenpo.schedule.actions.places import close_location, close_room, open_room
from tenpo.schedule.actions.resources import add_file, add_link
from tenpo.schedule.actions.series import create_series, digest_of, plan_series
from tenpo.schedule.actions.services import withdraw_service
from tenpo.schedule.actions.standing_in import hand_over
from tenpo.schedule.actions.time_off import add_time_off
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.booking_notifications import REMINDER
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.glance import free_starts
from tenpo.schedule.models import Booking, CalendarFeed, Intro, Service, Session, TimeOff, Travel
from tenpo.schedule.occurrences import WeeklyRule, last_day_of_weeks
from tenpo.schedule.slot_queries import SlotSearch
from tenpo.schedule.stand_in_queries import to_hand_over
from tenpo.schedule.tests.calendar_plants import (
    make_caldav,
    make_calendar,
    make_channel,
    make_conflict,
    make_overlap,
    make_removed,
)
from tenpo.schedule.tests.intro_make import begin
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.meeting_make import make_attended, make_stay, make_video_room, review
from tenpo.schedule.tests.time_make import make_location, make_service, make_working_life
from tenpo.schedule.video_models import VideoRoom

RULE = {"weekdays": [1], "first_day": "2031-03-04", "weeks": 2, "at": "07:00", "minutes": 30, "time_zone": "UTC"}
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
DAY_OFF = date(2031, 3, 5)
SECOND_FACTOR_DAY = "2031-01-01"
PEOPLE = ("member", "other", "coach", "coach2", "admin")
ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:{title}\r\n"
    "DTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDTEND:{end:%Y%m%dT%H%M%SZ}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@dataclass(frozen=True)
class Secret:
    """A text that only some may read; `of` says of what."""

    text: str
    readers: frozenset[str]
    of: str


@dataclass
class World:
    """The people by their part, what the table's `{names}` stand for, and what must not be read by whom."""

    people: dict[str, User]
    cookies: dict[str, str]
    keys: dict[str, str]
    things: dict[str, Any]
    secrets: list[Secret]


def calendar_file(uid: str, title: str, days: int) -> bytes:
    """A calendar file with one event."""
    start = (timezone.now() + timedelta(days=days)).replace(hour=3, minute=0, second=0, microsecond=0)
    return ICS.format(uid=uid, title=title, start=start, end=start + timedelta(hours=1)).encode()


def make_world() -> World:
    """Everything that a route can be asked for."""
    make_account_to_pay_to(second_factor_starts_on=SECOND_FACTOR_DAY)
    people: dict[str, User] = {
        "member": make_member("Mina Minnowmark"),
        "other": make_member("Otto Ottermark"),
        "coach": make_coach("Cora"),
        "coach2": make_coach("Carl"),
        "admin": make_admin("Ada Addermark"),
    }
    for part in ("coach", "coach2"):
        update_profile(people[part], headline=f"{part} teaches", by=people[part])
    cookies = {part: _signed_in(person) for part, person in people.items()}
    create_split_rule(
        name="Cora earns", business_percent=20, creator_percent=80, teacher_percent=0, coach=people["coach"],
        by=people["admin"],
    )  # fmt: skip
    for part in ("coach", "coach2"):
        make_working_life(people[part])
    things = _offers(people)
    things |= _sessions(people) | _money(people) | _payouts(people) | _refunds(people) | _papers(people)
    things |= _sponsors(people)
    keys = {
        "read": _key(people["member"], "read only", "read"),
        "write": _key(people["member"], "Minnow tool", "read", "write"),
        "boss": _key(people["admin"], "Adder tool", "read", "write"),
        **_dead_keys(people["member"]),
    }
    things["key"] = ApiClient.objects.get(name="Minnow spare")
    # When a key was used last is noted once a minute, which would look like a change here and there.
    ApiClient.objects.update(last_used_at=timezone.now() + timedelta(days=1))
    return World(people, cookies, keys, things, [*_texts(people, things), *_ids(things)])


def _offers(people: dict[str, User]) -> dict[str, Any]:
    """What Cora offers by time, where, and when she does not; another service is Carl's.

    The link of what was booked is for whoever booked it; that of its service, and of what was only asked for, is not.
    """
    coach, coach2 = people["coach"], people["coach2"]
    door = "https://meet.example/Cora-desk"
    questions = [
        {"label": "What hurts?"}, {"label": "How often?", "kind": "choice", "options": ["Hardly", "Often"]},
        {"label": "My doctor knows", "kind": "yes"},
    ]  # fmt: skip
    service = make_service(
        coach,
        name="Coaching",
        join_link=door,
        questions=questions,
        locations=[],
        price=0,
        capacity=2,
        most_in_series=12,
    )
    withdrawn = withdraw_service(make_service(coach, name="Cora stopped"), by=coach)
    make_service(coach2, name="Training", join_link="https://meet.example/Carl-desk")
    location, other = make_location("Studio"), make_location("Pitch")
    room = location.rooms.get()
    spare = open_room(location, name="Spare", by=None)
    away = timezone.now() + timedelta(days=230)
    some_day = (timezone.now() + timedelta(days=55)).replace(hour=0, minute=0, second=0, microsecond=0)
    free_starts(service, SlotSearch(some_day, some_day + timedelta(days=7), minutes=60))
    for whose in (coach, coach2):
        reason = f"{whose.name} is ill"
        set_day(whose, DAY_OFF, [], by=whose)
        add_time_off(whose, starts_at=away, ends_at=away + timedelta(days=1), reason=reason, by=whose)
    stood_in = _stood_in(coach, coach2, away + timedelta(days=20))
    asked_first = make_service(coach, name="On demand", price=0, needs_approval=True, join_link=door, locations=[])
    member, noon = people["member"], some_day + timedelta(hours=12)

    def book(what: Service, hours: int) -> Booking:
        at = noon - timedelta(days=1) + timedelta(hours=hours)
        return book_slot(what, starts_at=at, minutes=60, participant=member.participant, by=member)

    booked, asked = book(service, 0), book(asked_first, 2)
    Session.objects.filter(pk=booked.session_id).update(join_link="https://meet.example/Cora-couch")
    return _visitors(coach, coach2, noon) | {
        "time": booked, "asked": asked,
        "service": service, "service_withdrawn": withdrawn, "location": location, "room": room,
        "location_closed": close_location(other, by=None), "room_closed": close_room(spare, by=None),
        "time_off": stood_in, "to_hand_over": to_hand_over(stood_in)[0],
        "travel": Travel.objects.get(coach=coach), "day": DAY_OFF,
        "start": start_name(some_day + timedelta(hours=12)),
        "start_after": start_name(some_day + timedelta(days=7, hours=12)),
        "slot_after": (some_day + timedelta(days=7, hours=12)).strftime(MOMENT),
        "slot": (some_day + timedelta(hours=12)).strftime(MOMENT), "slots_since": some_day.strftime(MOMENT),
        "slots_until": (some_day + timedelta(days=1)).strftime(MOMENT),
    }  # fmt: skip


def _stood_in(coach: User, coach2: User, since: datetime) -> TimeOff:
    """When Cora is away for some days, and Carl stands in: he has one of her sessions already, and can have another."""
    first, _second = (make_session(coach, starts_at=since + timedelta(hours=hours)) for hours in (1, 3))
    off = add_time_off(
        coach, starts_at=since, ends_at=since + timedelta(days=9), reason=f"{coach.name} is ill", stand_in=coach2,
        by=coach,
    )  # fmt: skip
    hand_over(off, by=coach, only=[first.pk])
    return off


def _visitors(coach: User, coach2: User, noon: datetime) -> dict[str, Any]:
    """What Cora and Carl offer to visitors, and who came to them without an account."""
    free: dict[str, Any] = {"format": "intro", "price": 0, "durations": [15], "step_minutes": 15, "open_to": "visitors"}
    door: dict[str, Any] = {"locations": [], "join_link": "https://meet.example/first"}
    talk, other = (make_service(who, name=f"{who.name} talk", **free, **door) for who in (coach, coach2))

    def ask(service: Service, name: str, minutes: int) -> Intro:
        visitor = Visitor(f"{name} Visitormark", f"{name}.visitormark@example.com", "UTC", "en")
        return ask_intro(service, starts_at=noon + timedelta(minutes=minutes), minutes=15, visitor=visitor)

    begun = confirm_intro(ask(talk, "Vic", 60))
    begin(begun, ago=timedelta(hours=30))
    intro, held, to_cancel = (ask(talk, name, 60 + 15 * place) for place, name in enumerate(("Vera", "Vito", "Vivi")))
    confirm_intro(intro)
    theirs = confirm_intro(ask(other, "Otmar", 60))
    sites: Any = {"coach": coach, "origins": ["https://cora.example"]}
    embed, spare = (make_embed(by=coach, name=f"Cora site {number}", **sites) for number in (1, 2))
    make_embed(by=coach2, coach=coach2, name="Carl site", origins=["https://carl.example"])
    sent = TimestampSigner(salt=f"embed:{embed.pk}:{talk.pk}").sign("x")
    return {
        "embed": embed, "embed_to_end": spare, "embed_token": str(embed.pk), "embed_form": sent,
        "talk": talk, "intro": intro, "intro_begun": begun, "intro_session": begun.session, "intro_token": intro.link,
        "confirm_token": held.link, "cancel_token": to_cancel.link, "intro_of_other": theirs,
        "intro_start": start_name(noon + timedelta(minutes=180)), "intro_to": start_name(noon + timedelta(minutes=195)),
    }  # fmt: skip


def _sessions(people: dict[str, User]) -> dict[str, Any]:
    """Cora's sessions with Mina's places in them, and one of Carl's with Otto's."""
    member, other, coach, coach2 = (people[part] for part in ("member", "other", "coach", "coach2"))
    third = make_member("Tom Thirdmark")
    make_share_policy(percent=50)
    days = iter(range(3, 40))

    def session(whose: User = coach, **wanted: Any) -> Session:
        made = make_session(whose, starts_in=timedelta(days=next(days)), **wanted)
        Session.objects.filter(pk=made.pk).update(join_link=f"https://meet.example/{whose.name}-door")
        return Session.objects.get(pk=made.pk)

    movable = make_cancellation_policy((48, 100), (24, 50), (0, 0), reschedules=2, reschedule_hours=1)
    booked, line, offering, past = session(policy=movable), session(capacity=1), session(capacity=1), session()
    full = session(capacity=2)
    booking, came = make_booking(booked, member), make_booking(past, member)
    both = [third.participant, *add_guests(["Tina Thirdmark"], by=third)]
    book_places(full, participants=both, by=third, provider="sandbox", source=SUCCEEDS)
    make_booking(line, third)
    before = make_booking(offering, third)
    waiting = join_waitlist(line, participant=member.participant, by=member)
    offer = join_waitlist(offering, participant=member.participant, by=member)
    Booking.objects.filter(pk=before.pk).update(state="cancelled", cancelled_at=timezone.now())
    Booking.objects.filter(pk=offer.pk).update(state="offered", held_until=timezone.now() + timedelta(hours=5))
    now, hour = timezone.now(), timedelta(hours=1)
    set_times(Session.objects.filter(pk=past.pk), starts_at=now - 2 * hour, ends_at=now - hour)
    gone = session()
    absent = make_booking(gone, member)
    set_times(Session.objects.filter(pk=gone.pk), starts_at=now - 6 * hour, ends_at=now - 5 * hour)
    mark_attendance(absent, state=Booking.State.NO_SHOW, by=coach)
    later = make_session(coach, starts_in=timedelta(hours=5))
    for late in (member, third):
        cancel_booking(make_booking(later, late), by=late)
    running, soon = session(), session()
    here, expected = make_booking(running, member), make_booking(soon, member)
    set_times(Session.objects.filter(pk=running.pk), starts_at=now - hour / 3, ends_at=now + hour / 3)
    set_times(Session.objects.filter(pk=soon.pk), starts_at=now + hour / 2, ends_at=now + hour)
    check_in(here, by=coach)
    attended = _said(coach, member, coach2, other)
    declined = make_booking(session(), member, card=DECLINED)
    at_bank = make_booking(session(), member, card=NEEDS_CONFIRMATION)
    manual = book_session(session(), participant=member.participant, by=member, provider="transfer")
    first_day = (timezone.now() + timedelta(days=50)).date()
    rule = WeeklyRule((first_day.weekday(),), first_day, first_day + timedelta(days=14), timezone.now().time(), "UTC")
    terms: dict[str, Any] = {"title": "Weekly", "place": "Here", "capacity": 5, "price": 4_000, "minutes": 30}
    series = create_series(coach, rule=rule, by=coach, **terms)
    elsewhere = session(coach2, title="Elsewhere")
    make_booking(elsewhere, other)
    make_stay(elsewhere, other)
    VideoRoom.objects.create(session=elsewhere, provider="jitsi", reference="otter-room", made_by=coach2)
    return {
        # Free, so that nobody is asked for money that a credit would change.
        "session": session(price=0),
        "booked": booked,
        "next": session(),
        "full": full,
        "past": past,
        "series": series,
        "weekly": series.sessions.order_by("starts_at")[0],
        "booking": booking,
        "came": came,
        "running": running,
        "video_room": make_video_room(here),
        "soon": soon,
        "here": here,
        "expected": expected,
        "attended": attended,
        "absent": absent,
        **_kept(coach, booked, coach2, elsewhere),
        "waiting": waiting,
        "offer": offer,
        "declined": declined,
        "at_bank": at_bank,
        "charge": SandboxCharge.objects.get(key=str(Payment.objects.get(order_id=at_bank.line.order_id).pk)),
        "transfer": Payment.objects.get(order_id=manual.line.order_id),
        "payment": Payment.objects.get(order_id=booking.line.order_id),
        "order": booking.line.order,
        "number": booking.line.order.number,
        "reference": Payment.objects.get(order_id=booking.line.order_id).reference,
        "usual": booked.cancellation_policy,
        "agreed": digest_of(plan_series(coach, rule_of(RULE), minutes=30)),
    }


def _kept(coach: User, booked: Session, coach2: User, elsewhere: Session) -> dict[str, Any]:
    """Files and links of two sessions: for those with a place, and one for everybody."""
    file = SimpleUploadedFile("minnow.pdf", b"%PDF-1.7 Minnow slides inside")
    resource = add_file(booked, file, kind="slides", name="Minnow slides", by=coach)
    add_link(elsewhere, "https://video.example/otter-film", kind="recording", name="Otter film", by=coach2)
    add_link(booked, "https://video.example/all", kind="other", name="For all", is_public=True, by=coach)
    return {"resource": resource}


def _said(coach: User, member: User, coach2: User, other: User) -> Booking:
    """What was said and noted of two sessions that are over: Cora has written of Mina, and nobody can read it yet."""
    attended = make_attended(coach=coach, member=member, ended_ago=timedelta(hours=3))
    review(attended, by=coach, comment="Minnow blind words")
    elsewhere = make_attended(coach=coach2, member=other, ended_ago=timedelta(days=9))
    review(elsewhere, by=other, comment="A word for all")
    review(elsewhere, by=coach2, comment="Otter praise")
    for booking, by, text in ((attended, coach, "Minnow knee"), (elsewhere, coach2, "Otter knee")):
        write_note(booking.session, about=booking.participant, text=text, by=by)
    return attended


def rule_of(body: dict[str, Any]) -> WeeklyRule:
    """The rule that a form sends."""
    first_day = date.fromisoformat(body["first_day"])
    last_day = last_day_of_weeks(first_day, body["weeks"])
    return WeeklyRule(tuple(body["weekdays"]), first_day, last_day, time.fromisoformat(body["at"]), body["time_zone"])


def _money(people: dict[str, User]) -> dict[str, Any]:
    policy = make_share_policy(percent=60, coach=people["coach2"])
    make_credit(people["other"], 700)
    ProviderEvent.objects.create(provider="sandbox", event_id="evt_1", reference="adder-reference")
    ProviderCustomer.objects.create(user=people["member"], provider="sandbox", reference="adder-customer")
    for part in ("member", "member", "other"):
        add_payment_method(people[part], provider="sandbox", source=SUCCEEDS, by=people[part])
    for part in ("member", "other"):
        set_auto_top_up(people[part], TopUpWish(True, 1_000, "fixed", 2_500, 5_000), by=people[part])
        StripeAccount.objects.create(user=people[part], reference=f"acct_{part}")
    charge = SandboxCharge.objects.filter(state="succeeded")[0]
    SandboxRefund.objects.create(key="adder-refund", charge=charge, amount=1, state="succeeded")
    disputed = Payment.objects.get(pk=charge.key)
    Dispute.objects.create(payment=disputed, provider="sandbox", reference="adder-dispute", amount=1, currency="EUR")
    set_account_numbers({"sales": "ADDER-1"}, by=people["admin"])
    close = make_close((timezone.now() - timedelta(days=3)).date())
    difference = make_difference("adder-line", by=people["admin"])
    credit = make_credit(people["member"], 900)
    for person in (people["member"], people["other"]):
        give_money(person, amount=300, reason=f"{person.name} gift", by=people["admin"])
    return {
        "split_rule": SplitRule.objects.get(coach=people["coach"]),
        "credit": credit,
        "moved": Transfer.objects.filter(credit=credit.pk)[0],
        "close": close,
        "open_day": str(close.day + timedelta(days=1)),
        "compared": difference.reconciliation,
        "difference": difference,
        "top_up": make_top_up(people["member"], 1_500),
        "top_up_waiting": top_up(people["member"], amount=1_500, provider="transfer", by=people["member"]),
        "grant": Grant.objects.get(owner=people["member"]),
        "share": policy,
        "cancelling": make_cancellation_policy(),
        "method": PaymentMethod.objects.get(user=people["member"], is_default=False),
    }


def _payouts(people: dict[str, User]) -> dict[str, Any]:
    """Mina's ways to be paid, and payouts to her in every state; one of Otto's."""
    member, other, admin = people["member"], people["other"], people["admin"]
    make_terms()
    make_earnings(member, 5_000)
    account = make_payout_account(member, details={"note": "Minnow by hand"})
    asked, to_cancel, to_reject = (make_payout(member, source="wallet") for _ in range(3))
    approved, sent, to_fail = (approve_payout(make_payout(member, source="wallet"), by=admin) for _ in range(3))
    for payout in (sent, to_fail):
        mark_payout_sent(payout, by=admin)
    bank = make_payout_account(member, "sepa", holder="Mina Minnowmark")
    batches = []
    for _ in range(3):
        approve_payout(make_payout(member, source="wallet", method="sepa"), by=admin)
        batches.append(make_payout_batch("sepa", by=admin))
    send_payout_batch(batches[2], by=admin)
    approve_payout(make_payout(member, source="wallet", method="sepa"), by=admin)
    make_payout_account(other, details={"note": "Otter by hand"})
    make_payout(other, source="wallet")
    return {
        "payout_account": account, "bank_account": bank,
        "spare_account": make_payout_account(member, details={"note": "Minnow spare way"}),
        "payout": asked, "payout_to_cancel": to_cancel, "payout_to_reject": to_reject, "payout_approved": approved,
        "payout_sent": sent, "payout_to_fail": to_fail, "batch": batches[0], "batch_to_drop": batches[1],
        "batch_sent": batches[2],
    }  # fmt: skip


def _refunds(people: dict[str, User]) -> dict[str, Any]:
    """What Mina bought, and refunds of it in every state; one of Otto's."""
    member, admin = people["member"], people["admin"]
    update_refund_terms(by=admin, ask_days=30)
    kept, to_withdraw, to_reject, asked = (
        make_request(make_bought(member=member, use_wallet=False), 500, reason=f"Minnow reason {n}") for n in range(4)
    )
    failed = grant_refund(make_request(make_bought(member=member, card=REFUND_FAILS, use_wallet=False), 500), by=admin)
    apply_refund_outcome(send_refund(failed), RefundOutcome(RefundState.FAILED, failure_code="closed"), attempt=1)
    make_request(make_bought(member=people["other"], use_wallet=False), 500, reason="Otter reason")
    return {
        "line": make_bought(member=member, use_wallet=False),
        "refund": asked, "refund_kept": kept, "refund_to_withdraw": to_withdraw, "refund_to_reject": to_reject,
        "refund_failed": failed,
        "refund_by_hand": grant_refund(make_request(make_bought_by_hand(member=member)), by=admin),
    }  # fmt: skip


def _sponsors(people: dict[str, User]) -> dict[str, Any]:
    """Mina looks after one budget and Otto after another, which also pays a cent for Mina; both have paid of it."""
    member, other, admin = people["member"], people["other"], people["admin"]
    sven, sue = make_member("Sven Sponsormark"), make_member("Sue Seamark")
    mine = make_sponsorship(sven, sponsor=member, pot=900_000, percent=50, name="Minnow budget")
    theirs = make_sponsorship(sue, member, sponsor=other, amount=1, name="Otter budget")
    for sponsorship, who in ((mine, sven), (theirs, sue)):
        make_booking(make_session(price=4_000), who)
        record_sponsor_payment(sponsorship, amount=1, received_on=date(2026, 11, 1), reference="paper", by=admin)
    return {
        "sponsorship": mine,
        "sponsored": mine.people.get(),
        "sponsorship_to_end": make_sponsorship(sponsor=member),
        "sponsor_email": other.email,
        "sponsor_account": Account.objects.get(kind=Account.Kind.SPONSOR, owner=member),
    }


def _papers(people: dict[str, User]) -> dict[str, Any]:
    """What people are told, what they brought in, and what the machine room keeps."""
    member, other, coach, coach2, admin = (people[part] for part in PEOPLE)
    tokens = {person.pk: new_feed_address(person, by=person) for person in (member, other)}
    diaries = {"Minnow diary": member, "Minnow old diary": member, "Otter diary": other}
    calendars = {label: make_calendar(person, label=label) for label, person in diaries.items()}
    open_hour = make_session(coach2, starts_in=timedelta(days=100), title="Open hour")
    make_overlap(make_conflict(open_hour, label="Carl diary").session)
    for person, kind in ((member, "Minnow"), (other, "Otter")):
        create_api_client(person, name=f"{kind} spare", scopes=["read"], expires_at=None, by=person)
        make_notification(person, session=f"{kind} news")
        set_preferences(person, {(REMINDER.code, Channel.IN_APP): False}, by=person)
        UserSession.objects.create(
            user=person, session_key=f"{kind}-session", ip="203.0.113.77", user_agent=f"{kind} browser"
        )
        IdempotencyKey.objects.create(
            actor=person, route="POST /x", key=f"{kind}-once", fingerprint="f", status=201, body={}
        )
    guests = add_guests(["Minnow guest", "Minnow second guest"], by=member)
    add_guests(["Otter guest"], by=other)
    CheckRun.objects.create(seconds=1.5, asked=101)
    RateCount.objects.create(key="adder-count", window_starts_at=timezone.now())
    publish("invite.declined", subject=make_invite("dead.addermark@example.com", by=admin)[0])
    OutboxMessage.objects.filter(name="invite.declined").update(dead_at=timezone.now(), last_error="Adder trouble")
    invite, token = make_invite("fay.addermark@example.com", by=admin)
    plan = preview_sessions_import("cora-plan.ics", calendar_file("cora", "Planned", 70), coach=coach, by=coach)
    preview_sessions_import("carl-plan.ics", calendar_file("carl", "Planned", 70), coach=coach2, by=coach2)
    people_file = b"email,name,role\nnew.addermark@example.com,New,member\n"
    admins_file = b"email,name,role\nnora.addermark@example.com,Nora,admin\n"
    return {
        "user": member,
        "shut": disable_user(make_member("Sam Shutmark"), by=admin),
        "participant": member.participant,
        "guest": guests[0],
        "guest_to_leave_out": guests[1],
        "coach": coach,
        "feed": CalendarFeed.objects.get(user=member),
        "feed_token": tokens[member.pk],
        "calendar": calendars["Minnow diary"],
        "caldav": make_caldav(member, label="Minnow server", writes=False),
        "conflict": make_removed(make_booking(make_session(starts_in=timedelta(days=102)), admin), label="Adder diary"),
        "conflict_theirs": make_removed(
            make_booking(make_session(starts_in=timedelta(days=103)), admin), label="Adder second"
        ),
        "channel": make_channel(calendars["Otter diary"]),
        "calendar_to_end": calendars["Minnow old diary"],
        "notification": make_notification(member, session="Minnow news"),
        "delivery": make_delivery(member, state="dead", session="Minnow news"),
        "message": OutboxMessage.objects.get(name="invite.declined"),
        "device": UserSession.objects.get(session_key="Minnow-session"),
        "invite": invite,
        "invite_of_admin": make_invite("rex.addermark@example.com", role="admin", by=admin)[0],
        "token": token,
        "off_token": unsubscribe_path(member, REMINDER.code).split("/")[-2],
        "import": preview_people_import("ada-people.csv", people_file, by=admin),
        "import_of_admin": preview_people_import("ada-admins.csv", admins_file, by=admin),
        "plan": plan,
        "record": AuditLog.objects.filter(actor_id=member.pk).order_by("-id")[0],
    }


def _key(person: User, name: str, *scopes: str) -> str:
    return create_api_client(person, name=name, scopes=list(scopes), expires_at=None, by=person)[1]


def _dead_keys(person: User) -> dict[str, str]:
    """Keys that once were good, one that never was, and what is no key at all."""
    soon = timezone.now() + timedelta(days=1)
    expired, old = create_api_client(person, name="Old", scopes=["read", "write"], expires_at=soon, by=person)
    ApiClient.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(days=1))
    revoked, gone = create_api_client(person, name="Gone", scopes=["read", "write"], expires_at=None, by=person)
    revoke_api_client(revoked, by=person)
    unknown, never = create_api_client(person, name="Never", scopes=["read", "write"], expires_at=None, by=person)
    ApiClient.objects.filter(pk=unknown.pk).delete()
    return {"revoked": gone, "expired": old, "unknown": never, "rubbish": "tenpo_rubbish"}


def _signed_in(person: User) -> str:
    client = Client()
    client.post(resolve_url(settings.LOGIN_URL), {"login": person.email, "password": PASSWORD})
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def _texts(people: dict[str, User], things: dict[str, Any]) -> list[Secret]:
    """Marks, and by whom they may be read. A coach's name is for everybody, an address is not."""
    member, other, coach, coach2, admin = (frozenset({part, "admin"}) for part in PEOPLE)
    # Whose seats a coach fills, they know by name and address.
    seen, otto, otter = member | coach, other | coach2, frozenset({"other", "admin"})
    said = {
        "Mina Minnowmark": seen, people["member"].email: seen,
        "Otto Ottermark": otto, people["other"].email: otto,
        "Tom Thirdmark": coach,
        people["coach"].email: coach, people["coach2"].email: coach2,
        "Ada Addermark": admin, people["admin"].email: admin, "addermark@example.com": admin,
        "Mina Minnowmark gift": member, "Otto Ottermark gift": frozenset({"other", "admin"}),
        "Cora-desk": coach, "Carl-desk": coach2, "Cora is ill": coach, "Carl is ill": coach2, "Cora stopped": coach,
        "Cora-couch": seen, "Cora-door": seen, "Carl-door": otto,
        "Minnow guest": member, "Minnow second guest": member, "Otter guest": frozenset({"other", "admin"}),
        "Minnow diary": member, "Minnow old diary": member, "Minnow server": member, "Otter diary": other,
        "Adder diary": admin, "Adder second": admin, "Carl diary": coach2,
        "Minnow spare": member, "Minnow tool": member, "Minnow news": member, "Minnow browser": member,
        "Minnow-session": member, "Minnow-once": member,
        "Otter spare": other, "Otter news": other, "Otter browser": other, "Otter-session": other, "Otter-once": other,
        "203.0.113.77": member | other,
        "Minnow by hand": member, "Minnow spare way": member, "Otter by hand": other,
        "Minnow reason": member, "Otter reason": other,
        "Minnow blind words": frozenset({"coach"}), "Otter praise": frozenset({"other", "coach2", "admin"}),
        "Minnow knee": frozenset({"coach"}), "Otter knee": frozenset({"coach2"}),
        "Vera Visitormark": coach, "vera.visitormark@example.com": coach, "Vito Visitormark": coach,
        "Vic Visitormark": coach, "Otmar Visitormark": coach2, "otmar.visitormark@example.com": coach2,
        "Cora site 2": coach, "Carl site": coach2,
        "Minnow slides": seen, "Otter film": otto, "otter-film": otto,
        "otter-room": frozenset(), things["video_room"].reference: frozenset({"member", "coach"}),
        "Sven Sponsormark": member, "Sue Seamark": otter, "Minnow budget": member, "Otter budget": member | otter,
        "ADDER-1": admin, "adder-line": admin,
        "Adder tool": admin, "Adder trouble": admin, "adder-reference": admin, "adder-count": frozenset(),
        "ada-people.csv": admin, "ada-admins.csv": admin, "cora-plan.ics": coach, "carl-plan.ics": coach2,
        things["order"].number: member,
        things["payment"].reference: member,
    }  # fmt: skip
    return [Secret(text, readers, "a text") for text, readers in said.items()]


def _ids(things: dict[str, Any]) -> list[Secret]:
    """The ids of what is not for everybody."""
    member, coach, admin = (frozenset({part, "admin"}) for part in ("member", "coach", "admin"))
    of = {
        "booking": member | coach, "time": member | coach, "asked": member | coach, "came": member | coach,
        "here": member | coach, "expected": member | coach, "waiting": member | coach, "offer": member | coach,
        "absent": member | coach,
        "declined": member | coach, "at_bank": member | coach, "participant": member | coach,
        "guest": member,
        "top_up": member, "top_up_waiting": member, "grant": member,
        "payment": member, "transfer": member, "order": member, "credit": member, "charge": member, "feed": member,
        "calendar": member,
        "notification": member, "delivery": admin, "key": member, "invite": admin, "import": admin, "plan": coach,
        "record": admin, "user": member | coach, "payout": member, "payout_account": member, "batch": admin,
        "refund": member, "refund_failed": member, "line": member,
        "method": member, "intro": coach, "intro_begun": coach,
        "sponsorship": member, "sponsored": member,
        "service_withdrawn": coach, "time_off": coach, "travel": coach, "location_closed": admin, "room_closed": admin,
    }  # fmt: skip
    ids = [Secret(str(things[name].pk), readers, name) for name, readers in of.items()]
    return [
        *ids,
        # What is booked as a slot is for those who booked it and whoever gives it, wherever sessions are listed.
        *(Secret(str(things[name].session_id), member | coach, f"session of {name}") for name in ("time", "asked")),
        Secret(str(things["moved"].pk), member, "ledger transfer"),
        *(Secret(str(things[name].pk), admin, name) for name in ("close", "compared", "difference")),
    ]


def missing(thing: Any) -> str:
    """The id of nothing, in the shape of this thing's; a day is one for everybody."""
    if isinstance(thing, date):
        return str(thing)
    if isinstance(thing, str):
        return thing[:-6] + ("aaaaaa" if not thing.endswith("aaaaaa") else "bbbbbb")
    return "987654321" if isinstance(thing.pk, int) else "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42"


def named(thing: Any) -> str:
    """How an address names a thing."""
    return str(thing) if isinstance(thing, str | date) else str(thing.pk)
