"""Seats, taken and given back. Whoever changes a session's seats holds that session's row.

The order of locks is that of ARCHITECTURE.md: of these, session, participant, booking, order, payment, accounts.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.compiled import CompiledFor, Param, columns_of
from tenpo.core.errors import RuleError
from tenpo.core.limits import PLACES_AT_ONCE
from tenpo.core.outbox import publish
from tenpo.orders.actions.orders import void_lines
from tenpo.orders.cancelling import Policy, read_policy
from tenpo.orders.models import POLICY_COLUMNS
from tenpo.payments.actions.cancelling import cancel_payments
from tenpo.payments.models import Payment
from tenpo.payments.queries import manual_providers
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.coach_time import count_freed
from tenpo.schedule.actions.offers import offer_free_seats
from tenpo.schedule.models import Booking, Session

_TAKE_SEATS = """
    UPDATE schedule_session s SET seats_taken = s.seats_taken + %s
    FROM orders_cancellationpolicy p
    WHERE s.id = ANY(%s) AND s.id IN ({visible}) AND p.id = s.cancellation_policy_id
      AND s.status = 'planned' AND NOT s.is_private AND s.starts_at > now() AND s.seats_taken + %s <= s.capacity
    RETURNING {columns}, p.windows AS policy_windows, jsonb_build_object({rules}) AS policy_rules,
      ARRAY(SELECT id FROM people_participant WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE) AS locked_participants
"""

# The rules of a policy `p` beside its windows, as JSON has them.
POLICY_RULES = ", ".join(f"'{name}', p.{name}" for name in POLICY_COLUMNS)
_VISIBLE = CompiledFor(lambda user: Session.objects.visible_to(user).filter(pk=Param("session")).values("pk"))
_VISIBLE_OF_MANY = CompiledFor(lambda user: Session.objects.visible_to(user).values("pk"))


def already_booked() -> RuleError:
    """The refusal behind the constraint that a participant has one live booking in a session."""
    return RuleError("already_booked", _("You already have a place in this session."))


def lock_session(session_id: UUID) -> Session:
    """The session, locked until the transaction ends; before whoever takes part, and before money."""
    session = Session.objects.select_for_update(no_key=True).filter(pk=session_id).first()
    if session is None:
        raise Http404
    return session


def lock_sessions(session_ids: Iterable[UUID]) -> dict[UUID, Session]:
    """Several sessions, locked by their ids, so that two who want some of the same never wait for each other."""
    rows = Session.objects.select_for_update(no_key=True).filter(pk__in=session_ids).order_by("pk")
    return {session.pk: session for session in rows}


def lock_sessions_of(booking: Booking) -> dict[UUID, Session]:
    """The session of a booking, and those of what is held with it by the same order; locked, its own among them.

    Which ones they are is said when they are ordered and does not change until it is paid.
    """
    ids = [booking.session_id]
    if booking.state == Booking.State.HELD and booking.line_id:
        held = Booking.objects.filter(line__order__lines=booking.line_id, state=Booking.State.HELD)
        ids += held.values_list("session", flat=True)
    locked = lock_sessions(ids)
    if booking.session_id not in locked:
        raise Http404
    return locked


def lock_with_held(*session_ids: UUID) -> dict[UUID, Session]:
    """Sessions, and those in which orders that hold a seat in them hold others; locked by their ids.

    Whoever ends what is held in a session ends the whole of its orders. What is ordered between looking and locking
    may reach further: then what was locked is let go, and it is looked again.
    """
    wanted = set(session_ids) | _held_with(session_ids)
    while True:
        try:
            with transaction.atomic():
                locked = lock_sessions(wanted)
                if found := _held_with(session_ids) - wanted:
                    raise _ReachesFurther
        except _ReachesFurther:
            wanted |= found
        else:
            if not locked.keys() >= set(session_ids):
                raise Http404
            return locked


class _ReachesFurther(Exception):
    """An order came meanwhile that holds seats in sessions which are not locked."""


def _held_with(session_ids: Iterable[UUID]) -> set[UUID]:
    """Where else something is held by the orders that hold a seat in these sessions; one statement."""
    here = Booking.objects.filter(session__in=list(session_ids), state=Booking.State.HELD, line__isnull=False)
    orders = here.values("line__order")
    elsewhere = Booking.objects.filter(line__order__in=orders, state=Booking.State.HELD)
    return set(elsewhere.values_list("session", flat=True))


def check_not_moved(booking: Booking, session: Session) -> None:
    """Raise RuleError moved_meanwhile unless a booking, read under the lock of its session, is still in that one."""
    if booking.session_id != session.pk:
        raise RuleError("moved_meanwhile", _("This booking was moved meanwhile. Please look at it again."))


def already_elsewhere() -> RuleError:
    """The refusal behind the constraint that a participant is in one place at a time."""
    return RuleError(
        "participant_elsewhere", _("There is another session at this time already, and nobody can be in two.")
    )


def take_seats(
    session_ids: Sequence[UUID], *, participants: Sequence[Participant], by: User
) -> list[tuple[Session, Policy]]:
    """Take a free seat for each in each of the sessions, or none, and lock the sessions and then the participants.

    One statement for one session, two for several, which are locked by their ids first. Returns them in the order in
    which they were said, each with its policy. Raises Http404 for a session that `by` may not see; RuleError "full",
    "started", "not_planned" or "private_session". "full" may only mean that nobody has let go yet what ran out, see
    `release_lapsed_of`.
    """
    if len(session_ids) > 1:
        lock_sessions(session_ids)
        sql, parameters = _VISIBLE_OF_MANY.sql(by)
    else:
        sql, parameters = _VISIBLE.sql(by, session=session_ids[0])
    statement = _TAKE_SEATS.format(visible=sql, columns=columns_of(Session, "s"), rules=POLICY_RULES)
    wanted, ids = len(participants), [one.pk for one in participants]
    rows = Session.objects.raw(statement, [wanted, list(session_ids), *parameters, wanted, ids])
    taken = {session.pk: session for session in rows}
    for session_id in session_ids:
        if session_id not in taken:
            raise _not_taken(session_id, by)
    return [(taken[pk], _policy_beside(taken[pk])) for pk in session_ids]


def _policy_beside(taken: Session) -> Policy:
    """The policy that came with a session."""
    windows, rules = taken.policy_windows, taken.policy_rules  # type: ignore[attr-defined]
    return read_policy(json.loads(windows), json.loads(rules))


def _not_taken(session_id: UUID, by: User) -> RuleError:
    """Why no seat could be taken; Http404 for a session that `by` may not see."""
    get_object_or_404(Session.objects.visible_to(by), pk=session_id)
    session = lock_session(session_id)
    check_open(session)
    if session.is_private:
        return RuleError("private_session", _("This was booked by somebody for those who come."))
    return full(session)


def full(session: Session) -> RuleError:
    """The refusal of more seats than are free."""
    if session.is_full:
        return RuleError("full", _("This session is full. You can join the waitlist."))
    left = session.seats_left
    words = ngettext("Only %(left)s seat is left.", "Only %(left)s seats are left.", left) % {"left": left}
    return RuleError("full", words, left=left)


def check_party(participants: Sequence[Participant]) -> None:
    """Raise ValidationError unless it is somebody, each of them once, and no more than may be booked at once."""
    if not participants or len({one.pk for one in participants}) < len(participants):
        raise ValidationError({"participants": _("Say who comes, each of them once.")})
    if len(participants) > PLACES_AT_ONCE:
        words = _("At most %(n)s places are booked at once.") % {"n": PLACES_AT_ONCE}
        raise ValidationError({"participants": words})


def check_open(session: Session) -> None:
    """Raise RuleError unless the session can still be booked."""
    if session.status != Session.Status.PLANNED:
        raise RuleError("not_planned", _("This session does not take place any more."))
    if session.has_started():
        raise RuleError("started", _("This session has already begun."))


def free_seats(session: Session, count: int = 1, *, came: int | None = None) -> None:
    """Give back seats of a locked session, to those in line if somebody waits.

    `came` of them were booked, all unless it is said: what was only held or offered passes nobody in line over when it
    is let go, and is not kept, as it costs nothing to hold it and give it up.
    """
    if not count:
        return
    Session.objects.filter(pk=session.pk).update(seats_taken=F("seats_taken") - count)
    session.seats_taken -= count
    if session.is_private and not session.seats_taken:
        _call_off_empty(session)
    else:
        offer_free_seats(session, came=count if came is None else came)


def _call_off_empty(session: Session) -> None:
    """What was booked as a slot goes with the last who had booked it; its time is free again at once."""
    if not session.is_planned:
        return
    session.status = Session.Status.CANCELLED
    session.cancelled_at = clock.now()
    session.save(update_fields=["status", "cancelled_at"])
    count_freed(session.pk)
    record("session.cancelled", by=None, on=session, after={"bookings": 0})
    publish("session.cancelled", subject=session, reason="")


def lock_order_of(booking: Booking) -> list[Booking]:
    """A booking, locked, with those that are held by the same order; the caller holds their sessions.

    Until it is paid an order is one thing: its places are held, given up and let go together. So is a request.
    """
    rows = Booking.objects.select_for_update(of=("self",), no_key=True).select_related("line__order", "booked_by")
    locked = rows.get(pk=booking.pk)
    if locked.state == Booking.State.HELD and locked.awaits_approval:
        return list(rows.filter(session=locked.session_id, state=Booking.State.HELD).order_by("id"))
    if locked.state != Booking.State.HELD or locked.line is None:
        return [locked]
    return list(rows.filter(line__order_id=locked.line.order_id).order_by("id"))


def hold_longer(bookings: Sequence[Booking], until: datetime) -> None:
    """Let locked bookings, held together, wait for their money until then, or as long as they do already."""
    for booking in bookings:
        assert booking.held_until is not None
        booking.held_until = max(booking.held_until, until)
    held_until = bookings[0].held_until
    Booking.objects.filter(pk__in=[booking.pk for booking in bookings]).update(held_until=held_until)


def free_seats_of(bookings: Sequence[Booking], locked: Mapping[UUID, Session]) -> None:
    """Give back the seats of bookings that are over, in their locked sessions."""
    came = Counter(booking.session_id for booking in bookings if booking.confirmed_at)
    for session_id, count in sorted(Counter(booking.session_id for booking in bookings).items()):
        free_seats(locked[session_id], count, came=came[session_id])


def lock_participants(ids: Iterable[UUID]) -> None:
    """Let what participants take on be written one after the other; comes after the lock of their session.

    The constraint alone would do; but two that wait for each other's row inside it are a deadlock.
    """
    list(Participant.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True).values_list("pk"))


@transaction.atomic
def hold_time(session: Session) -> None:
    """Let those with a place in a locked session count on its time, as it is now.

    Whoever is in another session then keeps both places and claims this time no more: they are told that it moved, and
    decide themselves.
    """
    booked = Booking.objects.filter(session=session, state__in=[Booking.State.HELD, Booking.State.CONFIRMED])
    lock_participants(booked.values_list("participant", flat=True))
    present = Booking.objects.filter(participant=OuterRef("participant"), state__in=Booking.PRESENT)
    then = present.filter(starts_at__lt=session.ends_at, ends_at__gt=session.starts_at)
    elsewhere = then.exclude(session=session)
    booked.filter(Exists(elsewhere)).update(starts_at=None, ends_at=None)
    booked.exclude(Exists(elsewhere)).update(starts_at=session.starts_at, ends_at=session.ends_at)


def end_bookings(bookings: Sequence[Booking], ending: Booking.Ending) -> None:
    """Write down that locked bookings are over, with one statement; seats and money are the caller's."""
    now = clock.now()
    for booking in bookings:
        booking.state = Booking.State.CANCELLED
        booking.ending = ending
        booking.cancelled_at = now
        booking.held_until = None
    Booking.objects.filter(pk__in=[booking.pk for booking in bookings]).update(
        state=Booking.State.CANCELLED, ending=ending, cancelled_at=now, held_until=None
    )


def void_orders(bookings: Sequence[Booking]) -> None:
    """Void the open orders of bookings that are over, and close those of their payments that nobody carries out.

    A payment that a provider may still be carrying out stays open: should it succeed late, its payer gets all of it
    as credit. So does one that is only begun: whoever began it may have died between the charge and its answer.
    """
    lines = [booking.line for booking in bookings if booking.line]
    if not lines:
        return
    void_lines(lines)
    waits_for_us = Q(state__in=["created", "pending"], provider__in=manual_providers())
    undecided = Payment.objects.filter(Q(state="needs_action") | waits_for_us)
    cancel_payments(undecided.filter(order_id__in=[line.order_id for line in lines]))
