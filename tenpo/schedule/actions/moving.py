"""Moving what was booked as a slot to another time of its service; its order and its money stay as they are."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils.translation import gettext as _

from tenpo.core.errors import EXCLUSION, RuleError, refuse_on
from tenpo.people.models import User
from tenpo.schedule.actions.coach_time import lock_coaches
from tenpo.schedule.actions.rescheduling import REFUSALS, check_move, note_move
from tenpo.schedule.actions.seats import already_elsewhere, check_open, lock_participants, lock_session
from tenpo.schedule.actions.sessions import change_session
from tenpo.schedule.actions.slots import (
    SlotWish,
    not_offered,
    past_what_stands_in_the_way,
    slot_taken,
)
from tenpo.schedule.models import Booking, Location, Service, ServiceCoach, Session
from tenpo.schedule.permissions import can_cancel_booking, can_manage_session, is_host_of
from tenpo.schedule.service_queries import place_of
from tenpo.schedule.slot_queries import Slot, find_slots


def move_slot(
    booking: Booking,
    *,
    starts_at: datetime,
    coach: User | None = None,
    location: Location | None = None,
    by: User,
) -> Booking:
    """Move what was booked as a slot to another start of its service, for as long and as much, with all who come.

    Whoever booked may by their policy, and as long as it can be booked anew; the host always and whatever the notice;
    whoever it was moved for by the host can then move it once, or give it back in full. What its coach says yes to
    is moved by its host alone. Another coach gives it only where any may, and then earns what is not earned of it yet.
    Without a location it stays where it is. Where it is already, nothing changes.

    Raises RuleError slot_taken, slot_not_offered, participant_elsewhere, each with the `nearest` starts; not_a_slot,
    not_booked, started, not_planned, asked_first, other_coach, not_movable, moved_too_often, too_late.
    """
    session = Session.objects.select_related("service").get(pk=booking.session_id)
    if session.service is None or not session.is_private:
        raise RuleError("not_a_slot", _("This is a session for everybody, so one person does not move it."))
    place = location.pk if location else session.location_id
    wish = SlotWish(session.service.pk, starts_at, session.minutes, place, moving=session.pk)
    coach_id = coach.pk if coach else session.coach_id

    def attempt() -> Booking:
        return _move(booking, wish, coach_id, by)

    people = [one.participant for one in _together(booking.session_id)]
    return past_what_stands_in_the_way(attempt, wish, [coach_id], people, by=by)


@refuse_on(EXCLUSION, "booking_participant_never_in_two", already_elsewhere)
@refuse_on(EXCLUSION, "session_room_never_in_two", slot_taken)
@refuse_on(EXCLUSION, "session_coach_never_in_two", slot_taken)
@transaction.atomic
def _move(booking: Booking, wish: SlotWish, coach_id: UUID, by: User) -> Booking:
    before = Session.objects.only("coach_id", "is_together", "room_id").get(pk=booking.session_id)
    lock_coaches({*before.coach_ids, coach_id})
    lock_service_for(wish, before.room_id)
    session = lock_session(booking.session_id)
    if session.coach_ids != before.coach_ids:
        # It was moved or handed over a moment ago; whoever wishes looks again.
        raise slot_taken()
    together = _together(session.pk)
    lock_participants([one.participant_id for one in together])
    rows = Booking.objects.select_for_update(of=("self",), no_key=True).select_related("line", "participant")
    locked = {one.pk: one for one in rows.filter(pk__in=[booking.pk, *(one.pk for one in together)]).order_by("id")}
    booking, bookings = locked[booking.pk], list(locked.values())
    for one in bookings:
        one.session = session
    is_host = can_manage_session(by, session) and is_host_of(by, booking)
    _check(booking, by=by)
    is_there = (session.starts_at, session.coach_id, session.location_id)
    if is_there == (wish.starts_at, coach_id, wish.location_id):
        return booking
    service = Service.objects.get(pk=wish.service_id)
    if service.needs_approval and not is_host:
        raise RuleError("asked_first", REFUSALS["asked_first"]())
    move = None if is_host else check_move(booking)
    _check_coach(booking, service, coach_id)
    is_by_all = service.coaches_rule == Service.Coaches.ALL
    for one in bookings:
        # Who comes along must be free as well.
        search = wish.search(coach_id, participant=one.participant_id, by_host=is_host)
        slot = next(iter(find_slots(service, search)), None)
        if slot is None:
            raise slot_taken()
        if is_by_all and set(slot.coaches) != set(session.coach_ids):
            # Others give it together by now; who earns what of this was settled with those who do.
            raise other_coach()
    assert slot is not None, "there is the booking itself"
    change_session(session, changes_to(service, session, slot), by=by, is_own_wish=not is_host)
    if move is not None:
        for one in bookings:
            counted = note_move(one, move)
            # This time they chose themselves: what the host moved before lets them off no more.
            one.moved_at = None
            one.save(update_fields=["moved_at", *counted])
    return Booking.objects.select_related("session", "line__order").get(pk=booking.pk)


def _together(session_id: UUID) -> list[Booking]:
    """Who comes to what was booked as a slot: it moves with all of them."""
    rows = Booking.objects.live().filter(session=session_id).select_related("participant")
    return list(rows.order_by("id"))


_LOCK = """
    SELECT (SELECT s.id FROM schedule_service s WHERE s.id = %(service)s FOR SHARE),
      ARRAY(SELECT l.id FROM schedule_location l JOIN schedule_service_locations sl ON sl.location_id = l.id
            WHERE sl.service_id = %(service)s AND (%(location)s::uuid IS NULL OR l.id = %(location)s)
            ORDER BY l.id FOR KEY SHARE OF l),
      ARRAY(SELECT r.id FROM schedule_room r WHERE r.id = %(room)s
            OR r.id IN (SELECT room_id FROM schedule_service_rooms WHERE service_id = %(service)s)
            ORDER BY r.id FOR NO KEY UPDATE)"""


def lock_service_for(wish: SlotWish, room_id: UUID | None) -> None:
    """The service, where it may be given, and the room that it has with those that it may have: one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"service": wish.service_id, "location": wish.location_id, "room": room_id})


def _check(booking: Booking, *, by: User) -> None:
    if not can_cancel_booking(by, booking):
        raise PermissionDenied
    check_open(booking.session)
    if booking.state != Booking.State.CONFIRMED:
        raise RuleError("not_booked", _("Only what is booked can be moved."))


def _check_coach(booking: Booking, service: Service, coach_id: UUID) -> None:
    if coach_id == booking.session.coach_id:
        return
    given_by: Collection[UUID] = ServiceCoach.objects.filter(service=service).values_list("coach", flat=True)
    if coach_id not in given_by:
        raise not_offered()
    # A series is with one coach.
    is_bound = booking.session.is_together or booking.session.series_id is not None
    if service.coaches_rule != Service.Coaches.ANY or is_bound:
        raise other_coach()


def other_coach() -> RuleError:
    """The refusal of a time at which what was booked could only be given by somebody else."""
    return RuleError("other_coach", _("Another coach cannot take this over. Please cancel it and book anew."))


def changes_to(service: Service, session: Session, slot: Slot) -> dict[str, object]:
    """What of the session is different at the new time."""
    room_id = session.room_id if session.room_id in slot.rooms else min(slot.rooms, default=None)
    changes: dict[str, object] = {
        "starts_at": slot.starts_at,
        "minutes": slot.minutes,
        "busy_from": slot.starts_at - timedelta(minutes=service.buffer_before),
        "busy_until": slot.ends_at + timedelta(minutes=service.buffer_after),
        "coach_id": session.coach_id if session.coach_id in slot.coaches else slot.coaches[0],
        "room_id": room_id,
    }
    if slot.location is not None and slot.location != session.location_id:
        location = Location.objects.get(pk=slot.location)
        changes |= {"location_id": location.pk, "place": place_of(location)}
    return changes
