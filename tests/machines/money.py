"""Most of the money machine: members, admins and coaches fill wallets, buy, earn and are paid out, in any order.

What goes back after it was sold stands in `refunds`. A new rule is one method here (what is done to both) and one in
the model (what must come of it), which lists it. Seats, waitlists and shares of the company are the booking machine's.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tenpo.checkout.actions import buying, settling, topping_up
from tenpo.core.business import forget_business
from tenpo.core.models import Business as BusinessRow
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.orders.actions import splits
from tenpo.orders.models import SplitRule
from tenpo.orders.tests.make import make_cancellation_policy, make_share_policy
from tenpo.payments.actions import payout_accounts, payout_sending, payouts, wallets
from tenpo.payments.actions.refunds import update_refund_terms
from tenpo.payments.models import SandboxCharge
from tenpo.payments.providers.sandbox import REFUND_FAILS, REFUNDS_LATE
from tenpo.payments.tests.make import BANK, DETAILS
from tenpo.people.models import Role
from tenpo.schedule.actions import cancellations, seats, sessions
from tests.machines import money_nouns as nouns
from tests.machines.booking import CARDS as BOOKING_CARDS
from tests.machines.booking import WINDOWS
from tests.machines.booking_nouns import HOLD, Windows
from tests.machines.booking_rows import newest
from tests.machines.machine import START, Machine, make_people
from tests.machines.money_nouns import ADMINS, COACHES, EVERYBODY, MEMBERS
from tests.machines.money_rows import Rows, expected_of
from tests.machines.money_stories import STORIES
from tests.machines.payout_model import CODES, RULES, Business

CARDS = {**BOOKING_CARDS, "back late": REFUNDS_LATE, "not back": REFUND_FAILS}
# Sessions of one run: every step reads all of them.
MANY = 10

members = st.sampled_from(MEMBERS)
anybody = st.sampled_from(EVERYBODY)
coaches = st.sampled_from(COACHES)
# Mostly an admin, now and then somebody who is none.
admins = st.sampled_from([*ADMINS * 4, MEMBERS[0], COACHES[0]])
# Mostly who may, now and then anybody.
somebody = st.sampled_from([*[None] * 18, *EVERYBODY])
cards = st.sampled_from(
    ["succeeds", "succeeds", "succeeds", "declined", "asks", "late", "silent", "back late", "not back"]
)
# Counted from the newest, so that small numbers are what matters most.
which = st.integers(0, 5)
prices = st.sampled_from([0, 1, 999, 3_000, 10_001])
windows = st.sampled_from(WINDOWS)
shares = st.sampled_from([(15, 85, 0), (15, 15, 70), (33, 33, 34), (0, 100, 0), (100, 0, 0), (10, 10, 10)])
terms = st.builds(
    nouns.Terms,
    minimum=st.sampled_from([1, 1, 100, 700]),
    fee=st.sampled_from([0, 0, 99]),
    second=st.sampled_from([None, None, 2_000]),
    pays_wallets=st.sampled_from([True, True, True, False]),
    has_bank=st.sampled_from([True, True, True, False]),
)


class SellingMachine(Machine):
    runs = 90
    steps_of_a_run = 12
    rows: Rows  # read anew after each step

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, int] = {}
        self.people = make_people(
            *(None for _ in MEMBERS), *(Role.ADMIN for _ in ADMINS), *(Role.COACH for _ in COACHES)
        )
        make_account_to_pay_to()
        BusinessRow.objects.update(
            top_up_least=nouns.TOP_UP_LEAST, top_up_most=nouns.TOP_UP_MOST, wallet_most=nouns.WALLET_MOST,
            hold_minutes=HOLD // timedelta(minutes=1),
        )  # fmt: skip
        forget_business()
        self.windows = {windows: make_cancellation_policy(*windows) for windows in WINDOWS}
        make_share_policy(percent=nouns.COMPANY_PERCENT, coach=self.people[nouns.SPONSORED])
        update_refund_terms(by=None, ask_days=nouns.ASK_DAYS)
        self.split_rules: list[SplitRule] = []
        first = nouns.Terms(minimum=100, fee=0, second=None)
        self.model = Business(START, first)
        self.change_terms(first, by=ADMINS[0])

    @classmethod
    def outcomes(cls) -> set[str]:
        return {*RULES, *CODES}

    def found(self) -> dict[str, Any]:
        self.rows = Rows(self.seen)
        return self.rows.found(self.people)

    def expected(self) -> dict[str, Any]:
        return expected_of(self.model)

    def do(self, predicted: partial[Any], done: Callable[[], Any]) -> None:
        """One step of several that a rule takes: the next one finds what this one left."""
        self.both(predicted, done)
        self.they_agree()

    # What is there at first

    @initialize(
        percents=shares,
        coach=st.sampled_from([None, *COACHES]),
        amount=st.sampled_from([500, 3_000, 20_000, 499, 20_001]),
        story=st.sampled_from(list(STORIES)),
    )
    def begin(self, percents: tuple[int, int, int], coach: int | None, amount: int, story: str) -> None:
        self.they_agree()
        self.decide_split_rule(ADMINS[0], coach, "", 100, percents, 0, None)
        self.they_agree()
        for member in MEMBERS:
            self._top_up(member, amount, "sandbox", "succeeds")
        for name, said in STORIES[story]:
            getattr(self, name)(**said)
            self.they_agree()

    # Time

    @rule(by=st.sampled_from([timedelta(minutes=2), timedelta(minutes=16), timedelta(hours=5), timedelta(hours=50)]))
    def wait(self, by: timedelta) -> None:
        self._move_to(self.clock.now + by)

    def _move_to(self, at: datetime) -> None:
        self.clock.move_to(at)
        self.model.now = at

    # Wallets

    @rule(
        owner=anybody,
        amount=st.sampled_from([500, 1_000, 9_999, 20_000, 20_000, 499, 20_001]),
        way=st.one_of(
            st.tuples(st.just("sandbox"), cards), st.sampled_from([("transfer", ""), ("transfer", ""), ("", "")])
        ),
    )
    def top_up(self, owner: int, amount: int, way: tuple[str, str]) -> None:
        self._top_up(owner, amount, *way)

    def _top_up(self, owner: int, amount: int, provider: str, card: str) -> None:
        who = self.people[owner]
        self.do(
            partial(self.model.top_up, owner, amount=amount, provider=provider, card=card),
            lambda: topping_up.top_up(who, amount=amount, provider=provider, source=CARDS.get(card, ""), by=who),
        )

    @precondition(lambda self: any(payment.at_bank for payment in self.model.payments))
    @rule(which=which, succeeds=st.booleans())
    def bank_decides(self, which: int, succeeds: bool) -> None:
        payment, row = self._pick("payments", which, lambda payment: payment.at_bank in ("needs_action", "processing"))
        if charge := SandboxCharge.objects.filter(key=str(row.pk)).first():
            self.both(
                partial(self.model.decide, payment, succeeds=succeeds),
                lambda: settling.decide_sandbox_charge(charge.pk, succeeds=succeeds),
            )

    @rule(which=which, by=admins)
    def mark_paid(self, which: int, by: int) -> None:
        """Mostly a transfer."""
        if not any(payment.provider == "transfer" for payment in self.model.payments):
            self._top_up(MEMBERS[0], nouns.TOP_UP_LEAST, "transfer", "")
        payment, row = self._pick(
            "payments", which % 5, lambda payment: (payment.provider == "sandbox") == (which == 5)
        )
        self.both(partial(self.model.mark_paid, payment, by=by), lambda: settling.mark_paid(row, by=self.people[by]))

    @rule(owner=anybody, amount=st.sampled_from([1, 700, 5_000, 0, -1]), by=admins)
    def give_money(self, owner: int, amount: int, by: int) -> None:
        self.both(
            partial(self.model.give_money, owner, amount=amount, by=by),
            lambda: wallets.give_money(self.people[owner], amount=amount, reason="Welcome", by=self.people[by]),
        )

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(owner=members, amount=st.sampled_from([1, 700]), price=prices)
    def take_back_what_may_be_spent(self, owner: int, amount: int, price: int) -> None:
        self.give_money(owner, amount, ADMINS[0])
        self.plan_session(COACHES[0], price, 25, WINDOWS[0])
        self._book(self.model.sessions[-1], owner, "sandbox", "succeeds")
        self.take_back_grant(0, ADMINS[1])

    @precondition(lambda self: self.model.grants)
    @rule(which=which, by=admins)
    def take_back_grant(self, which: int, by: int) -> None:
        grant, row = self._pick("grants", which, lambda grant: not grant.is_back)
        self.both(
            partial(self.model.take_back_grant, grant, by=by),
            lambda: wallets.take_back_grant(row, by=self.people[by]),
        )

    # What is sold

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(coach=coaches, price=prices, starts_in=st.sampled_from([2, 25, 50]), windows=windows)
    def plan_session(self, coach: int, price: int, starts_in: int, windows: Windows) -> None:
        ends = [session.ends_at for session in self.model.sessions if session.coach == coach]
        starts_at = max([*ends, self.clock.now + timedelta(hours=starts_in)])
        self.do(
            partial(self.model.plan_session, nouns.Session(coach, starts_at, price, windows)),
            lambda: sessions.create_session(
                self.people[coach], by=self.people[coach], title="Session", place="Room 1",
                time_zone="Europe/Berlin", starts_at=starts_at, minutes=60, capacity=8, price=price,
                cancellation_policy=self.windows[windows],
            ),
        )  # fmt: skip

    @precondition(lambda self: self.model.sessions)
    @rule(
        which=which,
        by=st.one_of(members, anybody),
        way=st.one_of(st.tuples(st.just("sandbox"), cards), st.just(("", ""))),
        more=st.sampled_from([0, 0, 0, None, 1]),
        uses_wallet=st.sampled_from([True, True, True, False]),
    )
    def book(self, which: int, by: int, way: tuple[str, str], more: int | None, uses_wallet: bool) -> None:
        """The buyer saw what is left to pay, or nothing, or another price."""
        session, _row = self._session(which)
        own = self.model.quote(session, by, uses_wallet=uses_wallet)[2]
        self._book(session, by, *way, agreed=None if more is None else own + more, uses_wallet=uses_wallet)

    def _book(
        self, session: nouns.Session, by: int, provider: str, card: str, *, agreed: int | None = None,
        uses_wallet: bool = True,
    ) -> None:  # fmt: skip
        row, who = self.rows.row("sessions", self.model.sessions.index(session)), self.people[by]
        self.do(
            partial(
                self.model.book, session, by=by, provider=provider, card=card, agreed=agreed, uses_wallet=uses_wallet
            ),
            lambda: buying.book_session(
                row, participant=who.participant, by=who, provider=provider, source=CARDS.get(card, ""),
                agreed=agreed, use_wallet=uses_wallet,
            ),
        )  # fmt: skip

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, by=somebody)
    def cancel(self, which: int, by: int | None) -> None:
        booking, _row = self._pick("bookings", which, lambda booking: booking.state != "cancelled")
        self._cancel(booking, booking.buyer if by is None else by)

    def _cancel(self, booking: nouns.Booking, by: int) -> None:
        row = self.rows.row("bookings", self.model.bookings.index(booking))
        self.do(
            partial(self.model.cancel, booking, by=by),
            lambda: cancellations.cancel_booking(row, by=self.people[by]),
        )

    @precondition(lambda self: self.model.sessions)
    @rule(which=which, by=somebody, took_place=st.booleans())
    def close_session(self, which: int, by: int | None, took_place: bool) -> None:
        session, _row = self._session(which)
        self._close(session, session.coach if by is None else by, took_place=took_place)

    def _close(self, session: nouns.Session, by: int, *, took_place: bool) -> None:
        row = self.rows.row("sessions", self.model.sessions.index(session))
        if took_place:
            predicted = partial(self.model.complete_session, session, by=by)
            self.do(predicted, lambda: sessions.complete_session(row, by=self.people[by]))
        else:
            predicted = partial(self.model.cancel_session, session, by=by)
            self.do(predicted, lambda: cancellations.cancel_session(row, reason="Ill", by=self.people[by]))

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(
        coach=coaches,
        price=prices,
        windows=windows,
        card=cards,
        again=st.booleans(),
        hours=st.sampled_from([1, 25, 49]),
        by=st.sampled_from(["buyer", "coach", "admin", "nobody", "all"]),
    )
    def buy_and_give_up(
        self, coach: int, price: int, windows: Windows, card: str, again: bool, hours: int, by: str
    ) -> None:
        """Everybody wants a session, some of them twice; some hours before it somebody gives up."""
        self.plan_session(coach, price, 50, windows)
        session = self.model.sessions[-1]
        for member in (*MEMBERS, *MEMBERS[:again]):
            # Whoever saw another price sees that first.
            for wrong in (1, 0)[not again :]:
                own = self.model.quote(session, member, uses_wallet=True)[2]
                self._book(session, member, "sandbox", card, agreed=own + wrong)
        if again:
            self._close(session, coach, took_place=True)
        self._move_to(max(self.clock.now, session.starts_at - timedelta(hours=hours)))
        if by == "all":
            self._close(session, coach, took_place=False)
        for booking in self.model.of_session(session)[:1]:
            self._cancel(booking, {"buyer": booking.buyer, "coach": coach, "nobody": MEMBERS[1]}.get(by, ADMINS[0]))

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(coach=coaches, price=prices, card=cards, is_late=st.booleans())
    def teach(self, coach: int, price: int, card: str, is_late: bool) -> None:
        """Everybody buys a session, and it takes place."""
        self._teach(coach, price, card, is_late=is_late)

    def _teach(self, coach: int, price: int, card: str, *, is_late: bool = False) -> nouns.Session:
        self.plan_session(coach, price, 2, WINDOWS[2])
        session = self.model.sessions[-1]
        for member in MEMBERS:
            self._book(session, member, "sandbox", card)
        self._move_to(max(self.clock.now, session.ends_at))
        if not is_late:
            self.run_job("release")
            self.they_agree()
        self._close(session, coach, took_place=True)
        if is_late:
            self._close(session, coach, took_place=False)
        return session

    @rule(
        by=admins,
        coach=st.sampled_from([None, None, *COACHES]),
        taught_by=st.sampled_from(["", "", "creator", "other"]),
        place=st.sampled_from([100, 100, 1]),
        percents=shares,
        starts=st.sampled_from([0, 0, 0, 24, -1]),
        lasts=st.sampled_from([None, None, 48, 0]),
    )
    def decide_split_rule(
        self, by: int, coach: int | None, taught_by: str, place: int, percents: tuple[int, int, int], starts: int,
        lasts: int | None,
    ) -> None:  # fmt: skip
        begins = self.clock.now + timedelta(hours=starts)
        ends = None if lasts is None else begins + timedelta(hours=lasts)
        business, creator, teacher = percents
        wanted = nouns.SplitRule(coach, taught_by, place, percents, begins, ends)
        self.both(
            partial(self.model.decide_split_rule, wanted, by=by),
            lambda: self.split_rules.append(
                splits.create_split_rule(
                    name="Rule", business_percent=business, creator_percent=creator, teacher_percent=teacher,
                    by=self.people[by], coach=None if coach is None else self.people[coach], taught_by=taught_by,
                    place=place, active_from=begins, active_until=ends,
                )
            ),
        )  # fmt: skip

    @precondition(lambda self: self.split_rules)
    @rule(which=which, by=admins)
    def end_split_rule(self, which: int, by: int) -> None:
        index = -1 - which % len(self.split_rules)
        self.both(
            partial(self.model.end_split_rule, self.model.split_rules[index], by=by),
            lambda: splits.end_split_rule(self.split_rules[index], by=self.people[by]),
        )

    @rule(job=st.sampled_from(["release", "reconcile", "complete"]))
    def run_job(self, job: str) -> None:
        predicted, done = {
            "release": (partial(self.model.release_lapsed), seats.release_lapsed_everywhere),
            "reconcile": (partial(self.model.reconcile), settling.reconcile_payments),
            "complete": (partial(self.model.complete_past_sessions), sessions.complete_past_sessions),
        }[job]
        self.both(predicted, done)

    # What is paid out

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

    # Who and what is meant

    def _pick(self, kind: str, which: int, wanted: Callable[[Any], bool]) -> tuple[Any, Any]:
        """Mostly one that is wanted, if there is any; else one of all: as the model knows it, and its row."""
        things = getattr(self.model, kind)
        number = newest([wanted(thing) or which == 5 for thing in things], which)
        return things[number], self.rows.row(kind, number)

    def _session(self, which: int) -> tuple[nouns.Session, Any]:
        return self._pick("sessions", which, lambda session: session.status == "planned")
