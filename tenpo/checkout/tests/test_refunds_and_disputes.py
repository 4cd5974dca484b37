"""A refund by card is on its way, or failed, when its payer's bank takes the money: nothing goes back twice."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from tenpo.checkout.actions.disputing import apply_dispute
from tenpo.checkout.actions.refunding import give_refund, give_refund_elsewhere
from tenpo.checkout.tests.dispute_make import LOST, PRICE, borne, lose, said
from tenpo.checkout.tests.make import left_in_wallet, make_booking, make_top_up, told
from tenpo.checkout.tests.refund_make import buyer_of, make_bought, make_earning_coach, make_granted
from tenpo.core.errors import RuleError
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.models import Line
from tenpo.orders.tests.make import credit_left, ledger_sum
from tenpo.payments.actions import refund_sending
from tenpo.payments.actions.refund_sending import apply_refund_outcome, send_refund, send_refund_again
from tenpo.payments.models import Payment, Refund
from tenpo.payments.provider_models import SandboxRefund
from tenpo.payments.providers.base import RefundOutcome, RefundState
from tenpo.payments.providers.sandbox import REFUND_FAILS
from tenpo.payments.queries import borne_by_business
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.tests.make import make_session
from tests.at_once import Other

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def make_on_its_way(amount: int) -> tuple[Line, Payment, Refund]:
    """What a card paid, of which a refund left and is not there yet."""
    line = make_bought(card=REFUND_FAILS, coach=make_earning_coach())
    refund = send_refund(make_granted(line, amount))
    assert refund.state == "sent"
    return line, Payment.objects.get(), refund


def ends(refund: Refund, state: RefundState = RefundState.FAILED) -> Refund:
    """Its provider says what became of it."""
    SandboxRefund.objects.filter(key=refund.key).update(state=state)
    outcome = RefundOutcome(state, "re_1", "charge_disputed" if state == RefundState.FAILED else "")
    return apply_refund_outcome(refund, outcome, attempt=refund.attempt)


def refused(code: str, work: Callable[[], Any]) -> None:
    before = Transfer.objects.count()
    with pytest.raises(RuleError) as refusal:
        work()
    assert (refusal.value.code, Transfer.objects.count()) == (code, before)


def test_what_does_not_arrive_after_its_bank_took_it_is_given_back_by_the_bank():
    _line, payment, refund = make_on_its_way(7_000)
    admin = make_admin()
    lose(payment)
    assert borne() == 7_000

    for _again in range(3):
        assert ends(refund).state == "done"

    assert (borne(), ledger_sum(Account.Kind.REFUNDS), ledger_sum(Account.Kind.DISPUTES)) == (0, 0, 0)
    assert "admin.refund_failed" not in told(admin)
    refused("not_held", lambda: give_refund_elsewhere(refund, to="wallet", by=admin))
    refused("not_failed", lambda: send_refund_again(refund, by=admin))


def test_what_had_arrived_and_comes_back_later_is_given_back_by_the_bank_as_well():
    _line, payment, refund = make_on_its_way(7_000)
    ends(refund, RefundState.SUCCEEDED)
    lose(payment)

    for _again in range(3):
        assert ends(refund).state == "done"

    assert (borne(), ledger_sum(Account.Kind.REFUNDS)) == (0, 0)


def test_what_arrives_all_the_same_is_borne_by_the_business():
    _line, payment, refund = make_on_its_way(7_000)
    lose(payment)

    assert ends(refund, RefundState.SUCCEEDED).state == "done"

    assert borne() == 7_000


@pytest.mark.parametrize(("refunded", "lost"), [(7_000, 10_000), (7_000, 7_000)])
def test_what_failed_before_is_done_once_its_bank_keeps_as_much(refunded, lost):
    line, payment, refund = make_on_its_way(refunded)
    ends(refund)

    lose(payment, lost)

    assert Refund.objects.get(pk=refund.pk).state == "done"
    assert ends(refund).state == "done"
    assert (borne(), Line.objects.get(pk=line.pk).own_back) == (0, lost)


def test_two_disputes_give_one_refund_back_together():
    _line, payment, refund = make_on_its_way(7_000)
    lose(payment, 6_000)
    lose(payment, 4_000, reference="dp_2")
    assert sorted(borne_by_business(Payment.objects.get()).values()) == [3_000, 4_000]

    assert ends(refund).state == "done"

    assert borne() == 0


def test_of_two_that_fail_only_what_is_borne_was_given_back():
    line, payment, refund = make_on_its_way(4_000)
    other = send_refund(make_granted(line, 4_000))
    lose(payment, 6_000)
    assert borne() == 4_000

    assert [ends(one).state for one in (refund, other)] == ["done", "failed"]

    member = buyer_of(line)
    give_refund_elsewhere(other, to="wallet", by=make_admin())
    assert (borne(), left_in_wallet(member)) == (0, 4_000)


def test_what_its_bank_did_not_take_goes_another_way_or_once_more():
    line, payment, refund = make_on_its_way(3_000)
    admin = make_admin()
    lose(payment, 7_000)

    assert ends(refund).state == "failed"

    assert told(admin).count("admin.refund_failed") == 1
    assert send_refund_again(refund, by=admin).state == "approved"
    give_refund_elsewhere(refund, to="wallet", by=admin)
    assert (borne(), left_in_wallet(buyer_of(line))) == (0, 3_000)


@pytest.mark.parametrize(("to", "left_of"), [("wallet", left_in_wallet), ("credit", credit_left)])
def test_what_its_bank_took_a_part_of_goes_another_way_without_that_part(to, left_of):
    line, payment, refund = make_on_its_way(6_000)
    admin, member = make_admin(), buyer_of(line)
    give_refund(line=line, amount=4_000, to="wallet", by=admin)
    make_booking(make_session(price=4_000), member)
    lose(payment, 5_000)

    assert ends(refund).state == "failed"

    page = signed_in(admin).get(f"/money/refunds/{refund.pk}/").content.decode()
    assert "Their bank gave €50.00 of it back by itself." in page
    assert f"{member} gets €10.00 here instead." in page
    assert "Send it again" not in page
    refused("bank_took_it", lambda: send_refund_again(refund, by=admin))
    for _again in range(2):
        give_refund_elsewhere(refund, to=to, by=admin)
    assert (borne(), left_of(member)) == (0, 1_000)
    assert told(member).count("payment.taken_back") == 1


def test_of_a_top_up_nothing_is_given_twice_either():
    member, admin = make_member(), make_admin()
    payment = make_top_up(member, PRICE, card=REFUND_FAILS)
    refund = send_refund(give_refund(payment=payment, amount=6_000, to="method", by=admin))
    lose(payment)
    assert (left_in_wallet(member), borne()) == (0, 6_000)

    assert ends(refund).state == "done"

    assert (left_in_wallet(member), borne()) == (0, 0)


def test_once_its_bank_returned_it_a_refund_that_fails_waits_to_be_given():
    line, payment, refund = make_on_its_way(7_000)
    lose(payment)
    apply_dispute(payment, said(LOST, is_back=True))
    assert borne() == 0

    assert ends(refund).state == "failed"

    give_refund_elsewhere(refund, to="wallet", by=make_admin())
    assert left_in_wallet(buyer_of(line)) == 7_000


def lost_while_it_fails(*, loses_first: bool) -> tuple[bool, str, int]:
    """A bank keeps it at the moment in which the refund fails: who came second waited, the refund, what is borne."""
    _line, payment, refund = make_on_its_way(7_000)
    works: list[Callable[[], Any]] = [lambda: lose(payment), lambda: ends(refund)]
    first, second = works if loses_first else reversed(works)
    with transaction.atomic():
        first()
        other = Other(second)
        waited = other.meet()
    other.end()
    return waited, Refund.objects.get(pk=refund.pk).state, borne()


@pytest.mark.parametrize("loses_first", [True, False])
@pytest.mark.django_db(transaction=True)
def test_whoever_is_second_sees_what_the_first_did(loses_first):
    assert lost_while_it_fails(loses_first=loses_first) == (True, "done", 0)


@pytest.mark.control
@pytest.mark.parametrize("loses_first", [True, False])
@pytest.mark.django_db(transaction=True)
def test_control_without_the_payments_row_it_can_go_back_twice(loses_first, monkeypatch):
    monkeypatch.setattr(refund_sending, "lock_payments", lambda _ids: {})

    assert lost_while_it_fails(loses_first=loses_first) == (False, "failed", 7_000)
