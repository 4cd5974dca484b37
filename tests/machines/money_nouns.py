"""What the money model speaks of: who there is, whose money is where, and what is sold, paid and paid out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.machines.booking_nouns import Credit, Windows

MEMBERS = (0, 1)
ADMINS = (2, 3)
COACHES = (4, 5)
EVERYBODY = (*MEMBERS, *ADMINS, *COACHES)

TOP_UP_LEAST = 500
TOP_UP_MOST = 20_000
WALLET_MOST = 25_000
# Of this coach's sessions the company pays a part.
SPONSORED, COMPANY_PERCENT = COACHES[1], 25
LENGTH = timedelta(minutes=60)
NEW_ACCOUNT_WAITS = timedelta(hours=48)
# The product's own numbers are larger; the machine makes them these, so that it reaches them.
PAYOUTS_UNDER_WAY = 2
ACCOUNTS_KEPT = 2
UNDER_WAY = ("asked", "approved", "sent")
# In this order, after credits and before a card.
SPENT_FIRST = ("granted", "wallet")

# What pays a part of a price: a credit, or a kind of money of the buyer's.
type Purse = Credit | str


@dataclass(eq=False)
class Session:
    coach: int
    starts_at: datetime
    price: int
    windows: Windows
    status: str = "planned"

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + LENGTH


@dataclass(eq=False)
class Split:
    who: int | None  # None: the business
    amount: int
    back: int = 0
    is_earned: bool = False

    @property
    def left(self) -> int:
        return self.amount - self.back


@dataclass(eq=False)
class Booking:
    session: Session
    buyer: int
    company: int
    spent: list[tuple[Purse, int]]
    own: int
    splits: list[Split]
    state: str = "held"
    held_until: datetime | None = None
    windows: Windows = ()
    is_paid: bool = False
    percent_back: int | None = None

    def of_credits(self) -> list[tuple[Purse, int]]:
        return [(purse, amount) for purse, amount in self.spent if isinstance(purse, Credit)]

    def of_money(self) -> list[tuple[Purse, int]]:
        return [(purse, amount) for purse, amount in self.spent if isinstance(purse, str)]


@dataclass(eq=False)
class Payment:
    payer: int
    provider: str
    amount: int
    made_at: datetime
    booking: Booking | None = None
    is_top_up: bool = False
    state: str = "created"
    at_bank: str = ""
    fee: int = 0


@dataclass(eq=False)
class Grant:
    owner: int
    amount: int
    is_back: bool = False


@dataclass(eq=False)
class SplitRule:
    coach: int | None
    taught_by: str
    place: int
    percents: tuple[int, int, int]  # the business, whoever made it, whoever teaches it
    starts: datetime
    ends: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.starts <= at and (self.ends is None or at < self.ends)


@dataclass
class Terms:
    minimum: int
    fee: int
    second: int | None
    pays_wallets: bool = True
    has_bank: bool = True


@dataclass(eq=False)
class Account:
    owner: int
    method: str
    usable_from: datetime
    is_removed: bool = False


@dataclass(eq=False)
class Payout:
    account: Account
    source: str
    amount: int
    fee: int
    settled: int
    needs_second: bool
    state: str = "asked"
    approved_by: list[int] = field(default_factory=list)
    batch: "Batch | None" = None

    @property
    def payee(self) -> int:
        return self.account.owner


@dataclass(eq=False)
class Batch:
    count: int
    total: int
    state: str = "made"
