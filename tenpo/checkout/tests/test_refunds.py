"""Refunds: asked for, granted in full or in part, rejected, withdrawn, given, by policy."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.auto_topping_up import look_after_wallet
from tenpo.checkout.actions.refunding import ask_for_refund, give_refund, give_refund_elsewhere, grant_refund
from tenpo.checkout.queries.refunds import refund_effect, refundable
from tenpo.checkout.tests.make import left_in_wallet, make_auto_top_up, make_booking, make_top_up, settings_of
from tenpo.checkout.tests.refund_make import (
    buyer_of,
    make_bought,
    make_bought_by_hand,
    make_earning_coach,
    make_granted,
    make_mixed_line,
    make_refund_terms,
    make_request,
)
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.orders.models import Line, Split
from tenpo.orders.policies import PartsBack, parts_given, parts_left
from tenpo.orders.tests.make import credit_left, ledger_sum, make_cancellation_policy
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.actions.refund_sending import (
    apply_refund_outcome,
    ask_about_refund,
    mark_refund_done,
    send_refund,
    send_refund_again,
    send_waiting_refunds,
    settle_refunds_of,
)
from tenpo.payments.actions.refunds import reject_refund, update_refund_terms, withdraw_refund
from tenpo.payments.models import Payment, Refund, SandboxCharge
from tenpo.payments.provider_models import SandboxRefund
from tenpo.payments.providers.base import RefundOutcome, RefundState
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, NEVER_ANSWERS, REFUND_FAILS, REFUNDS_LATE
from tenpo.payments.queries import owed_by, payable
from tenpo.payments.tests.make import make_payout_account, make_terms
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]


def again(refund: Refund) -> Refund:
    return Refund.objects.get(pk=refund.pk)


def moved() -> int:
    return Transfer.objects.count()


def refused(code: str, act: Any) -> None:
    """`act` is refused for this reason, and nothing moved."""
    before = moved(), list(Refund.objects.order_by("id").values_list("state", "amount"))
    with pytest.raises(RuleError) as refusal:
        act()
    assert refusal.value.code == code
    assert (moved(), list(Refund.objects.order_by("id").values_list("state", "amount"))) == before


def test_it_is_asked_for_granted_sent_and_arrives():
    line = make_bought()
    refund = make_request(line)
    assert (refund.state, refund.asked, refund.amount) == ("asked", 10_000, 0)

    refund = grant_refund(refund, by=make_admin())
    assert (refund.state, refund.own, parts_left(Line.objects.get()).whole) == ("approved", 10_000, 0)
    assert ledger_sum(Account.Kind.REFUNDS) == 10_000
    send_waiting_refunds()

    refund = again(refund)
    assert (refund.state, refund.reference) == ("done", str(SandboxRefund.objects.get().pk))
    assert (ledger_sum(Account.Kind.REFUNDS), Payment.objects.get().refunded) == (0, 10_000)
    moves = Transfer.objects.get(kind="refund")
    assert (moves.credit.kind, moves.credit.name, moves.amount) == ("provider", "sandbox", 10_000)


def test_each_part_goes_back_to_who_paid_it_and_the_coach_gives_back_theirs():
    line = make_mixed_line()
    buyer = buyer_of(line)
    (split,) = Split.objects.exclude(recipient=None)
    coach = split.recipient
    assert coach is not None
    assert payable(coach, "earnings", "EUR").balance == 8_500

    refund = make_granted(line, 5_000, to="wallet")

    assert (refund.state, refund.company, refund.credit, refund.wallet, refund.own) == (
        "done", 2_000, 517, 750, 1_733,
    )  # fmt: skip
    assert balance_of(buyer, "EUR", WALLET) == {"granted": 250, "wallet": 500 + 1_733}
    assert (credit_left(buyer), ledger_sum(Account.Kind.COMPANY)) == (517, -2_000)
    assert payable(coach, "earnings", "EUR").balance == 4_250
    told = OutboxMessage.objects.filter(name="earnings.taken_back").values_list("payload", flat=True)
    assert {(fact["amount"], fact["what"]) for fact in told} == {(4_250, line.description)}


def test_after_a_payout_it_is_owed_and_the_next_payout_gives_it_back_once():
    coach = make_earning_coach()
    line = make_bought(coach=coach)
    make_terms()
    account = make_payout_account(coach)
    ask_for_payout(account, source="earnings", amount=8_500, by=coach)
    effect = refund_effect(line, parts_left(line), 4_000)
    assert (effect.owed, [share.part for share in effect.shares]) == (3_400, [600, 3_400])

    make_granted(line, 4_000)

    assert (payable(coach, "earnings", "EUR").balance, owed_by(coach, "EUR")) == (0, 3_400)
    make_bought(coach=coach, ago=3)
    assert payable(coach, "earnings", "EUR").left == 8_500 - 3_400
    for _again in range(2):
        payout = ask_for_payout(account, source="earnings", amount=2_000, by=coach)
    assert (owed_by(coach, "EUR"), payout.settled, payable(coach, "earnings", "EUR").balance) == (0, 0, 1_100)
    assert [row.settled for row in coach.payouts.order_by("id")] == [0, 3_400, 0]


def test_many_parts_come_to_exactly_what_was_paid():
    line = make_mixed_line(price=9_999)

    for _part in range(7):
        make_granted(line, 1_428, to="credit")
    make_granted(line, 3, to="wallet")

    line = Line.objects.get()
    paid = PartsBack(line.company_share, line.credit_spent, line.wallet_spent, line.own_share)
    assert (parts_given(line), parts_given(line).whole) == (paid, 9_999)
    refused("nothing_left", lambda: make_request(Line.objects.select_related("order__buyer").get(), 1))


def test_a_part_is_granted_and_the_rest_can_be_asked_for_again():
    line = make_bought()

    refund = grant_refund(make_request(line, 8_000), amount=3_000, to="credit", word="Half of it", by=make_admin())

    assert (refund.state, refund.asked, refund.amount, refund.to, refund.word) == (
        "done", 8_000, 3_000, "credit", "Half of it",
    )  # fmt: skip
    refused("more_than_left", lambda: make_request(line, 7_001))
    more = make_request(line, 7_000)
    give_refund(line=line, amount=1, to="credit", by=make_admin())
    refused("more_than_left", lambda: grant_refund(more, by=make_admin()))


@pytest.mark.parametrize("amount", [0, -1, 10**13])
def test_no_amount_is_refused_by_field(amount):
    line = make_bought()

    with pytest.raises(ValidationError) as problem:
        ask_for_refund(line=line, amount=amount, to="method", reason="Ill", by=buyer_of(line))

    assert list(problem.value.message_dict) == ["amount"]


def test_who_may_ask_decide_and_give():
    line, admin = make_bought(), make_admin()
    refund = make_request(line, 1_000)
    own = make_bought(member=admin)
    mine = make_request(own, 1_000)

    acts: list[Callable[[], Any]] = [
        lambda: ask_for_refund(line=line, amount=1, to="method", reason="x", by=admin),
        lambda: grant_refund(refund, by=buyer_of(line)),
        lambda: reject_refund(refund, word="No", by=make_member()),
        lambda: grant_refund(mine, by=admin),
        lambda: reject_refund(mine, word="No", by=admin),
        lambda: give_refund(line=own, amount=1, to="method", by=admin),
        lambda: give_refund(line=line, amount=1, to="method", by=buyer_of(line)),
        lambda: withdraw_refund(refund, by=admin),
    ]
    for act in acts:
        with pytest.raises(PermissionDenied):
            act()
    assert set(Refund.objects.values_list("state", flat=True)) == {"asked"}


def test_it_is_rejected_with_a_word_or_withdrawn_and_then_asked_for_again():
    line, admin = make_bought(), make_admin()
    first = make_request(line)
    with pytest.raises(ValidationError):
        reject_refund(first, word=" ", by=admin)

    for _again in range(2):
        first = reject_refund(first, word="It took place.", by=admin)
    second = make_request(line)
    for _again in range(2):
        second = withdraw_refund(second, by=buyer_of(line))

    assert (first.state, first.word, second.state) == ("rejected", "It took place.", "withdrawn")
    refused("not_asked", lambda: grant_refund(first, by=admin))
    refused("not_asked", lambda: withdraw_refund(first, by=buyer_of(line)))
    refused("not_asked", lambda: reject_refund(second, word="No", by=admin))
    assert parts_given(Line.objects.get()).whole == 0


def test_one_request_at_a_time_for_each_thing():
    line = make_bought()
    make_request(line, 1_000)

    refused("refund_asked_already", lambda: make_request(line, 1_000))


@pytest.mark.parametrize("amount", [1, 5_000])
@pytest.mark.parametrize("is_let_go", [False, True])
def test_nothing_goes_back_of_a_place_that_nobody_paid(amount, is_let_go):
    """What was set aside of a wallet for it is no part of what was sold, and comes back by itself."""
    member = make_member()
    make_top_up(member, 4_999)
    booking = make_booking(make_session(make_coach(), price=5_000), member, card=NEEDS_CONFIRMATION)
    if is_let_go:
        cancel_booking(booking, by=member)
    line = Line.objects.select_related("order__buyer").get()

    refused("nothing_left", lambda: give_refund(line=line, amount=amount, to="wallet", by=make_admin()))


@pytest.mark.parametrize("card", [NEEDS_CONFIRMATION, DECLINED])
def test_nothing_goes_back_of_a_top_up_that_did_not_come(card):
    """Though there is money of another one in the wallet."""
    member = make_member()
    make_top_up(member, 5_000)
    payment = make_top_up(member, 5_000, card=card)

    refused("nothing_left", lambda: give_refund(payment=payment, amount=1_000, to="method", by=make_admin()))


def test_what_is_still_to_come_is_cancelled_instead():
    booking = make_booking(make_session(make_coach(), price=5_000), make_member())
    line = Line.objects.select_related("order__buyer").get()

    refused("cancel_first", lambda: make_request(line))

    cancel_booking(booking, by=booking.booked_by)
    refused("nothing_left", lambda: make_request(line))


def test_one_may_ask_so_many_days_after_it_took_place():
    line = make_bought()
    last = refundable(line, line.order.buyer.payments.get()).until

    with time_machine.travel(last + timedelta(seconds=1), tick=False):
        refused("too_late", lambda: make_request(line))
        give_refund(line=line, amount=1_000, to="wallet", by=make_admin())
    with time_machine.travel(last, tick=False):
        assert make_request(line, 9_000).state == "asked"


def test_small_ones_are_granted_by_themselves_but_not_again_and_again():
    make_refund_terms(automatic_amount=3_000)
    line = make_bought()

    first = make_request(line, 2_000, to="wallet")
    second = make_request(line, 1_001, to="wallet")

    assert (first.state, first.by_policy, first.reviewed_by) == ("done", True, None)
    assert second.state == "asked"
    withdraw_refund(second, by=buyer_of(line))
    assert make_request(line, 1_000, to="wallet").state == "done"


def test_an_admin_gives_without_being_asked_whatever_was_asked_for():
    line = make_bought()
    make_request(line, 1_000)

    refund = give_refund(line=line, amount=2_500, to="credit", word="Sorry for the noise", by=make_admin())

    assert (refund.state, refund.origin, credit_left(buyer_of(line))) == ("done", "admin", 2_500)
    refused("more_than_left", lambda: give_refund(line=line, amount=7_501, to="credit", by=make_admin()))
    refused("no_such_way", lambda: give_refund(line=line, amount=1, to="moon", by=make_admin()))


def test_granting_twice_grants_once():
    refund, admin = make_request(make_bought(), 4_000), make_admin()

    for _again in range(2):
        refund = grant_refund(refund, by=admin)

    assert (refund.amount, parts_given(Line.objects.get()).whole) == (4_000, 4_000)
    refused("not_asked", lambda: grant_refund(refund, by=make_admin()))


def test_no_more_than_was_asked_for():
    refund = make_request(make_bought(), 4_000)

    refused("more_than_asked", lambda: grant_refund(refund, amount=4_001, by=make_admin()))


# The provider.


def test_an_answer_that_was_lost_is_found_and_it_left_once():
    refund = make_granted(make_bought(price=4_000), 1_000)
    SandboxCharge.objects.update(card=NEVER_ANSWERS)
    send_refund(refund)
    assert again(refund).state == "sent"

    for _again in range(2):
        with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
            send_waiting_refunds()

    assert again(refund).state == "done"
    assert SandboxRefund.objects.count() == Transfer.objects.filter(kind="refund").count() == 1


def test_what_was_refused_and_went_another_way_meanwhile_is_not_sent_by_a_job_that_read_it_before():
    line = make_bought(card=REFUNDS_LATE)
    read_before = send_refund(make_granted(line, 4_000))
    SandboxRefund.objects.all().delete()
    refused_there = RefundOutcome(RefundState.FAILED, None, "closed")
    give_refund_elsewhere(apply_refund_outcome(read_before, refused_there, attempt=1), to="wallet", by=make_admin())

    ask_about_refund(read_before)

    assert (SandboxRefund.objects.count(), left_in_wallet(buyer_of(line))) == (0, 4_000)


def test_one_that_arrives_late_is_heard_of_by_the_job():
    refund = send_refund(make_granted(make_bought(card=REFUNDS_LATE)))
    assert (refund.state, refund.reference) == ("sent", str(SandboxRefund.objects.get().pk))

    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert send_waiting_refunds() == 1

    assert again(refund).state == "done"


def make_failed(price: int = 5_000) -> Refund:
    refund = send_refund(make_granted(make_bought(card=REFUND_FAILS, price=price)))
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        send_waiting_refunds()
    refund = again(refund)
    assert (refund.state, refund.failure_code) == ("failed", "lost_or_stolen_card")
    return refund


def test_what_does_not_arrive_stays_held_and_is_sent_again_under_another_key():
    refund = make_failed()
    assert ledger_sum(Account.Kind.REFUNDS) == 5_000

    reference = refund.reference
    refund = send_refund_again(refund, by=make_admin())
    refused("not_failed", lambda: send_refund_again(refund, by=make_admin()))
    said = AuditLog.objects.get(action="refund.sent_again").before
    assert said == {"state": "failed", "reference": reference, "code": "lost_or_stolen_card"}
    send_refund(refund)

    assert again(refund).state == "sent"
    assert set(SandboxRefund.objects.values_list("key", flat=True)) == {str(refund.pk), f"{refund.pk}:2"}


@pytest.mark.parametrize("to", ["wallet", "credit"])
def test_what_does_not_arrive_is_given_another_way(to):
    refund, admin = make_failed(), make_admin()
    buyer = refund.user

    for _again in range(2):
        refund = give_refund_elsewhere(refund, to=to, by=admin)

    there = balance_of(buyer, "EUR", [Account.Kind.WALLET])["wallet"] if to == "wallet" else credit_left(buyer)
    assert (refund.state, refund.to, there) == ("done", to, 5_000)
    assert (ledger_sum(Account.Kind.REFUNDS), Payment.objects.get(payer=buyer).refunded) == (0, 0)
    other = make_failed()
    refused("no_such_way", lambda: give_refund_elsewhere(other, to="method", by=admin))


def test_one_that_had_arrived_and_comes_back_is_held_again():
    refund = send_refund(make_granted(make_bought()))
    assert refund.state == "done"
    SandboxRefund.objects.update(state="failed", failure_code="charge_for_pending_refund_disputed")

    for _again in range(2):
        assert refund.payment is not None
        settle_refunds_of(refund.payment)

    refund = again(refund)
    assert (refund.state, ledger_sum(Account.Kind.REFUNDS)) == ("failed", 10_000)
    give_refund_elsewhere(refund, to="wallet", by=make_admin())
    assert ledger_sum(Account.Kind.PROVIDER, "sandbox") != 0


def test_by_hand_an_admin_says_that_it_was_sent_back():
    refund, admin = make_granted(make_bought_by_hand()), make_admin()
    send_waiting_refunds()
    assert again(refund).state == "approved"

    for _again in range(2):
        refund = mark_refund_done(refund, by=admin)

    assert (refund.state, refund.marked_by, ledger_sum(Account.Kind.REFUNDS)) == ("done", admin, 0)
    by_card, asked = make_granted(make_bought()), make_request(make_bought())
    refused("not_by_hand", lambda: mark_refund_done(by_card, by=admin))
    refused("not_granted", lambda: mark_refund_done(asked, by=admin))


# Top-ups.


def wallet_of(user: User) -> int:
    return balance_of(user, "EUR", [Account.Kind.WALLET])["wallet"]


def test_a_top_up_goes_back_as_far_as_it_is_still_there():
    member = make_member()
    paid = make_top_up(member, 5_000)
    refund = ask_for_refund(payment=paid, amount=4_000, to="method", reason="Too much", by=member)

    refund = send_refund(grant_refund(refund, by=make_admin()))

    assert (refund.state, wallet_of(member), Payment.objects.get().refunded) == ("done", 1_000, 4_000)
    refused("more_than_left", lambda: give_refund(payment=paid, amount=1_001, to="method", by=make_admin()))
    refused("no_such_way", lambda: give_refund(payment=paid, amount=500, to="wallet", by=make_admin()))


def test_a_top_up_that_was_spent_meanwhile_cannot_go_back():
    member = make_member()
    paid = make_top_up(member, 5_000)
    refund = ask_for_refund(payment=paid, amount=5_000, to="method", reason="Too much", by=member)
    make_booking(make_session(make_coach(), price=3_000), member)

    refused("more_than_left", lambda: grant_refund(refund, by=make_admin()))
    assert wallet_of(member) == 2_000


def test_a_wallet_whose_top_up_goes_back_is_not_filled_again_by_itself():
    member = make_auto_top_up(make_member())
    paid = make_top_up(member, 5_000)
    refund = ask_for_refund(payment=paid, amount=5_000, to="method", reason="Too much", by=member)
    assert settings_of(member).is_on

    grant_refund(refund, by=make_admin())

    settings = settings_of(member)
    assert (settings.is_on, settings.failure_code) == (False, "top_up_refunded")
    assert look_after_wallet(member) is None
    assert OutboxMessage.objects.filter(name="auto_top_up.switched_off").count() == 1


def test_a_top_up_that_does_not_arrive_is_in_the_wallet_again():
    member = make_member()
    paid = make_top_up(member, 5_000, card=REFUND_FAILS)
    refund = send_refund(give_refund(payment=paid, amount=5_000, to="method", by=make_admin()))
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        send_waiting_refunds()

    refused("no_such_way", lambda: give_refund_elsewhere(again(refund), to="credit", by=make_admin()))
    give_refund_elsewhere(again(refund), to="wallet", by=make_admin())

    assert (wallet_of(member), Payment.objects.get().refunded) == (5_000, 0)


# By policy, when something is cancelled.


def make_booked(to: str, *, percent: int = 50, **kinds: Any) -> Booking:
    make_refund_terms(cancellation_to=to)
    session = make_session(make_coach(), price=4_000)
    session.cancellation_policy = make_cancellation_policy((0, percent))
    session.save()
    booking = make_booking(session, make_member(), **kinds)
    # What was sold before keeps its own.
    make_refund_terms(cancellation_to="credit")
    return booking


def test_a_cancellation_gives_back_by_the_way_that_it_was_paid():
    booking = make_booked("method")

    cancel_booking(booking, by=booking.booked_by)

    refund = Refund.objects.get()
    assert (refund.state, refund.origin, refund.by_policy, refund.own) == ("approved", "cancellation", True, 2_000)
    send_waiting_refunds()
    assert (again(refund).state, credit_left(booking.booked_by)) == ("done", 0)
    assert SandboxRefund.objects.get().amount == 2_000


def test_a_cancellation_fills_the_wallet():
    booking = make_booked("wallet")

    cancel_booking(booking, by=booking.booked_by)

    assert (wallet_of(booking.booked_by), Refund.objects.count()) == (2_000, 0)


def test_all_of_a_session_that_is_called_off_is_sent_back():
    booking = make_booked("method")
    make_refund_terms(cancellation_to="method")
    make_booking(booking.session, make_member())

    cancel_session(booking.session, reason="Ill", by=booking.session.coach)
    send_waiting_refunds()

    assert list(Refund.objects.values_list("state", "own")) == [("done", 4_000)] * 2


def test_the_rest_of_what_was_cancelled_can_be_asked_for():
    booking = make_booked("method")
    cancel_booking(booking, by=booking.booked_by)

    refund = make_granted(Line.objects.select_related("order__buyer").get(), 2_000)

    assert (refund.own, parts_left(Line.objects.get()).whole) == (2_000, 0)
    assert Payment.objects.get().refunded == 4_000


# The terms.


def test_only_admins_change_the_terms_within_limits():
    with pytest.raises(PermissionDenied):
        update_refund_terms(by=make_member(), ask_days=3)
    for wrong in ({"ask_days": -1}, {"ask_days": 731}, {"automatic_amount": 0}, {"cancellation_to": "moon"}):
        with pytest.raises(ValidationError):
            make_refund_terms(**wrong)
    assert make_refund_terms(ask_days=0).ask_days == 0
    assert make_refund_terms(ask_days=730, automatic_amount=None).ask_days == 730
