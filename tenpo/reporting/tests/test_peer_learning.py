"""The views of source L, table by table."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking, make_manual, make_top_up
from tenpo.core.tokens import new_id
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import Line, Order, Split
from tenpo.orders.tests.make import make_share_policy
from tenpo.payments.actions.payout_sending import mark_payout_done, mark_payout_sent
from tenpo.payments.actions.payouts import approve_payout
from tenpo.payments.models import Payment, Payout
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.payments.tests.make import make_earnings, make_payout
from tenpo.people.actions.accounts import update_profile
from tenpo.people.models import Role
from tenpo.people.tests.make import make_admin, make_coach, make_member, make_user
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.sessions import complete_session, edit_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("takes_transfers")]

rows = partial(view_rows, "peer_learning")


def make_shared(price: int = 10_000, **wanted: Any) -> Booking:
    """A booking that coach and business share: 85 and 15 of a hundred."""
    booking = make_booking(make_session(price=price), make_member(), **wanted)
    assert booking.line is not None
    Split.objects.create(line=booking.line, part="business", percent=15, amount=price * 15 // 100)
    coach = booking.session.coach
    Split.objects.create(line=booking.line, part="creator", recipient=coach, percent=85, amount=price * 85 // 100)
    Line.objects.filter(pk=booking.line.pk).update(is_split=True)
    booking.line.refresh_from_db()
    return booking


def status_of(booking: Booking) -> str:
    assert booking.line is not None
    [row] = rows("transactions", id=booking.line.pk)
    return str(row["status"])


def test_users_have_what_they_say_of_themselves_and_their_account_at_stripe():
    coach = make_coach("Maya Berg")
    update_profile(coach, by=coach, headline="Breathing, stress and rest", bio="Fifteen years in a hospital.")
    StripeAccount.objects.create(user=coach, reference="acct_1", status="active", payouts_enabled=True)

    [row] = rows("users", id=coach.pk)

    assert row == {
        "id": coach.pk, "email": coach.email, "password_hash": None, "name": "Maya Berg", "handle": None,
        "title": "Breathing, stress and rest", "avatar_url": None, "bio": "Fifteen years in a hospital.",
        "bio_short": "Breathing, stress and rest", "teaching_philosophy": None, "website": None, "role": "creator",
        "is_creator": True, "is_student_teacher": False, "is_admin": False, "is_moderator": False,
        "privacy_public": True, "email_verified": True, "email_status": "valid", "marketing_opt_out": None,
        "stripe_account_id": "acct_1", "stripe_account_status": "active", "stripe_payouts_enabled": True,
        "created_at": coach.created_at, "updated_at": row["updated_at"],
    }  # fmt: skip
    assert row["updated_at"] > coach.created_at


def test_roles_are_flags_and_the_highest_is_the_primary_one():
    both, member = make_user(roles=(Role.ADMIN, Role.COACH)), make_member()
    EmailAddress.objects.filter(user=member).update(verified=False)

    found = {row["id"]: row for row in rows("users")}

    assert (found[both.pk]["role"], found[both.pk]["is_admin"], found[both.pk]["is_creator"]) == ("admin", True, True)
    mine = found[member.pk]
    assert (mine["role"], mine["is_admin"], mine["is_creator"], mine["privacy_public"]) == (
        "student", False, False, False,
    )  # fmt: skip
    assert (mine["email_verified"], mine["email_status"], mine["stripe_payouts_enabled"]) == (False, None, False)
    assert (mine["title"], mine["bio"], mine["bio_short"], mine["stripe_account_id"]) == (None, None, None, None)


def test_every_state_of_an_account_at_stripe_is_spelled_the_same():
    StripeAccount.objects.create(user=make_coach())
    words = []
    for status in StripeAccount.Status.values:
        StripeAccount.objects.update(status=status)
        words += [row["stripe_account_status"] for row in rows("users") if row["stripe_account_status"]]

    assert sorted(words) == ["active", "pending", "restricted"]


def test_a_transaction_is_what_a_booking_cost_in_all_and_its_splits_sum_to_it():
    make_share_policy(percent=60)
    booking = make_shared(price=10_000)
    payment = Payment.objects.get()

    [row] = rows("transactions")

    assert booking.line is not None
    assert row == {
        "id": booking.line.pk, "enrollment_id": booking.pk, "amount_cents": 10_000,
        "stripe_payment_id": payment.reference, "stripe_charge_id": None, "transfer_group": str(payment.pk),
        "status": "completed", "paid_at": payment.paid_at, "created_at": booking.line.order.created_at,
    }  # fmt: skip
    splits = rows("payment_splits", transaction_id=row["id"])
    assert sum(split["amount_cents"] for split in splits) == row["amount_cents"]
    assert {split["enrollment_id"] for split in splits} == {booking.pk}


def test_what_a_wallet_paid_is_a_transaction_without_a_payment_and_what_is_free_is_none():
    member = make_member()
    make_top_up(member, 2_500)
    booking = make_booking(make_session(price=2_000), member)
    make_booking(make_session(price=0), member)

    [row] = rows("transactions")

    order = Order.objects.get(lines=booking.line)
    assert (row["id"], row["amount_cents"], row["status"]) == (order.lines.get().pk, 2_000, "completed")
    assert (row["stripe_payment_id"], row["transfer_group"], row["paid_at"]) == (None, None, order.settled_at)


def test_a_payment_by_hand_has_no_name_at_stripe_and_neither_has_an_open_page():
    booking = make_manual(make_coach())
    [by_hand] = rows("transactions")
    assert (by_hand["stripe_payment_id"], by_hand["transfer_group"], by_hand["status"]) == (None, None, "pending")

    Payment.objects.update(provider="stripe", reference="cs_1")
    [on_the_page] = rows("transactions")
    Payment.objects.update(reference="pi_1")

    [paid] = rows("transactions")
    assert (on_the_page["stripe_payment_id"], paid["stripe_payment_id"]) == (None, "pi_1")
    assert paid["transfer_group"] == str(Payment.objects.get(order_id=booking.line.order_id).pk)


def test_the_payment_that_paid_counts_and_not_the_tries_before_it():
    booking = make_booking(make_session(), make_member(), card=DECLINED)
    assert booking.line is not None
    for number, state in enumerate(("succeeded", "failed")):
        Payment.objects.create(
            payer=booking.booked_by, order_id=booking.line.order_id, provider="sandbox", amount=10_000, currency="EUR",
            description="Again", state=state, reference=f"ref-{number}",
            paid_at=timezone.now() if state == "succeeded" else None,
        )  # fmt: skip

    [row] = rows("transactions")

    assert row["stripe_payment_id"] == "ref-0"


def test_every_state_of_an_order_has_the_source_s_word():
    booking, words = make_booking(make_session(), make_member(), card=DECLINED), {}
    for state in Order.State.values:
        Order.objects.update(state=state, settled_at=None if state == Order.State.OPEN else timezone.now())
        words[state] = status_of(booking)
    assert words == {"open": "pending", "paid": "completed", "void": "failed"}

    # The money came after the seat was gone, and became credit.
    Payment.objects.update(state="succeeded", paid_at=timezone.now())
    assert status_of(booking) == "refunded"


def test_a_transaction_is_refunded_when_all_of_it_came_back():
    whole, half = make_booking(make_session(), make_member()), make_booking(make_session(), make_member())

    cancel_booking(whole, by=whole.booked_by)
    Line.objects.filter(pk=half.line.pk).update(refunded_percent=50, refunded_at=timezone.now())

    assert (status_of(whole), status_of(half)) == ("refunded", "completed")


def test_a_royalty_is_its_creators_and_the_rest_a_student_teachers():
    create_split_rule(
        name="Made by another", business_percent=15, creator_percent=15, teacher_percent=70, taught_by="other",
        by=make_admin(),
    )  # fmt: skip
    creator, teacher = make_coach(), make_coach()
    session = make_session(teacher, price=10_000)
    edit_session(session, by=make_admin(), creator=creator)

    make_booking(session, make_member())

    assert {row["recipient_type"]: (row["recipient_id"], row["amount_cents"]) for row in rows("payment_splits")} == {
        "platform": (None, 1_500), "creator_royalty": (creator.pk, 1_500), "student_teacher": (teacher.pk, 7_000),
    }  # fmt: skip


def test_a_split_is_pending_until_what_was_sold_has_taken_place():
    booking = make_shared()
    before = {row["recipient_type"]: row for row in rows("payment_splits")}
    set_times(
        Session.objects.all(),
        starts_at=timezone.now() - timedelta(hours=3),
        ends_at=timezone.now() - timedelta(hours=2),
    )

    complete_session(booking.session, by=make_admin())

    after = {row["recipient_type"]: row for row in rows("payment_splits")}
    split, order = Split.objects.get(part="creator"), Order.objects.get()
    assert after["creator"] == {
        "id": split.pk, "enrollment_id": booking.pk, "transaction_id": booking.line.pk,
        "recipient_id": booking.session.coach_id, "recipient_type": "creator", "amount_cents": 8_500,
        "percentage": 85, "stripe_transfer_id": None, "status": "paid", "created_at": split.created_at,
        "paid_at": split.earned_at,
    }  # fmt: skip
    assert (before["creator"]["status"], before["creator"]["paid_at"]) == ("pending", None)
    assert before["platform"]["recipient_id"] is None
    assert (before["platform"]["status"], before["platform"]["paid_at"]) == ("paid", order.settled_at)


def test_a_split_is_reversed_when_all_of_it_went_back_or_nothing_was_bought():
    given_back, in_part, not_bought = make_shared(), make_shared(), make_shared(card=DECLINED)

    cancel_booking(given_back, by=given_back.booked_by)
    Split.objects.filter(line=in_part.line, part="creator").update(reversed=100)
    Order.objects.filter(lines=not_bought.line).update(state="void", settled_at=timezone.now())

    assert {row["status"] for row in rows("payment_splits", enrollment_id=given_back.pk)} == {"reversed"}
    assert {row["status"] for row in rows("payment_splits", enrollment_id=in_part.pk)} == {"paid", "pending"}
    found = rows("payment_splits", enrollment_id=not_bought.pk)
    assert [(row["status"], row["paid_at"]) for row in found] == [("reversed", None)] * 2


def test_every_part_has_the_source_s_word_and_who_teaches_what_another_made_is_a_student_teacher():
    line, other, words = make_shared().line, make_member(), {}
    assert line is not None
    for part in Split.Part.values:
        split = Split.objects.filter(line=line, part=part).first() or Split.objects.create(
            line=line, part=part, recipient=other, percent=0, amount=0, id=new_id()
        )
        [row] = rows("payment_splits", id=split.pk)
        words[part] = row["recipient_type"]

    assert words == {
        "business": "platform", "creator": "creator", "royalty": "creator_royalty", "teacher": "student_teacher",
    }  # fmt: skip
    teachers = [row["id"] for row in rows("users") if row["is_student_teacher"]]
    assert teachers == [other.pk]


def test_a_payout_of_earnings_says_who_approved_it_and_one_of_a_wallet_is_not_here():
    coach, admin = make_coach(), make_admin()
    payout = approve_payout(make_payout(coach, amount=2_050), by=admin)
    make_payout(coach, source="wallet")
    done = mark_payout_done(mark_payout_sent(payout, by=admin), by=admin)

    [row] = rows("payouts")

    assert row == {
        "id": payout.pk, "recipient_id": coach.pk, "amount_cents": 2_050, "stripe_transfer_id": None,
        "status": "completed", "approved_by": admin.pk, "approved_at": payout.approved_at, "paid_at": done.ended_at,
        "created_at": payout.created_at,
    }  # fmt: skip


def test_every_state_of_a_payout_has_the_source_s_word_and_a_transfer_its_name():
    payout, admin, words = make_payout(make_coach()), make_admin(), {}
    for state in Payout.State.values:
        was_sent, is_over = state in ("sent", "done", "failed"), state not in Payout.UNDER_WAY
        Payout.objects.update(
            state=state, approved_by=admin, approved_at=timezone.now(), reference="tr_1" if was_sent else "5YGB",
            sent_at=timezone.now() if was_sent else None, ended_at=timezone.now() if is_over else None,
        )  # fmt: skip
        [row] = rows("payouts", id=payout.pk)
        words[state] = row["status"]
        assert row["stripe_transfer_id"] == ("tr_1" if was_sent else None)
        assert (row["paid_at"] is None) == (state != "done")

    assert words == {
        "asked": "pending", "approved": "processing", "sent": "processing", "done": "completed", "failed": "failed",
        "rejected": "failed", "cancelled": "failed",
    }  # fmt: skip


def test_each_thing_is_one_row():
    make_earnings(make_coach(), 5_000)
    make_shared()
    booking = make_booking(make_session(), make_member())
    member = booking.booked_by
    EmailAddress.objects.create(user=member, email=member.email.upper(), verified=False)
    EmailAddress.objects.filter(user=member).update(verified=True)

    for view, count in (
        ("transactions", Line.objects.count()), ("payment_splits", Split.objects.count()), ("users", None),
    ):  # fmt: skip
        ids = [row["id"] for row in rows(view)]
        assert len(ids) == len(set(ids))
        assert count is None or len(ids) == count
