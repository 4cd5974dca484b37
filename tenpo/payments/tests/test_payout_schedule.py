from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils import timezone
from structlog.testing import capture_logs

from tenpo.access.actions.accounts import disable_user
from tenpo.ledger.models import Transfer
from tenpo.payments.actions import payout_schedule
from tenpo.payments.actions.payout_schedule import ask_for_due_payouts, period_begins_at
from tenpo.payments.actions.payout_sending import mark_payout_done, mark_payout_failed, mark_payout_sent
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout, cancel_payout, reject_payout
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.tests.make import (
    earnings_left,
    make_earnings,
    make_owed,
    make_payout_account,
    make_terms,
)
from tenpo.people.tests.make import make_admin, make_coach

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def next_period(monkeypatch):
    """As if the week had begun a moment ago: all that was earned until now was earned before it."""

    def begin() -> None:
        now = timezone.now()
        monkeypatch.setattr(payout_schedule, "period_begins_at", lambda *_: now)

    return begin


@pytest.mark.parametrize(
    ("schedule", "now", "began"),
    [
        ("weekly", datetime(2030, 5, 15, 12, tzinfo=UTC), datetime(2030, 5, 13, tzinfo=BERLIN)),
        ("weekly", datetime(2030, 5, 12, 22, tzinfo=UTC), datetime(2030, 5, 13, tzinfo=BERLIN)),
        ("weekly", datetime(2030, 5, 12, 21, 59, tzinfo=UTC), datetime(2030, 5, 6, tzinfo=BERLIN)),
        # The clocks go forward on the last Sunday of March.
        ("weekly", datetime(2030, 4, 2, tzinfo=UTC), datetime(2030, 4, 1, tzinfo=BERLIN)),
        ("monthly", datetime(2030, 3, 31, 22, tzinfo=UTC), datetime(2030, 4, 1, tzinfo=BERLIN)),
        ("monthly", datetime(2030, 4, 30, 21, 59, tzinfo=UTC), datetime(2030, 4, 1, tzinfo=BERLIN)),
    ],
)
def test_a_week_begins_on_monday_and_a_month_on_its_first_where_the_business_is(schedule, now, began):
    assert period_begins_at(PayoutTerms(schedule=schedule), now, BERLIN) == began


def test_without_a_schedule_nobody_is_asked_for(next_period):
    make_terms()
    mia = make_coach()
    make_payout_account(mia)
    make_earnings(mia, 5_000)

    assert ask_for_due_payouts() == 0
    assert not Payout.objects.exists()


def test_what_was_earned_before_is_asked_for_once(next_period):
    make_terms(schedule="weekly", minimum=1_000)
    mia, otto, small = make_coach(), make_coach(), make_coach()
    for coach, amount in ((mia, 5_000), (otto, 1_000), (small, 999)):
        make_payout_account(coach)
        make_earnings(coach, amount)
    next_period()
    make_earnings(mia, 700)

    asked, again = ask_for_due_payouts(), ask_for_due_payouts()

    assert (asked, again) == (2, 0)
    assert {(one.payee, one.amount, one.is_automatic) for one in Payout.objects.all()} == {
        (mia, 5_000, True),
        (otto, 1_000, True),
    }
    assert (earnings_left(mia), earnings_left(small)) == (700, 999)


def test_what_is_owed_is_settled_on_the_way(next_period):
    make_terms(schedule="monthly")
    mia = make_coach()
    make_payout_account(mia)
    make_earnings(mia, 5_000)
    make_owed(mia, 1_500)
    next_period()

    assert ask_for_due_payouts() == 1
    payout = Payout.objects.get()
    assert (payout.amount, payout.settled) == (3_500, 1_500)
    assert Transfer.objects.get(kind="clawback_settle").amount == 1_500


@pytest.mark.parametrize("what", ["taken back", "rejected", "came back"])
def test_what_did_not_leave_is_not_asked_for_again_before_the_next_period(next_period, what):
    """Else its payee could not take it back, and an admin would reject the same once an hour."""
    make_terms(schedule="weekly")
    mia, admin = make_coach(), make_admin()
    account = make_payout_account(mia)
    make_earnings(mia, 5_000)
    next_period()
    assert ask_for_due_payouts() == 1
    payout = Payout.objects.get()

    if what == "taken back":
        cancel_payout(payout, by=mia)
    elif what == "rejected":
        reject_payout(payout, word="Send the invoice first.", by=admin)
    else:
        approve_payout(payout, by=admin)
        mark_payout_sent(payout, by=admin)
        mark_payout_done(payout, by=admin)
        mark_payout_failed(payout, word="", by=admin)

    assert (ask_for_due_payouts(), earnings_left(mia)) == (0, 5_000)
    cancel_payout(ask_for_payout(account, source="earnings", amount=1_000, by=mia), by=mia)
    next_period()
    assert (ask_for_due_payouts(), earnings_left(mia)) == (1, 0)


def test_what_one_took_back_that_one_had_asked_for_is_asked_for_by_itself(next_period):
    make_terms(schedule="weekly")
    mia, otto = make_coach(), make_coach()
    for coach in (mia, otto):
        make_earnings(coach, 5_000)
    make_payout_account(otto)
    account = make_payout_account(mia)
    next_period()
    cancel_payout(ask_for_payout(account, source="earnings", amount=2_000, by=mia), by=mia)

    assert ask_for_due_payouts() == 2


def test_nobody_is_asked_for_without_a_usual_account_that_works(next_period):
    make_terms(schedule="weekly")
    nowhere, new, gone = make_coach(), make_coach(), make_coach()
    make_payout_account(new)
    make_payout_account(new, "sepa", is_usable=False, is_default=True)
    make_payout_account(gone)
    for coach in (nowhere, new, gone):
        make_earnings(coach, 5_000)
    disable_user(gone, by=make_admin())
    next_period()

    assert ask_for_due_payouts() == 0


def test_one_that_is_refused_does_not_keep_the_others_waiting(next_period, monkeypatch):
    make_terms(schedule="weekly", pays_crypto=True)
    mia, otto = make_coach(), make_coach()
    make_payout_account(mia, "crypto")
    make_payout_account(otto)
    for coach in (mia, otto):
        make_earnings(coach, 5_000)
    make_terms(schedule="weekly", pays_crypto=False)
    next_period()

    assert ask_for_due_payouts() == 1
    assert Payout.objects.get().payee == otto


def test_who_is_disabled_meanwhile_does_not_keep_the_others_waiting(next_period, monkeypatch):
    make_terms(schedule="weekly")
    mia, otto = make_coach(), make_coach()
    for coach in (mia, otto):
        make_payout_account(coach)
        make_earnings(coach, 5_000)
    next_period()

    def disabled_before(account: PayoutAccount, **wanted: Any) -> Payout:
        if account.owner_id == mia.pk:
            disable_user(mia, by=make_admin())
        return ask_for_payout(account, **wanted)

    monkeypatch.setattr(payout_schedule, "ask_for_payout", disabled_before)

    assert ask_for_due_payouts() == 1
    assert Payout.objects.get().payee == otto


def test_one_that_goes_wrong_keeps_no_other_waiting_and_is_an_error_of_ours(next_period, monkeypatch):
    make_terms(schedule="weekly")
    coaches = [make_coach() for _ in range(3)]
    for coach in coaches:
        make_payout_account(coach)
        make_earnings(coach, 5_000)
    next_period()

    def breaks(account: PayoutAccount, **wanted: Any) -> Payout:
        if account.owner_id == coaches[1].pk:
            Payout.objects.create(amount=0)  # the database refuses it
        return ask_for_payout(account, **wanted)

    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(payout_schedule, "ask_for_payout", transaction.atomic(breaks))
        assert ask_for_due_payouts() == 2

    assert {one.payee for one in Payout.objects.all()} == {coaches[0], coaches[2]}
    account = PayoutAccount.objects.get(owner=coaches[1])
    [said] = [line for line in logs if line["event"] == "payout_not_asked"]
    assert (said["log_level"], said["row_id"], bool(said["exc_info"])) == ("error", str(account.pk), True)
    # The next run makes up for it.
    assert (ask_for_due_payouts(), earnings_left(coaches[1])) == (1, 0)
