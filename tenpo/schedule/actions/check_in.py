"""Who is there: checked in by hand, one tap each; and what follows from it for who came."""

from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.jobs import each_by_itself
from tenpo.core.outbox import publish
from tenpo.people.models import User
from tenpo.schedule.actions.attendance import CHANGEABLE_FOR, MARKS, forget_stay, set_mark
from tenpo.schedule.actions.seats import check_not_moved, lock_session
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.stays import presence_in

# So long before the start the door is open.
CHECK_IN_OPENS = timedelta(minutes=60)
# Whoever was in the video room for so long has come.
ROOM_COUNTS_AFTER = timedelta(minutes=5)
# So long after the end nobody is marked by the room any more: by then a session is completed.
ROOM_COUNTS_UNTIL = timedelta(days=1)


@transaction.atomic
def check_in(booking: Booking, *, by: User) -> Attendance:
    """Note that somebody is there, from an hour before the start until the end; from the start on they have attended.

    Again changes nothing while they are there. Raises RuleError too_early, too_late, not_planned, not_booked,
    moved_meanwhile.
    """
    session, booking = _locked(booking, by=by)
    _check_open(session)
    if booking.state not in MARKS:
        raise RuleError("not_booked", _("This place was not booked."))
    stays = Attendance.objects.filter(session=session, participant=booking.participant_id).by_hand()
    stay = stays.open().first()
    if stay is None:
        stay = Attendance.objects.create(
            session=session,
            participant_id=booking.participant_id,
            source=Attendance.Source.HAND,
            joined_at=clock.now(),
            noted_by=by,
        )
        record("attendance.checked_in", by=by, on=stay, after={"joined_at": stay.joined_at})
        publish("attendance.checked_in", subject=booking, session_id=session.pk)
    if session.has_started():
        set_mark(booking, Booking.State.ATTENDED, by=by)
    return stay


@transaction.atomic
def check_out(booking: Booking, *, by: User) -> Attendance:
    """Note that somebody who was checked in has gone. Again changes nothing.

    Raises RuleError not_there, moved_meanwhile.
    """
    session, booking = _locked(booking, by=by)
    stays = Attendance.objects.filter(session=session, participant=booking.participant_id).by_hand()
    stay = stays.order_by("-joined_at").first()
    if stay is None:
        raise RuleError("not_there", _("Nobody was checked in at this place."))
    if stay.left_at is None:
        _close(stay, at=min(clock.now(), session.ends_at), by=by)
        publish("attendance.checked_out", subject=booking, session_id=session.pk)
    return stay


@transaction.atomic
def undo_check_in(booking: Booking, *, by: User) -> Booking:
    """Take back the last check-in by hand, until a week after the end; who was not there before is unmarked.

    Without one nothing changes. Raises RuleError too_late, moved_meanwhile.
    """
    session, booking = _locked(booking, by=by)
    if clock.now() > session.ends_at + CHANGEABLE_FOR:
        raise RuleError("too_late", _("Attendance can be changed until a week after the session."))
    stays = Attendance.objects.filter(session=session, participant=booking.participant_id)
    last = stays.by_hand().order_by("-joined_at").first()
    if last is None:
        return booking
    forget_stay(last, by=by)
    publish("attendance.undone", subject=booking, session_id=session.pk)
    if booking.state == Booking.State.ATTENDED and not stays.exists():
        set_mark(booking, Booking.State.CONFIRMED, by=by)
    return booking


def settle_attendance(limit: int = 200) -> int:
    """Close what is open when a session is over, and mark who was there; returns how many sessions. A job runs it."""
    now = clock.now()
    is_over = Q(session__ends_at__lte=now) | Q(session__status=Session.Status.CANCELLED)
    ended = Attendance.objects.open().filter(is_over).values_list("session", flat=True)
    was_there = Attendance.objects.filter(session=OuterRef("session"), participant=OuterRef("participant"))
    come = Booking.objects.filter(
        Exists(was_there),
        state=Booking.State.CONFIRMED,
        session__starts_at__lte=now,
        session__ends_at__gt=now - ROOM_COUNTS_UNTIL,
    ).values_list("session", flat=True)
    found = sorted({*ended.distinct()[:limit], *come.distinct()[:limit]})
    return len(each_by_itself(found, settle_session, failure="attendance_not_settled"))


@transaction.atomic
def settle_session(session_id: UUID) -> None:
    """The same of one session."""
    session = lock_session(session_id)
    now = clock.now()
    is_off = session.status == Session.Status.CANCELLED
    stays = Attendance.objects.filter(session=session)
    if is_off or session.has_ended(now):
        end = min(session.cancelled_at or session.ends_at, session.ends_at)
        for stay in stays.open().select_for_update(no_key=True).order_by("id"):
            _close(stay, at=end, by=None)
    if is_off or not session.has_started(now):
        return
    there = presence_in(session, stays, now=now)
    confirmed = Booking.objects.filter(session=session, state=Booking.State.CONFIRMED, participant__in=list(there))
    for booking in confirmed.select_for_update(no_key=True).order_by("id"):
        found = there[booking.participant_id]
        if found.is_by_hand or found.length >= ROOM_COUNTS_AFTER:
            set_mark(booking, Booking.State.ATTENDED, by=None)


def is_check_in_open(session: Session) -> bool:
    """Whether people can be checked in now."""
    now = clock.now()
    is_on = session.status != Session.Status.CANCELLED
    return is_on and session.starts_at - CHECK_IN_OPENS <= now < session.ends_at


def _locked(booking: Booking, *, by: User) -> tuple[Session, Booking]:
    session = lock_session(booking.session_id)
    booking = Booking.objects.select_for_update(no_key=True).get(pk=booking.pk)
    check_not_moved(booking, session)
    booking.session = session
    if not can_manage_session(by, session):
        raise PermissionDenied
    return session, booking


def _check_open(session: Session) -> None:
    if is_check_in_open(session):
        return
    if session.status == Session.Status.CANCELLED:
        raise RuleError("not_planned", _("This session was cancelled, so nobody came."))
    if session.has_ended():
        raise RuleError("too_late", _("The session is over. Mark on the roster who came."))
    raise RuleError("too_early", _("Check-in opens an hour before the start."))


def _close(stay: Attendance, *, at: datetime, by: User | None) -> None:
    """End a stay; one that began at that very moment, or after it, was none."""
    if at <= stay.joined_at:
        stay.delete()
        return
    stay.left_at = at
    stay.save(update_fields=["left_at"])
    record("attendance.ended", by=by, on=stay, before={"left_at": None}, after={"left_at": at})
