"""Many ask, approve, cancel and send at the same moment; each guard has a control without it."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from tenpo.audit.models import AuditLog
from tenpo.ledger.models import Transfer
from tenpo.payments.actions import payout_sending, payouts
from tenpo.payments.actions.payout_accounts import remove_payout_account
from tenpo.payments.actions.payout_sending import make_payout_batch, mark_payout_done, mark_payout_failed
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout, cancel_payout
from tenpo.payments.models import Payout, PayoutBatch
from tenpo.payments.tests.make import (
    earnings_left,
    make_approved,
    make_earnings,
    make_owed,
    make_payout,
    make_payout_account,
    make_terms,
)
from tenpo.people.tests.make import make_admin, make_coach
from tests.at_once import at_once, meet_after, outcomes, without_constraint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

ASKERS = 20


def ask_twenty_times() -> tuple[Any, Counter[str]]:
    """Twenty payouts at once, of a balance that is enough for eight."""
    make_terms()
    mia = make_coach()
    make_earnings(mia, 8_000)
    account = make_payout_account(mia)
    asked = at_once([lambda: ask_for_payout(account, source="earnings", amount=1_000, by=mia)] * ASKERS)
    return mia, outcomes(asked)


def test_twenty_payouts_at_once_never_take_more_than_is_there():
    mia, found = ask_twenty_times()

    assert found == {"asked": 8, "insufficient_funds": 12}
    assert earnings_left(mia) == 0


@pytest.mark.control
def test_control_without_the_ledgers_guard_they_do():
    with without_constraint("ledger_account", "account_never_below_zero"):
        mia, found = ask_twenty_times()

    assert found == {"asked": ASKERS}
    assert earnings_left(mia) == 8_000 - ASKERS * 1_000


def settle_at_once(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> int:
    """Two payouts at once of somebody who owes; how much was given back in all."""
    make_terms()
    mia = make_coach()
    make_earnings(mia, 10_000)
    make_owed(mia, 500)
    account = make_payout_account(mia)
    if not is_locked:
        meet_after(monkeypatch, payouts, "owed_by", 2)
        monkeypatch.setattr(payouts, "lock_user", lambda user: user)
    at_once([lambda: ask_for_payout(account, source="earnings", amount=1_000, by=mia)] * 2)
    return sum(Transfer.objects.filter(kind="clawback_settle").values_list("amount", flat=True))


def test_what_is_owed_is_given_back_once_however_many_ask(monkeypatch):
    assert settle_at_once(monkeypatch, is_locked=True) == 500


@pytest.mark.control
def test_control_without_the_payees_row_it_is_given_back_twice(monkeypatch):
    assert settle_at_once(monkeypatch, is_locked=False) == 1_000


def unlocked(payout: Payout) -> Payout:
    return Payout.objects.select_related("account").get(pk=payout.pk)


def together(
    monkeypatch: pytest.MonkeyPatch, works: list[Any], *, is_locked: bool, module: Any = payouts
) -> Counter[str]:
    if not is_locked:
        monkeypatch.setattr(module, "lock_payout", unlocked)
        meet_after(monkeypatch, module, "lock_payout", len(works))
        monkeypatch.setattr(payouts, "_lock_with_others", lambda payout: (vars(payouts)["lock_payout"](payout), []))
    return outcomes(at_once(works))


def approve_two(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> Counter[str]:
    """One admin each approves one of two payouts to one person, which are large together."""
    make_terms(second_amount=3_000)
    mia = make_coach()
    both = [make_payout(mia, amount=2_000) for _one in range(2)]
    if not is_locked:

        def unlocked_both(payout: Payout) -> tuple[Payout, list[Payout]]:
            others = Payout.objects.filter(payee=payout.payee_id).exclude(pk=payout.pk)
            return unlocked(payout), list(others)

        monkeypatch.setattr(payouts, "_lock_with_others", unlocked_both)
        meet_after(monkeypatch, payouts, "_lock_with_others", 2)
    admins = [make_admin() for _one in both]
    works = [partial(approve_payout, one, by=admin) for one, admin in zip(both, admins, strict=True)]
    return outcomes(at_once(works))


def test_of_two_at_once_that_are_large_together_one_waits_for_a_second_admin(monkeypatch):
    assert approve_two(monkeypatch, is_locked=True) == {"approved": 1, "asked": 1}


@pytest.mark.control
def test_control_without_the_others_rows_both_go_out_with_one_admin_each(monkeypatch):
    assert approve_two(monkeypatch, is_locked=False) == {"approved": 2}


def approve_and_cancel(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> tuple[Payout, Counter[str]]:
    payout, admin = make_payout(make_coach()), make_admin()
    works = [lambda: approve_payout(payout, by=admin), lambda: cancel_payout(payout, by=payout.payee)]
    return payout, together(monkeypatch, works, is_locked=is_locked)


def test_approved_and_cancelled_at_once_it_is_one_of_them(monkeypatch):
    payout, found = approve_and_cancel(monkeypatch, is_locked=True)

    payout.refresh_from_db()
    assert found == {payout.state: 1, "not_asked": 1}
    assert payout.state in (Payout.State.APPROVED, Payout.State.CANCELLED)


@pytest.mark.control
def test_control_without_the_row_it_is_both(monkeypatch):
    _payout, found = approve_and_cancel(monkeypatch, is_locked=False)

    assert found["not_asked"] == 0
    assert Transfer.objects.filter(kind="payout_release").exists()


def approve_twice(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> Counter[str]:
    payout, ada, bea = make_payout(make_coach()), make_admin(), make_admin()
    works = [lambda: approve_payout(payout, by=ada), lambda: approve_payout(payout, by=bea)]
    return together(monkeypatch, works, is_locked=is_locked)


def test_approved_by_two_at_once_it_is_approved_once(monkeypatch):
    assert approve_twice(monkeypatch, is_locked=True) == {"approved": 1, "not_asked": 1}


@pytest.mark.control
def test_control_without_the_row_it_is_approved_twice(monkeypatch):
    assert approve_twice(monkeypatch, is_locked=False) == {"approved": 2}


def done_and_failed(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> tuple[Counter[str], list[str]]:
    payout, ada, bea = make_approved(make_coach()), make_admin(), make_admin()
    payout_sending.mark_payout_sent(payout, by=ada)
    works = [lambda: mark_payout_done(payout, by=ada), lambda: mark_payout_failed(payout, word="", by=bea)]
    found = together(monkeypatch, works, is_locked=is_locked, module=payout_sending)
    kinds = ["payout", "payout_back", "payout_release"]
    return found, sorted(Transfer.objects.filter(kind__in=kinds).values_list("kind", flat=True))


def test_done_and_failed_at_once_it_came_back_before_or_after_it_arrived(monkeypatch):
    found, moved = done_and_failed(monkeypatch, is_locked=True)

    # Whoever comes second reads what the first one said: what arrived may come back; what came back does not arrive.
    came_back_first = ({"failed": 1, "not_sent": 1}, ["payout_release"])
    arrived_first = ({"done": 1, "failed": 1}, ["payout", "payout_back", "payout_release"])
    assert (found, moved) in (came_back_first, arrived_first)


@pytest.mark.control
def test_control_without_the_row_what_was_held_leaves_twice(monkeypatch):
    _found, moved = done_and_failed(monkeypatch, is_locked=False)

    assert moved == ["payout", "payout_release"]


def make_files_at_once(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> tuple[int, Counter[str]]:
    """Two admins make a file of the same payouts: in how many files they stand."""
    for _ in range(2):
        make_approved(make_coach(), method="sepa")
    ada, bea = make_admin(), make_admin()
    if not is_locked:
        queryset = type(Payout.objects.all())
        monkeypatch.setattr(queryset, "select_for_update", lambda rows, **_how: rows)
        meet_after(monkeypatch, payout_sending, "new_id", 2)
    found = outcomes(at_once([lambda: make_payout_batch("sepa", by=ada), lambda: make_payout_batch("sepa", by=bea)]))
    return sum(batch.document.count("<EndToEndId>") for batch in PayoutBatch.objects.all()), found


def test_two_files_at_once_name_each_payout_once(monkeypatch):
    named, found = make_files_at_once(monkeypatch, is_locked=True)

    assert found == {"made": 1, "nothing_to_send": 1}
    assert named == 2


@pytest.mark.control
def test_control_without_their_rows_both_files_name_them(monkeypatch):
    named, _found = make_files_at_once(monkeypatch, is_locked=False)

    assert named == 4


def send_batch_at_once(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> int:
    """Two admins say that the bank has the same file; how often it is said to have left."""
    make_approved(make_coach(), method="sepa")
    ada, bea = make_admin(), make_admin()
    batch = make_payout_batch("sepa", by=ada)
    if not is_locked:
        monkeypatch.setattr(payout_sending, "_lock_batch", lambda one: PayoutBatch.objects.get(pk=one.pk))
        meet_after(monkeypatch, payout_sending, "_lock_batch", 2)
    at_once([partial(payout_sending.send_payout_batch, batch, by=who) for who in (ada, bea)])
    return AuditLog.objects.filter(action="payout_batch.sent", object_id=batch.pk).count()


def test_a_batch_that_two_send_at_once_leaves_once(monkeypatch):
    assert send_batch_at_once(monkeypatch, is_locked=True) == 1


@pytest.mark.control
def test_control_without_the_batchs_row_it_leaves_twice(monkeypatch):
    assert send_batch_at_once(monkeypatch, is_locked=False) == 2


def test_an_account_is_not_removed_under_a_payout():
    make_terms()
    mia = make_coach()
    make_earnings(mia, 1_000)
    account = make_payout_account(mia)

    found = outcomes(
        at_once(
            [
                lambda: ask_for_payout(account, source="earnings", amount=1_000, by=mia),
                lambda: remove_payout_account(account, by=mia),
            ]
        )
    )

    assert found["payout_under_way"] + found["account_disabled"] == 1


def test_nobody_waits_for_ever():
    """A payout and an approval by its payee of another's, crosswise: two admins who approve each other's."""
    boss, other = (make_admin() for _ in range(2))
    mine, theirs = make_payout(boss), make_payout(other)

    found = outcomes(at_once([lambda: approve_payout(theirs, by=boss), lambda: approve_payout(mine, by=other)]))

    assert found == {"approved": 2}
