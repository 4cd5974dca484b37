"""Refunds at the same moment: never more than was paid, each part once, and each leaves once."""

from functools import partial
from typing import Any

import pytest

from tenpo.checkout.actions.refunding import give_refund, give_refund_elsewhere, grant_refund
from tenpo.checkout.tests.make import make_booking, make_top_up
from tenpo.checkout.tests.refund_make import (
    buyer_of,
    make_bought,
    make_granted,
    make_mixed_line,
    make_refund_terms,
    make_request,
)
from tenpo.core.errors import RuleError
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import balance_of
from tenpo.orders.models import Line, Split
from tenpo.orders.policies import parts_given
from tenpo.orders.tests.make import ledger_sum
from tenpo.payments.actions.refund_sending import apply_refund_outcome, send_refund, send_refund_again
from tenpo.payments.actions.refunds import reject_refund, withdraw_refund
from tenpo.payments.models import Payment, Refund, SandboxCharge
from tenpo.payments.provider_models import SandboxRefund
from tenpo.payments.providers.base import RefundOutcome, RefundState
from tenpo.payments.providers.sandbox import NEVER_ANSWERS
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, outcomes, without_constraint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]


def granted_sum() -> int:
    return sum(Refund.objects.granted().values_list("amount", flat=True))


def unexpected(answers: list[Any]) -> list[Any]:
    return [one for one in answers if isinstance(one, Exception) and not isinstance(one, RuleError)]


@pytest.mark.parametrize("amount", [1_000, 10_000])
def test_twenty_at_once_total_exactly_what_was_paid(amount):
    line, admins = make_mixed_line(), [make_admin() for _ in range(4)]

    answers = at_once(
        [partial(give_refund, line=line, amount=amount, to="method", by=admins[n % 4]) for n in range(20)]
    )

    assert not unexpected(answers)
    line = Line.objects.get()
    assert (granted_sum(), parts_given(line).whole) == (10_000, 10_000)
    assert sum(split.left for split in Split.objects.all()) == 0
    assert outcomes(answers)["approved"] == 10_000 // amount
    works = [partial(send_refund, refund) for refund in Refund.objects.all()]
    at_once(works * 2)
    assert (ledger_sum(Account.Kind.REFUNDS), Payment.objects.get(order_id=line.order_id).left) == (0, 0)
    assert SandboxRefund.objects.count() == Transfer.objects.filter(kind="refund").count() == len(works)


@pytest.mark.invariants(but={"line-remembers-what-went-back", "payment-gives-back-no-more-than-it-was",
                             "nobody-gets-back-more-than-they-gave"})  # fmt: skip
def test_twenty_at_once_give_back_more_without_the_locks_and_the_rules_control(monkeypatch):
    line, admins = make_bought(), [make_admin() for _ in range(4)]

    def unlocked(rows: Any, ids: Any) -> dict[Any, Any]:
        return {row.pk: row for row in rows.filter(pk__in=ids)}

    monkeypatch.setattr(
        "tenpo.checkout.actions.refunding.lock_lines", partial(unlocked, Line.objects.select_related("order"))
    )
    monkeypatch.setattr("tenpo.checkout.actions.refunding.lock_payments", partial(unlocked, Payment.objects))
    with (
        without_constraint("orders_line", "line_gives_back_within"),
        without_constraint("payments_payment", "payment_refunds_within"),
    ):
        at_once([partial(give_refund, line=line, amount=10_000, to="method", by=admins[n % 4]) for n in range(8)])

    assert granted_sum() > 10_000


def test_one_request_is_decided_once():
    line, admins = make_bought(), [make_admin() for _ in range(4)]
    refund = make_request(line)
    works: list[Any] = [partial(grant_refund, refund, by=admin) for admin in admins]
    works += [partial(reject_refund, refund, word="No", by=admin) for admin in admins]
    works += [partial(withdraw_refund, refund, by=buyer_of(line))]

    answers = at_once(works)

    assert not unexpected(answers)
    refund = Refund.objects.get()
    assert refund.state in ("approved", "rejected", "withdrawn")
    assert parts_given(Line.objects.get()).whole == refund.amount


def test_it_is_asked_for_once():
    line = make_bought()

    answers = at_once([partial(make_request, line, 1_000)] * 8)

    assert outcomes(answers) == {"asked": 1, "refund_asked_already": 7}


@pytest.mark.parametrize("to", ["credit", "wallet", "method"])
def test_given_and_cancelled_at_the_same_moment_it_is_what_was_paid(to):
    make_refund_terms(cancellation_to=to)
    member, admin = make_member(), make_admin()
    booking = make_booking(make_session(make_coach(), price=9_000), member)
    line = Line.objects.get()
    works: list[Any] = [partial(give_refund, line=line, amount=2_000, to="method", by=admin) for _ in range(6)]

    answers = at_once([*works[:3], partial(cancel_booking, booking, by=member), *works[3:]])

    assert not unexpected(answers)
    assert parts_given(Line.objects.get()).own == 9_000


def test_the_same_refund_sent_by_many_leaves_once_and_is_posted_once():
    refund = make_granted(make_bought())

    answers = at_once([partial(send_refund, refund)] * 8)

    assert not unexpected(answers)
    assert (Refund.objects.get().state, SandboxRefund.objects.count()) == ("done", 1)
    assert Transfer.objects.filter(kind="refund").count() == 1


def test_what_the_provider_says_counts_once_however_often_it_is_heard():
    refund = make_granted(make_bought())
    SandboxCharge.objects.update(card=NEVER_ANSWERS)
    send_refund(refund)
    said = RefundOutcome(RefundState.SUCCEEDED, reference="re_1")

    at_once([partial(apply_refund_outcome, refund, said, attempt=1)] * 8)

    assert (Refund.objects.get().state, Transfer.objects.filter(kind="refund").count()) == ("done", 1)


def test_what_did_not_arrive_goes_one_way_only():
    refund, admins = make_granted(make_bought()), [make_admin() for _ in range(3)]
    SandboxCharge.objects.update(card=NEVER_ANSWERS)
    send_refund(refund)
    apply_refund_outcome(refund, RefundOutcome(RefundState.FAILED, failure_code="declined"), attempt=1)
    works: list[Any] = [partial(send_refund_again, refund, by=admin) for admin in admins]
    works += [partial(give_refund_elsewhere, refund, to=to, by=admins[0]) for to in ("wallet", "credit")]

    answers = at_once(works)

    assert not unexpected(answers)
    there = sum(pot.balance or 0 for pot in Account.objects.filter(owner=refund.user))
    assert there + ledger_sum(Account.Kind.REFUNDS) == 10_000


def test_top_ups_go_back_at_once_as_far_as_they_are_there():
    member, admin = make_member(), make_admin()
    paid = [make_top_up(member, 5_000) for _ in range(2)]
    session = make_session(make_coach(), price=3_000)
    works: list[Any] = [
        partial(give_refund, payment=paid[n % 2], amount=2_000, to="method", by=admin) for n in range(10)
    ]

    answers = at_once([*works, partial(make_booking, session, member)])

    assert not unexpected(answers)
    left = balance_of(member, "EUR", [Account.Kind.WALLET])["wallet"]
    spent = sum(Transfer.objects.filter(kind="wallet_spend").values_list("amount", flat=True))
    assert (granted_sum() + left + spent, all(payment.left >= 0 for payment in Payment.objects.all())) == (10_000, True)
