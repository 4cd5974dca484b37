"""The views of source C, table by table."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from babel.core import get_global
from django.db import connection
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.core.money import minor_digits
from tenpo.notify.models import Channel, Delivery, Notification
from tenpo.orders.tests.make import make_cancellation_policy, make_share_policy
from tenpo.people.models import Invite, User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.reporting.queries import coverage
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


rows = partial(view_rows, "company_coaching")


def test_filled_counts_columns_that_hold_a_value():
    before = next(entry for entry in coverage() if entry.source == "company_coaching")
    make_member()

    after = next(entry for entry in coverage() if entry.source == "company_coaching")

    assert before.filled == 0
    assert after.filled == 4  # id, email, role, created_at
    assert "users.disabled_at" in after.unfilled
    assert "users.password_hash" in after.withheld
    assert "users.password_hash" not in after.unfilled


def test_users_have_their_highest_role_and_no_secret():
    admin, coach, member = make_admin(), make_coach(), make_member()
    User.objects.filter(pk=member.pk).update(disabled_at=timezone.now())

    found = {row["id"]: row for row in rows("users")}

    assert [found[user.pk]["role"] for user in (admin, coach, member)] == ["ADMIN", "COACH", "USER"]
    assert {row["password_hash"] for row in found.values()} == {None}
    assert found[member.pk]["disabled_at"] is not None
    assert found[member.pk]["email"] == member.email


def test_invites_say_who_made_them_and_when_they_were_used():
    admin, coach = make_admin(), make_coach()
    now = timezone.now()
    invite = Invite.objects.create(
        role=Invite.Grant.COACH, token_hash="x" * 64, expires_at=now, created_by=admin, accepted_at=now,
        accepted_by=coach,
    )  # fmt: skip

    [row] = rows("invite_tokens")

    assert row == {
        "id": invite.pk,
        "token": None,
        "role_to_assign": "COACH",
        "expires_at": now,
        "consumed_at": now,
        "created_by_admin_id": admin.pk,
    }


def test_a_booking_is_a_subscription_with_its_payment_policy_and_credit():
    policy = make_share_policy(percent=60)
    member = make_member()
    session = make_session(price=5_050, policy=make_cancellation_policy((0, 50)))
    booking = make_booking(session, member)
    assert booking.line is not None

    cancel_booking(booking, by=member)

    [subscription] = rows("subscriptions")
    booking.refresh_from_db()
    assert (subscription["id"], subscription["user_id"], subscription["session_id"]) == (
        booking.pk,
        member.pk,
        session.pk,
    )
    assert subscription["cancelled_at"] == booking.cancelled_at
    assert subscription["subscribed_at"] == booking.line.order.created_at
    [payment] = rows("payments")
    assert (payment["session_id"], payment["policy_id"], payment["amount_paid"]) == (
        session.pk,
        policy.pk,
        Decimal("20.20"),
    )
    [credit] = rows("credits")
    assert (credit["user_id"], credit["source_payment_id"], credit["amount"], credit["consumed_at"]) == (
        member.pk,
        payment["id"],
        Decimal("10.10"),
        None,
    )


def test_a_credit_is_consumed_when_nothing_is_left_and_keeps_its_amount():
    member = make_member()
    first = make_booking(make_session(price=3_000), member)
    cancel_booking(first, by=member)

    make_booking(make_session(price=4_000), member)

    [credit] = rows("credits")
    assert credit["amount"] == Decimal("30.00")
    assert credit["consumed_at"] is not None


def test_a_credit_that_came_back_to_itself_counts_once():
    member = make_member()
    cancel_booking(make_booking(make_session(price=3_000), member), by=member)
    again = make_booking(make_session(price=3_000), member)

    cancel_booking(again, by=member)

    [credit] = rows("credits")
    assert credit["amount"] == Decimal("30.00")
    assert credit["consumed_at"] is None


def test_who_only_waits_has_no_subscription_and_who_did_not_pay_no_payment():
    session = make_session(capacity=1)
    make_booking(session, make_member(), card="4000000000000002")
    waiting = make_member()

    join_waitlist(session, participant=waiting.participant, by=waiting)

    assert [row["user_id"] for row in rows("subscriptions")] != [waiting.pk]
    assert len(rows("subscriptions")) == 1
    assert rows("payments") == []


def test_sessions_spell_their_status_as_the_source_does():
    admin = make_admin()
    session = make_session(price=1_250)

    cancel_session(session, reason="Ill", by=admin)

    [row] = rows("sessions")
    assert (row["status"], row["price"], row["scheduled_at"]) == ("CANCELLED", Decimal("12.50"), session.starts_at)


def test_policies_give_percent_or_amount():
    coach = make_coach()
    share, fixed = make_share_policy(percent=60, cap=4_000), make_share_policy(amount=2_500, coach=coach)

    found = {row["id"]: row for row in rows("payment_policies")}

    assert (found[share.pk]["company_share_percent"], found[share.pk]["company_share_amount"]) == (60, None)
    assert (found[fixed.pk]["company_share_percent"], found[fixed.pk]["company_share_amount"]) == (None, Decimal(25))


def test_a_notification_was_sent_when_the_first_delivery_was():
    member = make_member()
    told = Notification.objects.create(user=member, kind="booking.confirmed", payload={"a": 1}, key="1")
    Notification.objects.create(user=member, kind="booking.cancelled", payload={}, key="2")
    now = timezone.now()
    for channel, at in ((Channel.IN_APP, now), (Channel.EMAIL, now + timedelta(seconds=5))):
        Delivery.objects.create(notification=told, channel=channel, state=Delivery.State.SENT, sent_at=at)

    first, second = rows("notifications")

    assert (first["type"], first["sent_at"]) == ("booking.confirmed", now)
    assert second["sent_at"] is None


def test_major_units_agree_with_how_money_is_shown():
    with connection.cursor() as cursor:
        for currency in [*get_global("currency_fractions"), "EUR", "USD", "INR"]:
            if currency == "DEFAULT":
                continue
            cursor.execute("SELECT reporting_major_units(123456, %s)", [currency])
            digits = minor_digits(currency)
            assert cursor.fetchone() == (Decimal(123456).scaleb(-digits),), currency
