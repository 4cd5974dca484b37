"""The rules of what is sold, in plain Python: booked, paid, given up, called off, earned when it has taken place."""

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction

from tests.machines.booking_nouns import (
    ASKED_AFTER,
    BY_HAND,
    COMPLETED_AFTER,
    HOLD,
    HOLD_WHILE_UNDER_WAY,
    TOLD,
    half_up,
    largest_remainder,
)
from tests.machines.machine import Refused
from tests.machines.money_nouns import (
    ADMINS,
    CARDS,
    COMPANY_PERCENT,
    LATE,
    OPEN,
    SPENT_FIRST,
    SPONSORED,
    Booking,
    Payment,
    Purse,
    Quote,
    Refund,
    Session,
)
from tests.machines.sponsor_model import Sponsors


class Sales(Sponsors):
    """What is sold, what pays for it, and what comes back when it is cancelled."""

    # What is sold

    def plan_session(self, session: Session) -> None:
        self.sessions.append(session)

    def quote(self, session: Session, buyer: int, *, uses_wallet: bool) -> Quote:
        """Who pays, in this order: the company, one sponsor, what the buyer owns, and a card the rest.

        Of what they own credits come first (the next to expire before others), then money given, then the wallet.
        """
        company = half_up(Fraction(session.price * COMPANY_PERCENT, 100)) if session.coach == SPONSORED else 0
        rest = session.price - company
        sponsorship, sponsor = self.sponsor_share(session.price, rest, buyer)
        rest -= sponsor
        purses: list[tuple[Purse, int]] = [
            (credit, credit.balance)
            for credit in sorted(self.credits, key=lambda credit: credit.expires_at)
            if credit.owner == buyer
        ]
        if uses_wallet:
            purses += [(kind, self.of[kind, buyer]) for kind in SPENT_FIRST]
        spent = []
        for purse, left in purses:
            if amount := min(rest, left):
                spent.append((purse, amount))
                rest -= amount
        return Quote(company, sponsorship, sponsor, spent, rest)

    def book(
        self, session: Session, *, by: int, provider: str, card: str, agreed: int | None, uses_wallet: bool
    ) -> None:
        """What ran out stands in nobody's way: it is let go first, and stays so when the booking is refused."""
        try:
            self._check_bookable(session, by, provider, agreed, uses_wallet)
        except Refused as refusal:
            lapsed = self._lapsed_in_the_way(session, by, refusal.code)
            if not lapsed:
                raise
            self._let_go(lapsed)
            self._check_bookable(session, by, provider, agreed, uses_wallet)
        quote = self.quote(session, by, uses_wallet=uses_wallet)
        rule = self.rule_for(session, self.now)
        booking = Booking(session, by, *quote, self.now, rule, windows=session.windows, back_to=self.cancellation_to)
        booking.splits = self.divide(session, rule, booking.payers)
        self.bookings.append(booking)
        self._take(booking, booking.sponsor)
        self._spend(booking, side="reserved")
        if not quote.own:
            self._confirm(booking)
            return
        booking.held_until = min(self.now + HOLD, session.starts_at)
        self._pay(Payment(by, provider, quote.own, self.now, booking), card)

    def _check_bookable(
        self, session: Session, buyer: int, provider: str, agreed: int | None, uses_wallet: bool
    ) -> None:
        if session.status != "planned":
            raise Refused("not_planned")
        if session.starts_at <= self.now:
            raise Refused("started")
        own = self.quote(session, buyer, uses_wallet=uses_wallet).own
        if agreed is not None and agreed != own:
            raise Refused("price_changed")
        if own and not provider:
            raise Refused("payment_needed")
        if any(booking.buyer == buyer and booking.state != "cancelled" for booking in self.of_session(session)):
            raise Refused("already_booked")
        if any(self._is_at_once(booking, session) for booking in self.bookings if booking.buyer == buyer):
            raise Refused("participant_elsewhere")

    def _is_at_once(self, booking: Booking, session: Session) -> bool:
        other = booking.session
        return booking.state != "cancelled" and other.starts_at < session.ends_at and session.starts_at < other.ends_at

    def _lapsed_in_the_way(self, session: Session, buyer: int, code: str) -> list[Booking]:
        """What of the session ran out; or of all sessions in which something of the buyer's did."""
        if code == "already_booked":
            return self._lapsed(session)
        if code != "participant_elsewhere":
            return []
        by_session = [self._lapsed(each) for each in self.sessions]
        return [one for lapsed in by_session if any(one.buyer == buyer for one in lapsed) for one in lapsed]

    def of_session(self, session: Session) -> list[Booking]:
        return [booking for booking in self.bookings if booking.session is session]

    def _spend(self, booking: Booking, *, side: str, sign: int = 1) -> None:
        for purse, amount in booking.spent:
            self._put(purse, booking.buyer, -amount * sign)
            self.sides[side] += amount * sign

    def _confirm(self, booking: Booking) -> None:
        booking.state, booking.held_until, booking.is_paid = "confirmed", None, True
        booking.paid_at = self.now
        self._flow("company", "sales", booking.company)
        self._owe(booking, booking.sponsor)
        self._flow("reserved", "sales", sum(amount for _purse, amount in booking.spent))

    # Payments

    def _pay(self, payment: Payment, card: str) -> None:
        self.payments.append(payment)
        if payment.provider in BY_HAND:
            payment.state = "pending"
            return
        payment.card, payment.at_bank = card, CARDS[card]
        if payment.is_automatic and payment.at_bank == "needs_action":
            # Nobody is there to confirm it.
            payment.at_bank = "declined"
        if card == "silent":
            payment.state = "unknown"
            self._wait_longer(payment)
        else:
            self._hear(payment)

    def decide(self, payment: Payment, *, succeeds: bool) -> None:
        """The bank decides a charge that waits, and tells us; of one whose answer was lost we do not know it."""
        decided = "succeeded" if succeeds else "declined"
        if payment.at_bank in ("needs_action", "processing"):
            payment.at_bank = decided
        if payment.at_bank == decided and payment.state != "unknown":
            self._hear(payment)
            if not payment.is_told:
                payment.is_told = True
                self._ask_about_refunds(payment)

    def mark_paid(self, payment: Payment, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if payment.payer == by:
            raise Refused("own_payment")
        if payment.provider not in BY_HAND:
            raise Refused("not_manual")
        self._become(payment, "succeeded")

    def reconcile(self) -> None:
        for payment in self.payments:
            if payment.state not in OPEN or payment.provider in BY_HAND or payment.made_at >= self.now - ASKED_AFTER:
                continue
            if payment.state == "needs_action" and payment.made_at < self.now - HOLD:
                payment.at_bank = "cancelled"
            self._hear(payment)

    def _hear(self, payment: Payment) -> None:
        self._become(payment, TOLD[payment.at_bank] if payment.at_bank else "failed")

    def _become(self, payment: Payment, state: str) -> None:
        """Money fills a wallet or buys a held booking, once; any other becomes credit. What is final stays."""
        given_up = payment.state in ("failed", "cancelled")
        if payment.state in ("succeeded", state) or (given_up and state != "succeeded"):
            return
        payment.state = state
        if state == "pending":
            self._wait_longer(payment)
        if state != "succeeded":
            return
        payment.paid_at = self.now
        if payment.provider not in BY_HAND:
            payment.fee = min(payment.amount * 15 // 1000 + 25, payment.amount)
        self._flow("fees", payment.provider, payment.fee)
        if payment.is_top_up:
            self._to("wallet", payment.payer, payment.amount, side=payment.provider)
            return
        self._flow(payment.provider, "sales", payment.amount)
        booking = payment.booking
        # Nobody earns of what has taken place already.
        if booking is not None and booking.state == "held" and booking.session.status == "planned":
            self._confirm(booking)
        else:
            payment.booking = None
            self._issue(payment, payment.amount)

    def _wait_longer(self, payment: Payment) -> None:
        booking = payment.booking
        if booking is not None and booking.state == "held" and booking.session.status == "planned":
            assert booking.held_until
            longer = min(self.now + HOLD_WHILE_UNDER_WAY, booking.session.starts_at)
            booking.held_until = max(booking.held_until, longer)

    # Cancelling, and what comes back

    def cancel(self, booking: Booking, *, by: int) -> None:
        """Who booked gets back what the windows of the booking say; when the host cancels, everything."""
        if by not in (booking.buyer, *booking.session.coaches, *ADMINS):
            raise Refused("forbidden")
        if booking.state == "cancelled":
            return
        if booking.session.starts_at <= self.now:
            raise Refused("started")
        percent = self._percent_back(booking) if by == booking.buyer else 100
        self._end(booking)
        if booking.is_paid:
            self.give_back([booking], percent)

    def cancel_session(self, session: Session, *, by: int) -> None:
        if by not in (*session.coaches, *ADMINS):
            raise Refused("forbidden")
        if session.status == "cancelled":
            return
        if session.status == "completed":
            raise Refused("completed")
        if by not in ADMINS and session.ends_at <= self.now:
            raise Refused("over")
        session.status = "cancelled"
        ended = [booking for booking in self.of_session(session) if booking.state != "cancelled"]
        for booking in ended:
            self._end(booking)
        self.give_back([booking for booking in ended if booking.is_paid], 100)

    def release_lapsed(self) -> None:
        for session in self.sessions:
            self._let_go(self._lapsed(session))

    def _lapsed(self, session: Session) -> list[Booking]:
        held = [booking for booking in self.of_session(session) if booking.state == "held"]
        return [booking for booking in held if booking.held_until and booking.held_until <= self.now]

    def _let_go(self, lapsed: Sequence[Booking]) -> None:
        for booking in lapsed:
            self._end(booking)

    def _percent_back(self, booking: Booking) -> int:
        for hours, percent in booking.windows:
            if self.now <= booking.session.starts_at - timedelta(hours=hours):
                return percent
        return 0

    def _end(self, booking: Booking) -> None:
        """The place is given up. What an unpaid one took goes back; its payments stay open at the bank."""
        booking.state, booking.held_until = "cancelled", None
        if booking.is_paid:
            return
        self._spend(booking, side="reserved", sign=-1)
        self._take(booking, -booking.sponsor)
        for payment in self.payments:
            if payment.booking is booking and payment.state == "needs_action":
                payment.state = "cancelled"

    def give_back(self, bookings: Sequence[Booking], percent: int) -> None:
        """Cancelled: so much of what is left of each, to each who paid in proportion."""
        known = len(self.credits)
        for booking in bookings:
            booking.percent_back = percent
            company, *theirs, sponsor = booking.left()
            given = [half_up(Fraction(part * percent, 100)) for part in (company, sum(theirs), sponsor)]
            parts = [given[0], *largest_remainder(given[1], theirs), given[2]]
            paid = self._paid(booking)
            if parts[3] and paid is not None and paid.is_disputed:
                # Its provider knows what the bank has given back already.
                booking.back_to = "method"
            self._return(booking, parts, booking.back_to)
            if parts[3] and booking.back_to == "method":
                self._wait_to_leave(booking, parts[3])
        self.credits[known:] = sorted(self.credits[known:], key=lambda credit: (credit.owner, credit.source))

    def _wait_to_leave(self, booking: Booking, own: int) -> None:
        self.refunds.append(
            Refund(
                booking.buyer, booking, self._paid(booking), "cancellation", own, "method", "approved",
                [0, 0, 0, own, 0], by_policy=True,
            )
        )  # fmt: skip

    def _return(self, booking: Booking, parts: Sequence[int], to: str) -> None:
        """To each who paid; from each who earns, and what is gone of their earnings as a debt."""
        company, *theirs, own, sponsor = parts
        self._take_from_splits(booking, sum(parts))
        booking.company_back += company
        self._flow("sales", "company", company)
        for spent, part in zip(booking.of_purses(), theirs, strict=True):
            left = [amount - booking.back[purse] for purse, amount in spent]
            for (purse, _amount), back in zip(spent, largest_remainder(part, left), strict=True):
                booking.back[purse] += back
                self._put(purse, booking.buyer, back)
                self.sides["sales"] -= back
        booking.sponsor_back += sponsor
        self._take(booking, -sponsor)
        self._owe(booking, -sponsor)
        booking.own_back += own
        payment = self._paid(booking)
        if own and payment:
            self._place(payment, own, to)
            if to == "method":
                self._flow("sales", "refunds", own)
                payment.refunded += own

    def _place(self, payment: Payment, amount: int, to: str) -> None:
        if to == "credit":
            self._issue(payment, amount)
        elif to == "wallet":
            self._to("wallet", payment.payer, amount, side="sales")
            payment.into_wallet += amount

    def _paid(self, booking: Booking) -> Payment | None:
        """What paid the buyer's own part."""
        return next((p for p in self.payments if p.booking is booking and p.state == "succeeded"), None)

    def _ask_about_refunds(self, payment: Payment) -> None:
        for refund in self.refunds:
            if refund.payment is payment and refund.state == "sent":
                self._ask_about(refund)

    def _ask_about(self, refund: Refund) -> None:
        """What a provider did not give back at once it decides after a while; nothing is known before."""
        assert refund.sent_at
        if refund.sent_at <= self.now - LATE:
            self._decide_at_bank(refund)
        self._hear_of(refund)

    def _decide_at_bank(self, refund: Refund) -> None:
        assert refund.payment
        if refund.at_provider == "pending":
            refund.at_provider = "failed" if refund.payment.card == "not back" else "succeeded"

    def _hear_of(self, refund: Refund) -> None:
        if refund.at_provider == "succeeded":
            self._arrives(refund)
        elif refund.at_provider == "failed":
            refund.state = "failed"

    def _arrives(self, refund: Refund) -> None:
        assert refund.payment
        refund.state = "done"
        self._flow("refunds", refund.payment.provider, refund.own)

    def _take_from_splits(self, booking: Booking, amount: int) -> None:
        parts = largest_remainder(amount, [split.left for split in booking.splits])
        for split, part in zip(booking.splits, parts, strict=True):
            split.back += part
            if split.is_earned and split.who is not None:
                there = min(part, self.of["earnings", split.who])
                self._to("earnings", split.who, -there, side="sales")
                self._to("owed", split.who, there - part, side="sales")

    # What is earned

    def complete_session(self, session: Session, *, by: int) -> None:
        if by not in (*session.coaches, *ADMINS):
            raise Refused("forbidden")
        if session.status == "completed":
            return
        if session.status == "cancelled":
            raise Refused("not_planned")
        if self.now < session.ends_at:
            raise Refused("not_over")
        self._complete(session)

    def complete_past_sessions(self) -> None:
        for session in self.sessions:
            if session.status == "planned" and session.ends_at < self.now - COMPLETED_AFTER:
                self._complete(session)

    def _complete(self, session: Session) -> None:
        session.status = "completed"
        self._earn([booking for booking in self.of_session(session) if booking.is_paid])

    def _earn(self, bookings: Sequence[Booking]) -> None:
        for split in (split for booking in bookings for split in booking.splits):
            if split.who is not None and not split.is_earned:
                split.is_earned = True
                self._to("earnings", split.who, split.left, side="sales")
