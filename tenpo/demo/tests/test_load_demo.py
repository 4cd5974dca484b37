"""The demo as a whole: it loads, and every rule holds in what it made."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from tenpo.access.actions.api_clients import authenticate_key
from tenpo.core.invariants import find_faults
from tenpo.core.models import OutboxMessage
from tenpo.core.words import last_whole_day
from tenpo.demo import plot
from tenpo.demo.actions import accounts, load_demo
from tenpo.notify.models import Delivery, Notification
from tenpo.orders.models import Order, Split
from tenpo.payments.models import Dispute, Payment, Refund
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.models import Invite, User
from tenpo.reporting.queries import coverage
from tenpo.runtime import env, postgres
from tenpo.schedule.availability_queries import zone_of
from tenpo.schedule.models import Booking, CalendarConnection, OutsideEvent, Session, SessionCoach, TimeOff
from tenpo.web.queries.attention import attention_for
from tenpo.web.queries.today import day_of, teaching_of

pytestmark = [pytest.mark.django_db(transaction=True)]

# What must not be after the times were moved; each question finds it.
NEVER = {
    "attendance before the start": """
        SELECT b.id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE b.state IN ('attended', 'no_show') AND s.starts_at > now()""",
    "a booking after the start": """
        SELECT b.id FROM schedule_booking b JOIN schedule_session s ON s.id = b.session_id
        WHERE b.created_at > s.starts_at OR b.confirmed_at > s.starts_at""",
    "a payment before its order, or money before its payment": """
        SELECT p.id FROM payments_payment p JOIN orders_order o ON o.id = p.order_id
        WHERE p.created_at < o.created_at - interval '1 second' OR p.paid_at < p.created_at - interval '1 second'""",
    "money moved on another day than it was paid": """
        SELECT p.id FROM payments_payment p JOIN ledger_transfer t ON t.key = 'payment:' || p.id
        WHERE abs(extract(epoch FROM t.created_at - p.paid_at)) > 60""",
    "a notification told before it happened, or read before it was told": """
        SELECT n.id FROM notify_notification n WHERE n.created_at > now() OR n.read_at < n.created_at""",
    "a notification of a session at another time than the session's": """
        SELECT n.id FROM notify_notification n JOIN schedule_session s ON s.id::text = n.payload ->> 'session_id'
        WHERE (n.payload ->> 'starts_at')::timestamptz <> s.starts_at AND s.version = 0""",
    "an audit record of another time than the session's": """
        SELECT a.id FROM audit_auditlog a JOIN schedule_session s ON s.id = a.object_id
        WHERE a.action = 'session.created' AND (a.after ->> 'starts_at')::timestamptz <> s.starts_at
            AND s.version = 0""",
    "a session planned after it began": """
        SELECT id FROM schedule_session WHERE created_at > starts_at""",
    "two policies at once": """
        SELECT a.id FROM orders_sharepolicy a JOIN orders_sharepolicy b ON a.id < b.id
            AND coalesce(a.coach_id, a.id) = coalesce(b.coach_id, a.id) AND (a.coach_id IS NULL) = (b.coach_id IS NULL)
        WHERE tstzrange(a.active_from, a.active_until) && tstzrange(b.active_from, b.active_until)""",
    "a review before the session's end": """
        SELECT r.id FROM schedule_sessionreview r JOIN schedule_session s ON s.id = r.session_id
        WHERE r.created_at < s.ends_at""",
    "a job that is left over": "SELECT id FROM procrastinate_jobs",
}


def rows(question: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall())


def owner_url() -> str:
    return postgres.url(env.data_dir(), postgres.OWNER, database=connection.settings_dict["NAME"])


def test_the_demo_is_a_business_that_lives_and_every_rule_holds(mailoutbox: list[Any], settings: Any):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    told: list[tuple[int, int]] = []

    load_demo(owner=owner_url(), progress=lambda done, total, what: told.append((done, total)))

    assert {what: rows(question) for what, question in NEVER.items()} == {what: [] for what in NEVER}
    assert find_faults() == []
    assert mailoutbox == []
    assert told[0][0] == 0
    assert told[-1] == (told[-1][1], told[-1][1])
    _check_history()
    _check_wallets()
    _check_today()
    _check_accounts()


def _check_history() -> None:
    now = timezone.now()
    first = Session.objects.order_by("starts_at")[0]
    assert timedelta(weeks=10) < now - first.starts_at < timedelta(weeks=13)
    assert Session.objects.order_by("-starts_at")[0].starts_at - now > timedelta(weeks=4)
    assert User.objects.count() > 60
    weeks = {b.created_at.isocalendar().week for b in Booking.objects.all()}
    assert len(weeks) >= 11
    assert set(Session.objects.values_list("status", flat=True)) == set(Session.Status.values)
    assert set(Booking.objects.values_list("state", flat=True)) == set(Booking.State.values)
    assert set(Order.objects.values_list("state", flat=True)) == set(Order.State.values)
    reached = set(Payment.objects.values_list("state", flat=True))
    assert reached >= {"needs_action", "pending", "unknown", "succeeded", "failed"}
    # What was sent back has arrived by now: the sandbox's bank takes ten seconds.
    assert set(Refund.objects.values_list("state", flat=True)) >= {"asked", "done", "failed", "rejected", "withdrawn"}
    assert set(Dispute.objects.values_list("state", flat=True)) == {"open", "lost"}
    # What one made and another teaches is earned by both.
    assert set(Split.objects.exclude(earned_at=None).values_list("part", flat=True)) == {
        "creator",
        "royalty",
        "teacher",
    }
    assert {invite.state() for invite in Invite.objects.all()} == set(Invite.State)
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.SENT}
    assert not OutboxMessage.objects.filter(delivered_at=None).exists()
    assert set(CalendarConnection.objects.values_list("state", flat=True)) == {"active", "off"}
    assert not any(one.is_silent or one.is_asked(timezone.now()) for one in CalendarConnection.objects.all())
    assert OutsideEvent.objects.count() > 50
    _check_reports()


# Columns without a value: what Tenpo does not know yet, and what takes a provider that no demo has.
UNFILLED = {
    "youth_sports": """
        User.phone_number User.resetTokenExpiresAt Trainer.photos Trainer.additionalSources Trainer.external
        Trainer.stripe_account_id Payment.event_id Payment.event_ticket_id Refund.ticket_id
        Session.google_event_id SessionDetails.sessions_remaining
        google_calendar_integrations.id google_calendar_integrations.userId
        google_calendar_integrations.email google_calendar_integrations.expiryDate google_calendar_integrations.isActive
    """,
    "pay_per_minute": """
        users.onboarding_completed wallets.average_minute_cost withdrawals.paypal_email withdrawals.crypto_address
    """,
    "peer_learning": """
        users.handle users.avatar_url users.teaching_philosophy users.website users.marketing_opt_out
        users.stripe_account_id users.stripe_account_status transactions.stripe_charge_id
        payment_splits.stripe_transfer_id payouts.stripe_transfer_id
        session_resources.course_id sessions.plugnmeet_room_id sessions.plugnmeet_room_sid
        intro_sessions.course_id
    """,
}


def _check_reports() -> None:
    """Every column that can hold a value does in some row."""
    found = coverage()
    unfilled = {entry.source: set(entry.unfilled) for entry in found if entry.unfilled}
    assert unfilled == {source: set(columns.split()) for source, columns in UNFILLED.items()}
    for entry in found:
        assert entry.filled == entry.columns[0] - len(entry.unfilled) - len(entry.withheld)
    assert [entry.filled for entry in found if entry.source == "company_coaching"] == [43]


def _check_wallets() -> None:
    """One that was filled by itself some times, and one whose card did not pay, which was switched off and told so."""
    settings = {one.user.name: one for one in AutoTopUp.objects.select_related("user")}
    works, blocked = (settings[name] for name in plot.FILLED_BY_THEMSELVES)
    filled = Payment.objects.filter(is_automatic=True, payer=works.user)
    assert works.is_on
    assert filled.filter(state="succeeded").count() > 2
    assert (blocked.is_on, blocked.failed_times, blocked.failure_code) == (False, 4, "card_declined")
    assert Notification.objects.filter(user=blocked.user, kind="auto_top_up.switched_off").exists()


def _check_today() -> None:
    # A family waits together.
    assert Booking.objects.filter(party__isnull=False, state="waitlisted").count() == 3
    admin, _admin, maya, _jonas, lena, tomas, ifeoma = (
        User.objects.with_roles().get(email=account["email"]) for account in accounts()
    )
    assert {thing.kind for thing in day_of(lena).waiting} >= {"offer", "transfer"}
    assert "pay" in {thing.kind for thing in day_of(tomas).waiting}
    assert "confirm" in {thing.kind for thing in day_of(ifeoma).waiting}
    assert day_of(lena).next is not None
    assert day_of(lena).credit > 0
    assert Notification.objects.visible_to(lena).unread().exists()
    teaching = teaching_of(maya)
    assert teaching.today or teaching.week
    assert teaching.unmarked
    assert teaching.requests
    assert Booking.objects.filter(session__is_private=True, state="confirmed").count() > 5
    assert Booking.objects.filter(session__is_private=True, state="offered").exists()
    assert SessionCoach.objects.filter(stands_in_for__isnull=False).exists()
    away = TimeOff.objects.select_related("coach").get(stand_in__isnull=False)
    assert last_whole_day(away.starts_at, away.ends_at, zone=ZoneInfo(zone_of(away.coach))) is not None
    assert Session.objects.filter(is_private=False, status="planned", is_together=True).exists()
    assert Session.objects.filter(is_private=True, status="planned", version__gt=0).exists()
    weekly = Booking.objects.filter(session__is_private=True, session__series__isnull=False, state="confirmed")
    assert weekly.filter(booked_by=ifeoma).count() > 4
    asked = Booking.objects.filter(awaits_approval=True, state="held").values("session").annotate(people=Count("id"))
    assert asked.filter(people=3).exists()
    attention = attention_for(admin)
    assert attention.unmarked_payments
    assert attention.wanted_sessions
    assert attention.empty_sessions
    assert attention.expiring_invites
    assert not attention.dead_deliveries


def _check_accounts() -> None:
    assert [account["role"] for account in accounts()] == ["admin"] * 2 + ["coach"] * 2 + ["member"] * 3
    for account in accounts():
        user = User.objects.get(email=account["email"])
        assert len(account["password"]) >= 12
        assert user.check_password(account["password"])
        found = authenticate_key(account["api_key"])
        assert found is not None
        assert found[0] == user


def test_a_demo_that_breaks_leaves_an_empty_installation(monkeypatch: pytest.MonkeyPatch):
    def stop(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plot, "create_cancellation_policy", stop)

    with pytest.raises(KeyboardInterrupt):
        load_demo(owner=owner_url())

    assert not User.objects.exists()
    assert rows("SELECT 1 FROM audit_auditlog UNION ALL SELECT 1 FROM procrastinate_jobs") == []
