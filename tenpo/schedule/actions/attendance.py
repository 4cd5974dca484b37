"""Who came."""

from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record, record_all
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.outbox import publish, publish_all
from tenpo.people.actions.visits import lock_users
from tenpo.people.models import User
from tenpo.schedule.actions.misses import forget_no_show, settle_no_show
from tenpo.schedule.actions.seats import check_not_moved, lock_session
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_manage_session

CHANGEABLE_FOR = timedelta(days=7)
# "confirmed" takes a mark back.
MARKS = (Booking.State.ATTENDED, Booking.State.NO_SHOW, Booking.State.CONFIRMED)


@transaction.atomic
def mark_attendance(booking: Booking, *, state: Booking.State, by: User | None) -> Booking:
    """Write down whether somebody came: from the start on, until a week after the end.

    Who did not come to a session that is completed gets back what their policy says; before, it says so when it is.
    Marking the same again changes nothing. Raises RuleError too_early, too_late, not_planned, not_booked,
    settled, moved_meanwhile.
    """
    assert state in MARKS
    if state == Booking.State.NO_SHOW:
        # What somebody does not come to is counted under their own lock, which comes before the session's.
        lock_users(User(pk=booking.booked_by_id))
    session = lock_session(booking.session_id)
    rows = Booking.objects.select_for_update(of=("self",), no_key=True).select_related("line__order")
    booking = rows.get(pk=booking.pk)
    check_not_moved(booking, session)
    booking.session = session
    _check_markable(session, by=by)
    if booking.state not in MARKS:
        raise RuleError("not_booked", _("This place was not booked."))
    return set_mark(booking, state, by=by)


@transaction.atomic
def mark_all_attended(session: Session, *, by: User | None) -> int:
    """Everybody came whom nobody marked yet; returns how many."""
    session = lock_session(session.pk)
    _check_markable(session, by=by)
    unmarked = Booking.objects.filter(session=session, state=Booking.State.CONFIRMED)
    bookings = list(unmarked.select_for_update(no_key=True).order_by("id"))
    if not bookings:
        return 0
    unmarked.filter(pk__in=[booking.pk for booking in bookings]).update(state=Booking.State.ATTENDED)
    before, after = {"state": Booking.State.CONFIRMED}, {"state": Booking.State.ATTENDED}
    record_all([("booking.attendance_marked", booking, before, after) for booking in bookings], by=by)
    facts = {"session_id": session.pk, "state": Booking.State.ATTENDED}
    publish_all([("booking.attendance_marked", booking, facts) for booking in bookings])
    return len(bookings)


def set_mark(booking: Booking, state: Booking.State, *, by: User | None) -> Booking:
    """Write down the mark of a locked booking, if it is another one. Who has not come was not checked in either."""
    if booking.state == state:
        return booking
    before, booking.state = booking.state, state
    if before == Booking.State.NO_SHOW:
        forget_no_show(booking)
    booking.save(update_fields=["state"])
    record("booking.attendance_marked", by=by, on=booking, before={"state": before}, after={"state": state})
    publish("booking.attendance_marked", subject=booking, session_id=booking.session_id, state=state)
    if state != Booking.State.ATTENDED:
        for stay in Attendance.objects.filter(session=booking.session_id, participant=booking.participant_id).by_hand():
            forget_stay(stay, by=by)
    if state == Booking.State.NO_SHOW and booking.session.status == Session.Status.COMPLETED:
        settle_no_show(booking)
    return booking


def forget_stay(stay: Attendance, *, by: User | None) -> None:
    """Take back a stay that was noted by hand; the record keeps that it was."""
    record("attendance.undone", by=by, on=stay, before={"joined_at": stay.joined_at}, after={"joined_at": None})
    stay.delete()


def is_markable(session: Session, now: datetime | None = None) -> bool:
    """Whether attendance can be marked now."""
    now = now or clock.now()
    is_on = session.status != Session.Status.CANCELLED
    return is_on and session.has_started(now) and now <= session.ends_at + CHANGEABLE_FOR


def _check_markable(session: Session, *, by: User | None) -> None:
    if not can_manage_session(by, session):
        raise PermissionDenied
    if is_markable(session):
        return
    if session.status == Session.Status.CANCELLED:
        raise RuleError("not_planned", _("This session was cancelled, so nobody came."))
    if not session.has_started():
        raise RuleError("too_early", _("Attendance is marked from the start of the session on."))
    raise RuleError("too_late", _("Attendance can be changed until a week after the session."))
