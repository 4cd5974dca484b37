"""The rules of policies in plain Python: what is free of what was missed, who is let off, what may be moved."""

from datetime import datetime, timedelta
from fractions import Fraction

from dateutil.relativedelta import relativedelta

from tests.machines.booking_model import Business
from tests.machines.booking_nouns import (
    CREDIT_MONTHS,
    LET_OFF_WITHIN,
    Booking,
    Credit,
    Session,
    half_up,
    largest_remainder,
)
from tests.machines.machine import Refused

# What must come of it in some run of the machine, with what stands in `booking_model`.
RULES = ("waive", "reschedule")
CODES = (
    "moved_too_often", "no_show_only", "not_confirmed", "not_movable", "other_coach", "other_price", "settled",
)  # fmt: skip


class Policies(Business):
    """Booking, where policies say more than windows."""

    # Cancelling

    def cancel(self, booking: Booking, *, by: int, how: str = "") -> None:
        """Who booked gets back what the policy of the booking says; when the host cancels, everything.

        Unless they do it for whoever booked, by their policy ("for") or letting them off ("off").
        """
        session = booking.session
        if by != booking.buyer and not self._is_host(by, session):
            raise Refused("forbidden")
        if how == "off" and by == booking.buyer:
            raise Refused("forbidden")
        if booking.state == "cancelled":
            return
        if booking.state in ("attended", "no_show") or session.starts_at <= self.now:
            raise Refused("started")
        by_host = by != booking.buyer and not how
        percent = 100 if by_host else self._percent_back(booking)
        self._end(booking, "host" if by_host else "member")
        if booking.is_paid:
            if percent < 100 and booking.price:
                percent = self._miss(booking, "late", percent, let_off=how == "off")
            self._give_back([booking], percent)
        self._offer_free_seats(session)

    def cancel_session(self, session: Session, *, by: int) -> None:
        """Nobody has missed what does not take place."""
        live = [booking for booking in self.bookings if booking.session is session and booking.state != "cancelled"]
        super().cancel_session(session, by=by)
        if session.status == "cancelled":
            for booking in live:
                booking.miss = booking.missed_at = None

    def _percent_back(self, booking: Booking) -> int:
        percent = super()._percent_back(booking)
        return percent if booking.was_moved else min(percent, booking.most)

    def _miss(self, booking: Booking, kind: str, percent: int, *, let_off: bool = False) -> int:
        """Somebody missed something: the first so many of theirs in some days cost nothing. What comes back of it."""
        rules = booking.rules
        earlier = [
            other
            for other in self.bookings
            if other.buyer == booking.buyer and other.miss and other.miss[1] != "waived" and other.missed_at
            and other.missed_at > self.now - timedelta(days=rules.days)
        ]  # fmt: skip
        outcome = "waived" if let_off else "grace" if len(earlier) < rules.grace else "charged"
        percent = percent if outcome == "charged" else 100
        booking.miss, booking.missed_at = (kind, outcome, percent), self.now
        return percent

    # Who did not come

    def complete_session(self, session: Session, *, by: int) -> None:
        """Who did not come, and was not let off, gets back what their policy says."""
        before = session.status
        super().complete_session(session, by=by)
        if session.status != before:
            self._settle(self._absent(session))

    def complete_past_sessions(self) -> None:
        planned = [session for session in self.sessions if session.status == "planned"]
        super().complete_past_sessions()
        for session in sorted(planned, key=lambda session: session.ends_at):
            if session.status == "completed":
                self._settle(self._absent(session))

    def _absent(self, session: Session) -> list[Booking]:
        return [booking for booking in self.of(session, "no_show") if booking.miss is None]

    def mark(self, booking: Booking, state: str, *, by: int) -> None:
        """A mark for which something went back stays; another one does not count any more."""
        before, miss = booking.state, booking.miss
        super().mark(booking, state, by=by)
        if before == "no_show" and state != before and miss:
            if miss[2]:
                booking.state = before
                raise Refused("settled")
            booking.miss = booking.missed_at = None
        if state == "no_show" and state != before and booking.session.status == "completed":
            self._settle([booking])

    def waive(self, booking: Booking, *, by: int) -> None:
        """Who did not come is let off: all that is left goes back."""
        if by == booking.buyer or not self._is_host(by, booking.session):
            raise Refused("forbidden")
        if booking.state != "no_show" or not booking.price:
            raise Refused("no_show_only")
        if booking.miss and booking.miss[1] == "waived":
            return
        if self.now > booking.session.ends_at + LET_OFF_WITHIN:
            raise Refused("too_late")
        booking.missed_at = booking.missed_at or self.now
        booking.miss = ("no_show", "waived", 100)
        known = len(self.credits)
        self._refund(booking, booking.company - booking.company_back, _left(booking), booking.own - booking.own_back)
        self.credits[known:] = sorted(self.credits[known:], key=self._place)

    def _settle(self, absent: list[Booking]) -> None:
        """What the policies say of who did not come. Free places are neither counted nor settled."""
        known = len(self.credits)
        for booking in absent:
            if booking.price:
                percent = self._miss(booking, "no_show", min(booking.rules.no_show, booking.most))
                company = half_up(Fraction(booking.company * percent, 100))
                back = half_up(Fraction((booking.credit + booking.own) * percent, 100))
                restored, own = largest_remainder(back, [booking.credit, booking.own])
                self._refund(booking, company, largest_remainder(restored, _left(booking)), own)
        self.credits[known:] = sorted(self.credits[known:], key=self._place)

    def _refund(self, booking: Booking, company: int, spent: list[int], own: int) -> None:
        """So much of each part goes back; each refund opens credits of its own."""
        gone = booking.spent_back or [0 for _spent in booking.spent]
        booking.company_back, booking.own_back = booking.company_back + company, booking.own_back + own
        booking.spent_back = [before + now for before, now in zip(gone, spent, strict=True)]
        self._flow("sales", "company", company)
        opened: dict[tuple[int, int], Credit] = {}

        def new(owner: int, source: int) -> Credit:
            if (owner, source) not in opened:
                opened[owner, source] = Credit(owner, source, self.now + relativedelta(months=CREDIT_MONTHS))
                self.credits.append(opened[owner, source])
            return opened[owner, source]

        for (credit, _amount), part in zip(booking.spent, spent, strict=True):
            if part:
                self.sides["sales"] -= part
                (credit if credit.expires_at > self.now else new(credit.owner, credit.source)).balance += part
        if own:
            (payment,) = (p for p in self.payments if p.booking is booking and p.state == "succeeded")
            self.sides["sales"] -= own
            new(payment.payer, self.payments.index(payment)).balance += own

    def _give_back_one(self, booking: Booking, percent: int) -> None:
        """Of what is left: a session may be called off after somebody who did not come was let off."""
        if not booking.company_back and not booking.own_back and not any(booking.spent_back):
            super()._give_back_one(booking, percent)
            return
        assert percent == 100, "only the host cancels what has begun"
        booking.percent_back = percent
        self._flow("sales", "company", booking.company - booking.company_back)
        for (credit, _amount), part in zip(booking.spent, _left(booking), strict=True):
            if part:
                self.sides["sales"] -= part
                self._still_open(credit, booking).balance += part
        if booking.own > booking.own_back:
            (payment,) = (p for p in self.payments if p.booking is booking and p.state == "succeeded")
            self._issue(payment, booking.own - booking.own_back)

    # Moving

    def reschedule(self, booking: Booking, to: Session, *, by: int) -> None:
        """Who booked moves it: the same coach, the same price, as often and as late as the policy says.

        What cancelling did not give any more does not come back by moving. What ran out stands in nobody's way.
        """
        try:
            self._check_move(booking, to, by)
        except Refused as refusal:
            self._let_go_lapsed_for(to, booking.participant, refusal)
            self._check_move(booking, to, by)
        old = booking.session
        if old is to:
            return
        if not booking.was_moved:
            booking.most, booking.moves = self._percent_back(booking), booking.moves + 1
        booking.session, booking.was_moved, booking.claims = to, False, True
        self._offer_free_seats(old)

    def _check_move(self, booking: Booking, to: Session, by: int) -> None:
        old = booking.session
        if by != booking.buyer:
            raise Refused("forbidden")
        if old is to:
            return
        if booking.state != "confirmed":
            raise Refused("not_confirmed")
        if old.status != "planned" or old.starts_at <= self.now:
            raise Refused("started")
        self._check_open(to)
        if (to.coach, to.price) != (old.coach, booking.price):
            raise Refused("other_coach" if to.coach != old.coach else "other_price")
        if self.taken(to) >= to.capacity:
            raise Refused("full")
        if not booking.was_moved:
            self._check_rule(booking)
        if self._place_of(to, booking.participant):
            raise Refused("already_booked")
        if self._is_elsewhere(booking.participant, to, but=booking):
            raise Refused("participant_elsewhere")

    def _check_rule(self, booking: Booking) -> None:
        if not booking.rules.moves:
            raise Refused("not_movable")
        if booking.moves >= booking.rules.moves:
            raise Refused("moved_too_often")
        if self.now > booking.session.starts_at - timedelta(hours=booking.rules.move_hours):
            raise Refused("too_late")

    def moments(self) -> list[datetime]:
        """Also when it is too late to move something, or to let somebody off, and when something counts no more."""
        found = {session.ends_at + LET_OFF_WITHIN for session in self.sessions}
        for booking in self.bookings:
            found.add(booking.session.starts_at - timedelta(hours=booking.rules.move_hours))
            if booking.missed_at:
                found.add(booking.missed_at + timedelta(days=booking.rules.days))
        return sorted({*super().moments(), *(at for at in found if at > self.now)})


def _left(booking: Booking) -> list[int]:
    """What of each credit that paid it has not gone back."""
    gone = booking.spent_back or [0 for _spent in booking.spent]
    return [amount - back for (_credit, amount), back in zip(booking.spent, gone, strict=True)]
