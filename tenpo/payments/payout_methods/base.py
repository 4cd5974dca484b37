"""What a way to pay people out must offer, whether a program or a person carries it out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.people.models import User


class PayoutTimeout(Exception):
    """The method did not answer: nobody knows yet whether the money left."""


@dataclass(frozen=True)
class PayoutOutcome:
    """What a method says of one payout now: sent, done or failed. `cost` is what it took from the business."""

    state: Payout.State
    reference: str | None = None
    cost: int = 0
    failure_code: str = ""


@dataclass(frozen=True)
class PayoutFile:
    """What an admin hands to whoever carries out the payouts of a batch."""

    text: str
    name: str
    content_type: str


class PayoutMethod(Protocol):
    """One way to be paid. `send` and `retrieve` are called outside of transactions: they may wait for a network."""

    name: PayoutAccount.Method
    # What somebody types to be paid this way: each field's name, and what it is called (translated when shown).
    fields: dict[str, Any]
    # How it leaves: by itself, by a file for many, or by an admin's hand.
    sends_itself: bool
    writes_files: bool

    def is_offered(self, terms: PayoutTerms, currency: str) -> bool:
        """Whether people can be paid this way here."""

    def read(self, typed: Mapping[str, str], *, owner: User) -> dict[str, str]:
        """What was typed, or is known of its owner, as it is stored; raises ValidationError by field."""

    def mask(self, details: Mapping[str, str]) -> str:
        """Enough of the details to know them again."""

    def send(self, payout: Payout, *, is_new: bool) -> PayoutOutcome:
        """Send the money. Safe to repeat: the payout's id is the method's own key. Raises PayoutTimeout.

        Only of a new one may a refusal mean that it failed: what was sent before may be on its way.
        """

    def retrieve(self, payout: Payout) -> PayoutOutcome | None:
        """What became of it; None when the method never heard of it. Raises PayoutTimeout."""

    def came_back(self, payout: Payout) -> PayoutOutcome | None:
        """Why it failed although it had arrived, with the money ours again; None: it did not. Raises PayoutTimeout."""

    def write(self, payouts: Sequence[Payout], terms: PayoutTerms, *, on: date) -> PayoutFile:
        """The file of a batch, to be carried out on a day."""


class SentByHand:
    """A way that no program of ours carries out: an admin does, and says what became of it."""

    name: PayoutAccount.Method
    fields: dict[str, Any]
    sends_itself: bool = False
    writes_files: bool = False

    def send(self, payout: Payout, *, is_new: bool) -> PayoutOutcome:
        return PayoutOutcome(Payout.State.SENT)

    def retrieve(self, payout: Payout) -> PayoutOutcome | None:
        return PayoutOutcome(Payout.State.SENT)

    def came_back(self, payout: Payout) -> PayoutOutcome | None:
        return None

    def write(self, payouts: Sequence[Payout], terms: PayoutTerms, *, on: date) -> PayoutFile:
        raise NotImplementedError(f"{self} leaves by no file")


def details_of(account: PayoutAccount) -> dict[str, str]:
    """What a method needs to send money to an account, opened."""
    details: dict[str, str] = json.loads(account.details)
    return details
