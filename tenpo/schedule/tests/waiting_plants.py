"""Those who wait together, and what breaks the invariants of lines, for `tests/test_invariants.py`."""

from datetime import timedelta

from tenpo.checkout.actions.buying import take_offer
from tenpo.checkout.tests.make import make_booking
from tenpo.core.limits import PASSED_OVER_AT_MOST
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.waitlist import join_waitlist_together
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.plants import MOVED, UNSAID

_TOGETHER = "SELECT id FROM schedule_booking WHERE state = 'waitlisted' AND party IS NOT NULL ORDER BY id LIMIT 1"
_KEEPING = "SELECT id FROM schedule_session WHERE seats_kept > 0"

WAITING_PLANTS: dict[str, str | list[str]] = {
    "party-waits-together": f"""
        UPDATE schedule_booking SET waitlisted_at = waitlisted_at + interval '1 second' WHERE id = ({_TOGETHER})""",
    "kept-seats-are-for-a-party": """
        UPDATE schedule_session SET seats_kept = 1, seats_taken = seats_taken + 1 WHERE title = 'Bare'""",
    "kept-seats-are-let-go-in-time": [
        UNSAID,
        MOVED,
        f"""
        UPDATE schedule_session SET starts_at = now() + interval '2 hours', ends_at = now() + interval '3 hours'
        WHERE id IN ({_KEEPING})""",
        f"""
        UPDATE schedule_booking SET starts_at = now() + interval '2 hours', ends_at = now() + interval '3 hours'
        WHERE starts_at IS NOT NULL AND session_id IN ({_KEEPING})""",
    ],
}


def make_waiting() -> None:
    """A party that waits, one for which a seat is kept, and one that took what it was offered."""
    coach = make_coach("Lisa")
    for day in (1, 2, 3):
        session = make_session(coach, starts_in=timedelta(days=25 + day), capacity=3, price=3_000)
        booked = [make_booking(session, make_member()) for _ in range(3)]
        host = make_member()
        party = [host.participant, *add_guests([f"Nora {day}"], by=host)]
        [waiting, _guest] = join_waitlist_together(session, participants=party, by=host)
        if day == 2:
            Booking.objects.filter(party=waiting.party).update(passed_over=PASSED_OVER_AT_MOST)
        for number in range(day - 1):
            cancel_booking(booked[number], by=booked[number].booked_by)
        if day == 3:
            take_offer(waiting, by=host, provider="sandbox", source=SUCCEEDS)
