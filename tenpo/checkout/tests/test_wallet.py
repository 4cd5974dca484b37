"""Wallets: filled from outside or by the business, spent after credit and before a card, given back to where it was."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.checkout.actions import topping_up
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.settling import decide_sandbox_charge, mark_paid, reconcile_payments
from tenpo.checkout.actions.topping_up import top_up
from tenpo.checkout.tests.make import make_booking, make_top_up
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import WALLET, balance_of, statement
from tenpo.orders.models import Line, Order
from tenpo.orders.tests.make import credit_left, make_cancellation_policy, make_credit, make_share_policy
from tenpo.payments.actions.wallets import give_money, take_back_grant
from tenpo.payments.models import Grant, Payment
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, NEVER_ANSWERS, SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.lapsing import release_lapsed_of
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, meet_after

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]


def held(owner: User) -> tuple[int, int]:
    """Given and bought, in minor units."""
    balances = balance_of(owner, "EUR", WALLET)
    return balances[Account.Kind.GRANTED], balances[Account.Kind.WALLET]


def book(session: Session, member: User, **wanted: Any) -> Booking:
    paid = {"provider": "sandbox", "source": SUCCEEDS, **wanted}
    return book_session(session, participant=member.participant, by=member, **paid)


def test_a_top_up_is_there_to_spend_and_its_fee_is_the_business_s():
    member = make_member()

    payment = make_top_up(member, 5_000)

    assert (payment.state, payment.purpose, payment.order_id) == (Payment.State.SUCCEEDED, "top_up", None)
    assert held(member) == (0, 5_000)
    kinds = set(Transfer.objects.filter(subject_id=payment.pk).values_list("kind", "amount"))
    assert kinds == {("top_up", 5_000), ("fee", payment.fee)}


@pytest.mark.parametrize(
    ("amount", "provider", "code"),
    [
        (499, "sandbox", "top_up_too_small"),
        (50_001, "sandbox", "top_up_too_large"),
        (5_000, "", "payment_needed"),
        (5_000, "nobody", "payment_needed"),
    ],
)
def test_what_is_no_top_up_is_refused_and_moves_nothing(amount, provider, code):
    member = make_member()

    with pytest.raises(RuleError) as refused:
        top_up(member, amount=amount, provider=provider, source=SUCCEEDS, by=member)

    assert refused.value.code == code
    assert not Payment.objects.exists()


@pytest.mark.parametrize("amount", [500, 50_000])
def test_the_limits_themselves_are_allowed(amount):
    assert make_top_up(make_member(), amount).state == Payment.State.SUCCEEDED


def test_a_wallet_holds_no_more_than_the_business_says_with_what_is_under_way():
    member = make_member()
    for _ in range(3):
        make_top_up(member, 50_000)
    top_up(member, amount=49_000, provider="transfer", by=member)

    with pytest.raises(RuleError, match="at most") as refused:
        make_top_up(member, 1_001)

    assert refused.value.code == "wallet_full"
    assert make_top_up(member, 1_000).state == Payment.State.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_top_ups_at_once_do_not_fill_it_beyond():
    member = make_member()
    for _ in range(3):
        make_top_up(member, 50_000)

    answers = at_once([lambda: make_top_up(member, 30_000)] * 10)

    assert sum(isinstance(answer, Payment) for answer in answers) == 1
    assert held(member) == (0, 180_000)


@pytest.mark.django_db(transaction=True)
@pytest.mark.control
def test_top_ups_at_once_fill_it_beyond_without_the_lock_control(monkeypatch):
    member = make_member()
    for _ in range(3):
        make_top_up(member, 50_000)
    monkeypatch.setattr(topping_up, "lock_users", lambda *users: None)
    meet_after(monkeypatch, topping_up, "held_with_coming", 2)

    at_once([lambda: make_top_up(member, 30_000)] * 2)

    assert held(member) == (0, 210_000)


def test_a_declined_card_leaves_it_as_it_was_and_says_so():
    member = make_member()

    payment = make_top_up(member, 5_000, card=DECLINED)

    assert (payment.state, held(member)) == (Payment.State.FAILED, (0, 0))
    assert OutboxMessage.objects.filter(name="payment.failed", subject_id=payment.pk).exists()


@pytest.mark.parametrize("approved", [True, False])
def test_a_bank_that_asks_decides(approved):
    member = make_member()
    payment = make_top_up(member, 5_000, card=NEEDS_CONFIRMATION)
    assert (payment.state, held(member)) == (Payment.State.NEEDS_ACTION, (0, 0))

    for _again in range(2):
        decide_sandbox_charge(UUID(payment.reference), succeeds=approved)

    assert held(member) == (0, 5_000 if approved else 0)


def test_an_answer_that_was_lost_is_found_by_the_job_once():
    member = make_member()
    payment = make_top_up(member, 5_000, card=NEVER_ANSWERS)
    assert (payment.state, held(member)) == (Payment.State.UNKNOWN, (0, 0))
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=5))

    assert (reconcile_payments(), reconcile_payments()) == (1, 0)

    assert held(member) == (0, 5_000)


def test_a_transfer_fills_it_when_an_admin_saw_the_money():
    member, admin = make_member(), make_admin()
    payment = top_up(member, amount=5_000, provider="transfer", by=member)
    assert held(member) == (0, 0)

    for _again in range(2):
        mark_paid(payment, by=admin)

    assert held(member) == (0, 5_000)


def test_credit_is_spent_first_then_money_given_then_the_wallet_then_the_card():
    member, admin = make_member(), make_admin()
    late, soon = make_credit(member, 700, expires_in_days=90), make_credit(member, 500, expires_in_days=9)
    give_money(member, amount=1_000, reason="Welcome", by=admin)
    make_top_up(member, 3_000)
    make_share_policy(percent=50)

    booking = book(make_session(make_coach(), price=12_000), member)

    line = Line.objects.get()
    assert (line.company_share, line.credit_spent, line.wallet_spent, line.own_share) == (6_000, 1_200, 4_000, 800)
    assert booking.state == Booking.State.CONFIRMED
    spent = Transfer.objects.filter(kind__in=["credit_reserve", "wallet_reserve"]).order_by("id")
    assert [row.debit_id for row in spent][:2] == [soon.pk, late.pk]
    assert [row.debit.kind for row in spent] == ["credit", "credit", "granted", "wallet"]
    assert (held(member), credit_left(member)) == ((0, 0), 0)


def test_a_wallet_alone_pays_a_price():
    member = make_member()
    make_top_up(member, 3_000)

    booking = book_session(make_session(make_coach(), price=3_000), participant=member.participant, by=member)

    assert (booking.state, held(member)) == (Booking.State.CONFIRMED, (0, 0))
    assert Order.objects.get().state == Order.State.PAID


def test_a_wallet_that_is_kept_is_not_touched():
    member = make_member()
    make_top_up(member, 3_000)

    book(make_session(make_coach(), price=2_000), member, use_wallet=False, agreed=2_000)

    assert (Line.objects.get().wallet_spent, held(member)) == (0, (0, 3_000))


def test_what_was_set_aside_comes_back_when_the_card_never_pays():
    member, admin = make_member(), make_admin()
    give_money(member, amount=400, reason="Welcome", by=admin)
    make_top_up(member, 1_000)
    booking = make_booking(make_session(make_coach(), price=2_000), member, card=DECLINED)
    assert held(member) == (0, 0)

    Booking.objects.filter(pk=booking.pk).update(held_until=timezone.now() - timedelta(minutes=1))
    release_lapsed_of(booking.session_id)

    assert held(member) == (400, 1_000)


@pytest.mark.parametrize(
    ("percent", "given", "bought", "credit"), [(100, 400, 1_000, 600), (50, 200, 500, 300), (0, 0, 0, 0)]
)
def test_cancelling_gives_each_part_back_to_where_it_was(percent, given, bought, credit):
    member, admin = make_member(), make_admin()
    give_money(member, amount=400, reason="Welcome", by=admin)
    make_top_up(member, 1_000)
    session = make_session(make_coach(), price=2_000)
    session.cancellation_policy = make_cancellation_policy((0, percent))
    session.save()
    booking = book(session, member)

    cancel_booking(booking, by=member)
    cancel_booking(booking, by=member)

    assert (held(member), credit_left(member)) == ((given, bought), credit)


def test_a_credit_that_lapsed_meanwhile_pays_nothing_but_the_wallet_does():
    member = make_member()
    make_credit(member, 900, expires_in_days=-1)
    make_top_up(member, 1_000)

    book(make_session(make_coach(), price=1_000), member)

    assert (Line.objects.get().credit_spent, Line.objects.get().wallet_spent) == (0, 1_000)


@pytest.mark.django_db(transaction=True)
def test_one_wallet_spent_by_many_at_once_never_overdraws():
    member, coach = make_member(), make_coach()
    make_top_up(member, 10_000)
    sessions = [make_session(coach, price=1_000, starts_in=timedelta(days=n + 1)) for n in range(20)]

    answers = at_once(
        [
            partial(book_session, session, participant=member.participant, by=member, provider="", agreed=0)
            for session in sessions
        ]
    )

    booked = [answer for answer in answers if isinstance(answer, Booking)]
    assert len(booked) == 10
    assert {answer.code for answer in answers if isinstance(answer, RuleError)} <= {
        "price_changed",
        "insufficient_funds",
    }
    assert held(member) == (0, 0)


def test_what_is_given_is_spent_first_and_only_admins_give():
    member, admin = make_member(), make_admin()
    grant = give_money(member, amount=1_000, reason="Welcome", by=admin)

    assert (held(member), grant.currency) == ((1_000, 0), current_business().currency)
    with pytest.raises(PermissionDenied):
        give_money(member, amount=1_000, reason="Mine", by=member)
    for amount in (0, -5, 10**13):
        with pytest.raises(ValidationError), transaction.atomic():
            give_money(member, amount=amount, reason="Welcome", by=admin)
    with pytest.raises(ValidationError), transaction.atomic():
        give_money(member, amount=5, reason="", by=admin)
    assert Grant.objects.count() == 1


def test_no_admin_gives_themselves():
    admin, other = make_admin(), make_admin()

    with pytest.raises(RuleError) as refusal, transaction.atomic():
        give_money(admin, amount=1_000, reason="Mine", by=admin)

    assert (refusal.value.code, held(admin), Grant.objects.count()) == ("own_wallet", (0, 0), 0)
    give_money(admin, amount=1_000, reason="Thank you", by=other)
    assert held(admin) == (1_000, 0)


def test_what_was_given_is_taken_back_once_and_only_whole():
    member, admin = make_member(), make_admin()
    kept = give_money(member, amount=1_000, reason="Welcome", by=admin)
    with pytest.raises(PermissionDenied):
        take_back_grant(kept, by=member)

    for _again in range(2):
        take_back_grant(kept, by=admin)
    assert held(member) == (0, 0)

    spent = give_money(member, amount=1_000, reason="Again", by=admin)
    book(make_session(make_coach(), price=300), member)
    with pytest.raises(RuleError) as refused, transaction.atomic():
        take_back_grant(spent, by=admin)
    assert (refused.value.code, held(member)) == ("grant_spent", (700, 0))


def test_the_statement_runs_and_a_filter_leaves_its_balances_alone():
    member, admin = make_member(), make_admin()
    make_top_up(member, 3_000)
    give_money(member, amount=500, reason="Welcome", by=admin)
    book(make_session(make_coach(), price=1_200), member)

    rows, cursor = statement(member, "EUR", of=WALLET)
    some, _cursor = statement(member, "EUR", of=WALLET, only=Q(kind="grant"))

    assert [(row.change, row.balance) for row in rows] == [(-700, 2_300), (-500, 3_000), (500, 3_500), (3_000, 3_000)]
    assert cursor is None
    assert [(row.change, row.balance) for row in some] == [(500, 3_500)]


def test_a_page_of_a_long_statement_costs_no_sum_for_each_row():
    member, admin = make_member(), make_admin()
    for amount in range(1, 12):
        give_money(member, amount=amount, reason="Welcome", by=admin)

    with CaptureQueriesContext(connection) as captured:
        rows, cursor = statement(member, "EUR", of=WALLET, limit=5)
        later, _last = statement(member, "EUR", of=WALLET, limit=5, cursor=cursor)

    assert [row.balance for row in rows] == [66, 55, 45, 36, 28]
    assert [row.balance for row in later] == [21, 15, 10, 6, 3]
    assert sum(query["sql"].count("SUM(") for query in captured.captured_queries) == 4
