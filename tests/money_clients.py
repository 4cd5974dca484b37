"""Clients who do whatever comes to mind with money through the API, and add up what they were told.

`Told` is the arithmetic of the answers, and knows nothing of the database: what each person must have when all is over.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid4

from tenpo.checkout.tests.refund_make import make_refund_terms
from tenpo.ledger.models import Account
from tenpo.payments.models import PayoutAccount
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS, SUCCEEDS_LATE
from tenpo.payments.tests.make import make_payout_account, make_terms, make_wallet_money
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_members
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session
from tests.machines.booking_nouns import half_up, largest_remainder
from tests.server import Answer, Caller, Request, with_key, with_keys

FIRST_MONEY = 5_000
PRICES = (500, 999, 2_000, 3_001)
ACTS = (
    "top_up", "book", "book", "book", "cancel", "cancel", "give", "take_back", "refund", "pay_out", "cancel_payout",
)  # fmt: skip
# What undoes something, and what that is.
OF = {"cancel": "book", "take_back": "give", "refund": "top_up", "cancel_payout": "pay_out"}


@dataclass(frozen=True)
class Shop:
    """Whose money it is, and what there is to buy."""

    people: list[User]
    accounts: dict[UUID, PayoutAccount]
    callers: dict[UUID, Caller]
    admin: Caller
    sessions: list[Session]


def make_shop(people: int, *, sessions: int = 12) -> Shop:
    """People with some money in their wallets, and sessions with too few seats for all of them.

    What somebody paid in goes back to their card when they ask for it.
    """
    make_terms()
    make_refund_terms(automatic_amount=1_499)
    owners = make_members(people)
    for owner in owners:
        make_wallet_money(owner, FIRST_MONEY)
    coach = make_coach()
    return Shop(
        people=owners,
        accounts={owner.pk: make_payout_account(owner) for owner in owners},
        callers={owner.pk: caller for owner, caller in zip(owners, with_keys(owners), strict=True)},
        admin=with_key(make_admin()),
        sessions=[
            make_session(coach, price=PRICES[n % len(PRICES)], capacity=people // 2, starts_in=timedelta(days=1 + n))
            for n in range(sessions)
        ],
    )


@dataclass(eq=False)
class Wish:
    """One call under one key, however often it is sent."""

    owner: UUID
    act: str
    request: Request
    # What came of it, whoever was told so first.
    answer: Answer | None = None


@dataclass
class Told:
    """What each has by what was answered, in minor units: money in the wallet, given or paid in, and credit."""

    money: Counter[UUID] = field(default_factory=Counter)
    credit: Counter[UUID] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    undone: set[str] = field(default_factory=set)

    def hear(self, wish: Wish) -> None:
        assert wish.answer is not None
        said = wish.answer.json
        self.outcomes[f"{wish.act} {wish.answer.outcome}"] += 1
        if wish.answer.status not in (200, 201):
            return
        if wish.act in ("cancel", "cancel_payout", "take_back"):
            # Again changes nothing.
            if said["id"] in self.undone:
                return
            self.undone.add(said["id"])
        getattr(self, f"_{wish.act}")(wish.owner, said)

    def _top_up(self, owner: UUID, said: dict[str, Any]) -> None:
        self.money[owner] += said["amount"] if said["state"] == "succeeded" else 0

    def _book(self, owner: UUID, said: dict[str, Any]) -> None:
        self.money[owner] -= said["cost"]["wallet_spent"]
        self.credit[owner] -= said["cost"]["credit_spent"]

    def _cancel(self, owner: UUID, said: dict[str, Any]) -> None:
        """In proportion, where it was paid; else what was set aside for it."""
        cost = said["cost"]
        gave, percent = [cost[name] for name in ("credit_spent", "wallet_spent", "own_share")], cost["refunded_percent"]
        back = [*gave[:2], 0]
        if percent is not None:
            back = largest_remainder(half_up(Fraction(sum(gave) * percent, 100)), gave)
        self.credit[owner] += back[0] + back[2]
        self.money[owner] += back[1]

    def _give(self, owner: UUID, said: dict[str, Any]) -> None:
        self.money[owner] += said["amount"]

    def _take_back(self, owner: UUID, said: dict[str, Any]) -> None:
        self.money[owner] -= said["amount"]

    def _refund(self, owner: UUID, said: dict[str, Any]) -> None:
        """What the terms do not grant by themselves waits for an admin, and nothing moves."""
        self.money[owner] -= said["own"]

    def _pay_out(self, owner: UUID, said: dict[str, Any]) -> None:
        self.money[owner] -= said["amount"]

    def _cancel_payout(self, owner: UUID, said: dict[str, Any]) -> None:
        self.money[owner] += said["amount"]


class Client:
    """Somebody's program: wishes one thing after the other, mostly what it can have by what it was told."""

    def __init__(self, number: int, shop: Shop) -> None:
        self.dice = random.Random(number)
        self.shop = shop
        self.owner = shop.people[number % len(shop.people)].pk
        self.made: dict[str, list[str]] = {act: [] for act in OF.values()}
        self.wishes: list[Wish] = []

    def run(self, count: int, ask: Callable[[Wish], None]) -> None:
        """Wish `count` things; `ask` sends each, and leaves the answer in it, if there is one yet."""
        for _ in range(count):
            wish = self._next()
            self.wishes.append(wish)
            ask(wish)
            if wish.act in self.made and wish.answer is not None and wish.answer.status == 201:
                self.made[wish.act].append(wish.answer.json["id"])

    def _next(self) -> Wish:
        act = self.dice.choice(ACTS)
        made = self.made[OF[act]] if act in OF else []
        if act in OF and not made:
            act = "book"
        request: Request = getattr(self, f"_{act}")(*([self.dice.choice(made)] if made else []))
        return Wish(self.owner, act, request)

    def _post(self, path: str, body: dict[str, Any] | None = None) -> Request:
        return self.shop.callers[self.owner].call("POST", path, body, key=uuid4().hex)

    def _top_up(self) -> Request:
        card = self.dice.choice([SUCCEEDS, SUCCEEDS, DECLINED, SUCCEEDS_LATE])
        amount = self.dice.choice([500, 1_000, 2_499])
        return self._post("/wallet/top-ups", {"amount": amount, "provider": "sandbox", "source": card})

    def _book(self) -> Request:
        return self.book(
            self.dice.choice(self.shop.sessions), card=self.dice.choice([SUCCEEDS, SUCCEEDS, DECLINED, ""])
        )

    def book(self, session: Session, *, card: str = "") -> Request:
        """From the wallet alone, or by card what it does not have."""
        body = {"session_id": str(session.pk)}
        return self._post("/bookings", body | ({"provider": "sandbox", "source": card} if card else {}))

    def _cancel(self, booking: str) -> Request:
        return self._post(f"/bookings/{booking}/cancellation")

    def _give(self) -> Request:
        body = {"owner_id": str(self.owner), "amount": self.dice.choice([1, 333, 1_000]), "reason": "Thank you"}
        return self.shop.admin.call("POST", "/wallet/grants", body, key=uuid4().hex)

    def _take_back(self, grant: str) -> Request:
        return self.shop.admin.call("DELETE", f"/wallet/grants/{grant}")

    def _refund(self, top_up: str) -> Request:
        body = {"payment_id": top_up, "amount": self.dice.choice([100, 500, 1_500]), "to": "method", "reason": "Ill"}
        return self._post("/refunds", body)

    def _pay_out(self) -> Request:
        account = self.shop.accounts[self.owner]
        amount = self.dice.choice([100, 1_000, 4_000])
        return self._post("/payouts", {"account_id": str(account.pk), "source": "wallet", "amount": amount})

    def _cancel_payout(self, payout: str) -> Request:
        return self._post(f"/payouts/{payout}/cancellation")


def told_by(clients: Sequence[Client]) -> Told:
    """What all answers come to."""
    told = Told()
    for client in clients:
        for wish in client.wishes:
            told.hear(wish)
    return told


def differing(shop: Shop, told: Told) -> dict[UUID, tuple[tuple[int, int], tuple[int, int]]]:
    """Who does not have what they were told: money and credit, as the ledger has them and by the answers."""
    found: Counter[tuple[UUID | None, str]] = Counter()
    for owner, kind, balance in Account.objects.exclude(balance=None).values_list("owner", "kind", "balance"):
        found[owner, kind] += balance or 0
    both = {
        pk: (
            (found[pk, "wallet"] + found[pk, "granted"], found[pk, "credit"]),
            (FIRST_MONEY + told.money[pk], told.credit[pk]),
        )
        for pk in (owner.pk for owner in shop.people)
    }
    return {pk: (has, should) for pk, (has, should) in both.items() if has != should}
