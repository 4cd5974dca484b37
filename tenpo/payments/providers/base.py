"""What a payment provider must offer. Stripe's way of working is the model: start, maybe act, maybe wait, be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tenpo.payments.models import Payment


class ProviderTimeout(Exception):
    """The provider did not answer: nobody knows yet whether the money moved."""


class BadSignature(Exception):
    """An event that the provider did not send, or that cannot be read."""


@dataclass(frozen=True)
class Outcome:
    """What a provider says of one payment now. `fee` is in minor units of the payment's currency."""

    state: Payment.State
    reference: str | None = None
    method: str = ""
    fee: int = 0
    failure_code: str = ""
    action_url: str = ""


@dataclass(frozen=True)
class IncomingEvent:
    """A provider's event whose signature is right: its own id, and the payment that it speaks of."""

    event_id: str
    reference: str
    payload: dict[str, Any]


class Provider(Protocol):
    """One way to pay. None of these may be called inside a transaction: they may wait for a network.

    `start` and `retrieve` are safe to repeat: the payment's id is the provider's idempotency key.
    """

    name: str
    # How it is called where people choose, and what happens then (translated when shown).
    label: Any
    note: Any
    # Whether somebody of ours says that the money came, rather than the provider.
    is_marked_by_hand: bool

    def start(self, payment: Payment, source: str) -> Outcome:
        """Ask for the money from `source` (a card's token, or nothing). Raises ProviderTimeout."""

    def retrieve(self, payment: Payment) -> Outcome | None:
        """What became of it; None when the provider never heard of it. Raises ProviderTimeout."""

    def cancel(self, payment: Payment) -> Outcome | None:
        """Ask to give up a payment that waits for its payer; what became of it, which may be that it had succeeded.

        None when the provider never heard of it. Raises ProviderTimeout.
        """

    def read_event(self, headers: Mapping[str, str], body: bytes) -> IncomingEvent:
        """Verify and read a webhook. Raises BadSignature."""
