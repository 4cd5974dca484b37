"""The rules of what banks take back of card payments, in plain Python: heard of in any order, and lost for good once.

What is lost is given back by whoever has it: what waits to go back anyway, what was sold with whoever earns of it, what
its payer has of it in credits and the wallet. The business bears the rest.
"""

from datetime import timedelta

from tests.machines.money_nouns import LATE, Dispute, Payment, Refund, Said
from tests.machines.refund_model import Refunds

# What must come of it in some run of the machine, with what stands in `payout_model`.
RULES = ("hear_of_dispute", "bank_takes_back", "ask_about_disputes")
# The sandbox's bank keeps what it took after so long, and is asked about it so often.
KEPT_AFTER = timedelta(days=7)
ASKED_AGAIN_AFTER = timedelta(hours=20)
DISPUTE_FEE = 1_500
DISPUTED = "disputed"


class Disputes(Refunds):
    """What banks want back."""

    # What is heard

    def hear_of_dispute(self, payment: Payment, said: Said) -> None:
        """Each movement counts once, whatever was heard before; what is decided stays so."""
        dispute = self._dispute(payment, said)
        if dispute.state == "open":
            dispute.state = said.state
        for name, amount, fee in said.moved:
            if name not in dispute.heard:
                dispute.heard.add(name)
                dispute.taken -= amount
                dispute.fee += fee
                self._flow("disputes", payment.provider, -amount)
                self._flow("fees", payment.provider, fee)
        there = max(0, dispute.taken)
        if dispute.state == "lost" and there > dispute.lost:
            self._lose(dispute, there - dispute.lost)
        elif dispute.lost > there:
            # The bank thought better of it.
            self._flow("disputes", "sales", dispute.lost - there)
        dispute.lost = there if dispute.state == "lost" else 0
        if not payment.is_disputed:
            payment.is_disputed = True
            self._stop_filling(payment.payer, DISPUTED)

    def _dispute(self, payment: Payment, said: Said) -> Dispute:
        for dispute in self.disputes:
            if dispute.payment is payment and dispute.name == said.name:
                return dispute
        self.disputes.append(Dispute(payment, said.name, said.amount))
        return self.disputes[-1]

    # What is lost

    def _lose(self, dispute: Dispute, lost: int) -> None:
        """Nothing of it may go back twice."""
        rest = lost - self._end_waiting(dispute, lost)
        rest -= self._take_from_sold(dispute.payment, rest)
        rest -= self._take_from_payer(dispute.payment, rest)
        self._flow("sales", "disputes", rest)

    def _end_waiting(self, dispute: Dispute, most: int) -> int:
        """What waits to go back has gone back, if all of it has."""
        ended = 0
        for refund in self.refunds:
            waits = refund.state in ("approved", "failed") and refund.to == "method"
            if refund.payment is dispute.payment and waits and refund.own <= most - ended:
                refund.state = "done"
                ended += refund.own
        self._flow("refunds", "disputes", ended)
        dispute.ended += ended
        return ended

    def _take_from_sold(self, payment: Payment, most: int) -> int:
        """What its buyer paid from outside and has not got back, as a refund."""
        booking = payment.booking
        own = 0 if booking is None else min(most, booking.own - booking.own_back)
        if booking is not None and own:
            parts = [0, 0, 0, own, 0]
            self._return(booking, parts, "method")
            refund = Refund(booking.buyer, booking, payment, "dispute", own, "method", "done", parts, by_policy=True)
            self.refunds.append(refund)
            self._flow("refunds", "disputes", own)
        return own

    def _take_from_payer(self, payment: Payment, most: int) -> int:
        """What of it is credit; then what of it came into the wallet, as far as there is something in it."""
        rest, number = most, self.payments.index(payment)
        for credit in self.credits:
            if credit.source == number:
                taken = min(rest, credit.balance)
                credit.balance -= taken
                rest -= taken
        filled = payment.amount - payment.refunded if payment.is_top_up else payment.into_wallet
        taken = max(0, min(rest, self.of["wallet", payment.payer], filled - payment.out_of_wallet))
        payment.out_of_wallet += taken
        self.of["wallet", payment.payer] -= taken
        rest -= taken
        self.sides["disputes"] += most - rest
        return most - rest

    # The sandbox's bank

    def bank_takes_back(self, payment: Payment) -> None:
        """It tells us of it once."""
        if self._taken_back(payment) and not payment.is_told_of_dispute:
            payment.is_told_of_dispute = True
            self._ask_about_refunds(payment)
            self._ask_about_dispute(payment)

    def ask_about_disputes(self) -> None:
        """Whom nobody asked for long first."""
        for payment in sorted(self.payments, key=lambda one: (one.asked_at is not None, one.asked_at or self.now)):
            known = [dispute for dispute in self.disputes if dispute.payment is payment]
            is_over = known and all(dispute.state != "open" for dispute in known)
            was_asked = payment.asked_at is not None and payment.asked_at >= self.now - ASKED_AGAIN_AFTER
            if payment.is_disputed and not is_over and not was_asked:
                payment.asked_at = self.now
                self._ask_about_dispute(payment)

    def _ask_about_dispute(self, payment: Payment) -> None:
        if amount := self._taken_back(payment):
            assert payment.paid_at
            state = "lost" if self.now >= payment.paid_at + LATE + KEPT_AFTER else "open"
            self.hear_of_dispute(payment, Said("", state, amount, (("out", -amount, DISPUTE_FEE),)))

    def _taken_back(self, payment: Payment) -> int:
        """What its bank has taken by now: all that had not gone back when it did."""
        if payment.card != "taken back" or payment.paid_at is None or self.now < payment.paid_at + LATE:
            return 0
        at = payment.paid_at + LATE
        gone = [r for r in self.refunds if r.payment is payment and r.at_provider == "succeeded" and r.sent_at]
        return payment.amount - sum(refund.own for refund in gone if refund.sent_at and refund.sent_at < at)

    def _send(self, refund: Refund, payment: Payment) -> None:
        """The bank's provider gives nothing back of what the bank took."""
        if self._taken_back(payment):
            refund.state, refund.sent_at = "failed", self.now
        else:
            super()._send(refund, payment)

    def bank_takes_refund(self, refund: Refund) -> None:
        was_told = refund.is_told
        super().bank_takes_refund(refund)
        if refund.is_told and not was_told and refund.payment is not None:
            self._ask_about_dispute(refund.payment)
