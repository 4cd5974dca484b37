"""A part of the money machine: wallets that are filled by themselves when they are low."""

from functools import partial
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenpo.checkout.actions import auto_topping_up
from tenpo.payments.actions import auto_top_ups, methods
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.queries import wallets_to_look_after
from tests.machines import money_nouns as nouns
from tests.machines.booking import WINDOWS
from tests.machines.money import CARDS, MANY, members, somebody
from tests.machines.money_nouns import COACHES
from tests.machines.sponsors import SponsoringMachine

# What a card that is kept does when nobody is there to confirm anything.
kept_cards = st.sampled_from(["succeeds", "succeeds", "blocked", "asks", "late", "silent"])
wishes = st.builds(
    nouns.Wish,
    is_on=st.sampled_from([True, True, True, False]),
    threshold=st.sampled_from([1_000, 9_000, 20_000]),
    kind=st.sampled_from(["fixed", "fixed", "target"]),
    amount=st.sampled_from([499, 500, 2_500, 5_000, 24_000]),
    cap=st.sampled_from([5_000, 5_000, 25_000, 2_500, 0]),
    low_below=st.sampled_from([None, None, 1_000, 20_000, 0]),
    card=kept_cards,
)
# Of these all are taken.
usual_wishes = st.sampled_from(
    [
        nouns.Wish(True, 9_000, "fixed", 2_500, 5_000, None),
        nouns.Wish(True, 20_000, "fixed", 5_000, 5_000, 9_000),
        nouns.Wish(True, 9_000, "target", 24_000, 20_000, 1_000),
        nouns.Wish(False, 9_000, "fixed", 2_500, 5_000, 20_000),
    ]
)


class SelfFillingMachine(SponsoringMachine):
    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[int, str], PaymentMethod] = {}

    @rule(owner=members, wish=wishes, is_fresh=st.sampled_from([True, True, False]), by=somebody)
    def decide_auto_top_up(self, owner: int, wish: nouns.Wish, is_fresh: bool, by: int | None) -> None:
        self._wish(owner, wish, is_fresh=is_fresh, by=owner if by is None else by)

    def _wish(self, owner: int, wish: nouns.Wish, *, is_fresh: bool, by: int) -> None:
        wanted = auto_top_ups.TopUpWish(
            wish.is_on, wish.threshold, wish.kind, wish.amount, wish.cap, wish.low_below, self._keep(owner, wish.card)
        )
        self.do(
            partial(self.model.decide_auto_top_up, owner, wish, is_fresh=is_fresh, by=by),
            lambda: auto_top_ups.set_auto_top_up(
                self.people[owner], wanted, may_ask_more=is_fresh, by=self.people[by]
            ),
        )  # fmt: skip

    def _keep(self, owner: int, card: str) -> PaymentMethod:
        """A card of theirs, which is kept from now on."""
        who = self.people[owner]
        if (owner, card) not in self.kept:
            added = methods.add_payment_method(who, provider="sandbox", source=CARDS[card], by=who)
            self.kept[owner, card] = methods.settle_method(added)
        return self.kept[owner, card]

    @precondition(lambda self: self.kept)
    @rule(owner=members, card=kept_cards)
    def remove_card(self, owner: int, card: str) -> None:
        """Mostly the one by which their wallet is filled."""
        one = self.model.auto_top_ups.get(owner)
        card = one.wish.card if one is not None and one.wish.card else card
        if method := self.kept.pop((owner, card), None):
            self.do(
                partial(self.model.remove_card, owner, card),
                lambda: methods.remove_payment_method(method, by=self.people[owner]),
            )

    @precondition(lambda self: self.model.auto_top_ups)
    @rule(owner=members, by=somebody)
    def drop_auto_top_up(self, owner: int, by: int | None) -> None:
        who = owner if by is None else by
        self.do(
            partial(self.model.drop_auto_top_up, owner, by=who),
            lambda: auto_top_ups.drop_auto_top_up(self.people[owner], by=self.people[who]),
        )

    @precondition(lambda self: self.model.auto_top_ups)
    @rule(dies=st.sampled_from([False, False, True]))
    def look_after_wallets(self, dies: bool) -> None:
        """The job finds whose wallet wants something; it may be looked after where nothing is wanted, too.

        Or the process dies before a provider is asked.
        """
        found = {self.people.index(owner) for owner in wallets_to_look_after()}
        assert found == self.model.wanting(), f"Tenpo says {found}, the model {self.model.wanting()}"
        for owner in self.model.auto_top_ups:
            who = self.people[owner]
            if dies:
                with patch.object(auto_topping_up, "charge", lambda payment, *_given, **_more: payment):
                    self.do(
                        partial(self.model.die_while_filling, owner), partial(auto_topping_up.top_up_if_low, who)
                    )  # fmt: skip
            else:
                self.do(partial(self.model.look_after, owner), partial(auto_topping_up.look_after_wallet, who))

    @rule(
        owner=members,
        wish=usual_wishes,
        card=kept_cards,
        times=st.integers(1, 4),
        spends=st.booleans(),
        succeeds=st.booleans(),
    )
    def fill_by_itself(self, owner: int, wish: nouns.Wish, card: str, times: int, spends: bool, succeeds: bool) -> None:
        """A wallet is filled as often as it may, and spent; or its card does not pay, and is asked again and again."""
        self._wish(owner, wish._replace(card=card), is_fresh=True, by=owner)
        for _time in range(times):
            if spends and len(self.model.sessions) < MANY:
                self.plan_session(COACHES[0], 10_001, 2, WINDOWS[0])
                self._book(self.model.sessions[-1], owner, "sandbox", "succeeds")
            self.look_after_wallets(dies=False)
            if self.model.is_filled_now(owner):
                self._move_to(self.clock.now + nouns.A_WHILE)
                if card == "late":
                    self.bank_decides(0, succeeds)
                else:
                    self.run_job("reconcile")
                self.they_agree()
            if again_at := self.model.auto_top_ups[owner].paused_until:
                self._move_to(max(self.clock.now, again_at))
