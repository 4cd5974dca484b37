from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from tenpo.access.actions.accounts import disable_user
from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.core.invariants import find_faults
from tenpo.core.limits import PAYOUTS_TOGETHER_DAYS, PAYOUTS_UNDER_WAY
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.tests.make import ledger_sum
from tenpo.payments.actions.payout_sending import (
    apply_payout_outcome,
    drop_payout_batch,
    finish_payout_batch,
    make_payout_batch,
    mark_payout_done,
    mark_payout_failed,
    mark_payout_sent,
    read_payout_batch,
    send_payout_batch,
)
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout, cancel_payout, reject_payout
from tenpo.payments.models import Payout, PayoutAccount, PayoutBatch
from tenpo.payments.payout_methods.base import PayoutOutcome
from tenpo.payments.tests.make import (
    DETAILS,
    IBANS,
    earnings_left,
    make_approved,
    make_earnings,
    make_owed,
    make_payout,
    make_payout_account,
    make_terms,
    make_wallet_money,
    moved,
)
from tenpo.people.models import Role, User
from tenpo.people.tests.make import make_admin, make_coach, make_member, make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

State = Payout.State


def refused(code: str, act) -> None:
    with pytest.raises(RuleError) as refusal:
        act()
    assert refusal.value.code == code


def test_what_is_asked_for_is_held_and_the_rest_stays():
    make_terms(fee=50)
    mia = make_coach()
    make_earnings(mia, 5_000)

    payout = ask_for_payout(make_payout_account(mia), source="earnings", amount=2_000, by=mia)

    assert (payout.state, payout.amount, payout.fee, payout.sent_amount) == (State.ASKED, 2_000, 50, 1_950)
    assert earnings_left(mia) == 3_000
    assert ledger_sum(Account.Kind.PAYOUTS) == 2_000
    assert moved(payout) == {"payout_hold": 2_000}
    assert OutboxMessage.objects.filter(name="payout.asked", subject_id=payout.pk).exists()


def test_a_wallet_is_paid_out_the_same_way():
    make_terms()
    mia = make_member()
    make_wallet_money(mia, 3_000)

    payout = ask_for_payout(make_payout_account(mia), source="wallet", amount=3_000, by=mia)

    hold = Transfer.objects.get(subject_id=payout.pk)
    assert hold.debit.kind == Account.Kind.WALLET
    assert hold.debit.balance == 0


@pytest.mark.parametrize(
    ("terms", "amount", "source", "code"),
    [
        ({}, 5_001, "earnings", "insufficient_funds"),
        ({}, 1_000, "wallet", "insufficient_funds"),
        ({"minimum": 3_000}, 2_999, "earnings", "below_minimum"),
        ({"pays_wallets": False}, 1_000, "wallet", "wallet_not_paid_out"),
    ],
)
def test_what_is_refused_moves_nothing(terms, amount, source, code):
    make_terms(**terms)
    mia = make_coach()
    make_earnings(mia, 5_000)
    account = make_payout_account(mia)

    refused(code, lambda: ask_for_payout(account, source=source, amount=amount, by=mia))

    assert earnings_left(mia) == 5_000
    assert not Payout.objects.exists()


def test_the_smallest_payout_is_the_minimum_and_all_of_it_may_go():
    make_terms(minimum=3_000)
    mia = make_coach()
    make_earnings(mia, 3_000)

    assert ask_for_payout(make_payout_account(mia), source="earnings", amount=3_000, by=mia).state == State.ASKED


def test_only_its_owner_asks_for_a_payout_and_only_while_they_may_sign_in():
    make_terms()
    mia = make_coach()
    account = make_payout_account(mia)
    make_earnings(mia, 5_000)

    with pytest.raises(PermissionDenied):
        ask_for_payout(account, source="earnings", amount=1_000, by=make_admin())
    disable_user(mia, by=make_admin())
    with pytest.raises(PermissionDenied):
        ask_for_payout(account, source="earnings", amount=1_000, by=User.objects.get(pk=mia.pk))


def test_there_is_an_end_to_how_many_are_under_way():
    mia = make_coach()
    for _ in range(PAYOUTS_UNDER_WAY):
        make_payout(mia, amount=100)

    refused("too_many_payouts", lambda: make_payout(mia, amount=100))


def test_what_is_owed_is_given_back_first_and_once():
    make_terms()
    mia = make_coach()
    account = make_payout_account(mia)
    make_earnings(mia, 5_000)
    make_owed(mia, 1_200)

    refused("insufficient_funds", lambda: ask_for_payout(account, source="earnings", amount=3_801, by=mia))
    first = ask_for_payout(account, source="earnings", amount=2_000, by=mia)
    second = ask_for_payout(account, source="earnings", amount=1_800, by=mia)

    assert (first.settled, second.settled) == (1_200, 0)
    assert moved(first) == {"clawback_settle": 1_200, "payout_hold": 2_000}
    assert earnings_left(mia) == 0


def test_what_was_given_back_stays_given_back_when_the_payout_is_not_made():
    make_terms()
    mia = make_coach()
    make_earnings(mia, 5_000)
    make_owed(mia, 1_200)
    account = make_payout_account(mia)

    cancel_payout(ask_for_payout(account, source="earnings", amount=1_000, by=mia), by=mia)
    again = ask_for_payout(account, source="earnings", amount=3_800, by=mia)

    assert again.settled == 0
    assert earnings_left(mia) == 0


def test_a_wallet_gives_back_nothing_that_was_earned():
    make_terms()
    mia = make_member()
    make_wallet_money(mia, 3_000)
    make_owed(mia, 1_000)

    assert ask_for_payout(make_payout_account(mia), source="wallet", amount=3_000, by=mia).settled == 0


def test_somebody_else_approves():
    payout = make_payout(make_user(roles=(Role.ADMIN, Role.COACH)))

    with pytest.raises(PermissionDenied):
        approve_payout(payout, by=payout.payee)
    with pytest.raises(PermissionDenied):
        approve_payout(payout, by=make_coach())
    admin = make_admin()
    approved = approve_payout(payout, by=admin)
    again = approve_payout(payout, by=admin)

    assert (approved.state, again.state) == (State.APPROVED, State.APPROVED)
    assert approved.approved_by == admin
    assert AuditLog.objects.filter(action="payout.approved").count() == 1
    refused("not_asked", lambda: approve_payout(payout, by=make_admin()))


def test_a_large_one_is_approved_by_two():
    make_terms(second_amount=10_000)
    small, large = make_payout(make_coach(), amount=9_999), make_payout(make_coach(), amount=10_000)
    ada, bea = make_admin(), make_admin()

    first = [approve_payout(payout, by=ada).state for payout in (small, large)]
    again = approve_payout(large, by=ada)
    second = approve_payout(large, by=bea)

    assert first == [State.APPROVED, State.ASKED]
    assert again.state == State.ASKED
    assert (second.state, second.approved_by, second.seconded_by) == (State.APPROVED, ada, bea)


def test_a_lower_bar_meanwhile_does_not_let_it_out_with_one():
    make_terms(second_amount=10_000)
    payout = make_payout(make_coach(), amount=10_000)
    make_terms(second_amount=None)

    assert approve_payout(payout, by=make_admin()).state == State.ASKED


def approved_twice(mia: User, first: int, second: int) -> Payout:
    """One admin approves a payout, and then another one of the same payee."""
    admin = make_admin()
    approve_payout(make_payout(mia, amount=first), by=admin)
    return approve_payout(make_payout(mia, amount=second), by=admin)


@pytest.mark.parametrize(("second", "state"), [(3_999, State.APPROVED), (4_000, State.ASKED)])
def test_what_one_admin_approved_for_somebody_lately_counts_with_the_next(second, state):
    make_terms(second_amount=10_000)
    mia = make_coach()

    payout = approved_twice(mia, 6_000, second)

    assert (payout.state, payout.needs_second) == (state, state == State.ASKED)
    if payout.needs_second:
        assert approve_payout(payout, by=make_admin()).state == State.APPROVED
    # What two approved counts no more, and what somebody else got never does.
    small = approve_payout(make_payout(mia, amount=100), by=make_admin())
    assert small.state == (State.APPROVED if state == State.ASKED else State.ASKED)
    assert approve_payout(make_payout(make_coach(), amount=9_000), by=make_admin()).state == State.APPROVED


@pytest.mark.parametrize(("seconds", "state"), [(0, State.APPROVED), (-1, State.ASKED)])
def test_it_counts_for_seven_days(seconds, state):
    make_terms(second_amount=10_000)
    mia, now = make_coach(), timezone.now()
    approve_payout(make_payout(mia, amount=6_000), by=make_admin())
    payout = make_payout(mia, amount=4_000)
    Payout.objects.filter(state=State.APPROVED).update(approved_at=now)

    with time_machine.travel(now + timedelta(days=PAYOUTS_TOGETHER_DAYS, seconds=seconds), tick=False):
        assert approve_payout(payout, by=make_admin()).state == state


@pytest.mark.parametrize("end", ["rejected", "failed", "rejected after its file was taken"])
def test_it_counts_whatever_an_admin_says_of_it_since(end):
    make_terms(second_amount=10_000)
    mia, admin = make_coach(), make_admin()
    has_file = end.endswith("taken")
    first = approve_payout(make_payout(mia, amount=6_000, method="sepa" if has_file else "manual"), by=admin)
    if has_file:
        batch = make_payout_batch("sepa", by=admin)
        read_payout_batch(batch, by=admin)
        drop_payout_batch(batch, by=admin, taken_at=PayoutBatch.objects.get().read_at)
    if end == "failed":
        mark_payout_failed(mark_payout_sent(first, by=admin), word="", by=admin)
    else:
        reject_payout(first, word="Later.", by=admin)

    again = approve_payout(make_payout(mia, amount=4_000), by=admin)

    assert (again.state, again.needs_second) == (State.ASKED, True)
    assert approve_payout(again, by=make_admin()).state == State.APPROVED


def test_what_was_never_approved_does_not_count():
    make_terms(second_amount=10_000)
    mia, admin = make_coach(), make_admin()
    reject_payout(make_payout(mia, amount=6_000), word="Later.", by=admin)
    cancel_payout(make_payout(mia, amount=6_000), by=mia)

    assert approve_payout(make_payout(mia, amount=4_000), by=admin).state == State.APPROVED


@pytest.mark.parametrize("is_approved", [False, True])
def test_a_rejected_one_gives_back_what_it_held_with_a_word(is_approved):
    mia = make_coach()
    payout = make_payout(mia)
    if is_approved:
        approve_payout(payout, by=make_admin())
    admin = make_admin()

    rejected = reject_payout(payout, word=" Please  add your BIC. ", by=admin)
    again = reject_payout(payout, word="Another word", by=admin)

    assert (rejected.state, rejected.word, again.word) == (State.REJECTED, "Please add your BIC.", rejected.word)
    assert earnings_left(mia) == 2_000
    assert moved(payout) == {"payout_hold": 2_000, "payout_release": 2_000}
    with pytest.raises(PermissionDenied):
        reject_payout(payout, word="", by=mia)


def test_whoever_asked_may_take_it_back_until_it_is_approved():
    mia = make_coach()
    payout, approved = make_payout(mia), make_approved(mia)

    with pytest.raises(PermissionDenied):
        cancel_payout(payout, by=make_admin())
    cancelled = cancel_payout(payout, by=mia)
    cancel_payout(payout, by=mia)

    assert cancelled.state == State.CANCELLED
    assert earnings_left(mia) == 2_000
    refused("not_asked", lambda: cancel_payout(approved, by=mia))
    refused("not_asked", lambda: approve_payout(payout, by=make_admin()))


def test_one_that_goes_by_hand_is_marked_sent_and_then_done():
    make_terms(fee=75)
    mia = make_coach()
    payout, admin = make_approved(mia), make_admin()

    sent = mark_payout_sent(payout, by=admin)
    assert find_faults() == []
    done = mark_payout_done(payout, by=admin)
    mark_payout_done(payout, by=admin)

    assert (sent.state, done.state) == (State.SENT, State.DONE)
    assert moved(payout) == {"payout_hold": 2_000, "payout": 1_925, "payout_fee": 75}
    assert ledger_sum(Account.Kind.PROVIDER, "manual") == 1_925
    assert ledger_sum(Account.Kind.PAYOUTS) == 0
    assert PayoutAccount.objects.get(owner=mia).verified_at


def test_one_that_came_back_is_its_payees_again():
    make_terms(fee=75)
    mia = make_coach()
    payout, admin = make_approved(mia), make_admin()
    mark_payout_sent(payout, by=admin)

    failed = mark_payout_failed(payout, word="No such account", by=admin)
    mark_payout_failed(payout, word="", by=admin)

    assert (failed.state, failed.word) == (State.FAILED, "No such account")
    assert earnings_left(mia) == 2_000
    assert not PayoutAccount.objects.get(owner=mia).verified_at
    refused("not_sent", lambda: mark_payout_done(payout, by=admin))


def test_what_came_back_after_it_had_arrived_is_its_payees_again_with_its_fee():
    make_terms(fee=50)
    mia, admin = make_coach(), make_admin()
    payout = make_approved(mia)
    mark_payout_sent(payout, by=admin)
    mark_payout_done(payout, by=admin)
    with pytest.raises(PermissionDenied):
        mark_payout_failed(payout, word="", by=mia)
    assert earnings_left(mia) == 0

    failed = mark_payout_failed(payout, word="The account is closed", by=admin)
    mark_payout_failed(payout, word="", by=admin)

    assert (failed.state, failed.word, earnings_left(mia)) == (State.FAILED, "The account is closed", 2_000)
    back = Transfer.objects.filter(subject_id=payout.pk, kind=Transfer.Kind.PAYOUT_BACK)
    assert sorted(back.values_list("amount", "reverses__kind")) == [(50, "payout_fee"), (1_950, "payout")]
    assert (ledger_sum(Account.Kind.PROVIDER, "manual"), ledger_sum(Account.Kind.PAYOUTS)) == (0, 0)
    assert not PayoutAccount.objects.get(owner=mia).verified_at
    refused("not_sent", lambda: mark_payout_done(payout, by=admin))
    again = make_approved(mia)
    assert (again.state, earnings_left(mia)) == (State.APPROVED, 2_000)


def test_what_is_not_sent_does_not_arrive_and_what_is_not_approved_is_not_sent():
    payout, admin = make_payout(make_coach()), make_admin()

    refused("not_approved", lambda: mark_payout_sent(payout, by=admin))
    refused("not_sent", lambda: mark_payout_done(payout, by=admin))
    refused("not_sent", lambda: mark_payout_failed(payout, word="", by=admin))


def test_nobody_marks_their_own():
    boss = make_user(roles=(Role.ADMIN, Role.COACH))
    payout = make_approved(boss)

    with pytest.raises(PermissionDenied):
        mark_payout_sent(payout, by=boss)
    mark_payout_sent(payout, by=make_admin())
    for mark in (mark_payout_done, lambda one, by: mark_payout_failed(one, word="", by=by)):
        with pytest.raises(PermissionDenied):
            mark(payout, by=boss)


def test_a_batch_takes_what_is_approved_and_leaves_the_rest():
    mia, otto = make_coach("Mia"), make_coach("Otto")
    make_terms(fee=10)
    first, second = make_approved(mia, method="sepa"), make_approved(otto, method="sepa", amount=500)
    others = [make_payout(make_coach(), method="sepa"), make_approved(make_coach())]
    admin = make_admin()

    batch = make_payout_batch("sepa", by=admin)

    assert (batch.count, batch.total) == (2, 1_990 + 490)
    assert list(batch.payouts.order_by("pk")) == [first, second]
    assert not Payout.objects.filter(pk__in=[one.pk for one in others], batch__isnull=False).exists()
    refused("nothing_to_send", lambda: make_payout_batch("sepa", by=admin))
    refused("not_by_hand", lambda: mark_payout_sent(first, by=admin))
    refused("in_a_batch", lambda: reject_payout(first, word="", by=admin))


def test_the_file_of_a_batch_is_the_same_each_time_and_who_read_it_is_known():
    make_approved(make_coach("Jürgen"), method="sepa")
    admin = make_admin()
    batch = make_payout_batch("sepa", by=admin)

    one, two = (read_payout_batch(PayoutBatch.objects.get(pk=batch.pk), by=admin) for _ in range(2))

    assert one == two
    assert IBANS[0] in one.text
    assert "<Nm>Jurgen</Nm>" in one.text
    assert one.name.endswith(".xml")
    assert AuditLog.objects.filter(action="payout_batch.read").count() == 2
    with pytest.raises(PermissionDenied):
        read_payout_batch(batch, by=make_coach())


def test_a_sent_batch_is_on_its_way_and_finished_at_once_but_for_what_came_back():
    payouts = [make_approved(make_coach(), method="sepa") for _ in range(3)]
    admin = make_admin()
    batch = make_payout_batch("sepa", by=admin)

    send_payout_batch(batch, by=admin)
    send_payout_batch(batch, by=make_admin())
    assert {one.state for one in batch.payouts.all()} == {State.SENT}
    assert find_faults() == []
    mark_payout_failed(payouts[0], word="Closed", by=admin)
    finished = finish_payout_batch(batch, by=admin)

    assert finished == 2
    assert finish_payout_batch(batch, by=admin) == 0
    assert [Payout.objects.get(pk=one.pk).state for one in payouts] == [State.FAILED, State.DONE, State.DONE]
    assert AuditLog.objects.filter(action="payout_batch.sent").count() == 1
    refused("already_sent", lambda: drop_payout_batch(batch, by=admin))


def test_an_admin_does_not_finish_their_own_in_a_batch():
    boss = make_user(roles=(Role.ADMIN, Role.COACH))
    own, other = make_approved(boss, method="sepa"), make_approved(make_coach(), method="sepa")
    batch = send_payout_batch(make_payout_batch("sepa", by=boss), by=boss)

    assert finish_payout_batch(batch, by=boss) == 1
    assert [Payout.objects.get(pk=one.pk).state for one in (own, other)] == [State.SENT, State.DONE]


def test_what_stood_in_a_dropped_batch_waits_for_another():
    payout, admin = make_approved(make_coach(), method="sepa"), make_admin()
    batch = make_payout_batch("sepa", by=admin)

    drop_payout_batch(batch, by=admin)
    drop_payout_batch(batch, by=admin)
    refused("dropped", lambda: send_payout_batch(batch, by=admin))
    again = make_payout_batch("sepa", by=admin)

    assert again.payouts.get() == payout


def test_a_file_that_somebody_took_is_dropped_only_by_who_knows_of_it():
    make_approved(make_coach(), method="sepa")
    admin, other = make_admin("Ada"), make_admin()
    batch = make_payout_batch("sepa", by=admin)
    read_payout_batch(batch, by=admin)
    first = PayoutBatch.objects.get().read_at

    refused("taken", lambda: drop_payout_batch(batch, by=other))
    read_payout_batch(batch, by=admin)
    refused("taken", lambda: drop_payout_batch(batch, by=other, taken_at=first))
    assert PayoutBatch.objects.get().payouts.count() == 1

    dropped = drop_payout_batch(batch, by=other, taken_at=PayoutBatch.objects.get().read_at)
    assert (dropped.state, dropped.read_by) == ("dropped", admin)


def test_nothing_is_approved_for_whoever_is_disabled():
    payout, admin = make_payout(make_coach()), make_admin()
    disable_user(payout.payee, by=admin)

    refused("payee_disabled", lambda: approve_payout(payout, by=admin))
    page = signed_in(admin).get(f"/money/payouts/{payout.pk}/").content.decode()

    assert "This account is disabled" in page
    assert 'value="approve"' not in page
    assert reject_payout(payout, word="", by=admin).state == State.REJECTED


def test_coins_leave_by_a_list_of_checked_addresses():
    payout = make_approved(make_coach("Mia"), method="crypto", amount=1_250)
    admin = make_admin()

    file = read_payout_batch(make_payout_batch("crypto", by=admin), by=admin)

    header, row = file.text.lstrip("\ufeff").splitlines()
    assert header == "network,address,name,amount,currency,reference"
    assert row == f"ethereum,{DETAILS['crypto']['address']},Mia,12.50,EUR,{payout.pk.hex}"


@pytest.mark.parametrize("method", ["manual", "paypal", "post"])
def test_what_leaves_by_no_file_makes_none(method):
    make_terms()

    refused("method_not_offered", lambda: make_payout_batch(method, by=make_admin()))


def test_what_a_method_says_counts_once_and_only_while_it_is_on_its_way():
    payout = make_approved(make_coach())
    done, failed = PayoutOutcome(State.DONE, "ref-1", cost=25), PayoutOutcome(State.FAILED, failure_code="closed")

    assert apply_payout_outcome(payout, done).state == State.APPROVED
    mark_payout_sent(payout, by=make_admin())
    assert apply_payout_outcome(payout, PayoutOutcome(State.SENT, "ref-1")).reference == "ref-1"
    assert apply_payout_outcome(payout, done).state == State.DONE
    assert apply_payout_outcome(payout, failed).state == State.DONE
    assert moved(payout) == {"payout_hold": 2_000, "payout": 2_000, "fee": 25}


def test_everybody_sees_their_own_and_admins_all():
    mine, other = make_payout(make_coach()), make_payout(make_coach())

    assert set(Payout.objects.visible_to(mine.payee)) == {mine}
    assert set(Payout.objects.visible_to(make_admin())) == {mine, other}
    assert timezone.now() - mine.created_at < timedelta(minutes=5)
