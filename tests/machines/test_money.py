"""Money does what the model says, whatever is done in whatever order.

A run that failed prints its steps. They become a test here, as Python has them, and stay.
"""

import functools
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

import pytest

from tenpo.checkout.actions import auto_topping_up, buying, disputing, refunding
from tenpo.checkout.queries import refunds as queries_of_refunds
from tenpo.core.compiled import Compiled
from tenpo.orders import policies, queries
from tenpo.orders.actions import giving_back, orders, splits
from tenpo.orders.models import SplitRule
from tenpo.orders.policies import PartsBack, split_line
from tenpo.orders.queries import Sold, fitting_split_rules, funding_of
from tenpo.payments.actions import auto_top_ups, payout_accounts, payout_sending, payouts
from tenpo.payments.actions.payouts import arrival_of
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.schedule.actions import session_coaches
from tests.machines import money_nouns as nouns
from tests.machines.disputes import MoneyMachine
from tests.machines.machine import finds_a_difference, run
from tests.machines.money_stories import FILLS_MORE, STORIES

SCHEMA = functools.cache(import_module("xmlschema").XMLSchema)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("few_payouts_under_way"),
]


@pytest.fixture
def few_payouts_under_way(monkeypatch):
    """Numbers that a run reaches; and the bank's schema, which takes longest, is read once and not for every file."""
    monkeypatch.setattr("xmlschema.XMLSchema", SCHEMA)
    monkeypatch.setattr(payouts, "PAYOUTS_UNDER_WAY", nouns.PAYOUTS_UNDER_WAY)
    monkeypatch.setattr(payout_accounts, "PAYOUT_ACCOUNTS_KEPT", nouns.ACCOUNTS_KEPT)


def test_money_agrees_with_the_model():
    run(MoneyMachine, first=[partial(tell, story) for story in STORIES])


def tell(story: str) -> None:
    state = MoneyMachine()
    try:
        state.begin(amount=3_000, coach=None, percents=(15, 15, 70), story=story)
    except BaseException as found:
        found.add_note(f"In the story {story!r}")
        state.undo()
        raise
    state.teardown()


def begun(percents: tuple[int, int, int] = (15, 85, 0)) -> MoneyMachine:
    state = MoneyMachine()
    state.begin(amount=500, coach=None, percents=percents, story="none")
    state.they_agree()
    return state


@pytest.mark.parametrize("card", ["late", "asks"])
def test_money_that_comes_after_a_session_took_place_is_credit(card):
    """Its hold had run out, but nobody had let it go when the session was completed."""
    state = begun()
    state.teach(card=card, coach=4, is_late=True, price=3_000)
    state.they_agree()
    state.bank_decides(succeeds=True, which=0)
    state.they_agree()
    state.teardown()


@pytest.mark.control
def test_a_wallet_spent_before_what_was_given_control(monkeypatch):
    credit, *rest = queries.SPENT_FIRST
    monkeypatch.setattr(queries, "SPENT_FIRST", (credit, *reversed(rest)))
    monkeypatch.setattr(queries, "_TERMS_AND_POTS", Compiled(queries._terms_and_pots))

    assert finds_a_difference(MoneyMachine)


def refund_after_a_payout(state: MoneyMachine) -> None:
    state.refund_what_was_paid_out(coach=4, ends="done", part="all", back="all", to="wallet")
    state.they_agree()


def pay_out_with_a_fee(state: MoneyMachine) -> None:
    state.change_terms(by=2, terms=nouns.Terms(minimum=700, fee=99, second=None))
    state.they_agree()
    state.pay_out(who=0, method="manual", part="all", times=1, ends="done")
    state.they_agree()


def give_up_late(state: MoneyMachine) -> None:
    state.buy_and_give_up(
        coach=4, price=10_001, windows=((48, 100), (24, 50), (0, 0)), card="succeeds", again=False, hours=25, by="buyer"
    )
    state.they_agree()


def refund_a_third(state: MoneyMachine) -> None:
    state.refund_what_took_place(
        coach=5, price=10_001, card="succeeds", part="third", to="method", acts=["arrive"], is_asked_for=False
    )
    state.they_agree()


def refund_what_nobody_paid(state: MoneyMachine) -> None:
    state.refund_and_give_up(coach=4, card="asks", part="1", to="wallet", back_to="credit", acts=[])
    state.they_agree()


def sell_by_two_rules(state: MoneyMachine) -> None:
    state.decide_split_rule(by=2, coach=None, taught_by="", place=1, percents=(33, 33, 34), starts=0, lasts=None)
    state.they_agree()
    state.teach(card="succeeds", coach=4, is_late=False, price=3_000)
    state.they_agree()


def buy_by_a_budget(state: MoneyMachine, sponsor: int = 3, then: str = "takes place", card: str = "succeeds") -> None:
    state.buy_by_a_budget(
        sponsor=sponsor, terms=(30, None, None), pot=9_000, most=None, coach=4, card=card, then=then
    )  # fmt: skip
    state.they_agree()


def give_back_as_its_sponsor(state: MoneyMachine) -> None:
    buy_by_a_budget(state)
    state.give_refund(which=0, part="third", to="wallet", by=3)


def buy_with_two_sponsors(state: MoneyMachine) -> None:
    buy_by_a_budget(state)
    state.create_sponsorship(sponsor=1, terms=(None, 700, None), pot=None, most=None, starts=0, lasts=48, by=2)
    state.work_on_sponsorship(which=0, act="add", who=0, amount=0, by=2)
    state.teach(card="succeeds", coach=4, is_late=False, price=3_000)


def fill_four_times(state: MoneyMachine, card: str = "succeeds") -> None:
    state.fill_by_itself(owner=1, wish=FILLS_MORE, card=card, times=4, spends=False, succeeds=True)


def ask_a_card_at_once_again(state: MoneyMachine) -> None:
    state.decide_auto_top_up(owner=1, wish=FILLS_MORE._replace(card="blocked"), is_fresh=True, by=None)
    for _again in range(2):
        state.look_after_wallets(dies=False)


def give_a_top_up_back(state: MoneyMachine) -> None:
    state.fill_by_itself(owner=1, wish=FILLS_MORE, card="succeeds", times=1, spends=False, succeeds=True)
    state.refund_top_up(which=0, part="half", to="method", by=2)


def sell_what_another_made(state: MoneyMachine, acts: tuple[str, ...] = ()) -> None:
    state.sell_what_somebody_made(
        coach=4, creator=5, service=0, price=10_001, card="succeeds", has_own_rules=True, acts=list(acts), buyer=None,
        took_place=True,
    )  # fmt: skip


def hand_over_after_another_rule_began(state: MoneyMachine) -> None:
    state.decide_split_rule(by=2, coach=None, taught_by="", place=1, percents=(15, 15, 70), starts=0, lasts=None)
    state.plan_session(coach=4, price=3_000, starts_in=25, windows=((1, 33), (0, 10)), creator=5)
    state.book(which=0, by=0, way=("sandbox", "succeeds"), more=0, uses_wallet=True)
    state.wait(by=timedelta(hours=5))
    state.decide_split_rule(by=2, coach=None, taught_by="", place=1, percents=(0, 100, 0), starts=0, lasts=None)
    state.hand_over(which=0, act="joins", by=2)


def lose_what_was_sold(
    state: MoneyMachine, before: str = "paid out", to: str = "method", more: tuple[str, ...] = ()
) -> None:
    state.dispute_what_was_sold(
        coach=5, card="succeeds", before=before, to=to, amount="all", says=["lost, gone", *more], after="given up"
    )  # fmt: skip


def lose_a_top_up(state: MoneyMachine) -> None:
    state.dispute_a_top_up(spends=False, part="third", acts=[], amount="all", says=["lost, gone"], then="all")


def lose_the_half_that_went_back(state: MoneyMachine) -> None:
    state.top_up(owner=1, amount=10_000, way=("sandbox", "succeeds"))
    state.refund_top_up(which=0, part="half", to="method", by=2)
    state.hear_of_dispute(which=0, name="a", amount="half", says="lost, gone")
    state.refund_top_up(which=0, part="all", to="method", by=2)


# What is broken → by which steps it is found.
BROKEN: dict[str, tuple[Callable[[MoneyMachine], None], Any, str, Any]] = {
    "a debt that no payout settles": (refund_after_a_payout, payouts, "owed_by", lambda *_: 0),
    "a debt that earnings pay at once": (refund_after_a_payout, splits, "_take_back", lambda _taken: None),
    "a fee that is not kept": (pay_out_with_a_fee, payout_sending, "arrival_of", lambda payout: arrival_of(payout)[:1]),
    "all back to whoever paid first": (
        give_up_late, policies, "apportion", lambda total, weights: [total, *(0 for _ in weights[1:])]
    ),
    "a refund to whoever paid first": (
        refund_a_third, refunding, "parts_of", lambda left, amount: PartsBack(0, 0, min(amount, left.wallet), 0)
    ),
    "a refund that takes nothing from who earned": (refund_a_third, giving_back, "reverse_splits", lambda _given: None),
    "a budget that is never used up": (buy_by_a_budget, buying, "take_from_budget", lambda _quote: []),
    "a held seat that keeps what it took of a budget": (
        partial(buy_by_a_budget, card="asks", then="lapses"), orders, "return_to_budgets", lambda _given: None
    ),
    "a coach who earns of what their own budget pays": (
        partial(buy_by_a_budget, sponsor=4), buying, "split_line",
        lambda *of, bought_by, **by: split_line(*of, bought_by=bought_by[:2], **by),
    ),
    "a sponsor who lets themselves off": (give_back_as_its_sponsor, refunding, "_check_sponsor", lambda *_: None),
    "the oldest of all sponsors": (
        buy_with_two_sponsors, queries, "funding_of", lambda *of: funding_of(*of).order_by("sponsorship_id")
    ),
    "a day without a cap": (fill_four_times, auto_topping_up, "paid_in_today", lambda _owner: 0),
    "a card that is asked at once again": (ask_a_card_at_once_again, AutoTopUp, "is_paused", False),
    "a card that is asked for ever": (
        partial(fill_four_times, card="blocked"), auto_top_ups, "WAITS", (*auto_top_ups.WAITS, *auto_top_ups.WAITS)
    ),
    "a wallet that is filled with what went back": (
        give_a_top_up_back, refunding, "stop_filling", lambda *_of: None
    ),
    "a refund of what nobody paid": (refund_what_nobody_paid, queries_of_refunds, "_is_paid", lambda *_of: True),
    "the rule that came first": (
        sell_by_two_rules, queries, "split_rules_in_force",
        lambda *_, **when: SplitRule.objects.in_force(when["at"]).order_by("id"),
    ),
    "a royalty that is not paid": (
        sell_what_another_made, buying, "split_line",
        lambda *of, taught_by, **by: split_line(*of, taught_by=taught_by, **by | {"creator_id": taught_by[0]}),
    ),
    "a rule for one service that is not asked for": (
        sell_what_another_made, queries, "fitting_split_rules",
        lambda whom, *, coach_id, sold: fitting_split_rules(whom, coach_id=coach_id, sold=Sold(sold.kind)),
    ),
    "what is handed over and stays theirs who taught it before": (
        partial(sell_what_another_made, acts=("stands in",)), session_coaches, "redivide_splits", lambda *_, **__: None
    ),
    "what is handed over by the rules of today": (
        hand_over_after_another_rule_began, SplitRule, "holds", lambda *_: True
    ),
    "what is handed over as if nothing of it had gone back": (
        partial(sell_what_another_made, acts=("back", "stands in")), splits, "parts_given",
        lambda _line: PartsBack(0, 0, 0, 0),
    ),
    "a lost dispute whose earner keeps their part": (lose_what_was_sold, disputing, "_give_by_lines", lambda *_: []),
    "a lost dispute that is nobody's debt": (lose_what_was_sold, splits, "_take_back", lambda _taken: None),
    "a refund that leaves after the bank gave it back": (
        partial(lose_what_was_sold, before="all back"), disputing, "end_held_refunds", lambda *_: []
    ),
    "credit of what a bank took": (
        partial(lose_what_was_sold, before="given up", to="credit"), disputing, "_what_is_here", lambda *_: []
    ),
    "a wallet that keeps what a bank took": (lose_a_top_up, disputing, "_what_is_here", lambda *_: []),
    "a bank that thought better of it, for nobody": (
        partial(lose_what_was_sold, more=("lost, gone, back",)), disputing, "return_loss", lambda _of: 0
    ),
    "a dispute that nobody notes": (lose_what_was_sold, disputing, "note_dispute", lambda _payment: None),
    "a loss that counts twice against a top-up": (
        lose_the_half_that_went_back, queries_of_refunds, "lost_of",
        lambda payment: sum(payment.disputes.values_list("lost", flat=True)),
    ),
}  # fmt: skip


@pytest.mark.control
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_rule_is_found_control(monkeypatch, broken):
    steps, module, name, instead = BROKEN[broken]
    monkeypatch.setattr(module, name, instead)
    monkeypatch.setattr(queries, "_TERMS_AND_POTS", Compiled(queries._terms_and_pots))
    state = begun()

    try:
        with pytest.raises(AssertionError, match="Tenpo says"):
            steps(state)
    finally:
        state.undo()
