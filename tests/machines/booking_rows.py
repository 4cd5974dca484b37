"""What the booking machine compares: Tenpo's rows and the model, both in the same words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tenpo.core.compiled import Compiled
from tenpo.ledger.models import Account
from tenpo.ledger.queries import trial_balance
from tenpo.payments.models import Payment
from tenpo.people.models import User
from tenpo.schedule.models import Booking, Session
from tests.machines.booking_model import Business

SESSIONS = Compiled(lambda: Session.objects.order_by("id"))
BOOKINGS = Compiled(lambda: Booking.objects.order_by("id").select_related("line", "participant"))
PAYMENTS = Compiled(lambda: Payment.objects.order_by("id"))
CREDITS = Compiled(lambda: Account.objects.filter(kind=Account.Kind.CREDIT).order_by("id"))


@dataclass(frozen=True)
class Rows:
    """Each kind in the order in which they came to be, which is that of the model's numbers."""

    sessions: list[Session]
    bookings: list[Booking]
    payments: list[Payment]


def read_rows() -> Rows:
    return Rows(SESSIONS(), BOOKINGS(), PAYMENTS())


def found_in(rows: Rows, users: Sequence[User]) -> dict[str, Any]:
    """How Tenpo is."""
    people: dict[Any, int] = {person.pk: number for number, person in enumerate(users)}
    session_numbers = {row.pk: number for number, row in enumerate(rows.sessions)}
    payment_numbers: dict[Any, int] = {row.pk: number for number, row in enumerate(rows.payments)}
    orders: dict[Any, int] = {row.line.order_id: number for number, row in enumerate(rows.bookings) if row.line}
    line_numbers = {f"again:{row.line_id}": number for number, row in enumerate(rows.bookings)}
    credits = {
        (people[row.owner_id], payment_numbers[row.source_id], line_numbers.get(row.name)): row for row in CREDITS()
    }
    return {
        "sessions": [(s.status, s.starts_at, s.capacity, s.seats_taken, s.price) for s in rows.sessions],
        "bookings": [
            (
                session_numbers[b.session_id], people[b.participant.user_id], people[b.booked_by_id], b.state,
                b.ending, b.held_until, tuple((w["hours_before"], w["percent"]) for w in b.policy),
                (b.line.company_share, b.line.credit_spent, b.line.own_share, b.line.refunded_percent)
                if b.line else None,
            )
            for b in rows.bookings
        ],
        "payments": [
            (people[p.payer_id], p.provider, p.amount, p.fee, p.state, orders[p.order_id] if p.order_id else None)
            for p in rows.payments
        ],
        "credits": [(*name, row.expires_at, row.balance) for name, row in credits.items()],
        "sides": sorted(
            (side.name or side.kind, side.balance)
            for side in trial_balance()
            if side.kind != Account.Kind.CREDIT and side.balance
        ),
    }  # fmt: skip


def expected_of(of: Business) -> dict[str, Any]:
    """How it should be."""
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


def newest(wanted: Sequence[bool], which: int) -> int:
    """The index of one that is wanted, counted from the newest; of any one where none is."""
    found = [index for index, is_wanted in enumerate(wanted) if is_wanted] or list(range(len(wanted)))
    return found[-1 - which % len(found)]
