"""The rules of sponsors in plain Python: what a budget pays and for whom, what comes back to it, what is owed of it."""

from datetime import datetime
from fractions import Fraction

from tests.machines.booking_nouns import half_up
from tests.machines.machine import Refused
from tests.machines.money_nouns import ADMINS, Booking, Sponsorship
from tests.machines.split_model import Splits

# What must come of it in some run of the machine, with what stands in `payout_model`.
RULES = (
    "create_sponsorship", "add_sponsored", "remove_sponsored", "raise_pot", "end_sponsorship", "note_sponsor_payment",
)  # fmt: skip
CODES = ("more_than_owed", "own_sponsorship", "pot_not_raised")


class Sponsors(Splits):
    """Who pays a part of what others buy."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.sponsorships: list[Sponsorship] = []
        # Of which budget how much came by bank transfer, as which admin noted it.
        self.sponsor_payments: list[tuple[Sponsorship, int, int]] = []

    def create_sponsorship(self, wanted: Sponsorship, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if any(amount is not None and amount <= 0 for amount in (wanted.pot, wanted.most, wanted.cap)):
            raise Refused("invalid")
        if wanted.starts < self.now:
            raise Refused("starts_in_past")
        if wanted.ends is not None and wanted.ends <= wanted.starts:
            raise Refused("ends_too_early")
        self.sponsorships.append(wanted)

    def add_sponsored(self, sponsorship: Sponsorship, who: int, *, by: int) -> None:
        """Who was removed goes on with what they had spent."""
        self._check_holds(sponsorship, by)
        sponsorship.spent_for.setdefault(who, 0)
        sponsorship.removed.discard(who)

    def remove_sponsored(self, sponsorship: Sponsorship, who: int, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        sponsorship.removed.add(who)

    def raise_pot(self, sponsorship: Sponsorship, pot: int, *, by: int) -> None:
        self._check_holds(sponsorship, by)
        if sponsorship.pot is None or pot <= sponsorship.pot:
            raise Refused("pot_not_raised")
        sponsorship.pot = pot

    def end_sponsorship(self, sponsorship: Sponsorship, *, by: int) -> None:
        self._check_holds(sponsorship, by)
        sponsorship.ends = max(self.now, sponsorship.starts)

    def note_sponsor_payment(self, sponsorship: Sponsorship, amount: int, *, by: int) -> None:
        """Over or not, and by another admin than who owes it."""
        if by not in ADMINS:
            raise Refused("forbidden")
        if by == sponsorship.sponsor:
            raise Refused("own_sponsorship")
        if amount <= 0:
            raise Refused("invalid")
        if amount > sponsorship.owed:
            raise Refused("more_than_owed")
        sponsorship.owed -= amount
        self.sides["transfer"] -= amount
        self.sponsor_payments.append((sponsorship, amount, by))

    def _check_holds(self, sponsorship: Sponsorship, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if sponsorship.ends is not None and sponsorship.ends <= max(self.now, sponsorship.starts):
            raise Refused("over")

    # What they pay

    def sponsor_share(self, price: int, rest: int, buyer: int) -> tuple[Sponsorship | None, int]:
        """One of them: of those that have something for the buyer what ends first, then the oldest."""
        holding = [
            (one.ends is None, one.ends.timestamp() if one.ends else 0, number, one)
            for number, one in enumerate(self.sponsorships)
            if one.starts <= self.now and (one.ends is None or self.now < one.ends) and one.funds(buyer)
        ]
        for *_order, one in sorted(holding):
            if amount := min(rest, self._part_of(one, price), *one.left_for(buyer)):
                return one, amount
        return None, 0

    def _part_of(self, one: Sponsorship, price: int) -> int:
        if one.percent is None:
            assert one.amount
            return min(one.amount, price)
        return min(half_up(Fraction(price * one.percent, 100)), one.cap or price)

    def _take(self, booking: Booking, amount: int) -> None:
        """Of the budget, as soon as a seat is held; less than nothing comes back to it."""
        if booking.sponsorship is not None:
            booking.sponsorship.spent += amount
            booking.sponsorship.spent_for[booking.buyer] += amount

    def _owe(self, booking: Booking, amount: int) -> None:
        """Once it is paid; less than nothing is owed no more."""
        if booking.sponsorship is not None:
            booking.sponsorship.owed += amount
            self.sides["sales"] += amount
