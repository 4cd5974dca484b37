"""The money machine: with what all of its parts have, banks take back what was paid by card."""

from datetime import timedelta
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tenpo.checkout.actions import disputing, settling
from tenpo.payments.models import Dispute, SandboxCharge
from tenpo.payments.providers.base import DisputeMovement, DisputeOutcome
from tests.machines import money_nouns as nouns
from tests.machines.dispute_model import DISPUTE_FEE
from tests.machines.money import MANY, cards, coaches, shares, which
from tests.machines.money_nouns import ADMINS, COACHES, MEMBERS, Said
from tests.machines.money_stories import STORIES, UNTIL_A_DAY_BEFORE
from tests.machines.refunds import ACTS, RefundingMachine, parts, places

# What a provider says of a dispute: its state, and whether the money had gone, and come back.
NEWS = ("open", "open, gone", "lost, gone", "lost", "lost, gone, back", "won, gone, back", "won")
news = st.sampled_from([*NEWS, "lost, gone", "lost, gone"])
wanted = st.sampled_from(["all", "all", "half"])


class MoneyMachine(RefundingMachine):
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

    # Heard of

    @precondition(lambda self: any(_may_be_disputed(payment) for payment in self.model.payments))
    @rule(which=which, name=st.sampled_from(["a", "a", "b"]), amount=wanted, says=news)
    def hear_of_dispute(self, which: int, name: str, amount: str, says: str) -> None:
        payment, _row = self._pick("payments", which, _may_be_disputed)
        self._hear_of_dispute(payment, name, amount, says)

    def _hear_of_dispute(self, payment: nouns.Payment, name: str, amount: str, says: str) -> None:
        """What is on its way back, of which nobody knows yet whether it arrives, is left out of what is lost."""
        is_under_way = any(refund.payment is payment and refund.state == "sent" for refund in self.model.refunds)
        if not _may_be_disputed(payment) or (is_under_way and "lost" in says):
            return
        number, known = self.model.payments.index(payment), self.model.disputes
        of = [dispute.amount for dispute in known if dispute.payment is payment and dispute.name == name]
        whole = of[0] if of else max(1, payment.amount // (2 if amount == "half" else 1))
        state, *moves = says.split(", ")
        moved = {"gone": ("out", -whole, DISPUTE_FEE), "back": ("in", whole, -DISPUTE_FEE)}
        said = Said(name, state, whole, tuple(moved[move] for move in moves))
        outcome = DisputeOutcome(
            f"{number}-{name}", Dispute.State(state), whole, "EUR",
            tuple(DisputeMovement(f"{name}-{what}", cents, fee, "EUR") for what, cents, fee in said.moved),
        )  # fmt: skip
        row = self.rows.row("payments", number)
        self.do(partial(self.model.hear_of_dispute, payment, said), lambda: disputing.apply_dispute(row, outcome))

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(
        coach=coaches,
        card=cards,
        before=st.sampled_from(["nothing", "part back", "all back", "paid out", "spent", "given up"]),
        to=places,
        amount=wanted,
        says=st.lists(news, min_size=1, max_size=3),
        after=st.sampled_from(["nothing", "all back", "given up", "taught", "filled"]),
    )
    def dispute_what_was_sold(
        self, coach: int, card: str, before: str, to: str, amount: str, says: list[str], after: str
    ) -> None:  # fmt: skip
        """Somebody buys a session, and has some of it back, or it is earned; their bank wants it back; and then."""
        self.decide_refund_terms(to, None, ADMINS[0])
        self.plan_session(coach, 10_001, 25, UNTIL_A_DAY_BEFORE, COACHES[0])
        session = self.model.sessions[-1]
        self._book(session, MEMBERS[1], "sandbox", card, uses_wallet=False)
        for payment in self.model.payments:
            booking = payment.booking
            if booking is not None and booking.session is session and payment.state == "succeeded":
                self._go_on(booking, before, to)
                for one in says:
                    self._hear_of_dispute(payment, "a", amount, one)
                self._go_on(booking, after, to)
                self._hear_of_dispute(payment, "b", "half", "lost, gone")

    def _go_on(self, booking: nouns.Booking, act: str, to: str) -> None:
        session, coach = booking.session, booking.session.coach
        if act in ("part back", "all back"):
            self._give(booking, "third" if act == "part back" else "all", to, ADMINS[0])
        elif act == "given up":
            self._cancel(booking, booking.buyer)
        elif act == "filled":
            self._top_up(booking.buyer, 9_999, "sandbox", "succeeds")
        elif act == "spent" and len(self.model.sessions) < MANY:
            self._cancel(booking, coach)
            self._teach(coach, 10_001, "succeeds")
        elif act in ("paid out", "taught"):
            self._move_to(max(self.clock.now, session.ends_at))
            self._close(session, coach, took_place=True)
            if act == "paid out":
                self.pay_out(coach, "manual", "all", 1, "done")

    @rule(
        spends=st.booleans(),
        part=parts,
        acts=st.lists(st.sampled_from([*ACTS, "fill"]), max_size=3),
        amount=wanted,
        says=st.lists(news, min_size=1, max_size=3),
        then=parts,
    )
    def dispute_a_top_up(
        self, spends: bool, part: str, acts: list[str], amount: str, says: list[str], then: str
    ) -> None:
        """What filled a wallet, and is spent or goes back in part, is wanted back; then the rest of it goes back."""
        self._top_up(MEMBERS[1], 9_999, "sandbox", "succeeds")
        payment, known = self.model.payments[-1], len(self.model.refunds)
        if not payment.is_top_up:
            return
        if spends and len(self.model.sessions) < MANY:
            self._teach(COACHES[0], 10_001, "succeeds")
        self._give(payment, part, "method", ADMINS[0])
        for one in says:
            self._hear_of_dispute(payment, "a", amount, one)
        for act in acts:
            if act == "fill":
                self._top_up(MEMBERS[1], 9_999, "sandbox", "succeeds")
            for refund in self.model.refunds[known:] if act != "fill" else []:
                self._work_on(refund, act, None)
        self._give(payment, then, "method", ADMINS[1])

    # The sandbox's bank

    @precondition(lambda self: any(payment.card == "taken back" for payment in self.model.payments))
    @rule(which=which, by=st.sampled_from([timedelta(0), timedelta(minutes=2), timedelta(days=8)]))
    def bank_takes_back(self, which: int, by: timedelta) -> None:
        """What one of its cards paid; and after a week we ask once more what became of it."""
        payment, row = self._pick("payments", which, lambda payment: payment.card == "taken back")
        self._move_to(self.clock.now + by)
        if charge := SandboxCharge.objects.filter(key=str(row.pk)).first():
            self.do(
                partial(self.model.bank_takes_back, payment),
                lambda: settling.take_back_sandbox_charge(charge.pk),
            )
        self.ask_about_disputes()

    @precondition(lambda self: self.model.disputes)
    @rule()
    def ask_about_disputes(self) -> None:
        self.do(partial(self.model.ask_about_disputes), disputing.ask_about_disputes)


def _may_be_disputed(payment: nouns.Payment) -> bool:
    """Paid by a card; the sandbox itself says what becomes of one that its bank takes back."""
    return payment.provider == "sandbox" and payment.state == "succeeded" and payment.card != "taken back"
