"""Wallets that are filled by themselves: when, by how much, once, and what happens when it does not work."""

from datetime import timedelta
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.access.actions.accounts import disable_user
from tenpo.audit.models import AuditLog
from tenpo.checkout import jobs
from tenpo.checkout.actions import auto_topping_up
from tenpo.checkout.actions.auto_topping_up import look_after_wallet, look_after_wallets, paid_in_today, top_up_if_low
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.settling import decide_sandbox_charge, reconcile_payments
from tenpo.checkout.tests.make import make_auto_top_up, make_top_up
from tenpo.core import outbox
from tenpo.core.business import current_business, forget_business
from tenpo.core.models import Business
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.notify.models import Delivery, Notification
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.payments.actions.auto_top_ups import (
    WAITS,
    TopUpWish,
    asks_for_more,
    drop_auto_top_up,
    set_auto_top_up,
)
from tenpo.payments.actions.methods import add_payment_method, remove_payment_method
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.payments.providers.sandbox import (
    DECLINED,
    NEEDS_CONFIRMATION,
    NEVER_ANSWERS,
    SUCCEEDS,
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
from tests.at_once import at_once, without_index

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

State = Payment.State


def left(owner: User) -> int:
    return sum(balance_of(owner, "EUR", WALLET).values())


def settings_of(owner: User) -> AutoTopUp:
    return AutoTopUp.objects.get(user=owner)


def told(owner: User) -> list[str]:
    outbox.drain()
    return list(Notification.objects.filter(user=owner).order_by("id").values_list("kind", flat=True))


def later(**time: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time), tick=False)


def yesterday(*, by: timedelta = timedelta(seconds=1)) -> None:
    """Let all payments have begun so long before this day of the business's did."""
    zone = ZoneInfo(current_business().time_zone)
    midnight = timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    Payment.objects.update(created_at=midnight - by)


# Filling


@pytest.mark.parametrize(("held", "paid_in"), [(0, 2_500), (999, 2_500), (1_000, None), (1_001, None)])
def test_a_wallet_is_filled_when_less_than_the_threshold_is_left(held, paid_in):
    member = make_auto_top_up(make_member())
    if held:
        make_wallet_money(member, held)

    payment = top_up_if_low(member)

    assert (payment and payment.amount) == paid_in
    assert left(member) == held + (paid_in or 0)


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
        rows.update(is_on=False)
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

    assert (left(low), left(full), left(told_before), left(waits)) == (2_500, 5_000, 0, 0)


def test_one_that_goes_wrong_keeps_no_other_waiting(monkeypatch):
    members = [make_auto_top_up(make_member()) for _ in range(2)]
    start = Sandbox.start

    def broken(self: Sandbox, payment: Payment, *given: Any, **more: Any) -> Any:
        if payment.payer_id == members[0].pk:
            raise ValueError("broken")
        return start(self, payment, *given, **more)

    monkeypatch.setattr(Sandbox, "start", broken)

    assert look_after_wallets() == 2
    assert (left(members[0]), left(members[1])) == (0, 2_500)


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

    assert left(member) == 3_000
    make_terms()
    make_payout(member, source="wallet", amount=2_500)
    assert queued(member) == queued_before + 2


def test_a_wallet_that_nobody_looks_after_costs_no_job():
    member = make_member()
    make_wallet_money(member, 5_000)

    book_session(make_session(price=4_500), participant=member.participant, by=member)

    assert queued(member) == 0


# When it does not work


@pytest.mark.parametrize(
    ("card", "code"), [(NEEDS_CONFIRMATION, "authentication_required"), (DECLINED, "card_declined")]
)
def test_a_card_that_does_not_pay_is_told_waits_and_is_switched_off(card, code):
    member = make_auto_top_up(make_member(), card=card)

    for wait in WAITS:
        payment = look_after_wallet(member)
        assert payment is not None
        assert (payment.state, payment.failure_code) == (State.FAILED, code)
        settings = settings_of(member)
        assert settings.is_on
        assert settings.is_paused
        assert settings.paused_until is not None
        assert abs(settings.paused_until - timezone.now() - wait) < timedelta(minutes=1)
        assert look_after_wallet(member) is None
        assert member not in wallets_to_look_after()
        AutoTopUp.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
    look_after_wallet(member)

    settings = settings_of(member)
    assert (settings.is_on, settings.failed_times, settings.failure_code) == (False, 4, code)
    assert (look_after_wallet(member), Payment.objects.count(), left(member)) == (None, 4, 0)
    # Nobody is told of the single payments as well.
    assert told(member) == ["auto_top_up.failed"] * 3 + ["auto_top_up.switched_off"]
    assert Delivery.objects.filter(notification__user=member, channel="email").count() == 4


def test_a_success_begins_to_count_anew():
    member = make_auto_top_up(make_member(), card=NEEDS_CONFIRMATION)
    look_after_wallet(member)
    good = add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)
    AutoTopUp.objects.update(paused_until=timezone.now() - timedelta(seconds=1), method=good)

    look_after_wallet(member)

    settings = settings_of(member)
    assert (settings.is_on, settings.failed_times, settings.failure_code, settings.paused_until) == (True, 0, "", None)


def test_another_card_is_tried_at_once():
    member = make_auto_top_up(make_member(), card=NEEDS_CONFIRMATION)
    look_after_wallet(member)
    good = add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)

    set_auto_top_up(member, TopUpWish(True, 1_000, "fixed", 2_500, 5_000, method=good), by=member)

    assert not settings_of(member).is_paused
    assert look_after_wallet(member)


def test_saving_the_same_again_does_not_try_the_card_again():
    member = make_auto_top_up(make_member(), card=NEEDS_CONFIRMATION)
    look_after_wallet(member)

    set_auto_top_up(member, TopUpWish(True, 900, "fixed", 2_500, 5_000), by=member)

    assert settings_of(member).is_paused
    assert look_after_wallet(member) is None


def test_an_expired_card_is_not_asked_for_money():
    member = make_auto_top_up(make_member())
    PaymentMethod.objects.update(expires_year=2020)

    assert look_after_wallet(member) is None

    assert (settings_of(member).failure_code, settings_of(member).failed_times) == ("expired_card", 1)
    assert not Payment.objects.exists()
    assert told(member) == ["auto_top_up.failed"]


def test_removing_the_card_switches_it_off_and_says_so():
    member = make_auto_top_up(make_member())
    method = settings_of(member).method
    assert method is not None

    remove_payment_method(method, by=member)
    remove_payment_method(method, by=member)

    settings = settings_of(member)
    assert (settings.is_on, settings.method, settings.failure_code) == (False, None, "method_removed")
    assert look_after_wallet(member) is None
    assert told(member) == ["auto_top_up.switched_off"]


# When nobody knows


def test_nothing_new_begins_while_nobody_knows_what_became_of_one():
    member = make_auto_top_up(make_member(), card=NEVER_ANSWERS)

    payment = look_after_wallet(member)
    assert payment is not None
    assert payment.state == State.UNKNOWN
    assert [look_after_wallet(member) for _ in range(3)] == [None] * 3
    assert member not in wallets_to_look_after()
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert reconcile_payments() == 1

    assert (left(member), SandboxCharge.objects.count(), settings_of(member).failed_times) == (2_500, 1, 0)


def test_money_that_comes_late_fills_the_wallet_once():
    member = make_auto_top_up(make_member(), card=SUCCEEDS_LATE)
    payment = look_after_wallet(member)
    assert payment is not None
    assert look_after_wallet(member) is None

    for _ in range(2):
        decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=True)

    assert left(member) == 2_500
    assert told(member) == ["auto_top_up.done"]


def test_a_process_that_died_before_it_asked_is_made_up_for(monkeypatch):
    member = make_auto_top_up(make_member())
    with monkeypatch.context() as dying:
        dying.setattr(auto_topping_up, "charge", lambda payment, *_given, **_more: payment)
        look_after_wallet(member)
    assert Payment.objects.get().state == State.CREATED
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=2))

    assert reconcile_payments() == 1

    # The card has nothing to do with it: nobody is told, it is not counted, and tried again after a while.
    settings = settings_of(member)
    assert (Payment.objects.get().state, settings.failed_times, settings.is_paused) == (State.FAILED, 0, True)
    assert told(member) == []
    with later(hours=1, minutes=1):
        assert look_after_wallet(member)
    assert (left(member), SandboxCharge.objects.count()) == (2_500, 1)


def test_a_provider_that_is_away_all_day_is_asked_for_one_payment(monkeypatch):
    member = make_auto_top_up(make_member())

    def away(*_given: Any, **_more: Any) -> Any:
        raise ProviderTimeout

    monkeypatch.setattr(Sandbox, "start", away)
    monkeypatch.setattr(Sandbox, "retrieve", away)

    for hour in range(24):
        with later(hours=hour):
            look_after_wallets()
            reconcile_payments()

    assert Payment.objects.get().state == State.UNKNOWN
    assert settings_of(member).failed_times == 0


# At once


def triggered_at_once(member: User, times: int) -> list[Any]:
    return at_once([lambda: top_up_if_low(member)] * times)


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_make_one_payment():
    member = make_auto_top_up(make_member())

    results = triggered_at_once(member, 50)

    assert sum(one is not None for one in results) == 1
    assert (left(member), SandboxCharge.objects.count()) == (2_500, 1)


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

    assert (left(member), SandboxCharge.objects.count()) == (5_000, 2)


def without_locks(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Nobody waits for anybody, and all have looked before the first one begins."""
    barrier, due = Barrier(times), auto_topping_up._amount_due
    manager = AutoTopUp.objects

    def amount_due(*given: Any) -> int:
        amount = due(*given)
        barrier.wait(30)
        return amount

    monkeypatch.setattr(auto_topping_up, "lock_user", lambda user: user)
    monkeypatch.setattr(auto_topping_up, "_amount_due", amount_due)
    monkeypatch.setattr(type(manager.all()), "select_for_update", lambda self, **_how: self.all())


# What its owner decides


def test_it_is_set_and_says_so_in_the_audit():
    member = make_member()
    card = add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)

    settings = set_auto_top_up(member, TopUpWish(True, 2_000, "target", 6_000, 8_000, 1_500), by=member)

    settings.refresh_from_db()
    assert (settings.is_on, settings.threshold, settings.kind, settings.amount) == (True, 2_000, "target", 6_000)
    assert (settings.daily_cap, settings.low_below, settings.method, settings.currency) == (8_000, 1_500, card, "EUR")
    said = AuditLog.objects.get(action="auto_top_up.changed")
    assert said.actor_id == member.pk
    assert (said.before or {})["is_on"] is False
    assert (said.after or {})["is_on"] is True
    assert queued(member) == 1
    set_auto_top_up(member, TopUpWish(True, 2_000, "target", 6_000, 8_000, 1_500), by=member)
    assert AuditLog.objects.filter(action="auto_top_up.changed").count() == 1


BAD = {
    "threshold": TopUpWish(True, 0, "fixed", 2_500, 5_000),
    "low_below": TopUpWish(True, 1_000, "fixed", 2_500, 5_000, low_below=0),
    "kind": TopUpWish(True, 1_000, "weekly", 2_500, 5_000),
    "amount below": TopUpWish(True, 1_000, "fixed", 499, 5_000),
    "amount above": TopUpWish(True, 1_000, "fixed", 50_001, 60_000),
    "amount of a target below its threshold": TopUpWish(True, 1_000, "target", 1_000, 5_000),
    "amount of a target too near": TopUpWish(True, 1_000, "target", 1_499, 5_000),
    "amount beyond the wallet": TopUpWish(True, 190_000, "fixed", 10_001, 50_000),
    "amount of a target beyond the wallet": TopUpWish(True, 1_000, "target", 200_001, 50_000),
    "daily_cap": TopUpWish(True, 1_000, "fixed", 2_500, 2_499),
    "daily_cap of a target": TopUpWish(True, 1_000, "target", 2_500, 499),
}


@pytest.mark.parametrize("why", BAD)
def test_what_makes_no_sense_is_refused_beside_its_field(why):
    member = make_member()
    add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)

    with pytest.raises(ValidationError) as refusal:
        set_auto_top_up(member, BAD[why], by=member)

    assert list(refusal.value.error_dict) == [why.split()[0]]
    assert not AutoTopUp.objects.exists()


GOOD = {
    "least": TopUpWish(True, 1, "fixed", 500, 500),
    "most": TopUpWish(True, 150_000, "fixed", 50_000, 50_000),
    "near target": TopUpWish(True, 1_000, "target", 1_500, 500),
    "whole wallet": TopUpWish(True, 1_000, "target", 200_000, 50_000),
}


@pytest.mark.parametrize("which", GOOD)
def test_the_ends_of_what_makes_sense_are_taken(which):
    member = make_member()
    add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)

    assert set_auto_top_up(member, GOOD[which], by=member).is_on


def test_whose_card_it_is_and_whether_it_is_there():
    member, other = make_member(), make_member()
    another_s = add_payment_method(other, provider="sandbox", source=SUCCEEDS, by=other)
    wish = TopUpWish(True, 1_000, "fixed", 2_500, 5_000, method=another_s)

    for method in (another_s, None):
        with pytest.raises(ValidationError) as refusal:
            set_auto_top_up(member, TopUpWish(True, 1_000, "fixed", 2_500, 5_000, method=method), by=member)
        assert list(refusal.value.error_dict) == ["method"]
    with pytest.raises(PermissionDenied):
        set_auto_top_up(other, wish, by=member)
    with pytest.raises(PermissionDenied):
        drop_auto_top_up(other, by=make_admin())
    assert not AutoTopUp.objects.exists()


def test_it_is_dropped_with_all_of_it():
    member = make_auto_top_up(make_member(), low_below=700)

    drop_auto_top_up(member, by=member)
    drop_auto_top_up(member, by=member)

    settings = settings_of(member)
    assert (settings.is_on, settings.method, settings.low_below) == (False, None, None)
    assert AuditLog.objects.filter(action="auto_top_up.changed").count() == 2
    nobody_s = make_member()
    assert not drop_auto_top_up(nobody_s, by=nobody_s).is_on


@pytest.mark.parametrize(
    ("change", "is_more"),
    [({}, False), ({"is_on": False}, False), ({"threshold": 1_001}, True), ({"threshold": 999}, False),
     ({"amount": 2_501}, True), ({"amount": 2_499}, False), ({"daily_cap": 5_001}, True), ({"daily_cap": 4_999}, False),
     ({"kind": "target"}, True), ({"low_below": 5_000}, False)],
)  # fmt: skip
def test_what_charges_more_by_itself_is_known(change, is_more):
    now = settings_of(make_auto_top_up(make_member()))
    same: dict[str, Any] = {"is_on": True, "threshold": 1_000, "kind": "fixed", "amount": 2_500, "daily_cap": 5_000}

    assert asks_for_more(now, TopUpWish(**(same | change))) is is_more
    assert asks_for_more(now, TopUpWish(**same, method=now.method)) is False
    assert asks_for_more(now, TopUpWish(**same, method=PaymentMethod())) is True
    now.is_on = False
    assert asks_for_more(now, TopUpWish(**same)) is True


# The alert


def test_a_low_wallet_is_told_of_once_and_again_after_there_was_more():
    make_cancellation_policy()
    member = make_member()
    make_wallet_money(member, 3_000)
    set_auto_top_up(member, TopUpWish(False, 1_000, "fixed", 2_500, 5_000, low_below=1_000), by=member)

    def spend(amount: int) -> None:
        book_session(make_session(price=amount), participant=member.participant, by=member)

    spend(2_000)
    look_after_wallets()
    assert told(member).count("wallet.low") == 0  # exactly as much is left
    spend(1)
    for _ in range(3):
        look_after_wallets()
    assert told(member).count("wallet.low") == 1
    spend(100)
    look_after_wallets()
    assert told(member).count("wallet.low") == 1
    make_wallet_money(member, 1_000)
    look_after_wallets()
    spend(1_800)
    look_after_wallets()
    assert told(member).count("wallet.low") == 2


def test_whoever_sees_that_it_is_low_is_not_told_so():
    member = make_member()

    set_auto_top_up(member, TopUpWish(False, 1_000, "fixed", 2_500, 5_000, low_below=1_000), by=member)
    look_after_wallets()

    assert told(member) == []
    assert settings_of(member).low_since is not None


@pytest.mark.parametrize(
    ("card", "kinds"),
    [(SUCCEEDS, ["auto_top_up.done"]), (NEVER_ANSWERS, []), (NEEDS_CONFIRMATION, ["auto_top_up.failed", "wallet.low"])],
)
def test_a_wallet_that_is_being_filled_is_not_called_low(card, kinds):
    member = make_auto_top_up(make_member(), card=card, low_below=1_000)
    AutoTopUp.objects.update(low_since=None)

    look_after_wallets()

    assert told(member) == kinds


@pytest.mark.django_db(transaction=True)
def test_twenty_who_look_at_once_tell_it_once():
    member = make_member()
    set_auto_top_up(member, TopUpWish(False, 1_000, "fixed", 2_500, 5_000, low_below=1_000), by=member)
    AutoTopUp.objects.update(low_since=None)

    at_once([lambda: look_after_wallet(member)] * 20)

    assert told(member) == ["wallet.low"]


@pytest.mark.django_db(transaction=True)
def test_it_is_switched_off_for_good_by_whoever_comes_first():
    """Dropping it waits for what begins at that moment, and nothing begins after it."""
    member = make_auto_top_up(make_member())

    with transaction.atomic():
        lock_user(member)
        drop_auto_top_up(member, by=member)
    results = triggered_at_once(member, 5)

    assert results == [None] * 5
