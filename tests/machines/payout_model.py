"""The rules of what leaves to people, in plain Python: asked for, held, approved by others, sent, and what then."""

from datetime import datetime

from tests.machines.dispute_model import RULES as DISPUTE_RULES
from tests.machines.dispute_model import Disputes
from tests.machines.machine import Refused
from tests.machines.money_nouns import (
    ACCOUNTS_KEPT,
    ADMINS,
    APPROVALS_COUNT_FOR,
    NEW_ACCOUNT_WAITS,
    PAYOUTS_UNDER_WAY,
    UNDER_WAY,
    Account,
    Batch,
    Payout,
    Terms,
)
from tests.machines.refund_model import CODES as REFUND_CODES
from tests.machines.refund_model import RULES as REFUND_RULES
from tests.machines.split_model import CODES as SPLIT_CODES
from tests.machines.split_model import RULES as SPLIT_RULES
from tests.machines.sponsor_model import CODES as SPONSOR_CODES
from tests.machines.sponsor_model import RULES as SPONSOR_RULES
from tests.machines.top_up_model import CODES as TOP_UP_CODES
from tests.machines.top_up_model import RULES as TOP_UP_RULES

# What must come of it in some run of the machine: each of these rules done, and a refusal with each of these codes.
RULES = (
    *DISPUTE_RULES, *REFUND_RULES, *SPLIT_RULES, *SPONSOR_RULES, *TOP_UP_RULES,
    "give_money", "take_back_grant", "plan_session", "book", "decide", "mark_paid", "reconcile", "cancel",
    "cancel_session", "release_lapsed", "complete_session", "complete_past_sessions",
    "change_terms", "add_account", "remove_account", "ask", "approve", "reject",
    "cancel_payout", "mark_sent", "mark_done", "mark_failed", "make_batch", "send_batch", "drop_batch", "finish_batch",
)  # fmt: skip
CODES = (
    *REFUND_CODES, *SPLIT_CODES, *SPONSOR_CODES, *TOP_UP_CODES,
    "account_disabled", "account_too_new", "already_booked", "already_sent", "below_minimum", "completed", "dropped",
    "ends_too_early", "forbidden", "grant_spent", "in_a_batch", "insufficient_funds", "invalid", "method_not_offered",
    "not_approved", "not_asked", "not_by_hand", "not_manual", "not_over", "not_planned", "not_sent", "nothing_to_send",
    "over", "own_payment", "own_wallet", "participant_elsewhere", "payment_needed", "payout_under_way", "price_changed",
    "started", "starts_in_past", "too_many_payout_accounts", "too_many_payouts", "wallet_not_paid_out",
)  # fmt: skip


class Business(Disputes):
    """Everything that can be compared with Tenpo, and all rules that change it."""

    def __init__(self, now: datetime, terms: Terms) -> None:
        super().__init__(now)
        self.terms = terms
        self.accounts: list[Account] = []
        self.payouts: list[Payout] = []
        self.batches: list[Batch] = []

    def change_terms(self, terms: Terms, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if terms.fee >= terms.minimum:
            raise Refused("invalid")
        self.terms = terms

    # Ways to be paid

    def add_account(self, owner: int, method: str, *, by: int) -> None:
        """The first one can be paid to at once, a further one after two days."""
        if by != owner:
            raise Refused("forbidden")
        if not self._offers(method):
            raise Refused("method_not_offered")
        known = [account for account in self.accounts if account.owner == owner]
        if sum(not account.is_removed for account in known) >= ACCOUNTS_KEPT:
            raise Refused("too_many_payout_accounts")
        usable_from = self.now + NEW_ACCOUNT_WAITS if known else self.now
        self.accounts.append(Account(owner, method, usable_from))

    def remove_account(self, account: Account, *, by: int) -> None:
        if by not in (account.owner, *ADMINS):
            raise Refused("forbidden")
        if account.is_removed:
            return
        if any(payout.account is account and payout.state in UNDER_WAY for payout in self.payouts):
            raise Refused("payout_under_way")
        account.is_removed = True

    def _offers(self, method: str) -> bool:
        return method == "manual" or self.terms.has_bank

    # One payout

    def ask(self, account: Account, *, source: str, amount: int, by: int) -> None:
        """It is held at once; what is owed of earlier earnings is given back before, and stays so."""
        if by != account.owner:
            raise Refused("forbidden")
        if account.is_removed:
            raise Refused("account_disabled")
        if account.usable_from > self.now:
            raise Refused("account_too_new")
        if not self._offers(account.method):
            raise Refused("method_not_offered")
        if source == "wallet" and not self.terms.pays_wallets:
            raise Refused("wallet_not_paid_out")
        if amount < self.terms.minimum:
            raise Refused("below_minimum")
        if sum(payout.payee == by and payout.state in UNDER_WAY for payout in self.payouts) >= PAYOUTS_UNDER_WAY:
            raise Refused("too_many_payouts")
        owed = -self.of["owed", by] if source == "earnings" else 0
        if self.of[source, by] < amount + owed:
            raise Refused("insufficient_funds")
        self.of[source, by] -= owed
        self.of["owed", by] += owed
        self._to(source, by, -amount, side="payouts")
        self.payouts.append(Payout(account, source, amount, self.terms.fee, owed, self._is_large(amount)))

    def approve(self, payout: Payout, *, by: int) -> None:
        self._check_decides(payout, by)
        if by in payout.approved_by:
            return
        self._check_asked(payout)
        if not payout.approved_by and self._is_large(payout.amount + self._approved_alone(payout)):
            payout.needs_second = True
        payout.approved_by.append(by)
        if not payout.needs_second or len(payout.approved_by) == 2:
            payout.state, payout.approved_at = "approved", self.now

    def _is_large(self, amount: int) -> bool:
        return self.terms.second is not None and amount >= self.terms.second

    def _approved_alone(self, payout: Payout) -> int:
        """What one admin alone approved for the same payee lately, whatever was said of it since."""
        since = self.now - APPROVALS_COUNT_FOR
        others = (one for one in self.payouts if one is not payout and one.payee == payout.payee)
        return sum(
            one.amount for one in others if one.approved_at and one.approved_at > since and len(one.approved_by) == 1
        )

    def reject(self, payout: Payout, *, by: int) -> None:
        self._check_decides(payout, by)
        if payout.state == "rejected":
            return
        if payout.state not in ("asked", "approved"):
            raise Refused("not_asked")
        if payout.batch is not None:
            raise Refused("in_a_batch")
        self._come_back(payout, "rejected")

    def cancel_payout(self, payout: Payout, *, by: int) -> None:
        if by != payout.payee:
            raise Refused("forbidden")
        if payout.state != "cancelled":
            self._check_asked(payout)
            self._come_back(payout, "cancelled")

    def mark_sent(self, payout: Payout, *, by: int) -> None:
        self._check_decides(payout, by)
        if payout.account.method != "manual":
            raise Refused("not_by_hand")
        if payout.state == "sent":
            return
        if payout.state != "approved":
            raise Refused("not_approved")
        payout.state = "sent"

    def mark_done(self, payout: Payout, *, by: int) -> None:
        self._check_sent(payout, by, but="done")
        if payout.state != "done":
            self._arrive(payout)

    def mark_failed(self, payout: Payout, *, by: int) -> None:
        self._check_sent(payout, by, but="failed")
        if payout.state != "failed":
            self._come_back(payout, "failed")

    def _arrive(self, payout: Payout) -> None:
        payout.state = "done"
        self._flow("payouts", payout.account.method, payout.amount - payout.fee)
        self._flow("payouts", "fees", payout.fee)

    def _come_back(self, payout: Payout, state: str) -> None:
        payout.state = state
        self._to(payout.source, payout.payee, payout.amount, side="payouts")

    def _check_decides(self, payout: Payout, by: int) -> None:
        if by not in ADMINS or by == payout.payee:
            raise Refused("forbidden")

    def _check_asked(self, payout: Payout) -> None:
        if payout.state != "asked":
            raise Refused("not_asked")

    def _check_sent(self, payout: Payout, by: int, *, but: str) -> None:
        self._check_decides(payout, by)
        if payout.state not in ("sent", but):
            raise Refused("not_sent")

    # Many by one file

    def make_batch(self, method: str, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if method != "sepa" or not self._offers(method):
            raise Refused("method_not_offered")
        waiting = [p for p in self.payouts if p.state == "approved" and p.account.method == method and p.batch is None]
        if not waiting:
            raise Refused("nothing_to_send")
        batch = Batch(len(waiting), sum(payout.amount - payout.fee for payout in waiting))
        self.batches.append(batch)
        for payout in waiting:
            payout.batch = batch

    def send_batch(self, batch: Batch, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if batch.state == "dropped":
            raise Refused("dropped")
        for payout in self._of(batch, "approved") if batch.state == "made" else []:
            payout.state = "sent"
        batch.state = "sent"

    def drop_batch(self, batch: Batch, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if batch.state == "sent":
            raise Refused("already_sent")
        for payout in self._of(batch, "approved"):
            payout.batch = None
        batch.state = "dropped"

    def finish_batch(self, batch: Batch, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        for payout in self._of(batch, "sent"):
            if payout.payee != by:
                self._arrive(payout)

    def _of(self, batch: Batch, state: str) -> list[Payout]:
        return [payout for payout in self.payouts if payout.batch is batch and payout.state == state]
