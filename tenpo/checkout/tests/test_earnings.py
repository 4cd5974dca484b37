"""What is sold is divided; the shares are earned when it has taken place, and go back with what is given back."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.settling import decide_sandbox_charge
from tenpo.checkout.queries.earnings import coming
from tenpo.checkout.tests.make import make_booking
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Transfer
from tenpo.orders.actions.splits import create_split_rule, reverse_splits
from tenpo.orders.models import Line, Split
from tenpo.orders.tests.make import credit_left, make_cancellation_policy, make_share_policy
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.models import SandboxCharge
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS
from tenpo.payments.queries import owed_by, payable
from tenpo.payments.tests.make import make_payout_account, make_terms
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.lapsing import release_lapsed_of
from tenpo.schedule.actions.sessions import complete_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times
from tests.at_once import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture
def coach() -> User:
    """One who earns 85 percent of what they teach."""
    coach = make_coach()
    create_split_rule(
        name="External", business_percent=15, creator_percent=85, teacher_percent=0, coach=coach, by=make_admin()
    )
    return coach


def earned(coach: User) -> int:
    return payable(coach, "earnings", "EUR").balance


def took_place(session: Session) -> Session:
    begins = timezone.now() - timedelta(hours=3)
    set_times(Session.objects.filter(pk=session.pk), starts_at=begins, ends_at=begins + timedelta(hours=1))
    return complete_session(session, by=make_admin())


def test_a_sale_is_divided_and_nobody_has_earned_yet(coach):
    make_booking(make_session(coach, price=9_999), make_member())

    splits = [(split.part, split.amount) for split in Split.objects.order_by("id")]
    assert splits == [("business", 1_500), ("creator", 8_499)]
    assert (earned(coach), coming(coach, "EUR")) == (0, 8_499)


def test_it_is_earned_once_when_it_has_taken_place(coach):
    session = make_session(coach, price=10_000)
    for _ in range(2):
        make_booking(session, make_member())

    for _again in range(2):
        took_place(session)

    assert (earned(coach), coming(coach, "EUR")) == (17_000, 0)
    told = OutboxMessage.objects.filter(name="earnings.earned", subject_id=coach.pk).values_list("payload", flat=True)
    assert {message["amount"] for message in told} == {17_000}


def test_what_another_coach_teaches_is_not_divided(coach):
    make_booking(make_session(make_coach(), price=10_000), make_member())

    assert not Split.objects.exists()
    assert not Line.objects.get().is_split


def test_nobody_earns_of_what_they_booked_themselves(coach):
    make_share_policy(percent=80)
    admin = make_admin()
    session = make_session(coach, price=10_000)
    make_booking(session, coach)
    book_session(session, participant=make_member().participant, by=admin, provider="sandbox", source=SUCCEEDS)

    took_place(session)

    assert (earned(coach), coming(coach, "EUR")) == (8_500, 0)
    assert not Line.objects.get(order__buyer=coach).is_split


def test_nobody_earns_of_their_own_place_whoever_booked_it(coach):
    session = make_session(coach, price=10_000)
    book_session(session, participant=coach.participant, by=make_admin(), provider="sandbox", source=SUCCEEDS)

    took_place(session)

    assert (earned(coach), Split.objects.count()) == (0, 0)


def test_what_was_never_paid_is_never_earned(coach):
    session = make_session(coach, price=10_000)
    booking = make_booking(session, make_member(), card=DECLINED)
    cancel_booking(booking, by=booking.booked_by)

    took_place(session)

    assert (earned(coach), coming(coach, "EUR")) == (0, 0)


# The session is moved under a booking that was given up, so its windows say something else now.
MOVED = pytest.mark.invariants(but={"cancellation-follows-the-frozen-windows"})


@pytest.mark.parametrize(
    ("percent", "left"), [pytest.param(100, 0, marks=MOVED), pytest.param(50, 4_250, marks=MOVED), (0, 8_500)]
)
def test_cancelling_takes_its_part_before_anything_is_earned(coach, percent, left):
    session = make_session(coach, price=10_000)
    session.cancellation_policy = make_cancellation_policy((0, percent))
    session.save()
    booking = make_booking(session, make_member())
    cancel_booking(booking, by=booking.booked_by)

    assert coming(coach, "EUR") == left
    took_place(session)
    assert earned(coach) == left


def test_a_session_that_is_called_off_earns_nothing(coach):
    session = make_session(coach, price=10_000)
    for _ in range(3):
        make_booking(session, make_member())

    cancel_session(session, reason="Ill", by=coach)

    assert (earned(coach), coming(coach, "EUR")) == (0, 0)


def make_earned(coach: User, price: int = 10_000) -> Line:
    session = make_session(coach, price=price)
    make_booking(session, make_member())
    took_place(session)
    return Line.objects.get(subject_id=session.pk)


@pytest.mark.invariants(but={"splits-sum-to-the-price"})  # only the splits' side of a refund
def test_what_goes_back_later_is_taken_from_the_earnings(coach):
    line = make_earned(coach)

    with transaction.atomic():
        reverse_splits([(line, 4_000)])

    assert (earned(coach), owed_by(coach, "EUR")) == (5_100, 0)


@pytest.mark.invariants(but={"splits-sum-to-the-price"})
def test_what_was_paid_out_already_is_owed(coach):
    line = make_earned(coach)
    make_terms()
    ask_for_payout(make_payout_account(coach), source="earnings", amount=7_500, by=coach)

    with transaction.atomic():
        reverse_splits([(line, 10_000)])

    assert (earned(coach), owed_by(coach, "EUR")) == (0, 7_500)
    assert sorted(Transfer.objects.filter(subject_id__in=Split.objects.values("pk")).values_list("kind", "amount")) == [
        ("clawback", 7_500), ("earning", 8_500), ("earning_back", 1_000),
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.invariants(but={"splits-sum-to-the-price"})
def test_parts_that_go_back_at_once_total_what_they_are(coach):
    line = make_earned(coach)

    def give_back() -> None:
        with transaction.atomic():
            reverse_splits([(Line.objects.select_for_update().get(pk=line.pk), 1_000)])

    answers = at_once([give_back] * 10)

    assert [answer for answer in answers if answer is not None] == []
    assert (earned(coach), owed_by(coach, "EUR")) == (0, 0)
    assert sum(Split.objects.values_list("reversed", flat=True)) == 10_000


def test_the_half_that_was_kept_of_a_session_that_is_called_off_never_comes(coach):
    session = make_session(coach, price=10_000, starts_in=timedelta(hours=30))
    booking = make_booking(session, make_member())
    cancel_booking(booking, by=booking.booked_by)
    before = coming(coach, "EUR")

    cancel_session(session, reason="Ill", by=coach)

    assert (before, coming(coach, "EUR")) == (4_250, 0)


def test_money_that_comes_after_it_has_taken_place_is_credit(coach):
    """The hold is over, and nobody let the seat go yet."""
    session, member = make_session(coach, price=10_000), make_member()
    booking = make_booking(session, member, card=NEEDS_CONFIRMATION)
    took_place(session)

    decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=True)

    booking.refresh_from_db()
    assert (booking.state, credit_left(member), earned(coach)) == ("held", 10_000, 0)
    Booking.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    release_lapsed_of(session.pk)
    booking.refresh_from_db()
    assert (booking.state, credit_left(member)) == ("cancelled", 10_000)
