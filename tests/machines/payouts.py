"""A part of the money machine: what leaves to people, from what they earned or have in their wallet."""

from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenpo.payments.actions import payout_accounts, payout_sending, payouts
from tenpo.payments.tests.make import BANK, DETAILS
from tests.machines import money_nouns as nouns
from tests.machines.auto_top_ups import SelfFillingMachine
from tests.machines.money import MANY, admins, anybody, somebody, which
from tests.machines.money_nouns import ADMINS, COACHES

terms = st.builds(
    nouns.Terms,
    minimum=st.sampled_from([1, 1, 100, 700]),
    fee=st.sampled_from([0, 0, 99]),
    second=st.sampled_from([None, None, 2_000]),
    pays_wallets=st.sampled_from([True, True, True, False]),
    has_bank=st.sampled_from([True, True, True, False]),
)


class PayingMachine(SelfFillingMachine):
    def __init__(self) -> None:
        super().__init__()
        self.change_terms(self.model.terms, by=ADMINS[0])

    @rule(terms=terms, by=admins)
    def change_terms(self, terms: nouns.Terms, by: int) -> None:
        bank = BANK if terms.has_bank else dict.fromkeys(BANK, "")
        said = {name: getattr(terms, name) for name in ("minimum", "fee", "pays_wallets")}
        self.both(
            partial(self.model.change_terms, replace(terms), by=by),
            lambda: payout_accounts.update_payout_terms(by=self.people[by], second_amount=terms.second, **said, **bank),
        )

    @rule(owner=anybody, times=st.sampled_from([1, 3]), by=somebody)
    def add_accounts(self, owner: int, times: int, by: int | None) -> None:
        for method in ("sepa", "manual", "sepa")[:times]:
            self.add_account(owner, method, by)

    @rule(owner=anybody, method=st.sampled_from(["manual", "sepa", "sepa"]), by=somebody)
    def add_account(self, owner: int, method: str, by: int | None) -> None:
        who = owner if by is None else by
        self.do(
            partial(self.model.add_account, owner, method, by=who),
            lambda: payout_accounts.add_payout_account(
                self.people[owner], method=method, holder="Somebody", details=DETAILS[method], by=self.people[who]
            ),
        )

    @precondition(lambda self: self.model.accounts)
    @rule(which=which, by=somebody)
    def remove_account(self, which: int, by: int | None) -> None:
        """And ask once more for what it would have got."""
        account, row = self._pick("accounts", which, lambda account: not account.is_removed)
        who = account.owner if by is None else by
        self.do(
            partial(self.model.remove_account, account, by=who),
            lambda: payout_accounts.remove_payout_account(row, by=self.people[who]),
        )
        self._ask(account, "wallet", "all", account.owner)

    @precondition(lambda self: self.model.accounts)
    @rule(
        which=which,
        source=st.sampled_from(["earnings", "wallet"]),
        part=st.sampled_from(["all", "half", "all", "more", "1"]),
        by=somebody,
    )
    def ask(self, which: int, source: str, part: str, by: int | None) -> None:
        account, _row = self._pick("accounts", which, lambda account: True)
        self._ask(account, source, part, account.owner if by is None else by)

    def _ask(self, account: nouns.Account, source: str, part: str, by: int) -> None:
        row = self.rows.row("accounts", self.model.accounts.index(account))
        there = self.model.of[source, account.owner]
        left = max(1, there + (self.model.of["owed", account.owner] if source == "earnings" else 0))
        amount = {"all": left, "half": max(1, left // 2), "more": left + 1, "1": 1}[part]
        self.do(
            partial(self.model.ask, account, source=source, amount=amount, by=by),
            lambda: payouts.ask_for_payout(row, source=source, amount=amount, by=self.people[by]),
        )

    @precondition(lambda self: self.model.payouts)
    @rule(
        which=which,
        by=admins,
        act=st.sampled_from(["approve", "approve", "sent", "sent", "done", "done", "reject", "failed", "cancel"]),
    )
    def decide_payout(self, which: int, by: int, act: str) -> None:
        payout, _row = self._pick("payouts", which, lambda payout: payout.state in nouns.UNDER_WAY)
        self._decide(payout, payout.payee if act == "cancel" and by in ADMINS else by, act)

    def _decide(self, payout: nouns.Payout, by: int, act: str) -> None:
        row, who = self.rows.row("payouts", self.model.payouts.index(payout)), self.people[by]
        predicted, done = {
            "approve": (self.model.approve, lambda: payouts.approve_payout(row, by=who)),
            "reject": (self.model.reject, lambda: payouts.reject_payout(row, word="Not now", by=who)),
            "cancel": (self.model.cancel_payout, lambda: payouts.cancel_payout(row, by=who)),
            "sent": (self.model.mark_sent, lambda: payout_sending.mark_payout_sent(row, by=who)),
            "done": (self.model.mark_done, lambda: payout_sending.mark_payout_done(row, by=who)),
            "failed": (self.model.mark_failed, lambda: payout_sending.mark_payout_failed(row, word="", by=who)),
        }[act]
        self.do(partial(predicted, payout, by=by), done)

    @rule(
        who=anybody,
        method=st.sampled_from(["manual", "manual", "sepa"]),
        part=st.sampled_from(["all", "all", "half", "more"]),
        times=st.sampled_from([1, 1, 1, 3]),
        ends=st.sampled_from(["asked", "approved", "sent", "done", "failed", "failed", "reject", "cancel", "hasty"]),
    )
    def pay_out(self, who: int, method: str, part: str, times: int, ends: str) -> None:
        """What a coach earned, or anybody else has in their wallet, goes as far as it is said."""
        source = self._fill(who)
        account = self._account(who, method)
        known = len(self.model.payouts)
        for _ in range(times if account else 0):
            self._ask(account, source, part, who)
        for payout in self.model.payouts[known:]:
            for admin in ADMINS if ends not in ("asked", "cancel", "hasty") else ():
                self._decide(payout, admin, "approve")
            # Who is hasty sends what nobody has approved.
            acts = {"done": ["sent", "done"], "failed": ["sent", "failed"], "hasty": ["sent", "failed"]}
            for act in acts.get(ends, [ends]):
                if act not in ("asked", "approved"):
                    self._decide(payout, who if act == "cancel" else ADMINS[0], act)

    @rule(who=anybody, times=st.sampled_from([1, 3]), by=somebody)
    def think_better_of_it(self, who: int, times: int, by: int | None) -> None:
        source, known = self._fill(who), len(self.model.payouts)
        account = self._account(who, "manual")
        for _ in range(times if account else 0):
            self._ask(account, source, "half", who)
        for payout in self.model.payouts[known:]:
            self._decide(payout, who if by is None else by, "cancel")

    @rule(
        people=st.lists(anybody, min_size=1, max_size=2, unique=True),
        acts=st.lists(st.sampled_from(["send", "drop", "finish", "make", "send", "reject"]), min_size=2, max_size=4),
    )
    def pay_out_by_file(self, people: list[int], acts: list[str]) -> None:
        """What some people have is approved, and leaves by a file, or does not."""
        for who in people:
            source = self._fill(who)
            if account := self._account(who, "sepa"):
                self._ask(account, source, "all", who)
        for payout in [payout for payout in self.model.payouts if payout.state == "asked"]:
            for admin in ADMINS:
                self._decide(payout, admin, "approve")
            self._decide(payout, ADMINS[0], "sent")
        self.make_batch(ADMINS[0], "sepa")
        self.they_agree()
        for act in acts:
            if act == "make":
                self.make_batch(ADMINS[1], "sepa")
            elif act == "reject" and self.model.payouts:
                self._decide(self.model.payouts[-1], ADMINS[0], "reject")
            elif self.model.batches and act != "reject":
                self.work_on_batch(0, ADMINS[0], act)
            self.they_agree()
        if self.model.batches:
            self.work_on_batch(5, ADMINS[1], "send")

    def _fill(self, who: int) -> str:
        """Where somebody has money that can be paid out, if they can have any."""
        if who in COACHES:
            if self.model.of["earnings", who] < 1_000 and len(self.model.sessions) < MANY:
                self._teach(who, 3_000, "succeeds")
            return "earnings"
        if self.model.of["wallet", who] < 1_000:
            self._top_up(who, 9_999, "sandbox", "succeeds")
        return "wallet"

    def _account(self, who: int, method: str) -> Any:
        """An account of theirs for a method, if they have one or can add it."""

        def known() -> list[nouns.Account]:
            theirs = [account for account in self.model.accounts if account.owner == who and not account.is_removed]
            return [account for account in theirs if account.method == method]

        if not known():
            self.add_account(who, method, None)
        return next(iter(known()), None)

    @rule(by=admins, method=st.sampled_from(["sepa", "sepa", "sepa", "manual"]))
    def make_batch(self, by: int, method: str) -> None:
        self.both(
            partial(self.model.make_batch, method, by=by),
            lambda: payout_sending.make_payout_batch(method, by=self.people[by]),
        )

    @precondition(lambda self: self.model.batches)
    @rule(which=which, by=admins, act=st.sampled_from(["send", "drop", "finish"]))
    def work_on_batch(self, which: int, by: int, act: str) -> None:
        batch, row = self._pick("batches", which, lambda batch: batch.state != "dropped" or which > 2)
        predicted, done = {
            "send": (self.model.send_batch, payout_sending.send_payout_batch),
            "drop": (self.model.drop_batch, payout_sending.drop_payout_batch),
            "finish": (self.model.finish_batch, payout_sending.finish_payout_batch),
        }[act]
        self.both(partial(predicted, batch, by=by), partial(done, row, by=self.people[by]))
