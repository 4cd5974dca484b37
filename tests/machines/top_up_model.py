"""The rules of what fills a wallet, in plain Python: its owner, by a card or a transfer."""

from tests.machines.booking_nouns import OPEN
from tests.machines.machine import Refused
from tests.machines.money_nouns import TOP_UP_LEAST, TOP_UP_MOST, WALLET_MOST, Payment
from tests.machines.sale_model import Sales


class TopUps(Sales):
    """What is paid ahead."""

    def top_up(self, owner: int, *, amount: int, provider: str, card: str) -> None:
        if not provider:
            raise Refused("payment_needed")
        if amount < TOP_UP_LEAST:
            raise Refused("top_up_too_small")
        if amount > TOP_UP_MOST:
            raise Refused("top_up_too_large")
        coming = [p.amount for p in self.payments if p.is_top_up and p.payer == owner and p.state in OPEN]
        if self.of["wallet", owner] + sum(coming) + amount > WALLET_MOST:
            raise Refused("wallet_full")
        self._pay(Payment(owner, provider, amount, self.now, is_top_up=True), card)
