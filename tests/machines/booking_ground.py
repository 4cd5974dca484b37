"""What the booking machine stands on: who and what there is in Tenpo and in the model, and how the two are compared."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from tenpo.core.business import current_business, forget_business
from tenpo.core.compiled import Compiled
from tenpo.core.models import Business as BusinessRow
from tenpo.ledger.models import Account
from tenpo.ledger.queries import trial_balance
from tenpo.orders.models import SharePolicy
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.payments.models import Payment
from tenpo.people.models import Participant, User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.models import Booking, Session
from tests.machines import booking_nouns as nouns
from tests.machines.booking_model import Business
from tests.machines.booking_nouns import ADMIN, COACHES, MEMBERS
from tests.machines.machine import START, Machine, outcomes_of

WINDOWS: list[nouns.Windows] = [((48, 100), (24, 50), (0, 0)), ((1, 33), (0, 10)), ((0, 100),)]
# Read after each step.
SESSIONS = Compiled(lambda: Session.objects.order_by("id"))
BOOKINGS = Compiled(lambda: Booking.objects.order_by("id").select_related("line", "participant"))
PAYMENTS = Compiled(lambda: Payment.objects.order_by("id"))
CREDITS = Compiled(lambda: Account.objects.filter(kind=Account.Kind.CREDIT).order_by("id"))


class BookingGround(Machine):
    def __init__(self) -> None:
        super().__init__()
        self.model = Business(START)
        current_business()
        BusinessRow.objects.update(
            hold_minutes=nouns.HOLD // timedelta(minutes=1),
            manual_hold_days=nouns.HOLD_BY_HAND.days,
            offer_hours=nouns.OFFER // timedelta(hours=1),
            credit_months=nouns.CREDIT_MONTHS,
        )
        forget_business()
        self.people: list[User] = [*(make_member() for _ in MEMBERS), make_admin(), *(make_coach() for _ in COACHES)]
        self.windows = {windows: make_cancellation_policy(*windows) for windows in WINDOWS}
        self.shares: list[SharePolicy] = []

    @classmethod
    def outcomes(cls) -> set[str]:
        return outcomes_of(Business)

    # What is compared

    def _look(self) -> None:
        """Read every row anew, each kind in the order in which the rows came to be."""
        self.session_rows = SESSIONS()
        self.booking_rows = BOOKINGS()
        self.payment_rows = PAYMENTS()

    def found(self) -> dict[str, Any]:
        self._look()
        people: dict[Any, int] = {person.pk: number for number, person in enumerate(self.people)}
        session_numbers = {row.pk: number for number, row in enumerate(self.session_rows)}
        payment_numbers: dict[Any, int] = {row.pk: number for number, row in enumerate(self.payment_rows)}
        orders: dict[Any, int] = {row.line.order_id: number for number, row in enumerate(self.booking_rows) if row.line}
        line_numbers = {f"again:{row.line_id}": number for number, row in enumerate(self.booking_rows)}
        credits = {
            (people[row.owner_id], payment_numbers[row.source_id], line_numbers.get(row.name)): row for row in CREDITS()
        }
        return {
            "sessions": [(s.status, s.starts_at, s.capacity, s.seats_taken, s.price) for s in self.session_rows],
            "bookings": [
                (
                    session_numbers[b.session_id], people[b.participant.user_id], people[b.booked_by_id], b.state,
                    b.ending, b.held_until, tuple((w["hours_before"], w["percent"]) for w in b.policy),
                    (b.line.company_share, b.line.credit_spent, b.line.own_share, b.line.refunded_percent)
                    if b.line else None,
                )
                for b in self.booking_rows
            ],
            "payments": [
                (people[p.payer_id], p.provider, p.amount, p.fee, p.state, orders[p.order_id] if p.order_id else None)
                for p in self.payment_rows
            ],
            "credits": [(*name, row.expires_at, row.balance) for name, row in credits.items()],
            "sides": sorted(
                (side.name or side.kind, side.balance)
                for side in trial_balance()
                if side.kind != Account.Kind.CREDIT and side.balance
            ),
        }  # fmt: skip

    def expected(self) -> dict[str, Any]:
        of = self.model
        return {
            "sessions": [(s.status, s.starts_at, s.capacity, of.taken(s), s.price) for s in of.sessions],
            "bookings": [
                (
                    of.sessions.index(b.session), b.participant, b.buyer, b.state, b.ending, b.held_until, b.windows,
                    (b.company, b.credit, b.own, b.percent_back) if b.order else None,
                )
                for b in of.bookings
            ],
            "payments": [
                (p.payer, p.provider, p.amount, p.fee, p.state, of.bookings.index(p.booking) if p.booking else None)
                for p in of.payments
            ],
            "credits": [(*c.name, c.expires_at, c.balance) for c in of.credits],
            "sides": sorted((side, amount) for side, amount in of.sides.items() if amount),
        }  # fmt: skip

    # Who and what is meant

    def _any(self, *states: str) -> bool:
        return any(booking.state in states for booking in self.model.bookings)

    def _host(self, host: str, session: nouns.Session) -> int:
        other = next(coach for coach in COACHES if coach != session.coach)
        return {"coach": session.coach, "admin": ADMIN, "other coach": other, "member": MEMBERS[0]}[host]

    def _participant(self, member: int) -> Participant:
        return self.people[member].participant

    def _session(self, which: int) -> tuple[nouns.Session, Session]:
        """Mostly one that can be booked, if there is any."""
        upcoming = [s.status == "planned" and s.starts_at > self.clock.now for s in self.model.sessions]
        index = newest(upcoming, which) if which < 6 else which % len(upcoming)
        return self.model.sessions[index], self.session_rows[index]

    def _booking(self, which: int, *states: str) -> tuple[nouns.Booking, Booking]:
        """Mostly one of the bookings in these states, if there are any; else one of all."""
        index = newest([booking.state in states or which == 7 for booking in self.model.bookings], which)
        return self.model.bookings[index], self.booking_rows[index]

    def _row(self, booking: nouns.Booking) -> Booking:
        return self.booking_rows[self.model.bookings.index(booking)]

    def _payment(self, which: int, wanted: Callable[[nouns.Payment], bool]) -> tuple[nouns.Payment, Payment]:
        index = newest([wanted(payment) for payment in self.model.payments], which)
        return self.model.payments[index], self.payment_rows[index]

    def _agreed(self, agreed: str, session: nouns.Session, buyer: int) -> int | None:
        """What the buyer saw: what the model says, another price, or nothing."""
        _company, _spent, own = self.model.quote(session, buyer)
        return {"right": own, "wrong": own + 1, "unsaid": None}[agreed]


def newest(wanted: Sequence[bool], which: int) -> int:
    """The index of one that is wanted, counted from the newest; of any one where none is."""
    found = [index for index, is_wanted in enumerate(wanted) if is_wanted] or list(range(len(wanted)))
    return found[-1 - which % len(found)]
