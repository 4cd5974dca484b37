"""The ledger machine: two people's credits and the sides of the business, posted to by whoever makes mistakes.

A new kind of posting is one more pair of ends in `FLOWS`; a new rule one method here and what it means in the model.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenpo.core.errors import RuleError
from tenpo.core.invariants import Finding
from tenpo.ledger import actions
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import statement, trial_balance, whole_statement
from tenpo.orders.queries import spendable_pots
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tests.machines.ledger_model import EXPIRES_IN, Ledger, Posting, Pot
from tests.machines.machine import START, Machine

SUBJECT = UUID("0197a000-0000-7000-8000-000000000000")
# Their order is that of their numbers.
SOURCES = [UUID(int=SUBJECT.int + 1 + number) for number in EXPIRES_IN]
OWNERS = (0, 1)
CURRENCIES = ("EUR", "USD")
# What the database and the ledger's function say, and what the model calls it.
SAID = {
    "currencies differ": "currencies or mirror",
    "not the mirror": "currencies or mirror",
    "with another amount": "said otherwise",
    "a key stands twice": "key twice",
    "transfer_reversed_once": "undone twice",
    "nothing to reverse": "nothing to undo",
    "a reversal is final": "undoes what undoes",
    "transfer_amount_is_positive": "amount",
    "transfer_has_two_ends": "one end",
}
VIEWS = ("spending order", "statement", "trial balance", "newest")
FLOWS = {
    "pay": ("provider", "sales"),
    "issue": ("sales", "credit"),
    "spend": ("credit", "sales"),
    "set aside": ("credit", "reserved"),
    "take back": ("reserved", "credit"),
}
amounts = st.sampled_from([1, 2, 50, 99, 10_000])
which = st.integers(0, 5)
movements = st.tuples(
    st.sampled_from(list(FLOWS)),
    st.sampled_from(OWNERS),
    st.sampled_from(OWNERS),
    st.sampled_from(list(EXPIRES_IN)),
    st.sampled_from(list(EXPIRES_IN)),
    st.sampled_from(["EUR", "EUR", "EUR", "USD"]),
    amounts,
)


class LedgerMachine(Machine):
    app = "ledger"
    steps_of_a_run = 20

    def __init__(self) -> None:
        super().__init__()
        self.model = Ledger()
        self.keys = 0
        self.people: list[User] = [make_member() for _ in OWNERS]

    @rule(movements=st.lists(movements, min_size=1, max_size=3))
    def post(self, movements: list[Any]) -> None:
        self._post(*(self._posting(*movement) for movement in movements))

    @rule(owner=st.sampled_from(OWNERS), source=st.sampled_from(list(EXPIRES_IN)), amount=amounts)
    def issue(self, owner: int, source: int, amount: int) -> None:
        self._post(Posting(Pot("sales", "EUR"), Pot("credit", "EUR", owner, source), amount, self._key()))

    @rule(movement=movements, amount=st.sampled_from([0, -1, -10_000]))
    def post_nothing_or_less(self, movement: Any, amount: int) -> None:
        self._post(replace(self._posting(*movement), amount=amount))

    @rule(movement=movements)
    def post_to_where_it_came_from(self, movement: Any) -> None:
        posting = self._posting(*movement)
        self._post(replace(posting, credit=posting.debit))

    @rule(movement=movements)
    def change_currency_on_the_way(self, movement: Any) -> None:
        posting = self._posting(*movement)
        other = next(currency for currency in CURRENCIES if currency != posting.credit.currency)
        self._post(replace(posting, credit=replace(posting.credit, currency=other)))

    @rule(movement=movements)
    def say_one_key_twice_at_once(self, movement: Any) -> None:
        posting = self._posting(*movement)
        self._post(posting, posting)

    @precondition(lambda self: self.model.transfers)
    @rule(which=which, more=st.lists(movements, max_size=1))
    def post_again(self, which: int, more: list[Any]) -> None:
        self._post(self._earlier(which), *(self._posting(*movement) for movement in more))

    @precondition(lambda self: self.model.transfers)
    @rule(which=which, more=amounts)
    def post_again_with_another_amount(self, which: int, more: int) -> None:
        earlier = self._earlier(which)
        self._post(replace(earlier, amount=earlier.amount + more))

    @precondition(lambda self: self.model.transfers)
    @rule(which=which, movement=movements)
    def post_again_between_others(self, which: int, movement: Any) -> None:
        self._post(replace(self._posting(*movement), key=self._earlier(which).key))

    @precondition(lambda self: self.model.transfers)
    @rule(which=which, times=st.integers(1, 2))
    def reverse(self, which: int, times: int) -> None:
        undone = self._earlier(which)
        self._post(*(undone.mirrored(self._key()) for _ in range(times)))

    @precondition(lambda self: self.model.transfers)
    @rule(which=which, less=amounts, swaps=st.booleans())
    def reverse_something_else(self, which: int, less: int, swaps: bool) -> None:
        earlier = self._earlier(which)
        mirror = earlier.mirrored(self._key())
        self._post(
            replace(mirror, amount=mirror.amount + less)
            if swaps
            else replace(earlier, key=mirror.key, reverses=mirror.reverses)
        )

    @rule(movement=movements)
    def reverse_what_never_was(self, movement: Any) -> None:
        self._post(replace(self._posting(*movement), reverses="never posted"))

    def _post(self, *batch: Posting) -> None:
        """Post a batch: as many are new as the model says, or it is refused for one of the model's reasons."""
        objections = self.model.objections(batch)
        code, posted = self._try(batch)
        self.reached["post", code] += 1
        if objections:
            assert code in objections, f"Tenpo says {code!r}, the model {objections}"
        else:
            assert (code, posted) == ("", self.model.post(batch))

    def _try(self, batch: tuple[Posting, ...]) -> tuple[str, int]:
        undone = [posting.reverses for posting in batch if posting.reverses]
        ids = dict(Transfer.objects.filter(key__in=undone).values_list("key", "pk")) if undone else {}
        postings = [
            actions.Posting(
                Transfer.Kind.PAYMENT, self._pot(p.debit), self._pot(p.credit), p.amount, p.key, SUBJECT,
                reverses_id=ids.get(p.reverses, SUBJECT) if p.reverses else None,
            )
            for p in batch
        ]  # fmt: skip
        try:
            with transaction.atomic():
                posted = actions.post_transfers(postings)
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except RuleError as refusal:
            return refusal.code, 0
        except (IntegrityError, ProgrammingError) as error:
            return next((name for said, name in SAID.items() if said in str(error)), str(error)), 0
        return "", posted

    @classmethod
    def outcomes(cls) -> set[str]:
        return {"post", *SAID.values(), "insufficient_funds"}

    def must_hold(self, finding: Finding) -> bool:
        """Here nothing is sold, and any kind of transfer is posted between any accounts."""
        return finding.name != "transfer-joins-the-accounts-of-its-kind"

    # What is compared

    def found(self) -> dict[str, Any]:
        people = {person.pk: number for number, person in enumerate(self.people)}
        accounts = list(Account.objects.order_by("id"))
        pots = {row.pk: _name(row, people) for row in accounts}
        transfers = list(
            Transfer.objects.order_by("id").values_list("pk", "debit", "credit", "amount", "key", "reverses")
        )
        keys: dict[Any, str] = {pk: key for pk, _debit, _credit, _amount, key, _reverses in transfers}
        view, *_ = self._look_at()
        return {
            "accounts": [(pots[row.pk], row.expires_at, row.balance) for row in accounts],
            "transfers": [
                Posting(pots[debit], pots[credit], amount, key, keys.get(reverses))
                for _pk, debit, credit, amount, key, reverses in transfers
            ],
            view: self._found_in(view),
        }

    def _found_in(self, view: str) -> list[Any]:
        _view, owner, currency, day = self._look_at()
        reader = self.people[owner]
        match view:
            case "trial balance":
                return sorted((s.kind, s.currency, s.accounts, s.debits, s.credits) for s in trial_balance())
            case "statement":
                return [(row.change, row.balance) for row in whole_statement(reader, currency)]
            case "newest":
                return [(row.change, row.balance) for row in statement(reader, currency, limit=2)[0]]
        return [
            (SOURCES.index(row.source_id or SUBJECT), row.balance)
            for row in spendable_pots(reader, currency, START + timedelta(days=day))
        ]

    def expected(self) -> dict[str, Any]:
        of = self.model
        view, owner, currency, day = self._look_at()
        views: dict[str, Callable[[], list[Any]]] = {
            "trial balance": lambda: of.trial_balance(),
            "statement": lambda: of.statement(owner, currency),
            "newest": lambda: of.statement(owner, currency)[:-3:-1],
            "spending order": lambda: of.spending_order(owner, currency, day),
        }
        return {
            "accounts": [
                (pot, _expiry(pot.source), of.balance(pot) if pot.owner is not None else None) for pot in of.accounts
            ],
            "transfers": list(of.transfers.values()),
            view: views[view](),
        }

    # Who and what is meant

    def _look_at(self) -> tuple[str, int, str, int]:
        """Which view is compared after this step, whose, in which currency, and on which day: others each time."""
        turn = self.steps // len(VIEWS)
        return VIEWS[self.steps % len(VIEWS)], turn % 2, CURRENCIES[turn % 4 == 3], (0, 10)[turn // 2 % 2]

    def _key(self) -> str:
        self.keys += 1
        return f"key {self.keys}"

    def _posting(
        self, flow: str, giver: int, taker: int, source: int, target: int, currency: str, amount: int
    ) -> Posting:
        debit, credit = FLOWS[flow]
        return Posting(
            Pot(debit, currency, giver, source) if debit == "credit" else Pot(debit, currency),
            Pot(credit, currency, taker, target) if credit == "credit" else Pot(credit, currency),
            amount,
            self._key(),
        )

    def _earlier(self, which: int) -> Posting:
        """A transfer that was posted, counted from the newest."""
        posted = list(self.model.transfers.values())
        return posted[-1 - which % len(posted)]

    def _pot(self, pot: Pot) -> actions.Pot:
        return actions.Pot(
            Account.Kind(pot.kind),
            pot.currency,
            None if pot.owner is None else self.people[pot.owner].pk,
            None if pot.source is None else SOURCES[pot.source],
            expires_at=_expiry(pot.source),
        )


def _expiry(source: int | None) -> Any:
    days = None if source is None else EXPIRES_IN[source]
    return None if days is None else START + timedelta(days=days)


def _name(row: Account, people: dict[UUID, int]) -> Pot:
    return Pot(
        row.kind,
        row.currency,
        people[row.owner_id] if row.owner_id else None,
        SOURCES.index(row.source_id) if row.source_id else None,
    )
