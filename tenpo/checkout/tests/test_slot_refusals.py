"""What of a slot is refused, and that nothing moved."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from tenpo.checkout.actions import unpaid
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.slot_make import (
    DAY,
    HOUR,
    NINE,
    QUESTIONS,
    book,
    everything,
    lapse,
    make_client_of,
    refusal_of,
    working_coach,
)
from tenpo.core.errors import RuleError
from tenpo.orders.tests.make import make_credit
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.services import withdraw_service
from tenpo.schedule.models import Booking, Room, Service, ServicePrice, Session, TimeOff, WorkingTerms
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

HALF = timedelta(minutes=30)


@pytest.fixture
def coach() -> User:
    return working_coach()


def test_a_time_that_was_taken_names_the_nearest_that_are_free(coach):
    service = make_service(coach)
    book(service, make_member(), NINE + HOUR)

    refusal = refusal_of(service, make_member(), NINE + HOUR + HALF)

    assert refusal.code == "slot_taken"
    nearest = [NINE, NINE + 2 * HOUR, *(DAY + timedelta(days=1, hours=9) + number * HALF for number in range(4))]
    assert set(refusal.facts["nearest"][:2]) <= {*nearest, NINE - timedelta(days=1) + 2 * HOUR}
    assert {NINE, NINE + 2 * HOUR} <= set(refusal.facts["nearest"])


@pytest.mark.parametrize(
    "at",
    [NINE - HALF, NINE + HALF / 2, NINE + 2 * HOUR + HALF, NINE + timedelta(seconds=1), NINE - timedelta(days=100)],
    ids=["before hours", "beside the step", "past the end", "no whole minute", "long ago"],
)
def test_what_nobody_offers_is_refused(coach, at):
    assert refusal_of(make_service(coach), make_member(), at).code == "slot_not_offered"


def test_another_length_another_coach_and_what_is_offered_no_more_are_refused(coach):
    service, member = make_service(coach), make_member()

    assert refusal_of(service, member, minutes=45).code == "slot_not_offered"
    assert refusal_of(service, member, coach=working_coach()).code == "slot_not_offered"
    withdraw_service(service, by=None)
    with pytest.raises(Http404):
        book(service, member)
    assert refusal_of(service, member, by=make_admin()).code == "slot_not_offered"


def test_notice_and_window_hold_to_the_minute(coach):
    left = int((NINE - timezone.now()).total_seconds() // 60)
    service = make_service(coach, notice_minutes=left + 1)
    member = make_member()

    assert refusal_of(service, member).code == "slot_not_offered"
    Service.objects.update(notice_minutes=left - 1, window_days=left // (24 * 60))
    assert refusal_of(service, member).code == "slot_not_offered"
    Service.objects.update(window_days=left // (24 * 60) + 1)
    assert book(service, member).state == "confirmed"


def test_away_and_a_full_day_are_refused(coach):
    service, member = make_service(coach), make_member()
    WorkingTerms.objects.create(coach=coach, most_per_day=1)
    make_session(coach, starts_at=DAY + 20 * HOUR)

    assert refusal_of(service, member).code == "slot_taken"
    TimeOff.objects.create(coach=coach, starts_at=NINE, ends_at=NINE + HOUR)
    assert refusal_of(service, member).code == "slot_not_offered"


def test_a_room_that_is_taken_is_refused(coach):
    service = make_service(coach, working_coach())
    service.rooms.set([Room.objects.get()])
    book(service, make_member(), coach=coach)

    refusal = refusal_of(service, make_member(), coach=service.given_by.last().coach)

    assert refusal.code == "slot_taken"


def test_whoever_is_elsewhere_is_told_so(coach):
    member = make_member()
    book_session(make_session(starts_at=NINE - HALF, price=0), participant=member.participant, by=member)

    assert refusal_of(make_service(coach), member).code == "participant_elsewhere"
    # When the other one ends, it may begin.
    assert book(make_service(coach), member, NINE + HALF).state == "confirmed"


def test_as_many_as_one_may_on_a_day_and_in_a_week(coach):
    service, member = make_service(coach, most_per_day=1, most_per_week=2), make_member()
    book(service, member)

    assert refusal_of(service, member, NINE + HOUR).code == "too_many"
    book(service, member, NINE + timedelta(days=6))
    assert refusal_of(service, member, NINE + timedelta(days=3)).code == "too_many"
    assert book(service, member, NINE + timedelta(days=7)).state == "confirmed"
    assert book(service, make_member(), NINE + HOUR).state == "confirmed"


def test_who_may_book_is_as_the_service_says(coach):
    member, client = make_member(), make_client_of(coach)
    clients, team = make_service(coach, open_to="clients"), make_service(coach, open_to="team")

    assert refusal_of(clients, member).code == "not_open_to_you"
    assert refusal_of(team, client).code == "not_open_to_you"
    assert book(clients, client).state == "confirmed"


def test_nobody_books_for_others_but_who_gives_it_for_a_client(coach):
    service, member = make_service(coach), make_member()
    before = everything()

    for stranger in (make_member(), make_coach(), coach):
        with pytest.raises(PermissionDenied):
            book(service, member, by=stranger)

    assert everything() == before


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({}, {"goal", "rules"}),
        ({"goal": "x", "rules": True, "level": "Middling"}, {"level"}),
        ({"goal": "x" * 1_001, "rules": False}, {"goal", "rules"}),
        ({"goal": "x", "rules": True, "age": "7"}, {"age"}),
        ({"goal": "\0", "rules": "maybe"}, {"goal", "rules"}),
        ({"goal": ["x"], "rules": True}, {"goal"}),
    ],
)
def test_answers_are_checked_one_by_one(coach, answers, wrong):
    service, member = make_service(coach, questions=QUESTIONS), make_member()
    before = everything()

    with pytest.raises(ValidationError) as error:
        book(service, member, answers=answers)

    assert set(error.value.message_dict) == wrong
    assert everything() == before


def test_another_price_than_was_shown_and_no_way_to_pay_are_refused(coach):
    service, member = make_service(coach), make_member()

    assert refusal_of(service, member, agreed=5_999).code == "price_changed"
    assert refusal_of(service, member, provider="").code == "payment_needed"
    assert book(service, member, agreed=6_000).state == "confirmed"


def test_what_has_no_price_is_refused(coach):
    service, member = make_service(coach), make_member()
    with transaction.atomic():
        ServicePrice.objects.all().delete()
        assert refusal_of(service, member).code == "slot_not_offered"
        transaction.set_rollback(True)


@pytest.mark.usefixtures("takes_transfers")
def test_a_hold_that_is_still_good_stands_in_the_way(coach):
    service = make_service(coach)
    book(service, make_member(), provider="transfer", source="")

    with pytest.raises(RuleError) as refusal:
        book(service, make_member())

    assert (refusal.value.code, Session.objects.count()) == ("slot_taken", 1)


@pytest.mark.parametrize("asks_first", [True, False], ids=["asked for", "not paid"])
def test_nobody_fills_a_coachs_hours_with_what_they_do_not_pay(coach, monkeypatch, asks_first):
    monkeypatch.setattr(unpaid, "SLOTS_UNPAID", 2)
    service, member = make_service(coach, needs_approval=asks_first), make_member()
    held = [book(service, member, NINE + number * HOUR, source=DECLINED) for number in range(2)]
    assert [(one.state, one.awaits_approval) for one in held] == [("held", asks_first)] * 2

    refusal = refusal_of(service, member, NINE + 2 * HOUR, source=DECLINED)

    assert refusal.code == "too_many_unpaid"
    assert book(service, make_member(), NINE + 2 * HOUR).state == ("held" if asks_first else "confirmed")
    lapse(held[0])
    assert book(service, member, NINE + timedelta(days=1), source=DECLINED).state == "held"


def test_what_is_covered_and_what_its_coach_books_for_others_is_not_counted(coach, monkeypatch):
    monkeypatch.setattr(unpaid, "SLOTS_UNPAID", 0)
    service, member, client = make_service(coach), make_member(), make_client_of(coach)
    make_credit(member, 6_000)

    covered = book(service, member)
    for_somebody = book(service, client, NINE + HOUR, by=coach, source=DECLINED)

    assert (covered.state, for_somebody.state) == ("confirmed", "held")
    assert refusal_of(service, make_member(), NINE + 2 * HOUR, source=SUCCEEDS).code == "too_many_unpaid"
    assert Booking.objects.live().filter(session__service=service).count() == 2
