"""The rules of booking and paying in plain Python, as people would say them; nothing of Tenpo is called here.

People are numbers, so are sessions, bookings, payments and credits: in the order in which they came to be. Amounts are
cents. A rule either changes the model or raises `Refused` and changes nothing, unless it says otherwise.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from dateutil.relativedelta import relativedelta

from tests.machines.booking_nouns import (
    ADMIN,
    ASKED_AFTER,
    ATTENDANCE_OPEN,
    BY_HAND,
    CARDS,
    COMPLETED_AFTER,
    CREDIT_MONTHS,
    HOLD,
    HOLD_BY_HAND,
    HOLD_WHILE_UNDER_WAY,
    OFFER,
    OPEN,
    PRESENT,
    SEATED,
    TOLD,
    TRANSFER_TAKES,
    Booking,
    Credit,
    Payment,
    Session,
    Share,
    half_up,
    largest_remainder,
)
from tests.machines.machine import Refused

# What must come of it in some run of the machine: each of these rules done, and a refusal with each of these codes.
RULES = (
    "plan_session", "edit_session", "cancel_session", "complete_session", "complete_past_sessions", "join_waitlist",
    "release_lapsed", "book", "take_offer", "pay_again", "decide", "mark_paid", "reconcile", "earlier_payment",
    "cancel", "mark", "mark_all", "decide_share", "end_share",
)  # fmt: skip
CODES = (
    "already_booked", "capacity_below_taken", "completed", "ends_too_early", "forbidden", "full", "invalid",
    "not_booked", "not_full", "not_held", "not_manual", "not_over", "not_planned", "offer_over",
    "over", "overlap", "overlaps", "own_payment", "participant_elsewhere", "payment_needed", "payment_under_way",
    "price_changed",
    "started", "starts_in_past", "too_early", "too_late",
)  # fmt: skip


class Business:
    """Everything that can be compared with Tenpo, and the rules that change it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.sessions: list[Session] = []
        self.bookings: list[Booking] = []
        self.payments: list[Payment] = []
        self.credits: list[Credit] = []
        self.shares: list[Share] = []
        # What flowed in less what flowed out, of each side of the business.
        self.sides: Counter[str] = Counter()

    # Sessions

    def plan_session(self, session: Session, *, by: int) -> None:
        if by not in (session.coach, ADMIN):
            raise Refused("forbidden")
        if session.starts_at <= self.now:
            raise Refused("invalid")
        if self._teaches_then(session, session.starts_at, session.minutes):
            raise Refused("overlap")
        self.sessions.append(session)

    def edit_session(self, session: Session, *, by: int, **changes: Any) -> None:
        """Nobody loses a seat, nothing moves once it has begun; more seats go to those who wait."""
        if not self._is_host(by, session):
            raise Refused("forbidden")
        new = {name: value for name, value in changes.items() if getattr(session, name) != value}
        if not new:
            return
        if session.status != "planned":
            raise Refused("over")
        if "starts_at" in new and session.starts_at <= self.now:
            raise Refused("started")
        if "starts_at" in new and new["starts_at"] <= self.now:
            raise Refused("invalid")
        if "capacity" in new and new["capacity"] < self.taken(session):
            raise Refused("capacity_below_taken")
        if "starts_at" in new and self._teaches_then(session, new["starts_at"], session.minutes):
            raise Refused("overlap")
        for name, value in new.items():
            setattr(session, name, value)
        self._follow_the_start(session, was_moved="starts_at" in new)
        for booking in self.of(session, "held", "confirmed") if "starts_at" in new else ():
            booking.claims = not self._is_elsewhere(booking.participant, session)
        self._offer_free_seats(session)

    def _follow_the_start(self, session: Session, *, was_moved: bool) -> None:
        for booking in self.of(session, "held", "offered"):
            assert booking.held_until
            booking.held_until = min(booking.held_until, session.starts_at)
        for booking in self.of(session, "held", "confirmed"):
            booking.was_moved = booking.was_moved or was_moved

    def cancel_session(self, session: Session, *, by: int) -> None:
        """Every booking is let go, and everything comes back."""
        if not self._is_host(by, session):
            raise Refused("forbidden")
        if session.status == "cancelled":
            return
        if session.status == "completed":
            raise Refused("completed")
        if by != ADMIN and session.ends_at <= self.now:
            raise Refused("over")
        session.status = "cancelled"
        ended = [booking for booking in self.bookings if booking.session is session and booking.state != "cancelled"]
        for booking in ended:
            self._end(booking, "host")
        self._give_back([booking for booking in ended if booking.is_paid], 100)

    def complete_session(self, session: Session, *, by: int) -> None:
        if not self._is_host(by, session):
            raise Refused("forbidden")
        if session.status == "completed":
            return
        if session.status == "cancelled":
            raise Refused("not_planned")
        if self.now < session.ends_at:
            raise Refused("not_over")
        session.status = "completed"

    def complete_past_sessions(self) -> None:
        for session in self.sessions:
            if session.status == "planned" and session.ends_at < self.now - COMPLETED_AFTER:
                session.status = "completed"

    def taken(self, session: Session) -> int:
        return len(self.of(session, *SEATED))

    def of(self, session: Session, *states: str) -> list[Booking]:
        return [booking for booking in self.bookings if booking.session is session and booking.state in states]

    # Seats and the waitlist

    def join_waitlist(self, session: Session, participant: int, *, by: int) -> None:
        if by not in (participant, ADMIN):
            raise Refused("forbidden")
        self._check_open(session)
        lapsed = self._lapsed(session)
        if session.capacity - self.taken(session) + len(lapsed) > len(self.of(session, "waitlisted")):
            raise Refused("not_full")
        if self._place_of(session, participant, but=lapsed):
            raise Refused("already_booked")
        self._let_go(session, lapsed)
        booking = Booking(session, participant, by, state="waitlisted", waits_since=self.now)
        self.bookings.append(booking)

    def release_lapsed(self) -> None:
        """The job of every minute."""
        for session in self.sessions:
            self._let_go(session, self._lapsed(session))

    def _lapsed(self, session: Session) -> list[Booking]:
        return [b for b in self.of(session, "held", "offered") if b.held_until and b.held_until <= self.now]

    def _let_go(self, session: Session, lapsed: list[Booking]) -> None:
        for booking in lapsed:
            self._end(booking, "offer_lapsed" if booking.state == "offered" else "expired")
        self._offer_free_seats(session)

    def _offer_free_seats(self, session: Session) -> None:
        """First come, first served; an offer lasts some hours, but at most half of what is left until the start."""
        line = sorted(self.of(session, "waitlisted"), key=lambda booking: booking.waits_since or self.now)
        if session.status != "planned" or session.starts_at <= self.now:
            return
        for booking in line[: max(0, session.capacity - self.taken(session))]:
            booking.state = "offered"
            booking.held_until = self.now + min(OFFER, (session.starts_at - self.now) / 2)

    def _check_open(self, session: Session) -> None:
        if session.status != "planned":
            raise Refused("not_planned")
        if session.starts_at <= self.now:
            raise Refused("started")

    def _place_of(self, session: Session, participant: int, *, but: Sequence[Booking] = ()) -> bool:
        places = self.of(session, "waitlisted", *SEATED)
        return any(booking.participant == participant for booking in places if booking not in but)

    # Booking

    def quote(self, session: Session, buyer: int) -> tuple[int, list[tuple[Credit, int]], int]:
        """Who pays: the company by its policy (the coach's own first), credits (the next to expire first), the rest."""
        company = 0
        for scope in (session.coach, None):
            holding = [share for share in self.shares if share.coach == scope and share.holds(self.now)]
            if holding:
                company = holding[0].of(session.price)
                break
        rest, spent = session.price - company, []
        for credit in self.credits_of(buyer):
            amount = min(rest, credit.balance)
            if amount and credit.expires_at > self.now:
                spent.append((credit, amount))
                rest -= amount
        return company, spent, rest

    def credits_of(self, owner: int) -> list[Credit]:
        return sorted((credit for credit in self.credits if credit.owner == owner), key=lambda c: c.expires_at)

    def book(
        self, session: Session, participant: int, *, by: int, provider: str, card: str, agreed: int | None
    ) -> None:
        """What ran out stands in nobody's way: it is let go first, and stays so when the booking is refused."""
        if by not in (participant, ADMIN):
            raise Refused("forbidden")
        try:
            self._check_bookable(session, participant, by, provider, agreed)
        except Refused as refusal:
            self._let_go_lapsed_for(session, participant, refusal)
            self._check_bookable(session, participant, by, provider, agreed)
        booking = Booking(session, participant, by)
        self.bookings.append(booking)
        self._order(booking, provider, card)

    def take_offer(self, booking: Booking, *, by: int, provider: str, card: str, agreed: int | None) -> None:
        if by != booking.buyer:
            raise Refused("forbidden")
        self._check_open(booking.session)
        if booking.state != "offered" or not booking.held_until or booking.held_until <= self.now:
            raise Refused("offer_over")
        self._check_price(booking.session, by, provider, agreed)
        if self._is_elsewhere(booking.participant, booking.session):
            self._let_go_lapsed_for(booking.session, booking.participant, Refused("participant_elsewhere"))
            self._check_price(booking.session, by, provider, agreed)
            if self._is_elsewhere(booking.participant, booking.session):
                raise Refused("participant_elsewhere")
        self._order(booking, provider, card)

    def _let_go_lapsed_for(self, session: Session, participant: int, refusal: Refused) -> None:
        """What of the session, or of the participant, ran out; nothing: the refusal stays."""
        sessions = [session]
        if refusal.code == "participant_elsewhere":
            theirs = [b for each in self.sessions for b in self._lapsed(each) if b.participant == participant]
            sessions = [each for each in self.sessions if any(b.session is each for b in theirs)]
        elif refusal.code not in ("full", "already_booked"):
            raise refusal
        lapsed = [(each, self._lapsed(each)) for each in sessions]
        if not any(bookings for _session, bookings in lapsed):
            raise refusal
        for each, bookings in lapsed:
            self._let_go(each, bookings)

    def _is_elsewhere(self, participant: int, session: Session, *, but: Booking | None = None) -> bool:
        """Whether somebody has a place in another session at this time, which they count on."""
        return any(
            booking.participant == participant and booking.claims and booking.session is not session
            and booking is not but
            and booking.state in PRESENT and booking.session.starts_at < session.ends_at
            and session.starts_at < booking.session.ends_at
            for booking in self.bookings
        )  # fmt: skip

    def pay_again(self, booking: Booking, *, by: int, provider: str, card: str) -> None:
        """What waits for its payer is given up; what is refused before that gives up nothing."""
        if by != booking.buyer:
            raise Refused("forbidden")
        self._check_attempt(booking, provider)
        attempts = [payment for payment in self.payments if payment.booking is booking]
        for payment in attempts:
            if payment.state == "needs_action":
                payment.at_bank = "cancelled"
                self._hear(payment)
        self._check_attempt(booking, provider)
        assert booking.held_until
        if any(payment.state in OPEN and payment.provider not in BY_HAND for payment in attempts):
            raise Refused("payment_under_way")
        for payment in attempts:
            if payment.state == "pending":
                payment.state = "cancelled"
        # The days of a transfer are given once.
        if provider in BY_HAND and not any(payment.provider in BY_HAND for payment in attempts):
            booking.held_until = max(booking.held_until, self._hold_end(booking.session, provider))
        self._pay(booking, provider, card)

    def _check_attempt(self, booking: Booking, provider: str) -> None:
        self._check_open(booking.session)
        if booking.state != "held" or not booking.held_until or booking.held_until <= self.now:
            raise Refused("not_held")
        if not self._comes_in_time(provider, booking.session):
            raise Refused("payment_needed")

    def _check_bookable(
        self, session: Session, participant: int, buyer: int, provider: str, agreed: int | None
    ) -> None:
        self._check_open(session)
        if self.taken(session) >= session.capacity:
            raise Refused("full")
        self._check_price(session, buyer, provider, agreed)
        if self._place_of(session, participant):
            raise Refused("already_booked")
        if self._is_elsewhere(participant, session):
            raise Refused("participant_elsewhere")

    def _check_price(self, session: Session, buyer: int, provider: str, agreed: int | None) -> None:
        _company, _spent, own = self.quote(session, buyer)
        if agreed is not None and agreed != own:
            raise Refused("price_changed")
        if own and not self._comes_in_time(provider, session):
            raise Refused("payment_needed")

    def _comes_in_time(self, provider: str, session: Session) -> bool:
        return bool(provider) and (provider != "transfer" or session.starts_at - self.now >= TRANSFER_TAKES)

    def _order(self, booking: Booking, provider: str, card: str) -> None:
        booking.claims = True
        booking.windows = booking.session.windows
        booking.company, booking.spent, booking.own = self.quote(booking.session, booking.buyer)
        booking.order = 1 + max(other.order for other in self.bookings)
        for credit, amount in booking.spent:
            credit.balance -= amount
            self.sides["reserved"] += amount
        if not booking.own:
            self._confirm(booking)
            return
        # An offer that is taken holds for as long as it would have.
        offered_until = booking.held_until if booking.state == "offered" else None
        booking.state = "held"
        booking.held_until = max(self._hold_end(booking.session, provider), offered_until or self.now)
        self._pay(booking, provider, card)

    def _hold_end(self, session: Session, provider: str) -> datetime:
        return min(self.now + (HOLD_BY_HAND if provider in BY_HAND else HOLD), session.starts_at)

    def _confirm(self, booking: Booking) -> None:
        booking.state, booking.held_until, booking.is_paid = "confirmed", None, True
        self._flow("company", "sales", booking.company)
        self._flow("reserved", "sales", booking.credit)

    # Paying

    def _pay(self, booking: Booking, provider: str, card: str) -> None:
        payment = Payment(booking.buyer, provider, booking.own, self.now, booking)
        self.payments.append(payment)
        if provider in BY_HAND:
            payment.state = "pending"
            return
        payment.at_bank = CARDS[card]
        if card == "silent":
            payment.state = "unknown"
            self._wait_longer(booking)
        else:
            self._hear(payment)

    def decide(self, payment: Payment, *, succeeds: bool) -> None:
        """The bank decides a charge that waits, and tells us; it tells again what it decided so before.

        It speaks of its own charge, which we do not know as long as the answer that named it is lost.
        """
        decided = "succeeded" if succeeds else "declined"
        if payment.at_bank in ("needs_action", "processing"):
            payment.at_bank = decided
        if payment.at_bank == decided and payment.state != "unknown":
            self._hear(payment)

    def mark_paid(self, payment: Payment, *, by: int) -> None:
        if by != ADMIN:
            raise Refused("forbidden")
        if payment.payer == by:
            raise Refused("own_payment")
        if payment.provider not in BY_HAND:
            raise Refused("not_manual")
        self._become(payment, "succeeded")

    def reconcile(self) -> None:
        """The job of every minute: asks the bank; what waits for its payer beyond the hold is given up."""
        for payment in self.payments:
            if payment.state not in OPEN or payment.provider in BY_HAND or payment.made_at >= self.now - ASKED_AFTER:
                continue
            if payment.state == "needs_action" and payment.made_at < self.now - HOLD:
                payment.at_bank = "cancelled"
            self._hear(payment)

    def _hear(self, payment: Payment) -> None:
        self._become(payment, TOLD[payment.at_bank])

    def earlier_payment(self, payer: int, amount: int, expires_at: datetime) -> None:
        """Before all this: somebody paid for what did not take place, and has the credit."""
        payment = Payment(payer, "sandbox", amount, self.now, None, state="succeeded")
        self.payments.append(payment)
        self._flow("sandbox", "sales", amount)
        self.sides["sales"] -= amount
        self.credits.append(Credit(payer, self.payments.index(payment), expires_at, balance=amount))

    def _become(self, payment: Payment, state: str) -> None:
        """Money for a held booking buys it, once; any other money becomes credit, in full. What is final stays."""
        given_up = payment.state in ("failed", "cancelled")
        if payment.state in ("succeeded", state) or (given_up and state != "succeeded"):
            return
        booking = payment.booking
        # Nobody earns of what has taken place already.
        buys = booking is not None and booking.state == "held" and booking.session.status == "planned"
        if given_up:
            others = [other for other in self.payments if other.booking is booking and other is not payment]
            buys = buys and not any(other.state in (*OPEN, "succeeded") for other in others)
        payment.state = state
        if state == "succeeded":
            if payment.provider not in BY_HAND:
                payment.fee = min(payment.amount * 15 // 1000 + 25, payment.amount)
            self._flow(payment.provider, "sales", payment.amount)
            self._flow("fees", payment.provider, payment.fee)
            if booking is not None and buys:
                self._confirm(booking)
            else:
                payment.booking = None
                self._issue(payment, payment.amount)
        elif state == "pending" and booking is not None and buys:
            self._wait_longer(booking)

    def _wait_longer(self, booking: Booking) -> None:
        assert booking.held_until
        longer = min(self.now + HOLD_WHILE_UNDER_WAY, booking.session.starts_at)
        booking.held_until = max(booking.held_until, longer)

    # Cancelling

    def cancel(self, booking: Booking, *, by: int) -> None:
        """Who booked gets back what the windows of the booking say; when the host cancels, everything."""
        session = booking.session
        if by != booking.buyer and not self._is_host(by, session):
            raise Refused("forbidden")
        if booking.state == "cancelled":
            return
        if booking.state in ("attended", "no_show") or session.starts_at <= self.now:
            raise Refused("started")
        percent = self._percent_back(booking) if by == booking.buyer else 100
        self._end(booking, "member" if by == booking.buyer else "host")
        if booking.is_paid:
            self._give_back([booking], percent)
        self._offer_free_seats(session)

    def _percent_back(self, booking: Booking) -> int:
        if booking.was_moved:
            return 100
        for hours, percent in booking.windows:
            if self.now <= booking.session.starts_at - timedelta(hours=hours):
                return percent
        return 0

    def _end(self, booking: Booking, ending: str) -> None:
        """The place is given up. What was set aside for an unpaid one goes back; its payments stay open at the bank."""
        booking.state, booking.ending, booking.held_until = "cancelled", ending, None
        if booking.is_paid or not booking.order:
            return
        for credit, amount in booking.spent:
            credit.balance += amount
            self.sides["reserved"] -= amount
        for payment in self.payments:
            waits_by_hand = payment.state == "pending" and payment.provider in BY_HAND
            if payment.booking is booking and (waits_by_hand or payment.state == "needs_action"):
                payment.state = "cancelled"

    def _give_back(self, bookings: list[Booking], percent: int) -> None:
        """Of credits that are opened at once, that of the earlier payment is older, then that of the earlier order."""
        known = len(self.credits)
        for booking in bookings:
            self._give_back_one(booking, percent)
        self.credits[known:] = sorted(self.credits[known:], key=self._place)

    def _place(self, credit: Credit) -> tuple[int, int, int]:
        order = 0 if credit.occasion is None else self.bookings[credit.occasion].order
        return credit.owner, credit.source, order

    def _give_back_one(self, booking: Booking, percent: int) -> None:
        """The company's part to the company; the buyer's to the credits it came from, the rest as new credit."""
        booking.percent_back = percent
        self._flow("sales", "company", half_up(Fraction(booking.company * percent, 100)))
        back = half_up(Fraction((booking.credit + booking.own) * percent, 100))
        restored, issued = largest_remainder(back, [booking.credit, booking.own])
        for (credit, _amount), part in zip(
            booking.spent, largest_remainder(restored, [amount for _credit, amount in booking.spent]), strict=True
        ):
            if part:
                self.sides["sales"] -= part
                self._still_open(credit, booking).balance += part
        if issued:
            (payment,) = (p for p in self.payments if p.booking is booking and p.state == "succeeded")
            self._issue(payment, issued)

    def _still_open(self, credit: Credit, booking: Booking) -> Credit:
        """The credit itself, or, where it has lapsed, a new one from the same payment."""
        if credit.expires_at > self.now:
            return credit
        return self._credit(credit.owner, credit.source, self.bookings.index(booking))

    def _issue(self, payment: Payment, amount: int) -> None:
        self.sides["sales"] -= amount
        self._credit(payment.payer, self.payments.index(payment), None).balance += amount

    def _credit(self, owner: int, source: int, occasion: int | None) -> Credit:
        for credit in self.credits:
            if credit.name == (owner, source, occasion):
                return credit
        credit = Credit(owner, source, self.now + relativedelta(months=CREDIT_MONTHS), occasion)
        self.credits.append(credit)
        return credit

    def _flow(self, source: str, target: str, amount: int) -> None:
        self.sides[source] -= amount
        self.sides[target] += amount

    # Who came

    def mark(self, booking: Booking, state: str, *, by: int) -> None:
        self._check_markable(booking.session, by)
        if booking.state not in ("confirmed", "attended", "no_show"):
            raise Refused("not_booked")
        booking.state = state

    def mark_all(self, session: Session, *, by: int) -> None:
        self._check_markable(session, by)
        for booking in self.of(session, "confirmed"):
            booking.state = "attended"

    def _check_markable(self, session: Session, by: int) -> None:
        if not self._is_host(by, session):
            raise Refused("forbidden")
        if session.status == "cancelled":
            raise Refused("not_planned")
        if self.now < session.starts_at:
            raise Refused("too_early")
        if self.now > session.ends_at + ATTENDANCE_OPEN:
            raise Refused("too_late")

    # What the company pays

    def decide_share(self, share: Share, *, by: int) -> None:
        """A new policy ends the one that it meets; beyond that, two never hold at once for the same scope."""
        if by != ADMIN:
            raise Refused("forbidden")
        if share.starts < self.now:
            raise Refused("starts_in_past")
        if share.ends is not None and share.ends <= share.starts:
            raise Refused("ends_too_early")
        same_scope = [other for other in self.shares if other.coach == share.coach]
        met = [other for other in same_scope if other.starts < share.starts and other.holds(share.starts)]
        for other in same_scope:
            is_never = other.starts == other.ends
            begins_first = other.starts >= share.starts and (share.ends is None or other.starts < share.ends)
            if not is_never and other not in met and begins_first:
                raise Refused("overlaps")
        for other in met:
            other.ends = share.starts
        self.shares.append(share)

    def end_share(self, share: Share, *, by: int) -> None:
        if by != ADMIN:
            raise Refused("forbidden")
        if share.ends is not None and share.ends <= max(self.now, share.starts):
            raise Refused("over")
        share.ends = max(self.now, share.starts)

    # Time, and who is who

    def moments(self) -> list[datetime]:
        """When something changes by itself, from now on."""
        found = {credit.expires_at for credit in self.credits if credit.balance}
        for session in self.sessions:
            if session.status != "cancelled":
                found |= {session.starts_at - timedelta(hours=hours) for hours, _percent in session.windows}
                found |= {session.starts_at, session.ends_at, session.ends_at + ATTENDANCE_OPEN}
        found |= {booking.held_until for booking in self.bookings if booking.held_until}
        for booking in self.bookings:
            if booking.state == "confirmed":
                found |= {booking.session.starts_at - timedelta(hours=hours) for hours, _percent in booking.windows}
        for share in self.shares:
            found |= {at for at in (share.starts, share.ends) if at}
        return sorted(at for at in found if at > self.now)

    def _is_host(self, who: int, session: Session) -> bool:
        return who in (ADMIN, session.coach)

    def _teaches_then(self, session: Session, starts_at: datetime, minutes: int) -> bool:
        ends_at = starts_at + timedelta(minutes=minutes)
        others = [s for s in self.sessions if s is not session and s.coach == session.coach and s.status != "cancelled"]
        return any(other.starts_at < ends_at and starts_at < other.ends_at for other in others)
