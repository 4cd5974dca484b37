"""A part of the money machine: what was bought goes back, by any way."""

from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenpo.checkout.actions import refunding, settling
from tenpo.payments.actions import refund_sending, refunds
from tenpo.payments.provider_models import SandboxRefund
from tests.machines import money_nouns as nouns
from tests.machines.money import MANY, admins, cards, coaches, prices, somebody, which
from tests.machines.money_nouns import ADMINS, MEMBERS
from tests.machines.payouts import PayingMachine
from tests.machines.refund_model import Bought

places = st.sampled_from(["method", "method", "wallet", "credit"])
parts = st.sampled_from(["all", "all", "half", "third", "1", "more", "0"])
# What is done to one that was given or asked for.
ACTS = ("send", "arrive", "told", "again", "wallet", "credit", "method", "done")


class RefundingMachine(PayingMachine):
    # Given, or asked for

    @rule(
        to=st.sampled_from(["method", "method", "wallet", "credit"]),
        automatic=st.sampled_from([None, None, 400, 5_000, 0]),
        by=admins,
    )
    def decide_refund_terms(self, to: str, automatic: int | None, by: int) -> None:
        self.both(
            partial(self.model.decide_refund_terms, to, automatic, by=by),
            lambda: refunds.update_refund_terms(by=self.people[by], cancellation_to=to, automatic_amount=automatic),
        )

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, part=parts, to=places, by=admins)
    def give_refund(self, which: int, part: str, to: str, by: int) -> None:
        booking, _row = self._pick("bookings", which, lambda booking: booking.is_paid)
        self._give(booking, part, to, by)

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, part=parts, to=places, by=somebody)
    def ask_for_refund(self, which: int, part: str, to: str, by: int | None) -> None:
        booking, _row = self._pick("bookings", which, lambda b: b.is_paid and b.session.starts_at <= self.clock.now)
        self._ask_for(booking, part, to, booking.buyer if by is None else by)

    @precondition(lambda self: self.model.payments)
    @rule(which=which, part=parts, to=st.sampled_from(["method", "method", "method", "wallet"]), by=somebody)
    def refund_top_up(self, which: int, part: str, to: str, by: int | None) -> None:
        """Asked for by whoever topped up, or given by an admin."""
        payment, _row = self._pick("payments", which, lambda payment: payment.is_top_up)
        if by in ADMINS:
            self._give(payment, part, to, by)
        else:
            self._ask_for(payment, part, to, payment.payer if by is None else by)

    def _give(self, bought: Bought, part: str, to: str, by: int) -> None:
        amount, row = self._amount(bought, part), self._row(bought)
        self.do(
            partial(self.model.give_refund, bought, amount=amount, to=to, by=by),
            lambda: refunding.give_refund(**row, amount=amount, to=to, by=self.people[by]),
        )

    def _ask_for(self, bought: Bought, part: str, to: str, by: int) -> None:
        amount, row = self._amount(bought, part), self._row(bought)
        self.do(
            partial(self.model.ask_for_refund, bought, amount=amount, to=to, by=by),
            lambda: refunding.ask_for_refund(**row, amount=amount, to=to, reason="Ill", by=self.people[by]),
        )

    def _amount(self, bought: Bought, part: str) -> int:
        left = sum(self.model.left_of(bought))
        at_least = {"all": left, "half": left // 2, "third": left // 3, "more": left + 1}
        return 0 if part == "0" else max(1, at_least.get(part, 1))

    def _row(self, bought: Bought) -> dict[str, Any]:
        if isinstance(bought, nouns.Booking):
            return {"line": self.rows.row("bookings", self.model.bookings.index(bought)).line}
        return {"payment": self.rows.row("payments", self.model.payments.index(bought))}

    def _give_back_some(self, session: nouns.Session) -> None:
        for booking in self.model.of_session(session)[:1]:
            self._give(booking, "third", "wallet", ADMINS[1])

    # Decided, and sent

    @precondition(lambda self: self.model.refunds)
    @rule(
        which=which,
        act=st.sampled_from(["grant", "grant", "reject", "withdraw"]),
        amount=st.sampled_from(["all", "half", "more"]),
        to=st.sampled_from([None, None, "wallet", "method"]),
        by=somebody,
    )
    def decide_refund(self, which: int, act: str, amount: str, to: str | None, by: int | None) -> None:
        refund, _row = self._pick("refunds", which, lambda refund: refund.state == "asked")
        self._decide_refund(refund, act, by, amount=amount, to=to)

    def _decide_refund(
        self, refund: nouns.Refund, act: str, by: int | None, *, amount: str = "all", to: str | None = None
    ) -> None:
        row = self.rows.row("refunds", self.model.refunds.index(refund))
        who = by if by is not None else refund.user if act == "withdraw" else ADMINS[refund.user == ADMINS[0]]
        granted = {"all": refund.asked, "half": max(1, refund.asked // 2), "more": refund.asked + 1}[amount]
        place, person = to or refund.to, self.people[who]
        predicted, done = {
            "grant": (
                partial(self.model.grant_refund, refund, amount=granted, to=place, by=who),
                lambda: refunding.grant_refund(row, amount=granted, to=to, by=person),
            ),
            "reject": (
                partial(self.model.reject_refund, refund, by=who),
                lambda: refunds.reject_refund(row, word="No", by=person),
            ),
            "withdraw": (
                partial(self.model.withdraw_refund, refund, by=who), lambda: refunds.withdraw_refund(row, by=person)
            ),
        }[act]  # fmt: skip
        self.do(predicted, done)

    @rule(waits=st.booleans())
    def send_refunds(self, waits: bool) -> None:
        if waits:
            self._move_to(self.clock.now + nouns.A_WHILE)
        self.do(partial(self.model.send_refunds), refund_sending.send_waiting_refunds)

    @precondition(lambda self: self.model.refunds)
    @rule(which=which, act=st.sampled_from(ACTS[2:]), by=somebody)
    def work_on_refund(self, which: int, act: str, by: int | None) -> None:
        refund, _row = self._pick("refunds", which, lambda refund: refund.state in ("approved", "sent", "failed"))
        self._work_on(refund, act, by)

    def _work_on(self, refund: nouns.Refund, act: str, by: int | None) -> None:
        if act in ("send", "arrive"):
            self.send_refunds(waits=act == "arrive")
            return
        row = self.rows.row("refunds", self.model.refunds.index(refund))
        who = by if by is not None else ADMINS[refund.user == ADMINS[0]]
        predicted, done = {
            "told": (partial(self.model.bank_takes_refund, refund), lambda: self._tell_of(row.key)),
            "again": (
                partial(self.model.send_again, refund, by=who),
                lambda: refund_sending.send_refund_again(row, by=self.people[who]),
            ),
            "done": (
                partial(self.model.mark_refund_done, refund, by=who),
                lambda: refund_sending.mark_refund_done(row, by=self.people[who]),
            ),
        }.get(act) or (
            partial(self.model.give_elsewhere, refund, act, by=who),
            lambda: refunding.give_refund_elsewhere(row, to=act, by=self.people[who]),
        )
        self.do(predicted, done)

    def _tell_of(self, key: str) -> None:
        if refund := SandboxRefund.objects.filter(key=key).first():
            settling.decide_sandbox_refund(refund.pk)

    # From the purchase to where it ends

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(
        coach=coaches,
        price=prices,
        card=cards,
        part=parts,
        to=places,
        acts=st.lists(st.sampled_from(ACTS), max_size=4),
        is_asked_for=st.booleans(),
    )
    def refund_what_took_place(
        self, coach: int, price: int, card: str, part: str, to: str, acts: list[str], is_asked_for: bool
    ) -> None:
        """Everybody buys a session, it takes place; what goes back to each is on its way, or further."""
        session, known = self._teach(coach, price, card), len(self.model.refunds)
        for booking in self.model.of_session(session):
            if is_asked_for:
                self._ask_for(booking, part, to, booking.buyer)
            else:
                self._give(booking, part, to, ADMINS[0])
        for refund in self.model.refunds[known:]:
            if refund.state == "asked":
                self._decide_refund(refund, "grant", None)
        for act in acts:
            for refund in self.model.refunds[known:][:1]:
                self._work_on(refund, act, None)

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(coach=coaches, card=cards, part=parts, to=places, back_to=places, acts=st.lists(st.sampled_from(ACTS[:6])))
    def refund_and_give_up(self, coach: int, card: str, part: str, to: str, back_to: str, acts: list[str]) -> None:
        """A part goes back before it takes place; then it is given up, and a part of what is left goes back."""
        self.decide_refund_terms(back_to, None, ADMINS[0])
        self.plan_session(coach, 10_001, 25, ((48, 100), (24, 50), (0, 0)))
        session, known = self.model.sessions[-1], len(self.model.refunds)
        for member in MEMBERS:
            self._book(session, member, "sandbox", card)
        for booking in self.model.of_session(session):
            self._ask_for(booking, part, to, booking.buyer)
            self._give(booking, part, to, ADMINS[0])
            self._cancel(booking, booking.buyer)
            self._give(booking, "half", to, ADMINS[1])
        for act in acts[:3]:
            for refund in self.model.refunds[known:]:
                self._work_on(refund, act, None)

    @rule(card=cards, spends=st.booleans(), part=parts, acts=st.lists(st.sampled_from(ACTS), max_size=3))
    def refund_what_is_partly_spent(self, card: str, spends: bool, part: str, acts: list[str]) -> None:
        """Of a top-up goes back what is still there."""
        self._top_up(MEMBERS[1], 9_999, "sandbox", card)
        if spends and len(self.model.sessions) < MANY:
            self._teach(nouns.COACHES[0], 3_000, "succeeds")
        payment, known = self.model.payments[-1], len(self.model.refunds)
        top_ups = [payment for payment in self.model.payments if payment.is_top_up and payment.payer == MEMBERS[1]]
        for payment in top_ups[-1:]:
            self._give(payment, part, "method", ADMINS[0])
        for act in acts:
            for refund in self.model.refunds[known:]:
                self._work_on(refund, act, None)

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(
        coach=coaches,
        part=st.sampled_from(["all", "half"]),
        ends=st.sampled_from(["asked", "done", "failed"]),
        back=parts,
        to=places,
    )
    def refund_what_was_paid_out(self, coach: int, part: str, ends: str, back: str, to: str) -> None:
        """A coach has their earnings, and then what they earned them by goes back: the next payout settles it."""
        session = self._teach(coach, 3_000, "succeeds")
        self.pay_out(coach, "manual", part, 1, ends)
        for booking in self.model.of_session(session):
            self._give(booking, back, to, ADMINS[0])
        if len(self.model.sessions) < MANY:
            self._teach(coach, 10_001, "succeeds")
        self.pay_out(coach, "manual", part, 1, "done")
