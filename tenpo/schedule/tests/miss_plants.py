"""Places missed in every way, and what breaks each of their invariants, for `tests/test_invariants.py`."""

from datetime import timedelta

from tenpo.checkout.tests.make import make_booking
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.misses import waive_no_show
from tenpo.schedule.actions.sessions import complete_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times

FREE = "SELECT id FROM schedule_miss WHERE outcome = 'grace' ORDER BY id LIMIT 1"
LATE = "SELECT booking_id FROM schedule_miss WHERE kind = 'late' AND outcome = 'charged' ORDER BY id LIMIT 1"
ABSENT = "SELECT booking_id FROM schedule_miss WHERE kind = 'no_show' AND outcome = 'charged' ORDER BY id LIMIT 1"

MISS_PLANTS: dict[str, str | list[str]] = {
    "miss-is-of-a-place-that-was-missed": f"UPDATE schedule_miss SET user_id = uuidv7() WHERE id = ({FREE})",
    "forgiven-miss-costs-nothing": f"""
        UPDATE schedule_miss SET outcome = 'waived' WHERE booking_id = ({ABSENT})""",
    "grace-is-given-as-often-as-promised": """
        UPDATE schedule_miss SET grace = 0 WHERE id = (
            SELECT m.id FROM schedule_miss m JOIN schedule_miss e ON e.user_id = m.user_id AND e.id < m.id
            WHERE m.outcome = 'grace' AND e.outcome = 'grace' LIMIT 1)""",
    "no-show-is-settled": f"DELETE FROM schedule_miss WHERE booking_id = ({ABSENT})",
    "late-cancellation-is-counted": f"DELETE FROM schedule_miss WHERE booking_id = ({LATE})",
}


def make_misses() -> None:
    """Late cancellations and no-shows that cost something, cost nothing, and were let off."""
    coach, admin, member = make_coach("Mara"), make_admin(), make_member()
    policy = make_cancellation_policy((48, 100), (0, 50), grace_count=2, grace_days=90)
    bookings = [
        make_booking(
            make_session(coach, starts_in=timedelta(hours=hour), minutes=30, price=3_000, policy=policy), member
        )
        for hour in range(1, 7)
    ]
    absent = [*bookings[4:], make_booking(bookings[5].session, make_member())]
    for booking in bookings[:3]:
        cancel_booking(booking, by=member)
    cancel_booking(bookings[3], by=coach, waiver="Ill")
    begun = Session.objects.filter(bookings__in=absent)
    for session in begun:
        earlier = {name: getattr(session, name) - timedelta(hours=20) for name in ("starts_at", "ends_at")}
        set_times(Session.objects.filter(pk=session.pk), **earlier)
    for booking in absent:
        mark_attendance(booking, state=Booking.State.NO_SHOW, by=coach)
    waive_no_show(absent[0], reason="The train did not go", by=admin)
    for session in begun.distinct():
        complete_session(session, by=coach)
