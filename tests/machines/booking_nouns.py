"""What the booking model speaks of: who there is, what is counted in which words, how amounts are divided."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor

MEMBERS = (0, 1, 2)
ADMIN = 3
COACHES = (4, 5)

HOLD = timedelta(minutes=15)
HOLD_WHILE_UNDER_WAY = timedelta(minutes=60)
HOLD_BY_HAND = timedelta(days=2)
OFFER = timedelta(hours=12)
CREDIT_MONTHS = 1
ATTENDANCE_OPEN = timedelta(days=7)
ASKED_AFTER = timedelta(minutes=1)
COMPLETED_AFTER = timedelta(days=1)

BY_HAND = ("payroll", "transfer")
# Less than this before a start a transfer would not be there.
TRANSFER_TAKES = timedelta(hours=24)
# What the card's bank says at first.
CARDS = {
    "succeeds": "succeeded",
    "declined": "declined",
    "asks": "needs_action",
    "late": "processing",
    "silent": "succeeded",
}
TOLD = {
    "succeeded": "succeeded",
    "declined": "failed",
    "needs_action": "needs_action",
    "processing": "pending",
    "cancelled": "cancelled",
}
OPEN = ("needs_action", "pending", "unknown")
SEATED = ("offered", "held", "confirmed", "attended", "no_show")
PRESENT = ("held", "confirmed", "attended", "no_show")

type Windows = tuple[tuple[int, int], ...]

LET_OFF_WITHIN = timedelta(hours=24)


@dataclass(frozen=True)
class Rules:
    """What a policy says beside its windows."""

    no_show: int = 0
    grace: int = 0
    days: int = 0
    moves: int = 0
    move_hours: int = 0


# Each policy of the machine of policies is known by its windows.
RULES_OF: dict[Windows, Rules] = {
    ((1, 33), (0, 10)): Rules(no_show=20, grace=1, days=2),
    ((0, 100),): Rules(no_show=40, moves=1),
    ((48, 100), (24, 50), (0, 0)): Rules(moves=1, move_hours=3),
}


@dataclass(eq=False)
class Session:
    coach: int
    starts_at: datetime
    minutes: int
    capacity: int
    price: int
    windows: Windows
    status: str = "planned"

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(eq=False)
class Credit:
    owner: int
    source: int  # the payment it comes from
    expires_at: datetime
    occasion: int | None = None  # the booking for which a lapsed one was opened again
    balance: int = 0

    @property
    def name(self) -> tuple[int, int, int | None]:
        return self.owner, self.source, self.occasion


@dataclass(eq=False)
class Booking:
    session: Session
    participant: int
    buyer: int
    state: str = ""
    ending: str = ""
    held_until: datetime | None = None
    waits_since: datetime | None = None
    windows: Windows = ()
    company: int = 0
    spent: list[tuple[Credit, int]] = field(default_factory=list)
    own: int = 0
    order: int = 0  # which one of all, once there is one
    is_paid: bool = False
    was_moved: bool = False
    claims: bool = False  # the time of its session, from when it is held
    percent_back: int | None = None
    # How often it was moved, as its policy counts, and what may come back since.
    moves: int = 0
    most: int = 100
    # Given up late, or not come: which of them, how it was settled, what came back; and when.
    miss: tuple[str, str, int] | None = None
    missed_at: datetime | None = None
    # What went back as a refund: to the company, to each credit, of the own share.
    company_back: int = 0
    spent_back: list[int] = field(default_factory=list)
    own_back: int = 0

    @property
    def price(self) -> int:
        return self.company + self.credit + self.own

    @property
    def rules(self) -> Rules:
        return RULES_OF.get(self.windows, Rules())

    @property
    def credit(self) -> int:
        return sum(amount for _credit, amount in self.spent)


@dataclass(eq=False)
class Payment:
    payer: int
    provider: str
    amount: int
    made_at: datetime
    booking: Booking | None
    state: str = "created"
    at_bank: str = ""
    fee: int = 0


@dataclass(eq=False)
class Share:
    coach: int | None
    percent: int | None
    amount: int | None
    cap: int | None
    starts: datetime
    ends: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.starts <= at and (self.ends is None or at < self.ends)

    def of(self, price: int) -> int:
        part = half_up(Fraction(price * self.percent, 100)) if self.percent else self.amount or 0
        return min(part, price, self.cap or price)


def half_up(amount: Fraction) -> int:
    return floor(amount + Fraction(1, 2))


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Whole parts of `total` by `weights`; what is left over goes to the largest fractions, the first before others."""
    if not sum(weights):
        return [0 for _weight in weights]
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [floor(part) for part in exact]
    for index in sorted(range(len(weights)), key=lambda i: parts[i] - exact[i])[: total - sum(parts)]:
        parts[index] += 1
    return parts
