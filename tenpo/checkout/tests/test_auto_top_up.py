"""Wallets that are filled by themselves: when, by how much, set off by what, and once."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.access.actions.accounts import disable_user
from tenpo.audit.models import AuditLog
from tenpo.checkout import jobs
from tenpo.checkout.actions import auto_topping_up
from tenpo.checkout.actions.auto_topping_up import look_after_wallet, look_after_wallets, paid_in_today, top_up_if_low
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.settling import decide_sandbox_charge
from tenpo.checkout.tests.make import left_in_wallet, make_auto_top_up, make_top_up, settings_of, told
from tenpo.core.business import current_business, forget_business
from tenpo.core.models import Business
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.payments.actions.auto_top_ups import (
    drop_auto_top_up,
)
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.sandbox import (
    NEEDS_CONFIRMATION,
    SUCCEEDS_LATE,
    Sandbox,
)
from tenpo.payments.queries import wallets_to_look_after
from tenpo.payments.tests.make import make_payout, make_terms, make_wallet_money
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.actions.visits import lock_user
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, meet_after, without_index

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


State = Payment.State


def later(**time: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time), tick=False)


def yesterday(*, by: timedelta = timedelta(seconds=1)) -> None:
    """Let all payments have begun, and come, so long before this day of the business's did."""
    begun = midnight_here() - by
    Payment.objects.update(created_at=begun)
    Payment.objects.filter(state=State.SUCCEEDED).update(paid_at=begun)


def midnight_here() -> datetime:
    zone = ZoneInfo(current_business().time_zone)
    return timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


# Filling


@pytest.mark.parametrize(("held", "paid_in"), [(0, 2_500), (999, 2_500), (1_000, None), (1_001, None)])
def test_a_wallet_is_filled_when_less_than_the_threshold_is_left(held, paid_in):
    member = make_auto_top_up(make_member())
    if held:
        make_wallet_money(member, held)

    payment = top_up_if_low(member)

    assert (payment and payment.amount) == paid_in
    assert left_in_wallet(member) == held + (paid_in or 0)


def test_what_fills_it_is_a_top_up_of_its_owner_by_the_card_they_chose():
    member = make_auto_top_up(make_member())

    payment = look_after_wallet(member)

    assert payment is not None
    assert (payment.state, payment.is_automatic, payment.purpose) == (State.SUCCEEDED, True, "top_up")
    assert payment.saved_method == settings_of(member).method
    assert AuditLog.objects.get(action="wallet.top_up_started", object_id=payment.pk).actor_id is None
    assert told(member) == ["auto_top_up.done"]
    assert look_after_wallet(member) is None


@pytest.mark.parametrize(("held", "paid_in"), [(0, 4_000), (1, 3_999), (999, 3_001), (1_000, None)])
def test_up_to_a_target_pays_in_what_is_missing(held, paid_in):
    member = make_auto_top_up(make_member(), kind="target", amount=4_000)
    if held:
        make_wallet_money(member, held)

    payment = top_up_if_low(member)

    assert (payment and payment.amount) == paid_in


def test_money_given_counts_as_there():
    member, admin = make_auto_top_up(make_member()), make_admin()
    give_money(member, amount=1_000, reason="Welcome", by=admin)

    assert top_up_if_low(member) is None


def test_no_day_takes_more_than_its_cap():
    member = make_auto_top_up(make_member(), threshold=9_000, daily_cap=6_000)

    begun = [top_up_if_low(member) for _ in range(4)]

    assert [one and one.amount for one in begun] == [2_500, 2_500, None, None]
    assert paid_in_today(member) == 5_000
    yesterday()
    assert paid_in_today(member) == 0
    assert top_up_if_low(member)


def test_up_to_a_target_what_is_left_of_the_day_is_paid_in():
    member = make_auto_top_up(make_member(), kind="target", amount=9_000, threshold=8_000, daily_cap=6_000)

    begun = [top_up_if_low(member) for _ in range(2)]

    assert [one and one.amount for one in begun] == [6_000, None]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles"])
def test_the_day_is_the_business_s(zone):
    Business.objects.update(time_zone=zone)
    forget_business()
    member = make_auto_top_up(make_member(), threshold=9_000, daily_cap=2_500)
    assert top_up_if_low(member)

    yesterday(by=timedelta())
    assert top_up_if_low(member) is None
    yesterday()
    assert top_up_if_low(member)


def test_what_failed_leaves_the_day_its_room():
    member = make_auto_top_up(make_member(), card=NEEDS_CONFIRMATION, daily_cap=2_500)
    top_up_if_low(member)

    assert paid_in_today(member) == 0


@pytest.mark.parametrize(("seconds", "counts"), [(-1, 0), (0, 2_500)])
def test_what_began_before_midnight_and_came_after_it_counts_on_both_days(seconds, counts):
    member = make_auto_top_up(make_member(), threshold=9_000, daily_cap=2_500, card=SUCCEEDS_LATE)
    top_up_if_low(member)
    yesterday()
    assert paid_in_today(member) == 0

    decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=True)
    Payment.objects.update(paid_at=midnight_here() + timedelta(seconds=seconds))

    assert paid_in_today(member) == counts
    assert bool(top_up_if_low(member)) is (counts == 0)


@pytest.mark.parametrize(
    ("limits", "amount"),
    [({"top_up_most": 2_499}, None), ({"top_up_least": 2_501}, None), ({"wallet_most": 2_999}, None),
     ({"top_up_most": 2_500, "top_up_least": 2_500, "wallet_most": 3_000}, 2_500)],
)  # fmt: skip
def test_the_business_s_limits_hold_that_came_later(limits, amount):
    member = make_auto_top_up(make_member())
    make_wallet_money(member, 500)
    Business.objects.update(**limits)
    forget_business()

    payment = top_up_if_low(member)

    assert (payment and payment.amount) == amount


def test_a_top_up_by_hand_that_is_on_its_way_counts_as_there():
    member = make_auto_top_up(make_member())
    make_top_up(member, 2_000, card=SUCCEEDS_LATE)

    assert top_up_if_low(member) is None


@pytest.mark.parametrize("what", ["off", "disabled", "other currency"])
def test_nothing_begins(what):
    member = make_auto_top_up(make_member())
    rows = AutoTopUp.objects.filter(user=member)
    if what == "off":
        drop_auto_top_up(member, by=member)
    if what == "disabled":
        disable_user(member, by=make_admin())
    if what == "other currency":
        rows.update(currency="CHF")

    assert top_up_if_low(member) is None
    assert member not in wallets_to_look_after()
    assert not Payment.objects.exists()


# What sets it off


def test_the_job_finds_the_wallets_that_want_something(django_assert_num_queries):
    low, full, told_before = (make_auto_top_up(make_member()) for _ in range(3))
    make_wallet_money(full, 5_000)
    drop_auto_top_up(told_before, by=told_before)
    waits = make_auto_top_up(make_member(), card=NEEDS_CONFIRMATION)
    top_up_if_low(waits)

    with django_assert_num_queries(2):  # the business, and the wallets
        forget_business()
        assert wallets_to_look_after() == [low]
    jobs.look_after_wallets(timestamp=0)

    assert (left_in_wallet(low), left_in_wallet(full), left_in_wallet(told_before), left_in_wallet(waits)) == (
        2_500,
        5_000,
        0,
        0,
    )


def test_one_that_goes_wrong_keeps_no_other_waiting(monkeypatch):
    members = [make_auto_top_up(make_member()) for _ in range(2)]
    start = Sandbox.start

    def broken(self: Sandbox, payment: Payment, *given: Any, **more: Any) -> Any:
        if payment.payer_id == members[0].pk:
            raise ValueError("broken")
        return start(self, payment, *given, **more)

    monkeypatch.setattr(Sandbox, "start", broken)

    assert look_after_wallets() == 2
    assert (left_in_wallet(members[0]), left_in_wallet(members[1])) == (0, 2_500)


def queued(member: User) -> int:
    waiting = ProcrastinateJob.objects.filter(task_name="checkout.look_after_wallet", status="todo")
    return waiting.filter(args__user_id=str(member.pk)).count()


def test_money_that_leaves_a_wallet_has_it_looked_after():
    make_cancellation_policy()
    member = make_auto_top_up(make_member())
    make_wallet_money(member, 5_000)
    queued_before = queued(member)

    book_session(make_session(price=4_500), participant=member.participant, by=member)
    assert queued(member) == queued_before + 1
    jobs.look_after_wallet(user_id=str(member.pk))

    assert left_in_wallet(member) == 3_000
    make_terms()
    make_payout(member, source="wallet", amount=2_500)
    assert queued(member) == queued_before + 2


def test_a_wallet_that_nobody_looks_after_costs_no_job():
    member = make_member()
    make_wallet_money(member, 5_000)

    book_session(make_session(price=4_500), participant=member.participant, by=member)

    assert queued(member) == 0


# At once


def triggered_at_once(member: User, times: int) -> list[Any]:
    return at_once([lambda: top_up_if_low(member)] * times)


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_make_one_payment():
    member = make_auto_top_up(make_member())

    results = triggered_at_once(member, 50)

    assert sum(one is not None for one in results) == 1
    assert (left_in_wallet(member), SandboxCharge.objects.count()) == (2_500, 1)


@pytest.mark.django_db(transaction=True)
def test_the_database_lets_one_be_under_way_whoever_looked_before(monkeypatch):
    member = make_auto_top_up(make_member(), card=SUCCEEDS_LATE)
    without_locks(monkeypatch, 5)

    results = triggered_at_once(member, 5)

    assert sum(isinstance(one, IntegrityError) for one in results) == 4
    assert SandboxCharge.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.control
def test_control_without_lock_and_constraint_the_card_is_charged_twice(monkeypatch):
    """Shows that the two above can fail."""
    member = make_auto_top_up(make_member())
    without_locks(monkeypatch, 2)

    with without_index("payment_one_automatic_top_up"):
        triggered_at_once(member, 2)

    assert (left_in_wallet(member), SandboxCharge.objects.count()) == (5_000, 2)


def without_locks(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Nobody waits for anybody, and all have looked before the first one begins."""
    manager = AutoTopUp.objects
    monkeypatch.setattr(auto_topping_up, "lock_user", lambda user: user)
    meet_after(monkeypatch, auto_topping_up, "_amount_due", times)
    monkeypatch.setattr(type(manager.all()), "select_for_update", lambda self, **_how: self.all())


@pytest.mark.django_db(transaction=True)
def test_it_is_switched_off_for_good_by_whoever_comes_first():
    """Dropping it waits for what begins at that moment, and nothing begins after it."""
    member = make_auto_top_up(make_member())

    with transaction.atomic():
        lock_user(member)
        drop_auto_top_up(member, by=member)
    results = triggered_at_once(member, 5)

    assert results == [None] * 5
