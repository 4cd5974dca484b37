"""What somebody decides about their wallet, and what they are told of it."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.auto_topping_up import look_after_wallet, look_after_wallets
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.make import make_auto_top_up, settings_of, told
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.payments.actions.auto_top_ups import (
    TopUpWish,
    asks_for_more,
    drop_auto_top_up,
    set_auto_top_up,
)
from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers.sandbox import (
    NEEDS_CONFIRMATION,
    NEVER_ANSWERS,
    SUCCEEDS,
)
from tenpo.payments.tests.make import make_wallet_money
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


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
    queued = ProcrastinateJob.objects.filter(task_name="checkout.look_after_wallet")
    assert queued.filter(args__user_id=str(member.pk)).count() == 1
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


def test_what_was_changed_meanwhile_is_not_asked_for_more_unseen():
    """Saving the same needs no fresh sign-in; when it was switched off at that moment, it would switch it on."""
    member = make_auto_top_up(make_member())
    same = TopUpWish(True, 1_000, "fixed", 2_500, 5_000)
    set_auto_top_up(member, same, may_ask_more=False, by=member)
    drop_auto_top_up(member, by=member)

    with pytest.raises(PermissionDenied):
        set_auto_top_up(member, same, may_ask_more=False, by=member)

    assert not settings_of(member).is_on


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
