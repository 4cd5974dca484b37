"""What the money model is made of, in plain Python: whose money is where, who earns which part. No Tenpo is called.

People are numbers; payments, bookings, payouts too, in the order in which they came to be. Amounts are cents. A rule
either changes the model or raises `Refused` and changes nothing, unless it says otherwise. Who earns which part stands
in `split_model`, sponsors in `sponsor_model`, what is sold in `sale_model`, what fills a wallet in `top_up_model`, what
goes back in `refund_model`, what banks take back in `dispute_model`, what leaves in `payout_model`.
"""

from collections import Counter
from datetime import datetime

from dateutil.relativedelta import relativedelta

from tests.machines.booking_nouns import Credit
from tests.machines.machine import Refused
from tests.machines.money_nouns import ADMINS, Booking, Grant, Payment, Purse, Refund, Session

CREDIT_MONTHS = 24


class Money:
    """Whose money is where, and what the business gives."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.sessions: list[Session] = []
        self.bookings: list[Booking] = []
        self.payments: list[Payment] = []
        self.credits: list[Credit] = []
        self.grants: list[Grant] = []
        self.refunds: list[Refund] = []
        self.cancellation_to = "credit"
        # What flowed in less what flowed out: of each person by kind, and of each side of the business.
        self.of: Counter[tuple[str, int]] = Counter()
        self.sides: Counter[str] = Counter()

    # What is given

    def give_money(self, owner: int, *, amount: int, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if by == owner:
            raise Refused("own_wallet")
        if amount <= 0:
            raise Refused("invalid")
        self.grants.append(Grant(owner, amount))
        self._to("granted", owner, amount, side="grants")

    def take_back_grant(self, grant: Grant, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if grant.is_back:
            return
        if self.of["granted", grant.owner] < grant.amount:
            raise Refused("grant_spent")
        grant.is_back = True
        self._to("granted", grant.owner, -grant.amount, side="grants")

    # Where it goes

    def _flow(self, source: str, target: str, amount: int) -> None:
        self.sides[source] -= amount
        self.sides[target] += amount

    def _to(self, kind: str, who: int, amount: int, *, side: str) -> None:
        """From a side of the business to somebody; less than nothing goes back."""
        self.of[kind, who] += amount
        self.sides[side] -= amount

    def _put(self, purse: Purse, owner: int, amount: int) -> None:
        if isinstance(purse, Credit):
            purse.balance += amount
        else:
            self.of[purse, owner] += amount

    def _issue(self, payment: Payment, amount: int) -> None:
        self.sides["sales"] -= amount
        expires_at = self.now + relativedelta(months=CREDIT_MONTHS)
        self.credits.append(Credit(payment.payer, self.payments.index(payment), expires_at, balance=amount))
