"""Wallets that cannot be filled by themselves, and what nobody knows of."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions import auto_topping_up
from tenpo.checkout.actions.auto_topping_up import look_after_wallet, look_after_wallets, paid_in_today
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.settling import (
    apply_outcome,
    decide_sandbox_charge,
    reconcile_payments,
    settle_from_provider,
)
from tenpo.checkout.tests.make import left_in_wallet, make_auto_top_up, settings_of, told
from tenpo.core.days import day_here, midnight
from tenpo.notify.models import Delivery
from tenpo.payments.actions.auto_top_ups import (
    WAITS,
    TopUpWish,
    drop_auto_top_up,
    set_auto_top_up,
)
from tenpo.payments.actions.methods import add_payment_method, remove_payment_method
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers.base import Outcome, ProviderTimeout
from tenpo.payments.providers.sandbox import (
    KEPT_DECLINED,
    NEEDS_CONFIRMATION,
    NEVER_ANSWERS,
    SUCCEEDS,
    SUCCEEDS_LATE,
    Sandbox,
)
from tenpo.payments.queries import wallets_to_look_after
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


State = Payment.State


def later(**time: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time), tick=False)


# When it does not work


@pytest.mark.parametrize(
    ("card", "code"), [(NEEDS_CONFIRMATION, "authentication_required"), (KEPT_DECLINED, "card_declined")]
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
    assert (look_after_wallet(member), Payment.objects.count(), left_in_wallet(member)) == (None, 4, 0)
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


@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
def test_the_record_says_that_the_card_is_gone_before_it_says_what_comes_after(is_on):
    member = make_auto_top_up(make_member(), low_below=500)
    method = settings_of(member).method
    assert method is not None
    if not is_on:
        set_auto_top_up(member, TopUpWish(False, 1_000, "fixed", 2_500, 5_000, 500, method), by=member)

    remove_payment_method(method, by=member)
    drop_auto_top_up(member, by=member)

    said = AuditLog.objects.filter(object_id=settings_of(member).pk).order_by("-id").values_list("before", "after")
    (before, _after), (was, left) = ((one or {}, other or {}) for one, other in said[:2])
    assert (was["method"], left["method"], before["method"]) == (str(method.pk), None, None)


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

    assert (left_in_wallet(member), SandboxCharge.objects.count(), settings_of(member).failed_times) == (2_500, 1, 0)


def test_money_that_comes_late_fills_the_wallet_once():
    member = make_auto_top_up(make_member(), card=SUCCEEDS_LATE)
    payment = look_after_wallet(member)
    assert payment is not None
    assert look_after_wallet(member) is None

    for _ in range(2):
        decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=True)

    assert left_in_wallet(member) == 2_500
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
    assert (left_in_wallet(member), SandboxCharge.objects.count()) == (2_500, 1)


@pytest.mark.parametrize("kind", ["fixed", "target"])
def test_what_was_given_up_and_came_after_all_is_kept_and_leaves_the_day_no_room(monkeypatch, kind):
    """The provider answers so late that the job gave the first one up, and another one was paid in meanwhile."""
    member = make_auto_top_up(make_member(), threshold=9_000, kind=kind, amount=9_500, daily_cap=9_500)
    start = Sandbox.start

    def answers_late(self: Sandbox, payment: Payment, *given: Any, **more: Any) -> Any:
        monkeypatch.setattr(Sandbox, "start", start)
        settle_from_provider(payment)
        assert Payment.objects.get().failure_code == "never_started"
        AutoTopUp.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
        assert look_after_wallet(member)
        take_all_but(member, 100)
        return start(self, payment, *given, **more)

    monkeypatch.setattr(Sandbox, "start", answers_late)
    look_after_wallet(member)
    take_all_but(member, 100)

    assert list(Payment.objects.values_list("state", flat=True)) == [State.SUCCEEDED] * 2
    assert paid_in_today(member) == 19_000
    settings = settings_of(member)
    assert (settings.is_on, settings.is_paused, settings.failed_times, settings.failure_code) == (True, False, 0, "")
    # The wallet is as good as empty, and it is neither paused nor off: the day has no room.
    assert look_after_wallet(member) is None
    assert Payment.objects.count() == 2


def test_what_was_given_up_yesterday_and_came_today_counts_today():
    member = make_auto_top_up(make_member(), threshold=9_000, daily_cap=2_500, card=SUCCEEDS_LATE)
    payment = look_after_wallet(member)
    assert payment is not None
    Payment.objects.update(created_at=midnight(day_here()) - timedelta(hours=1))
    apply_outcome(payment, Outcome(State.FAILED, failure_code="never_started"))
    AutoTopUp.objects.update(paused_until=timezone.now() - timedelta(seconds=1))

    decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=True)

    assert (left_in_wallet(member), paid_in_today(member)) == (2_500, 2_500)
    assert look_after_wallet(member) is None


def take_all_but(member: User, left: int) -> None:
    """Somebody has spent what was in their wallet."""
    book_session(make_session(price=left_in_wallet(member) - left), participant=member.participant, by=member)


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
