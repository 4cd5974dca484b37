"""The rules of the ledger in plain Python: dictionaries, and nothing of Tenpo is called here.

An account is named by what it is for (kind, currency, owner, source); credit belongs to somebody and is never below
zero, the business's own sides may be. A batch is posted as a whole, or refused as a whole and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

# In how many days a credit from each source expires; None: never.
EXPIRES_IN: dict[int, int | None] = {0: None, 1: 20, 2: 10, 3: 10}


@dataclass(frozen=True)
class Pot:
    """An account's whole name; `source` says of a credit where it comes from, and so when it expires."""

    kind: str
    currency: str
    owner: int | None = None
    source: int | None = None


@dataclass(frozen=True)
class Posting:
    debit: Pot
    credit: Pot
    amount: int
    key: str
    reverses: str | None = None  # the key of what it undoes

    def mirrored(self, key: str) -> "Posting":
        return replace(self, debit=self.credit, credit=self.debit, key=key, reverses=self.key)

    def change_of(self, pot: Pot) -> int:
        return self.amount * ((self.credit == pot) - (self.debit == pot))


class Ledger:
    def __init__(self) -> None:
        # Both in the order in which they came to be.
        self.accounts: list[Pot] = []
        self.transfers: dict[str, Posting] = {}

    def post(self, batch: Sequence[Posting]) -> int:
        """Post what is new of a batch against which `objections` has nothing; returns how many that were."""
        new = self._new(batch)
        ends = {pot for posting in new for pot in (posting.debit, posting.credit)}
        self.accounts += sorted(ends.difference(self.accounts), key=place)
        self.transfers.update({posting.key: posting for posting in new})
        return len(new)

    def objections(self, batch: Sequence[Posting]) -> set[str]:
        """Why a batch must be refused; any one of several reasons will do."""
        new = self._new(batch)
        found = {
            "currencies or mirror": any(not self._fits(posting) for posting in batch),
            "said otherwise": any(self._differs(posting, self.transfers.get(posting.key)) for posting in batch),
            "key twice": has_twice([posting.key for posting in new]),
            "undone twice": has_twice([p.reverses for p in [*self.transfers.values(), *new] if p.reverses]),
            "nothing to undo": any(p.reverses and p.reverses not in self.transfers for p in new),
            "undoes what undoes": any(p.reverses and self._undoes(p.reverses) for p in batch),
            "amount": any(posting.amount <= 0 for posting in new),
            "one end": any(posting.debit == posting.credit for posting in new),
            "insufficient_funds": self._overdraws(new),
        }
        return {objection for objection, holds in found.items() if holds}

    def _new(self, batch: Sequence[Posting]) -> list[Posting]:
        return [posting for posting in batch if posting.key not in self.transfers]

    def _differs(self, posting: Posting, earlier: Posting | None) -> bool:
        """One key says one thing."""
        return earlier is not None and replace(posting, reverses=None) != replace(earlier, reverses=None)

    def _undoes(self, key: str) -> bool:
        return key in self.transfers and self.transfers[key].reverses is not None

    def _fits(self, posting: Posting) -> bool:
        """Both ends are of one currency; what undoes something is its mirror."""
        undone = self.transfers.get(posting.reverses or "")
        is_mirror = undone is None or undone.mirrored(posting.key) == posting
        return is_mirror and posting.debit.currency == posting.credit.currency

    def _overdraws(self, new: Sequence[Posting]) -> bool:
        """What somebody owns never goes below zero, the whole batch counted at once."""
        owned = {pot for posting in new for pot in (posting.debit, posting.credit) if pot.owner is not None}
        return any(self.balance(pot) + sum(posting.change_of(pot) for posting in new) < 0 for pot in owned)

    def balance(self, pot: Pot) -> int:
        return sum(posting.change_of(pot) for posting in self.transfers.values())

    def trial_balance(self) -> list[tuple[str, str, int, int, int]]:
        """Each kind and currency with its number of accounts, and what was ever debited and credited."""
        rows = []
        for kind, currency in sorted({(pot.kind, pot.currency) for pot in self.accounts}):
            pots = [pot for pot in self.accounts if (pot.kind, pot.currency) == (kind, currency)]
            debits = sum(posting.amount for posting in self.transfers.values() if posting.debit in pots)
            credits = sum(posting.amount for posting in self.transfers.values() if posting.credit in pots)
            rows.append((kind, currency, len(pots), debits, credits))
        return rows

    def statement(self, owner: int, currency: str) -> list[tuple[int, int]]:
        """What each transfer did to all that somebody owns, and what that was after it; oldest first."""
        theirs = self._owned(owner, currency)
        rows: list[tuple[int, int]] = []
        for posting in self.transfers.values():
            if posting.debit in theirs or posting.credit in theirs:
                change = sum(posting.change_of(pot) for pot in theirs)
                rows.append((change, change + (rows[-1][1] if rows else 0)))
        return rows

    def spending_order(self, owner: int, currency: str, day: int) -> list[tuple[int | None, int]]:
        """What can be spent on a day, by source: what expires first before the rest, then the oldest."""
        left = [pot for pot in self._owned(owner, currency) if self.balance(pot) and expiry(pot) > day]
        return [(pot.source, self.balance(pot)) for pot in sorted(left, key=expiry)]

    def _owned(self, owner: int, currency: str) -> list[Pot]:
        return [pot for pot in self.accounts if (pot.owner, pot.currency) == (owner, currency)]


def place(pot: Pot) -> tuple[str, str, int, int]:
    """One batch opens its accounts in the order of their names, so that no two batches wait for each other."""
    return pot.kind, pot.currency, pot.owner or 0, pot.source or 0


def expiry(pot: Pot) -> float:
    days = EXPIRES_IN[pot.source or 0]
    return float("inf") if days is None else days


def has_twice(keys: Sequence[str | None]) -> bool:
    return len(set(keys)) < len(keys)
