"""A part of the money machine: what fills wallets, and what banks and admins say of payments."""

from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenpo.checkout.actions import settling, topping_up
from tenpo.payments.actions import wallets
from tenpo.payments.models import SandboxCharge
from tests.machines import money_nouns as nouns
from tests.machines.money import CARDS, BusinessMachine, admins, anybody, cards, which
from tests.machines.money_nouns import MEMBERS


class FillingMachine(BusinessMachine):
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

    @precondition(lambda self: self.model.grants)
    @rule(which=which, by=admins)
    def take_back_grant(self, which: int, by: int) -> None:
        grant, row = self._pick("grants", which, lambda grant: not grant.is_back)
        self.both(
            partial(self.model.take_back_grant, grant, by=by),
            lambda: wallets.take_back_grant(row, by=self.people[by]),
        )
