"""The rules of what fills a wallet, in plain Python: its owner, by a card or a transfer; and itself, when it is low."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.machines.booking_nouns import BY_HAND
from tests.machines.machine import Refused
from tests.machines.money_nouns import OPEN, TOP_UP_LEAST, TOP_UP_MOST, WALLET_MOST, AutoTopUp, Payment, Wish
from tests.machines.sale_model import Sales

# What must come of it in some run of the machine, with what stands in `payout_model`.
RULES = ("top_up", "decide_auto_top_up", "drop_auto_top_up", "remove_card", "look_after", "die_while_filling")
CODES = ("top_up_too_large", "top_up_too_small", "wallet_full")
ZONE = ZoneInfo("Europe/Berlin")
# What it waits for after it did not work once, twice, three times in a row; then it is switched off.
WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
# Why a card does not pay. What never got to its bank says nothing of the card.
FAILURES = {"blocked": "card_declined", "asks": "authentication_required", "late": "not_confirmed"}
NEVER_STARTED = "never_started"


class TopUps(Sales):
    """What is paid ahead."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.auto_top_ups: dict[int, AutoTopUp] = {}

    def top_up(self, owner: int, *, amount: int, provider: str, card: str) -> None:
        if not provider:
            raise Refused("payment_needed")
        if amount < TOP_UP_LEAST:
            raise Refused("top_up_too_small")
        if amount > TOP_UP_MOST:
            raise Refused("top_up_too_large")
        if self.of["wallet", owner] + sum(self._coming(owner)) + amount > WALLET_MOST:
            raise Refused("wallet_full")
        self._pay(Payment(owner, provider, amount, self.now, is_top_up=True), card)

    def _coming(self, owner: int, but: tuple[str, ...] = ()) -> list[int]:
        """What is on its way into somebody's wallet."""
        open_ = [p for p in self.payments if p.is_top_up and p.payer == owner and p.state in OPEN]
        return [payment.amount for payment in open_ if payment.provider not in but]

    # How it is filled by itself

    def decide_auto_top_up(self, owner: int, wish: Wish, *, is_fresh: bool, by: int) -> None:
        """What charges a card sooner, or with more, is for who has just shown who they are."""
        if by != owner:
            raise Refused("forbidden")
        before = self.auto_top_ups.get(owner)
        if not is_fresh and wish.is_on and (before is None or not before.is_on or wish.asks_more_than(before.wish)):
            raise Refused("forbidden")
        if not self._makes_sense(wish):
            raise Refused("invalid")
        one = self.auto_top_ups.setdefault(owner, AutoTopUp(wish))
        if wish.is_on and (before is None or not one.is_on or wish.card != one.wish.card):
            one.failed_times, one.failure, one.paused_until = 0, "", None
        if not wish.is_on:
            one.paused_until = None
        if before is None or wish.low_below != one.wish.low_below:
            is_low = wish.low_below is not None and self._in_wallet(owner) < wish.low_below
            one.low_since = self.now if is_low else None
        one.wish, one.is_on = wish, wish.is_on

    def _makes_sense(self, wish: Wish) -> bool:
        is_fixed = wish.kind == "fixed"
        if min(wish.threshold, wish.amount, wish.cap) <= 0 or (wish.low_below is not None and wish.low_below <= 0):
            return False
        if wish.cap < wish.amount if is_fixed else wish.amount <= wish.threshold:
            return False
        smallest = wish.amount if is_fixed else wish.amount - wish.threshold
        highest = wish.threshold + wish.amount if is_fixed else wish.amount
        fits = smallest >= TOP_UP_LEAST and highest <= WALLET_MOST and wish.cap >= TOP_UP_LEAST
        return not wish.is_on or (fits and (not is_fixed or wish.amount <= TOP_UP_MOST))

    def drop_auto_top_up(self, owner: int, *, by: int) -> None:
        if by != owner:
            raise Refused("forbidden")
        if one := self.auto_top_ups.get(owner):
            one.wish = one.wish._replace(is_on=False, low_below=None, card="")
            one.is_on, one.low_since = False, None
            one.failed_times, one.failure, one.paused_until = 0, "", None

    def remove_card(self, owner: int, card: str) -> None:
        """Nothing is filled by it any more."""
        one = self.auto_top_ups.get(owner)
        if one is None or one.wish.card != card:
            return
        one.wish = one.wish._replace(card="")
        if one.is_on:
            self._switch_off(one, "method_removed")

    def wanting(self) -> set[int]:
        """Whose wallet wants something: to be filled, or its owner told, once, until there is more in it again."""
        found = set()
        for owner, one in self.auto_top_ups.items():
            left, low_below = self._in_wallet(owner), one.wish.low_below or 0
            is_due = one.is_on and left < one.wish.threshold and not self._is_paused(one)
            is_low = one.low_since is None and left < low_below
            if (is_due or is_low) and not self.is_filled_now(owner):
                found.add(owner)
            if one.low_since is not None and left >= low_below:
                found.add(owner)
        return found

    def look_after(self, owner: int) -> None:
        """It is filled if it is low, once at a time and no more on a day than its owner wishes; else they are told."""
        one = self.auto_top_ups[owner]
        if payment := self._due(owner, one):
            self._pay(payment, one.wish.card)
        left, low_below = self._in_wallet(owner), one.wish.low_below or 0
        if left >= low_below:
            one.low_since = None
        elif one.low_since is None and not self.is_filled_now(owner):
            one.low_since = self.now

    def die_while_filling(self, owner: int) -> None:
        """Nobody is asked for the money of what is begun."""
        if payment := self._due(owner, self.auto_top_ups[owner]):
            self.payments.append(payment)

    def _due(self, owner: int, one: AutoTopUp) -> Payment | None:
        if not one.is_on or self._is_paused(one) or self.is_filled_now(owner):
            return None
        wish, left = one.wish, self._in_wallet(owner) + sum(self._coming(owner, but=BY_HAND))
        if left >= wish.threshold:
            return None
        room = WALLET_MOST - self.of["wallet", owner] - sum(self._coming(owner))
        most = min(room, TOP_UP_MOST, wish.cap - self._paid_in_today(owner))
        amount = wish.amount if wish.kind == "fixed" else min(wish.amount - left, most)
        if not TOP_UP_LEAST <= amount <= most:
            return None
        return Payment(owner, "sandbox", amount, self.now, is_top_up=True, is_automatic=True, card=wish.card)

    def _paid_in_today(self, owner: int) -> int:
        """By itself: what began or came on this day of the business's, unless it failed."""
        today = self.now.astimezone(ZONE).date()
        return sum(
            payment.amount
            for payment in self.payments
            if payment.is_automatic and payment.payer == owner and payment.state not in ("failed", "cancelled")
            if today in {at.astimezone(ZONE).date() for at in (payment.made_at, payment.paid_at) if at}
        )

    def _in_wallet(self, owner: int) -> int:
        return self.of["granted", owner] + self.of["wallet", owner]

    def is_filled_now(self, owner: int) -> bool:
        return any(p.is_automatic and p.payer == owner and p.state in OPEN for p in self.payments)

    def _is_paused(self, one: AutoTopUp) -> bool:
        return one.paused_until is not None and one.paused_until > self.now

    # What comes of it

    def _become(self, payment: Payment, state: str) -> None:
        before = payment.state
        super()._become(payment, state)
        if payment.is_automatic and payment.state != before and payment.state not in OPEN:
            self._note(payment, self.auto_top_ups[payment.payer])

    def _note(self, payment: Payment, one: AutoTopUp) -> None:
        """A success begins to count anew; what fails waits, each time longer, and is switched off in the end."""
        if payment.state == "succeeded":
            one.failed_times, one.failure, one.paused_until = 0, "", None
            return
        one.failure = FAILURES[payment.card] if payment.at_bank else NEVER_STARTED
        if not one.is_on:
            return
        if one.failure == NEVER_STARTED:
            one.paused_until = self.now + WAITS[0]
            return
        one.failed_times += 1
        if one.failed_times > len(WAITS):
            self._switch_off(one, one.failure)
        else:
            one.paused_until = self.now + WAITS[one.failed_times - 1]

    def _switch_off(self, one: AutoTopUp, why: str) -> None:
        one.is_on, one.failure, one.paused_until = False, why, None

    def _stop_filling(self, owner: int, why: str) -> None:
        """Money of a top-up goes back: else the card would pay it again within a minute. Or a bank wants some back."""
        one = self.auto_top_ups.get(owner)
        if one is not None and one.is_on:
            self._switch_off(one, why)
