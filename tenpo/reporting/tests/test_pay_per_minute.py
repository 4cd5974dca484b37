"""The views of source P, table by table."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from tenpo.audit.actions import record
from tenpo.checkout.actions.refunding import give_refund, give_refund_elsewhere
from tenpo.checkout.actions.settling import mark_paid
from tenpo.checkout.actions.topping_up import top_up
from tenpo.checkout.tests.dispute_make import lose
from tenpo.checkout.tests.make import make_booking, make_manual, make_top_up
from tenpo.checkout.tests.refund_make import make_late_money
from tenpo.ledger.models import Account
from tenpo.orders.models import Line, Order
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.payments.actions.payout_sending import mark_payout_done, mark_payout_sent
from tenpo.payments.actions.payouts import approve_payout, cancel_payout
from tenpo.payments.actions.wallets import give_money, take_back_grant
from tenpo.payments.models import Payment, Payout, PayoutAccount
from tenpo.payments.providers.sandbox import DECLINED, REFUND_FAILS
from tenpo.payments.tests.make import make_payout
from tenpo.people.actions.accounts import set_roles, update_profile
from tenpo.people.models import Role
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("takes_transfers")]

rows = partial(view_rows, "pay_per_minute")


def transaction_of(thing: Any) -> dict[str, Any]:
    [row] = rows("transactions", id=thing.pk)
    return row


def test_users_have_a_role_and_whether_their_address_is_theirs():
    admin, coach, member = make_admin(), make_coach(), make_member("Lena Fischer")

    found = {row["id"]: row for row in rows("users")}

    assert [found[user.pk]["role"] for user in (admin, coach, member)] == ["admin", "partner", "user"]
    assert found[member.pk] == {
        "id": member.pk, "email": member.email, "password_hash": None, "name": "Lena Fischer", "role": "user",
        "email_verified": True, "onboarding_completed": None, "created_at": member.created_at,
        "updated_at": member.created_at,
    }  # fmt: skip


def test_an_address_is_verified_when_it_is_the_one_that_counts():
    member = make_member()
    EmailAddress.objects.filter(user=member).update(email="other@example.com")

    assert [row["email_verified"] for row in rows("users", id=member.pk)] == [False]


def test_a_user_changed_when_somebody_changed_them_and_not_when_they_signed_in():
    member, admin = make_member(), make_admin()
    record("user.signed_in", by=member, on=member)
    [before] = rows("users", id=member.pk)

    update_profile(member, by=member, name="Lena Weiss")
    [renamed] = rows("users", id=member.pk)
    set_roles(member, roles=[Role.COACH], by=admin)

    [coach] = rows("users", id=member.pk)
    assert before["updated_at"] == before["created_at"]
    assert (renamed["name"], coach["role"]) == ("Lena Weiss", "partner")
    assert before["updated_at"] < renamed["updated_at"] <= coach["updated_at"]


def test_a_wallet_is_what_was_given_and_what_was_paid_in():
    member, admin = make_member(), make_admin()
    make_member()
    give_money(member, amount=1_000, reason="Welcome", by=admin)
    [given] = rows("wallets")
    make_top_up(member, 2_550)

    [wallet] = rows("wallets")

    first = Account.objects.get(owner=member, kind=Account.Kind.GRANTED)
    assert wallet == {
        "id": first.pk, "user_id": member.pk, "balance": Decimal("35.50"), "currency": "EUR",
        "average_minute_cost": None, "last_updated": wallet["last_updated"], "created_at": first.created_at,
    }  # fmt: skip
    assert given["id"] == wallet["id"]
    assert wallet["last_updated"] >= given["last_updated"] >= first.created_at


def test_a_top_up_is_one_transaction_of_the_wallet():
    member = make_member()
    payment = make_top_up(member, 2_550)
    failed = make_top_up(member, 1_000, card=DECLINED)

    row = transaction_of(payment)

    [wallet] = rows("wallets")
    assert row == {
        "id": payment.pk, "user_id": member.pk, "wallet_id": wallet["id"], "type": "topup", "amount": Decimal("25.50"),
        "currency": "EUR", "status": "completed", "payment_method": "card", "description": payment.description,
        "metadata": {"provider": "sandbox", "reference": payment.reference}, "created_at": payment.created_at,
        "completed_at": payment.paid_at,
    }  # fmt: skip
    assert (transaction_of(failed)["status"], transaction_of(failed)["completed_at"]) == ("failed", None)
    assert transaction_of(failed)["metadata"]["failure_code"] == "card_declined"


def test_a_booking_that_wallet_and_card_paid_is_two_transactions_and_only_one_is_the_wallets():
    member = make_member()
    make_top_up(member, 2_500)
    booking = make_booking(make_session(price=6_000, title="Deep work"), member)

    card = Payment.objects.get(purpose=Payment.Purpose.ORDER)
    by_card, by_wallet = transaction_of(card), transaction_of(booking.line)
    assert (by_card["type"], by_card["amount"], by_card["wallet_id"]) == ("payment", Decimal("35.00"), None)
    assert by_card["metadata"]["order_id"] == str(booking.line.order_id)
    [wallet] = rows("wallets")
    assert by_wallet == {
        "id": booking.line.pk, "user_id": member.pk, "wallet_id": wallet["id"], "type": "payment",
        "amount": Decimal("25.00"), "currency": "EUR", "status": "completed", "payment_method": "wallet",
        "description": booking.line.description, "metadata": {"order_id": str(booking.line.order_id)},
        "created_at": booking.line.order.created_at, "completed_at": Order.objects.get().settled_at,
    }  # fmt: skip


def test_what_a_cancellation_gives_back_to_the_wallet_is_a_refund():
    member, admin = make_member(), make_admin()
    give_money(member, amount=1_000, reason="Welcome", by=admin)
    make_top_up(member, 3_000)
    booking = make_booking(make_session(price=4_000, policy=make_cancellation_policy((0, 50))), member)

    cancel_booking(booking, by=member)

    refunds = rows("transactions", type="refund")
    assert sorted(row["amount"] for row in refunds) == [Decimal(5), Decimal(15)]
    assert {(row["status"], row["payment_method"], row["user_id"]) for row in refunds} == {
        ("completed", "wallet", member.pk)
    }
    assert {row["metadata"]["order_id"] for row in refunds} == {str(booking.line.order_id)}


def test_money_given_is_a_top_up_and_taken_back_it_is_cancelled():
    member, admin = make_member(), make_admin()
    kept = give_money(member, amount=1_000, reason="Welcome", by=admin)
    gone = give_money(member, amount=500, reason="By mistake", by=admin)

    take_back_grant(gone, by=admin)

    row = transaction_of(kept)
    assert (row["type"], row["amount"], row["status"], row["description"]) == (
        "topup", Decimal(10), "completed", "Welcome",
    )  # fmt: skip
    assert (row["payment_method"], row["completed_at"]) == (None, kept.created_at)
    assert row["metadata"] == {"given_by": str(admin.pk)}
    assert (transaction_of(gone)["status"], transaction_of(gone)["completed_at"]) == ("cancelled", None)


def test_a_withdrawal_is_shown_masked_and_counts_as_a_transaction():
    member, admin = make_member("Lena Fischer"), make_admin()
    payout = approve_payout(make_payout(member, method="sepa", source="wallet", amount=2_050), by=admin)
    [row] = rows("withdrawals")

    assert row == {
        "id": payout.pk, "user_id": member.pk, "amount": Decimal("20.50"), "currency": "EUR", "method": "bank",
        "status": "processing", "bank_details": {"holder": "Lena Fischer", "iban": payout.account.masked},
        "paypal_email": None, "crypto_address": None, "created_at": payout.created_at,
        "processed_at": payout.approved_at, "completed_at": None,
    }  # fmt: skip
    assert "DE89370400440532013000" not in str(row)
    taken = transaction_of(payout)
    [wallet] = rows("wallets")
    assert (taken["type"], taken["status"], taken["wallet_id"]) == ("withdrawal", "pending", wallet["id"])
    assert (taken["amount"], taken["payment_method"]) == (Decimal("20.50"), "bank")


def test_a_payout_of_earnings_is_a_withdrawal_of_no_wallet():
    coach, admin = make_coach(), make_admin()
    payout = approve_payout(make_payout(coach), by=admin)

    done = mark_payout_done(mark_payout_sent(payout, by=admin), by=admin)

    [row] = rows("withdrawals")
    assert (row["status"], row["method"], row["bank_details"]) == ("completed", "bank", None)
    assert row["completed_at"] == done.ended_at
    taken = transaction_of(payout)
    assert (taken["wallet_id"], taken["status"], taken["completed_at"]) == (None, "completed", done.ended_at)
    assert taken["metadata"]["source"] == "earnings"


def test_every_way_to_be_paid_has_a_word_and_shows_what_its_owner_sees():
    payout, ways = make_payout(make_member(), method="sepa", source="wallet"), {}
    for method in PayoutAccount.Method.values:
        Payout.objects.update(method=method)
        [row] = rows("withdrawals")
        ways[method] = (row["method"], transaction_of(payout)["payment_method"])
        shown = [row["bank_details"] and row["bank_details"]["iban"], row["paypal_email"], row["crypto_address"]]
        assert [text for text in shown if text] == ([] if method in ("manual", "stripe") else [payout.account.masked])

    assert ways == {
        "sepa": ("bank", "bank"), "manual": ("bank", "bank"), "paypal": ("paypal", "paypal"),
        "crypto": ("crypto", "crypto"), "stripe": ("bank", "bank"),
    }  # fmt: skip


def test_every_state_of_a_payment_has_the_source_s_word():
    payment, words = make_top_up(make_member(), 1_000, card=DECLINED), {}
    for state in Payment.State.values:
        paid_at = timezone.now() if state == Payment.State.SUCCEEDED else None
        Payment.objects.filter(pk=payment.pk).update(state=state, paid_at=paid_at)
        words[state] = transaction_of(payment)["status"]

    assert words == {
        "created": "pending", "needs_action": "pending", "pending": "pending", "unknown": "pending",
        "succeeded": "completed", "failed": "failed", "cancelled": "cancelled",
    }  # fmt: skip


def test_every_purpose_of_a_payment_and_every_provider_has_a_word():
    payment, words = make_top_up(make_member(), 1_000, card=DECLINED), {}
    for purpose in Payment.Purpose.values:
        Payment.objects.filter(pk=payment.pk).update(purpose=purpose)
        words[purpose] = transaction_of(payment)["type"]
    assert words == {"order": "payment", "top_up": "topup"}

    ways = {}
    for provider in ("sandbox", "stripe", "transfer", "payroll"):
        Payment.objects.filter(pk=payment.pk).update(provider=provider)
        ways[provider] = transaction_of(payment)["payment_method"]
    assert ways == {"sandbox": "card", "stripe": "card", "transfer": "bank", "payroll": "payroll"}


def test_every_state_of_an_order_has_the_source_s_word():
    member = make_member()
    make_top_up(member, 2_500)
    booking, words = make_booking(make_session(price=2_000), member), {}
    for state in Order.State.values:
        settled_at = None if state == Order.State.OPEN else timezone.now()
        Order.objects.update(state=state, settled_at=settled_at)
        words[state] = transaction_of(booking.line)["status"]

    assert words == {"open": "pending", "paid": "completed", "void": "cancelled"}


def test_every_state_of_a_payout_has_the_source_s_word():
    payout, admin, words = make_payout(make_member(), source="wallet"), make_admin(), {}
    for state in Payout.State.values:
        was_sent, is_over = state in ("sent", "done", "failed"), state not in Payout.UNDER_WAY
        Payout.objects.update(
            state=state, approved_by=admin, approved_at=timezone.now(),
            sent_at=timezone.now() if was_sent else None, ended_at=timezone.now() if is_over else None,
        )  # fmt: skip
        [withdrawal] = rows("withdrawals")
        words[state] = (withdrawal["status"], transaction_of(payout)["status"])

    assert words == {
        "asked": ("pending", "pending"), "approved": ("processing", "pending"), "sent": ("processing", "pending"),
        "done": ("completed", "completed"), "failed": ("failed", "failed"), "rejected": ("failed", "failed"),
        "cancelled": ("failed", "cancelled"),
    }  # fmt: skip


def test_a_refund_of_late_money_is_no_withdrawal_from_the_wallet():
    payment = make_late_money(amount=5_000, card=REFUND_FAILS)
    admin = make_admin()
    give_refund(payment=payment, amount=1_000, to="method", by=admin)
    failing = give_refund(payment=payment, amount=2_000, to="method", by=admin)

    found = rows("transactions", user_id=payment.payer_id, type="refund")
    assert [(row["amount"], row["status"], row["wallet_id"]) for row in found] == [
        (Decimal(10), "pending", None), (Decimal(20), "pending", None)
    ]  # fmt: skip

    give_refund_elsewhere(failing, to="wallet", by=admin)
    found = rows("transactions", user_id=payment.payer_id, type="refund")
    assert sorted((row["amount"], row["status"], row["description"] != "") for row in found) == [
        (Decimal(10), "pending", True), (Decimal(20), "completed", True)
    ]  # fmt: skip
    assert not rows("transactions", type="withdrawal")


def test_the_transactions_of_a_wallet_come_to_its_balance_and_each_is_there_once():
    admin, members = make_admin(), [make_member() for _n in range(3)]
    for number, member in enumerate(members):
        give_money(member, amount=700, reason="Welcome", by=admin)
        take_back_grant(give_money(member, amount=100, reason="By mistake", by=admin), by=admin)
        make_top_up(member, 9_000 + number)
        make_top_up(member, 1_000, card=DECLINED)
        mark_paid(top_up(member, amount=800, provider="transfer", by=member), by=admin)
        top_up(member, amount=900, provider="transfer", by=member)
        make_booking(make_session(price=2_333, policy=make_cancellation_policy((0, 30))), member)
        cancel_booking(make_booking(make_session(price=1_999), member), by=member)
        cancel_payout(make_payout(member, source="wallet", amount=1_100), by=member)
        make_payout(member, source="wallet", amount=1_200)
    make_booking(make_session(price=90_000), members[0], card=DECLINED)
    make_manual(make_coach(), 3)
    lose(make_top_up(members[0], 2_500), 2_500)

    found = rows("transactions")

    assert len({row["id"] for row in found}) == len(found)
    assert all(row["amount"] > 0 and row["status"] and row["type"] for row in found)
    counted: dict[Any, Decimal] = defaultdict(Decimal)
    for row in found:
        if row["wallet_id"] is None:
            continue
        if row["type"] in ("topup", "refund") and row["status"] == "completed":
            counted[row["wallet_id"]] += row["amount"]
        elif row["type"] in ("payment", "withdrawal") and row["status"] in ("pending", "completed"):
            counted[row["wallet_id"]] -= row["amount"]
    assert len(counted) == len(members)
    assert counted == {row["id"]: row["balance"] for row in rows("wallets")}
    assert Line.objects.filter(wallet_spent__gt=0).exists()
    assert all(row["last_updated"] > timezone.now() - timedelta(minutes=1) for row in rows("wallets"))
