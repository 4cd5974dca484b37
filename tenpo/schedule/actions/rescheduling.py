"""Moving a booking to another session of the same coach: one transaction, the same line, the same money."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import EXCLUSION, UNIQUE, RuleError, refuse_on
from tenpo.core.outbox import publish
from tenpo.orders.actions.giving_back import lock_lines
from tenpo.orders.cancelling import Move, may_be_moved
from tenpo.people.models import User
from tenpo.schedule.actions.lapsing import release_lapsed_for, release_lapsed_of
from tenpo.schedule.actions.reminders import REMINDED_BEFORE
from tenpo.schedule.actions.seats import (
    already_booked,
    already_elsewhere,
    check_not_moved,
    check_open,
    free_seats,
    lock_participants,
)
from tenpo.schedule.actions.session_coaches import divide_anew
from tenpo.schedule.models import Booking, Session

REFUSALS: dict[str, Callable[[], str]] = {
    "asked_first": lambda: _(
        "Your coach said yes to just this time. Please give it up and ask for another one, or ask your coach to move"
        " it."
    ),
    "not_movable": lambda: _("This booking cannot be moved. You can cancel it by its policy."),
    "moved_too_often": lambda: _("This booking was moved as often as its policy allows."),
    "too_late": lambda: _("It is too late to move this booking. You can cancel it by its policy."),
}


def move_of(booking: Booking) -> Move:
    """Whether a booking, which has its session, may be moved now."""
    return may_be_moved(
        booking.terms, starts_at=booking.session.starts_at, now=clock.now(), moves=booking.reschedules,
        was_moved=booking.was_moved,
    )  # fmt: skip


def check_move(booking: Booking) -> Move:
    """The same, of a locked booking; raises RuleError not_movable, moved_too_often or too_late where it may not."""
    move = move_of(booking)
    if not move.is_allowed:
        raise RuleError(move.refusal, REFUSALS[move.refusal]())
    return move


def note_move(booking: Booking, move: Move) -> list[str]:
    """Count that whoever booked moves a locked booking, and remember what may still come back of it; what changed."""
    booking.policy_rules = replace(booking.terms, most=move.most).rules()
    booking.reschedules += move.counts
    booking.rescheduled_at = clock.now()
    return ["policy_rules", "reschedules", "rescheduled_at"]


def reschedule_booking(booking: Booking, *, to: Session, by: User) -> Booking:
    """Move one's own booking to another session of the same coach at the same price, as its policy allows.

    It takes the new seat, gives back the old one, and keeps line and money; the policy stays as it was booked. Moving
    it to where it is changes nothing. Raises RuleError not_confirmed, started, not_planned, full, other_coach,
    other_price, private_session, already_booked, participant_elsewhere, moved_meanwhile, not_movable, moved_too_often,
    too_late; Http404.
    """
    try:
        return _reschedule(booking, to, by)
    except RuleError as refusal:
        # What ran out stands in nobody's way. It is let go in a transaction of its own: it touches others' credit.
        if refusal.code in ("full", "already_booked"):
            released = release_lapsed_of(to.pk)
        else:
            released = release_lapsed_for(booking.participant) if refusal.code == "participant_elsewhere" else 0
        if not released:
            raise
    return _reschedule(booking, to, by)


@refuse_on(UNIQUE, "booking_one_live_per_participant", already_booked)
@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@transaction.atomic
def _reschedule(booking: Booking, to: Session, by: User) -> Booking:
    old, new = _locked_sessions(booking.session_id, to.pk)
    get_object_or_404(Session.objects.visible_to(by), pk=new.pk)
    lock_participants([booking.participant_id])
    rows = Booking.objects.select_for_update(of=("self",), no_key=True).select_related("line__order", "booked_by")
    booking = rows.get(pk=booking.pk)
    if booking.booked_by_id != by.pk:
        raise PermissionDenied
    if booking.session_id == new.pk:
        booking.session = new
        return booking
    check_not_moved(booking, old)
    booking.session = old
    _check(booking, new)
    move = check_move(booking)
    _move(booking, new, move)
    record("booking.rescheduled", by=by, on=booking, before={"session": old}, after={"session": new})
    before = {"starts_at": old.starts_at.isoformat(), "ends_at": old.ends_at.isoformat(), "session": old.title}
    publish("booking.rescheduled", subject=booking, session_id=new.pk, before=before, most=move.most)
    free_seats(old)
    return booking


def _locked_sessions(*ids: UUID) -> list[Session]:
    """Both sessions, locked in the order of their ids; Http404 for one that is not there."""
    rows = Session.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("id")
    locked = {session.pk: session for session in rows}
    if locked.keys() != set(ids):
        raise Http404
    return [locked[id_] for id_ in ids]


def _check(booking: Booking, new: Session) -> None:
    old, line = booking.session, booking.line
    if booking.state != Booking.State.CONFIRMED or line is None:
        raise RuleError("not_confirmed", _("Only what is booked and paid can be moved."))
    if not old.is_planned or old.has_started():
        raise RuleError("started", _("This session has already begun, so the booking stays."))
    check_open(new)
    if old.is_private or new.is_private:
        raise RuleError("private_session", _("Choose another time for this one; it is no session for several."))
    # Also where the same give it and another of them leads: what a company pays of it hangs on who does.
    if new.coach_id != old.coach_id or set(new.coach_ids) != set(old.coach_ids):
        raise RuleError("other_coach", _("That is another coach’s session. Book it, and cancel this one."))
    if (new.price, new.currency) != (line.price, line.order.currency):
        raise RuleError("other_price", _("That one costs something else. Book it, and cancel this one."))
    if new.is_full:
        raise RuleError("full", _("This session is full."))


def _move(booking: Booking, new: Session, move: Move) -> None:
    """Write the booking and its line as they are now; the new session has a seat less."""
    now = clock.now()
    assert booking.line is not None
    old = booking.session
    line = lock_lines([booking.line.pk])[booking.line.pk]
    line.subject_id, line.description = new.pk, new.title
    line.save(update_fields=["subject_id", "description"])
    new.seats_taken += 1
    new.save(update_fields=["seats_taken"])
    is_near = new.starts_at <= now + REMINDED_BEFORE
    # Whatever its calendar event counts goes on from where it was.
    booking.sequence += old.version + 1
    booking.line, booking.session = line, new
    booking.starts_at, booking.ends_at = new.starts_at, new.ends_at
    counted = note_move(booking, move)
    booking.moved_at, booking.reminded_at = None, now if is_near else None
    booking.save(
        update_fields=["session", "starts_at", "ends_at", "moved_at", "reminded_at", "sequence", *counted],
    )
    if new.made_by_id != old.made_by_id:
        # The same give it, and somebody else made it.
        divide_anew(new, {"creator_id": old.creator_id, "coach_ids": old.coach_ids}, line_id=line.pk)
