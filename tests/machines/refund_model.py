"""The rules of refunds in plain Python: asked for, granted, given, sent, given another way."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.machines.booking_nouns import ASKED_AFTER, BY_HAND, largest_remainder
from tests.machines.machine import Refused
from tests.machines.money_nouns import ADMINS, ASK_DAYS, Booking, Dispute, Payment, Refund
from tests.machines.top_up_model import TopUps

# What must come of it in some run of the machine, with what stands in `payout_model`.
RULES = (
    "decide_refund_terms", "ask_for_refund", "grant_refund", "give_refund", "reject_refund", "withdraw_refund",
    "send_refunds", "bank_takes_refund", "mark_refund_done", "send_again", "give_elsewhere",
)  # fmt: skip
CODES = (
    "cancel_first", "more_than_asked", "more_than_left", "no_such_way", "not_failed", "not_granted", "not_held",
    "nothing_left", "refund_asked_already", "too_late",
)  # fmt: skip
TOP_UP_REFUNDED = "top_up_refunded"
GRANTED = ("approved", "sent", "done", "failed")

# What is bought: a place, or what filled a wallet.
type Bought = Booking | Payment


class Refunds(TopUps):
    """What goes back of what was sold, and of top-ups."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.automatic: int | None = None
        self.disputes: list[Dispute] = []

    def decide_refund_terms(self, cancellation_to: str, automatic: int | None, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if automatic is not None and automatic <= 0:
            raise Refused("invalid")
        self.cancellation_to, self.automatic = cancellation_to, automatic

    # What may go back

    def left_of(self, bought: Bought) -> list[int]:
        """By who paid it; of a top-up, what of it is still in the wallet. Nothing of what is not paid."""
        if isinstance(bought, Booking):
            return bought.left() if bought.is_paid else [0] * 5
        if not bought.is_top_up or bought.state != "succeeded":
            return [0] * 5
        left = bought.amount - bought.refunded - self.lost_of(bought)
        return [0, 0, 0, min(left, self.of["wallet", bought.payer]), 0]

    def lost_of(self, payment: Payment) -> int:
        """What a bank keeps of a top-up beside what went back anyway."""
        lost = sum(dispute.lost - dispute.ended for dispute in self.disputes if dispute.payment is payment)
        return min(max(0, lost), payment.amount - payment.refunded)

    def ask_for_refund(self, bought: Bought, *, amount: int, to: str, by: int) -> None:
        """What the terms allow in all of one thing is granted at once."""
        refund = self._new(bought, amount, to, "request")
        if by != refund.user:
            raise Refused("forbidden")
        left = self.left_of(bought)
        if not sum(left):
            raise Refused("nothing_left")
        if isinstance(bought, Booking) and self._is_to_come(bought):
            raise Refused("cancel_first")
        if self.now > self._until(bought):
            raise Refused("too_late")
        self._check(refund, amount, to, left)
        of_it = [other for other in self.refunds if self._bought(other) is bought]
        if any(other.state == "asked" for other in of_it):
            raise Refused("refund_asked_already")
        self.refunds.append(refund)
        by_themselves = [other for other in of_it if other.origin == "request" and other.by_policy]
        granted = sum(sum(other.parts) for other in by_themselves if other.state in GRANTED)
        # Of what a bank wants back somebody looks first.
        is_disputed = refund.payment is not None and refund.payment.is_disputed
        if self.automatic is not None and granted + amount <= self.automatic and not is_disputed:
            self._grant(refund, amount, to, by=None)

    def _is_to_come(self, booking: Booking) -> bool:
        session = booking.session
        return booking.state != "cancelled" and session.status == "planned" and session.starts_at > self.now

    def _until(self, bought: Bought) -> datetime:
        moments = [bought.paid_at, bought.session.ends_at if isinstance(bought, Booking) else None]
        return max(at for at in moments if at) + timedelta(days=ASK_DAYS)

    def grant_refund(self, refund: Refund, *, amount: int, to: str, by: int) -> None:
        self._check_decides_refund(refund, by)
        if refund.state in GRANTED and refund.reviewed_by == by:
            return
        if refund.state != "asked":
            raise Refused("not_asked")
        if amount > refund.asked:
            raise Refused("more_than_asked")
        self._grant(refund, amount, to, by=by)

    def give_refund(self, bought: Bought, *, amount: int, to: str, by: int) -> None:
        """Nobody asked for it; at any time."""
        refund = self._new(bought, amount, to, "admin")
        self._check_decides_refund(refund, by)
        self._grant(refund, amount, to, by=by)
        self.refunds.append(refund)

    def _new(self, bought: Bought, amount: int, to: str, origin: str) -> Refund:
        if isinstance(bought, Booking):
            return Refund(bought.buyer, bought, self._paid(bought), origin, amount, to)
        return Refund(bought.payer, None, bought, origin, amount, to)

    def _bought(self, refund: Refund) -> Bought | None:
        return refund.booking or refund.payment

    def _check(self, refund: Refund, amount: int, to: str, left: Sequence[int]) -> None:
        if not sum(left):
            raise Refused("nothing_left")
        if amount <= 0:
            raise Refused("invalid")
        if amount > sum(left):
            raise Refused("more_than_left")
        if refund.booking is None and to != "method":
            raise Refused("no_such_way")

    def _grant(self, refund: Refund, amount: int, to: str, *, by: int | None) -> None:
        bought = self._bought(refund)
        assert bought
        left = self.left_of(bought)
        self._check(refund, amount, to, left)
        parts = largest_remainder(amount, left)
        if isinstance(bought, Booking) and bought.sponsorship and parts[4] and bought.sponsorship.sponsor == by:
            raise Refused("own_sponsorship")
        if isinstance(bought, Booking):
            self._return(bought, parts, to)
        else:
            self._stop_filling(bought.payer, TOP_UP_REFUNDED)
            self._to("wallet", bought.payer, -amount, side="refunds")
            bought.refunded += amount
        refund.to, refund.parts, refund.reviewed_by, refund.by_policy = to, parts, by, by is None
        refund.state = "approved" if parts[3] and to == "method" else "done"

    def reject_refund(self, refund: Refund, *, by: int) -> None:
        self._check_decides_refund(refund, by)
        if refund.state == "rejected":
            return
        if refund.state != "asked":
            raise Refused("not_asked")
        refund.state, refund.reviewed_by = "rejected", by

    def withdraw_refund(self, refund: Refund, *, by: int) -> None:
        if by != refund.user:
            raise Refused("forbidden")
        if refund.state == "withdrawn":
            return
        if refund.state != "asked":
            raise Refused("not_asked")
        refund.state = "withdrawn"

    def _check_decides_refund(self, refund: Refund, by: int) -> None:
        if by not in ADMINS or by == refund.user:
            raise Refused("forbidden")

    # What leaves

    def send_refunds(self) -> None:
        """What waits is sent, once; what is on its way is asked about."""
        for refund in self.refunds:
            if refund.state == "approved" and refund.payment and refund.payment.provider not in BY_HAND:
                self._send(refund, refund.payment)
            elif refund.state == "sent" and refund.sent_at and refund.sent_at < self.now - ASKED_AFTER:
                self._ask_about(refund)

    def _send(self, refund: Refund, payment: Payment) -> None:
        refund.state, refund.sent_at = "sent", self.now
        refund.at_provider = "pending" if payment.card in ("back late", "not back") else "succeeded"
        if payment.card != "silent":
            self._hear_of(refund)

    def bank_takes_refund(self, refund: Refund) -> None:
        """Or does not: it decides what goes back late, and tells us of it once. That only says where to look."""
        if not refund.at_provider:
            return
        assert refund.payment
        self._decide_at_bank(refund)
        if not refund.is_told:
            refund.is_told = True
            self._ask_about_refunds(refund.payment)

    def mark_refund_done(self, refund: Refund, *, by: int) -> None:
        self._check_decides_refund(refund, by)
        if refund.state == "done" and refund.marked_by is not None:
            return
        if refund.state != "approved":
            raise Refused("not_granted")
        assert refund.payment
        if refund.payment.provider not in BY_HAND:
            raise Refused("not_by_hand")
        refund.marked_by = by
        self._arrives(refund)

    def send_again(self, refund: Refund, *, by: int) -> None:
        self._check_decides_refund(refund, by)
        if refund.state != "failed":
            raise Refused("not_failed")
        refund.state, refund.at_provider, refund.is_told = "approved", "", False
        refund.attempt += 1

    def give_elsewhere(self, refund: Refund, to: str, *, by: int) -> None:
        """What did not arrive, or has not left, stays here after all."""
        self._check_decides_refund(refund, by)
        if refund.state == "done" and refund.to == to:
            return
        if refund.state not in ("approved", "failed"):
            raise Refused("not_held")
        if to == "method" or (refund.booking is None and to != "wallet"):
            raise Refused("no_such_way")
        assert refund.payment
        self._flow("refunds", "sales", refund.own)
        self._place(refund.payment, refund.own, to)
        refund.payment.refunded -= refund.own
        refund.state, refund.to = "done", to
