"""What a payment provider must offer. Stripe's way of working is the model: start, maybe act, maybe wait, be told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from tenpo.payments.models import Dispute, Payment
from tenpo.payments.provider_models import PaymentMethod

# Why a payment failed whose saved method the provider does not keep any more.
METHOD_GONE = "method_gone"


class ProviderTimeout(Exception):
    """The provider did not answer: nobody knows yet whether the money moved."""


class BadSignature(Exception):
    """An event that the provider did not send, or that cannot be read."""


@dataclass(frozen=True)
class MethodOutcome:
    """What a provider says of one saved method now: ready, failed, or still being added."""

    state: PaymentMethod.State
    reference: str | None = None
    brand: str = ""
    last4: str = ""
    expires_month: int | None = None
    expires_year: int | None = None
    failure_code: str = ""
    action_url: str = ""
    # Whether the provider had let go of everything that its owner kept there before.
    has_lost_all: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a provider says of one payment now. `fee` is in minor units of the payment's currency.

    `kept` is what it was paid with, once it succeeded and where its payer keeps that (`Payment.keeps_method`). `amount`
    and `currency` are what came, where the provider says so: it buys nothing where that is not what was asked for.
    """

    state: Payment.State
    reference: str | None = None
    method: str = ""
    fee: int = 0
    failure_code: str = ""
    action_url: str = ""
    kept: MethodOutcome | None = None
    amount: int | None = None
    currency: str = ""
    # Whether its payer's bank wants it back, or did.
    is_disputed: bool = False
    # Whether the provider had let go of everything that its payer kept there.
    has_lost_all: bool = False


class RefundState(StrEnum):
    """Where money is that goes back to whoever paid it."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class RefundOutcome:
    """What a provider says of one refund now."""

    state: RefundState
    reference: str | None = None
    failure_code: str = ""


@dataclass(frozen=True)
class DisputeMovement:
    """What a dispute moved at once, in minor units: our balance there before the fee, below zero when it went out."""

    reference: str
    amount: int
    fee: int
    currency: str


@dataclass(frozen=True)
class DisputeOutcome:
    """What a provider says of one dispute now, with all that it moved so far."""

    reference: str
    state: Dispute.State
    amount: int
    currency: str
    moved: tuple[DisputeMovement, ...] = ()


class MovementKind(StrEnum):
    """Why money came or went at a provider."""

    PAYMENT = "payment"
    REFUND = "refund"
    TRANSFER = "transfer"
    PAYOUT = "payout"
    OTHER = "other"


@dataclass(frozen=True)
class Movement:
    """One line of a provider's own list, to be held against the books.

    `amount` is what our balance there changed by before the fee, below zero when it went out; `fee` is what they kept.
    Both are in minor units. `reference` is the payment's or the refund's.
    """

    reference: str
    kind: MovementKind
    amount: int
    fee: int
    currency: str
    at: datetime


@dataclass(frozen=True)
class IncomingEvent:
    """A provider's event whose signature is right: its own id, and what it speaks of.

    That is named by the provider, and by us where the provider gives back what we had written on it.
    """

    event_id: str
    reference: str
    payload: dict[str, Any]
    payment_id: str = ""
    method_id: str = ""
    payout_id: str = ""


class Provider(Protocol):
    """One way to pay. None of these may be called inside a transaction: they may wait for a network.

    All are safe to repeat: the id of the payment or method, or the refund's `key`, is the provider's idempotency key.
    """

    name: str
    # How it is called where people choose, and what happens then (translated when shown).
    label: Any
    note: Any
    # Whether somebody of ours says that the money came, rather than the provider.
    is_marked_by_hand: bool
    # Whether people may keep a card there.
    keeps_methods: bool

    def start(self, payment: Payment, source: str, *, is_automatic: bool = False) -> Outcome:
        """Ask for the money from `source` (a card's token, or nothing), or from the payment's saved method.

        `is_automatic` says that its payer is not there to confirm it. Where the payment `keeps_method`, what it is
        paid with is kept there once it succeeded, and not before. Raises ProviderTimeout.
        """

    def retrieve(self, payment: Payment) -> Outcome | None:
        """What became of it; None when the provider never heard of it. Raises ProviderTimeout."""

    def cancel(self, payment: Payment) -> Outcome | None:
        """Ask to give up a payment that waits for its payer; what became of it, which may be that it had succeeded.

        None when the provider never heard of it. Raises ProviderTimeout.
        """

    def refund(self, payment: Payment, *, amount: int, key: str) -> RefundOutcome:
        """Give `amount` of a payment back by the way that it came; `key` names this refund. Raises ProviderTimeout.

        Never more than what is left of the payment, whatever was refunded at the same moment: that fails.
        """

    def retrieve_refund(self, payment: Payment, *, key: str) -> RefundOutcome | None:
        """What became of a refund; None when the provider never heard of it. Raises ProviderTimeout."""

    def disputes(self, payment: Payment) -> Iterable[DisputeOutcome]:
        """What its payer's bank wants back of a payment, or wanted, and what that moved. Raises ProviderTimeout."""

    def start_saving(self, method: PaymentMethod, source: str) -> MethodOutcome:
        """Keep `source` for later payments, or say where its owner enters it. Raises ProviderTimeout."""

    def retrieve_method(self, method: PaymentMethod) -> MethodOutcome | None:
        """What became of a method that is being added; None when the provider never heard of it.

        Raises ProviderTimeout.
        """

    def forget_method(self, method: PaymentMethod) -> None:
        """Let go of a method that its owner removed. Raises ProviderTimeout."""

    def movements(self, since: datetime, until: datetime) -> Iterable[Movement]:
        """What moved at the provider from `since` up to, but without, `until`. Raises ProviderTimeout."""

    def read_event(self, headers: Mapping[str, str], body: bytes) -> IncomingEvent:
        """Verify and read a webhook. Raises BadSignature."""
