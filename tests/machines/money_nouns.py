"""What the money model speaks of: who there is, whose money is where, and what is sold, paid and paid out."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from tests.machines import booking_nouns
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
# What sessions may be of.
SERVICES = (0, 1)
LENGTH = timedelta(minutes=60)
NEW_ACCOUNT_WAITS = timedelta(hours=48)
APPROVALS_COUNT_FOR = timedelta(days=7)
# The product's own numbers are larger; the machine makes them these, so that it reaches them.
PAYOUTS_UNDER_WAY = 2
ACCOUNTS_KEPT = 2
UNDER_WAY = ("asked", "approved", "sent")
# So long after it took place, or was paid, one may ask for it back.
ASK_DAYS = 2
# What a provider does not give back at once is decided after so long.
LATE = timedelta(seconds=10)
# So long is waited before a provider is asked what became of it.
A_WHILE = timedelta(minutes=2)
# With these one pays at once, and what was paid goes back late, or does not; one was kept, and pays nothing since.
CARDS = {**booking_nouns.CARDS, "back late": "succeeded", "not back": "succeeded", "blocked": "declined"}
# And this one pays at once, and its bank takes that back.
CARDS["taken back"] = "succeeded"
# Begun is only what nobody asked a provider for: its process died.
OPEN = ("created", *booking_nouns.OPEN)
# In this order, after credits and before a card.
SPENT_FIRST = ("granted", "wallet")

# What pays a part of a price: a credit, or a kind of money of the buyer's.
type Purse = Credit | str


@dataclass(eq=False)
class Session:
    coaches: list[int]  # the lead first
    starts_at: datetime
    price: int
    windows: Windows
    creator: int | None = None  # none: its lead
    service: int | None = None  # of which it is one, if of any
    status: str = "planned"

    @property
    def coach(self) -> int:
        return self.coaches[0]

    @property
    def made_by(self) -> int:
        return self.coach if self.creator is None else self.creator

    @property
    def is_given_by_its_creator(self) -> bool:
        return self.made_by in self.coaches

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + LENGTH


@dataclass(eq=False)
class Split:
    who: int | None  # None: the business
    amount: int
    part: str
    back: int = 0
    is_earned: bool = False

    @property
    def left(self) -> int:
        return self.amount - self.back


@dataclass(eq=False)
class Sponsorship:
    sponsor: int
    percent: int | None
    amount: int | None
    cap: int | None
    pot: int | None
    most: int | None  # for each person
    starts: datetime
    ends: datetime | None
    # Whom it names, with what it spent for them, also those who are removed.
    spent_for: dict[int, int] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    spent: int = 0
    owed: int = 0

    def funds(self, who: int) -> bool:
        return who in self.spent_for and who not in self.removed

    def left_for(self, who: int) -> list[int]:
        """What is left of the pot and of somebody's part, where there is an end to it."""
        ends = [(self.pot, self.spent), (self.most, self.spent_for[who])]
        return [most - spent for most, spent in ends if most is not None]


class Quote(NamedTuple):
    """Who pays which part of a price."""

    company: int
    sponsorship: Sponsorship | None
    sponsor: int
    spent: list[tuple[Purse, int]]
    own: int


@dataclass(eq=False)
class Booking:
    session: Session
    buyer: int
    company: int
    sponsorship: Sponsorship | None
    sponsor: int
    spent: list[tuple[Purse, int]]
    own: int
    ordered_at: datetime
    rule: "SplitRule | None" = None
    splits: list[Split] = field(default_factory=list)
    state: str = "held"
    held_until: datetime | None = None
    windows: Windows = ()
    is_paid: bool = False
    paid_at: datetime | None = None
    percent_back: int | None = None
    company_back: int = 0
    own_back: int = 0
    sponsor_back: int = 0
    back: Counter[Purse] = field(default_factory=Counter)
    # Where the own part goes when its buyer cancels.
    back_to: str = "credit"

    @property
    def is_void(self) -> bool:
        """Given up before it was paid."""
        return self.state == "cancelled" and not self.is_paid

    @property
    def payers(self) -> tuple[int | None, int | None]:
        return self.buyer, self.sponsorship.sponsor if self.sponsorship else None

    def left(self) -> list[int]:
        """What has not gone back: to the company, to credits, the wallet, who paid from outside, a sponsor."""
        spent = [sum(amount - self.back[purse] for purse, amount in part) for part in self.of_purses()]
        own, sponsor = self.own - self.own_back, self.sponsor - self.sponsor_back
        return [self.company - self.company_back, *spent, own, sponsor]

    def of_purses(self) -> list[list[tuple[Purse, int]]]:
        return [self.of_credits(), self.of_money()]

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
    card: str = ""
    paid_at: datetime | None = None
    is_told: bool = False
    refunded: int = 0
    is_automatic: bool = False
    # What came of it into its payer's wallet, where it is no top-up; what a bank's loss took out of there again.
    into_wallet: int = 0
    out_of_wallet: int = 0
    is_disputed: bool = False
    is_told_of_dispute: bool = False
    asked_at: datetime | None = None


class Wish(NamedTuple):
    """How somebody wants their wallet to be filled by itself, and below what to be told."""

    is_on: bool
    threshold: int
    kind: str
    amount: int
    cap: int
    low_below: int | None
    card: str = ""  # none: it was removed

    def asks_more_than(self, other: "Wish") -> bool:
        """Whether a card is charged that was not, sooner, or with more."""
        is_another = self.kind != other.kind or self.card != other.card
        return is_another or self.threshold > other.threshold or self.amount > other.amount or self.cap > other.cap


@dataclass(eq=False)
class AutoTopUp:
    wish: Wish
    is_on: bool = False
    failed_times: int = 0
    failure: str = ""
    paused_until: datetime | None = None
    low_since: datetime | None = None


@dataclass(eq=False)
class Refund:
    user: int
    booking: Booking | None  # None: of a top-up
    payment: Payment | None
    origin: str
    asked: int
    to: str
    state: str = "asked"
    parts: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])  # as of `Booking.left`
    by_policy: bool = False
    reviewed_by: int | None = None
    marked_by: int | None = None
    attempt: int = 1
    sent_at: datetime | None = None
    at_provider: str = ""
    is_told: bool = False

    @property
    def own(self) -> int:
        return self.parts[3]


class Said(NamedTuple):
    """What a provider says of one dispute: what moved so far by name, our balance's change there and the fee."""

    name: str
    state: str
    amount: int
    moved: tuple[tuple[str, int, int], ...]


@dataclass(eq=False)
class Dispute:
    payment: Payment
    name: str
    amount: int
    state: str = "open"
    heard: set[str] = field(default_factory=set)
    taken: int = 0
    fee: int = 0
    lost: int = 0
    # What of it waited to go back anyway.
    ended: int = 0


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
    kind: str = ""  # of sessions, which are all that is sold here, or of anything
    service: int | None = None  # and of them for those of one service alone

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
    approved_at: datetime | None = None
    batch: "Batch | None" = None

    @property
    def payee(self) -> int:
        return self.account.owner


@dataclass(eq=False)
class Batch:
    count: int
    total: int
    state: str = "made"
