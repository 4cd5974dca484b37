"""Refunds, as each source that has them shows them."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from tenpo.checkout.actions.refunding import ask_for_refund, give_refund, give_refund_elsewhere, grant_refund
from tenpo.checkout.tests.make import make_top_up
from tenpo.checkout.tests.refund_make import buyer_of, make_bought, make_mixed_line
from tenpo.ledger.models import Account
from tenpo.orders.models import Line
from tenpo.payments.actions.refunds import reject_refund
from tenpo.payments.models import Payment, Refund
from tenpo.people.tests.make import make_admin, make_member
from tenpo.reporting.tests.read import view_rows

pytestmark = pytest.mark.django_db


def ask(line: Line, amount: int, *, to: str = "method") -> Refund:
    return ask_for_refund(line=line, amount=amount, to=to, reason="I was ill", by=buyer_of(line))


def transaction_of(refund: Refund) -> dict[str, Any]:
    [row] = view_rows("pay_per_minute", "transactions", id=refund.pk)
    return row


def wallet_sum() -> tuple[Decimal, Decimal]:
    """What the transactions of all wallets come to, and what is in them."""
    found = view_rows("pay_per_minute", "transactions")
    of_wallets = [row for row in found if row["wallet_id"]]
    plus = [row["amount"] for row in of_wallets if row["type"] in ("topup", "refund") and row["status"] == "completed"]
    minus = [
        row["amount"]
        for row in of_wallets
        if row["type"] in ("payment", "withdrawal") and row["status"] in ("pending", "completed")
    ]
    balances = [row["balance"] for row in view_rows("pay_per_minute", "wallets")]
    return sum(plus, Decimal()) - sum(minus, Decimal()), sum(balances, Decimal())


def test_a_request_is_shown_with_what_was_asked_for_and_granted_with_what_the_buyer_gets():
    line = make_mixed_line()
    refund = ask(line, 5_000)
    payment = Payment.objects.get(order_id=line.order_id)
    [asked] = view_rows("youth_sports", "Refund")

    refund = grant_refund(refund, amount=2_500, by=make_admin())

    [row] = view_rows("youth_sports", "Refund")
    assert (asked["amount"], asked["status"]) == ("50.00", "PENDING")
    assert row == {
        "id": str(refund.pk), "ticket_id": None, "user_id": str(buyer_of(line).pk),
        "amount": f"{Decimal(refund.amount - refund.company) / 100:.2f}", "status": row["status"],
        "stripe_payment_id": payment.reference, "reason": "I was ill",
    }  # fmt: skip
    assert 0 < refund.company < refund.amount == 2_500


def test_a_refund_by_card_is_a_transaction_of_no_wallet():
    line = make_bought(price=6_000)
    refund = give_refund(line=line, amount=2_000, to="method", by=make_admin())

    row = transaction_of(refund)

    assert (row["type"], row["amount"], row["wallet_id"], row["payment_method"]) == (
        "refund",
        Decimal(20),
        None,
        "card",
    )
    assert (row["user_id"], row["description"]) == (buyer_of(line).pk, refund.description)
    assert row["metadata"]["line_id"] == str(line.pk)


def test_what_a_refund_gives_to_the_wallet_is_a_transaction_of_it_and_each_part_is_there_once():
    line = make_mixed_line()
    before = view_rows("pay_per_minute", "transactions")
    refund = give_refund(line=line, amount=line.price, to="wallet", by=make_admin())

    new = [row for row in view_rows("pay_per_minute", "transactions") if row["id"] not in {old["id"] for old in before}]

    assert {row["type"] for row in new} == {"refund"}
    assert sum(row["amount"] for row in new) == Decimal(refund.amount - refund.company) / 100
    to_wallet = [row["amount"] for row in new if row["wallet_id"]]
    assert sum(to_wallet) == Decimal(refund.wallet + refund.own) / 100
    assert transaction_of(refund)["amount"] == Decimal(refund.credit) / 100
    came_to, there = wallet_sum()
    assert came_to == there > 0


@pytest.mark.parametrize("ends", ["held", "arrives", "put back"])
def test_a_refund_of_a_top_up_leaves_the_wallet(ends):
    member, admin = make_member(), make_admin()
    payment = make_top_up(member, 5_000)
    refund = give_refund(payment=payment, amount=2_000, to="method", by=admin)
    assert refund.state == Refund.State.APPROVED
    if ends == "put back":
        refund = give_refund_elsewhere(refund, to="wallet", by=admin)
    elif ends == "arrives":
        Refund.objects.update(state="done", sent_at=timezone.now(), ended_at=timezone.now())

    row = transaction_of(refund)

    status = {"held": "pending", "arrives": "completed", "put back": "cancelled"}[ends]
    assert (row["type"], row["status"], row["amount"]) == ("withdrawal", status, Decimal(20))
    assert (row["completed_at"] is None) == (ends != "arrives")
    assert row["wallet_id"] == Account.objects.get(owner=member, kind="wallet").pk
    came_to, there = wallet_sum()
    assert came_to == there == Decimal(50 if ends == "put back" else 30)


def test_every_state_of_a_refund_has_a_word_in_each_source():
    line, words = make_bought(), {}
    refund, admin, now = ask(line, 2_000), make_admin(), timezone.now()
    for state in Refund.State.values:
        is_open, is_granted = state in ("asked", "withdrawn"), state in Refund.GRANTED
        Refund.objects.update(
            state=state, amount=2_000 * is_granted, own=2_000 * is_granted, sent_at=now if is_granted else None,
            ended_at=now if state in ("done", "rejected", "withdrawn") else None,
            reviewed_by=None if is_open else admin, reviewed_at=None if is_open else now,
        )  # fmt: skip
        [row] = view_rows("youth_sports", "Refund")
        words[state] = (row["status"], transaction_of(refund)["status"])
        assert row["amount"] == "20.00"

    assert words == {
        "asked": ("PENDING", "pending"), "approved": ("APPROVED", "pending"), "sent": ("APPROVED", "pending"),
        "done": ("COMPLETED", "completed"), "failed": ("APPROVED", "pending"), "rejected": ("REJECTED", "failed"),
        "withdrawn": ("REJECTED", "cancelled"),
    }  # fmt: skip


def test_a_transaction_is_refunded_once_all_of_it_went_back():
    line, admin = make_mixed_line(), make_admin()

    def status() -> str:
        [row] = view_rows("peer_learning", "transactions", id=line.pk)
        return str(row["status"])

    give_refund(line=line, amount=line.price - 1, to="wallet", by=admin)
    assert status() == "completed"
    give_refund(line=line, amount=1, to="wallet", by=admin)
    assert status() == "refunded"


def test_who_is_refused_gets_nothing_and_it_is_said():
    refund = ask(make_bought(), 2_000)

    reject_refund(refund, word="It took place.", by=make_admin())

    assert [row["status"] for row in view_rows("youth_sports", "Refund")] == ["REJECTED"]
    assert transaction_of(refund)["status"] == "failed"
