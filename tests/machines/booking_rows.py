"""What the booking machine compares: Tenpo's rows and the model, both in the same words."""

from collections.abc import Sequence
from typing import Any

from tenpo.core.compiled import Compiled, Param
from tenpo.payments.models import Payment
from tenpo.people.models import User
from tenpo.schedule.models import Booking, Session
from tests.machines.booking_model import Business
from tests.machines.rows import Reading, at

SESSION = Compiled(lambda: Session.objects.filter(pk=Param("pk")))
BOOKING = Compiled(lambda: Booking.objects.filter(pk=Param("pk")).select_related("line", "participant"))
PAYMENT = Compiled(lambda: Payment.objects.filter(pk=Param("pk")))
READING = Reading(
    sessions=("status, starts_at, capacity, seats_taken, price", "schedule_session"),
    bookings=(
        "session_id, user_id, booked_by_id, state, ending, held_until, policy, line_id, order_id, company_share,"
        " credit_spent, own_share, refunded_percent",
        "(SELECT b.id, session_id, user_id, booked_by_id, state, ending, held_until, policy, line_id, order_id,"
        "   company_share, credit_spent, own_share, refunded_percent"
        "  FROM schedule_booking b JOIN people_participant p ON p.id = participant_id"
        "  LEFT JOIN orders_line l ON l.id = line_id) b",
    ),
    payments=("payer_id, provider, amount, fee, state, order_id", "payments_payment"),
    credits=("owner_id, source_id, name, expires_at, balance", "ledger_account WHERE kind = 'credit'"),
    sides=(
        "name, balance",
        "(SELECT a.id, coalesce(nullif(name, ''), kind) AS name,"
        "   (SELECT coalesce(sum(amount), 0) FROM ledger_transfer t WHERE t.credit_id = a.id)"
        "   - (SELECT coalesce(sum(amount), 0) FROM ledger_transfer t WHERE t.debit_id = a.id) AS balance"
        "  FROM ledger_account a WHERE owner_id IS NULL) a",
    ),
)


class Rows:
    """What was read after a step, each kind in the order of the model's numbers."""

    def __init__(self) -> None:
        self.read = READING()

    def session(self, number: int) -> Session:
        (row,) = SESSION(pk=self.read["sessions"][number][0])
        return row

    def booking(self, number: int) -> Booking:
        (row,) = BOOKING(pk=self.read["bookings"][number][0])
        return row

    def payment(self, number: int) -> Payment:
        (row,) = PAYMENT(pk=self.read["payments"][number][0])
        return row

    def found(self, users: Sequence[User]) -> dict[str, Any]:
        """How Tenpo is."""
        people = {str(person.pk): number for number, person in enumerate(users)}
        sessions, payments = ({row[0]: n for n, row in enumerate(self.read[kind])} for kind in ("sessions", "payments"))
        orders = {row[9]: number for number, row in enumerate(self.read["bookings"]) if row[9]}
        again = {f"again:{row[8]}": number for number, row in enumerate(self.read["bookings"]) if row[8]}
        return {
            "sessions": [(status, at(starts_at), *rest) for _id, status, starts_at, *rest in self.read["sessions"]],
            "bookings": [
                (
                    sessions[session], people[participant], people[buyer], state, ending, at(held_until),
                    tuple((w["hours_before"], w["percent"]) for w in policy), tuple(parts) if line else None,
                )
                for _id, session, participant, buyer, state, ending, held_until, policy, line, _order, *parts
                in self.read["bookings"]
            ],
            "payments": [
                (people[payer], provider, amount, fee, state, orders[order] if order else None)
                for _id, payer, provider, amount, fee, state, order in self.read["payments"]
            ],
            "credits": [
                (people[owner], payments[source], again.get(name), at(expires_at), balance)
                for _id, owner, source, name, expires_at, balance in self.read["credits"]
            ],
            "sides": sorted((name, balance) for _id, name, balance in self.read["sides"] if balance),
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
