"""Cancelling: one booking under its policy, or a whole session at once."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record, record_all
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.outbox import publish, publish_all
from tenpo.ledger.actions import posted_together
from tenpo.orders.actions.giving_back import give_back, lock_lines
from tenpo.orders.actions.sponsor_shares import returned_together
from tenpo.orders.cancelling import ComesBack
from tenpo.orders.policies import GivenBack, parts_left
from tenpo.people.actions.visits import lock_users
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin
from tenpo.schedule.actions.coach_time import count_freed
from tenpo.schedule.actions.intro_ending import end_intro_of
from tenpo.schedule.actions.misses import clean_waiver, note_miss
from tenpo.schedule.actions.offers import lock_party, offer_free_seats
from tenpo.schedule.actions.seats import (
    check_not_moved,
    end_bookings,
    free_seats_of,
    lock_order_of,
    lock_sessions_of,
    lock_with_held,
    void_orders,
)
from tenpo.schedule.actions.session_coaches import who_did_it
from tenpo.schedule.models import Booking, Miss, Session
from tenpo.schedule.permissions import can_cancel_booking, can_manage_session, can_waive, is_host_of
from tenpo.schedule.policy_queries import comes_back

NOTHING = GivenBack()
# Where what whoever booked had paid goes back to.
BACK = ("credit", "wallet", "method")


def effect_changed() -> RuleError:
    """The refusal of giving something up for what does not come back any more: a window of its policy has passed."""
    return RuleError("effect_changed", _("What comes back has changed. Please look at it again."))


@transaction.atomic
def cancel_booking(
    booking: Booking,
    *,
    by: User | None,
    for_member: bool = False,
    waiver: str = "",
    agreed: int | None = None,
    whole_party: bool = False,
    is_told_with: bool = False,
) -> Booking:
    """Give up one place, waitlisted, offered, held or booked. What is held is given up with all of its order.

    What is offered to a party is let go by all of it. Of one that waits this one leaves, or the `whole_party`.

    What comes back follows the policy frozen in the booking; everything does when the host cancels, or moved the start
    since it was booked. A host who cancels `for_member` does so by their policy; with a `waiver`, which
    says why, everything comes back and it does not count. `agreed` is what comes back to whoever booked (minor units)
    as it was seen: with anything else nothing is given up. The freed seat goes to the first in line. Where it
    `is_told_with` others that are given up in the same act, its coach hears of all of them at once. Cancelling again
    changes nothing. Raises RuleError started, moved_meanwhile, effect_changed; ValidationError for a waiver that is
    too long.
    """
    waiver = clean_waiver(waiver) if waiver else ""
    for_member = for_member or bool(waiver)
    by_host = is_host_of(by, booking) and not for_member
    if not by_host:
        # What somebody gives up late is counted under their own lock, which comes before the session's.
        lock_users(User(pk=booking.booked_by_id))
    locked = lock_sessions_of(booking)
    session = locked[booking.session_id]
    together = lock_order_of(booking)
    booking = next(one for one in together if one.pk == booking.pk)
    check_not_moved(booking, session)
    booking.session = session
    if not can_cancel_booking(by, booking) or (waiver and not can_waive(by, booking)):
        raise PermissionDenied
    if booking.state == Booking.State.CANCELLED:
        return booking
    if booking.state in (Booking.State.ATTENDED, Booking.State.NO_SHOW) or session.has_started():
        raise RuleError("started", _("This session has already begun, so the booking stays."))
    takes_seat = booking.state in Booking.SEATED
    bookings = together if booking.state == Booking.State.HELD else [booking]
    if booking.state == Booking.State.OFFERED or (whole_party and booking.state == Booking.State.WAITLISTED):
        bookings = _first(booking, lock_party(booking))
    (given, back), *_others = _end(bookings, by_host=by_host, is_waived=bool(waiver))
    if agreed is not None and agreed != given.buyers:
        raise effect_changed()
    if back is not None and back.is_late and booking.line and booking.line.price:
        note_miss(booking, Miss.Kind.LATE, back, waiver=waiver, by=by)
    said = {"waiver": waiver} if waiver else {}
    after = {**_given(booking, given), **said, **_said(back)}
    record_all([("booking.cancelled", one, None, after) for one in bookings], by=by)
    facts = {
        "by_host": by_host, "by_member": not is_host_of(by, booking), "waiver": waiver,
        "by_grace": back is not None and back.by_grace, "credit": given.credit, "wallet": given.wallet,
        "method": given.method, **_paid(booking, given, back), **({"is_told_with": True} if is_told_with else {}),
        **(who_did_it(session, by) if by_host else {}),
    }  # fmt: skip
    publish_all([("booking.cancelled", one, {"session_id": one.session_id, **facts}) for one in bookings])
    if takes_seat:
        free_seats_of(bookings, locked)
    elif booking.party:
        # Who is left of it may fit now; what was kept for it goes to others.
        offer_free_seats(session)
    return booking


def _first(booking: Booking, party: Sequence[Booking]) -> list[Booking]:
    return [booking, *(one for one in party if one.pk != booking.pk)]


@transaction.atomic
def cancel_session(session: Session, *, reason: str, by: User | None) -> Session:
    """Call a session off: every booking is let go, every payer gets all they paid back, everybody is told.

    Once it is over only an admin says that it did not take place. Calling it off again changes nothing. Raises
    RuleError completed, over.
    """
    return call_off(session, reason=reason, by=by).session


@dataclass(frozen=True)
class CalledOff:
    """A session that does not take place, and the places that went with it, with what each gave back."""

    session: Session
    gone: Sequence[tuple[Booking, GivenBack]] = ()


def call_off(session: Session, *, reason: str, by: User | None, among: Collection[UUID] = ()) -> CalledOff:
    """Call one session off, in the caller's transaction; see `cancel_session`. Where it is `among` several of one act,
    its people are told at the end of all.
    """
    locked = lock_with_held(session.pk)
    session = locked[session.pk]
    if not can_manage_session(by, session):
        raise PermissionDenied
    if session.status == Session.Status.CANCELLED:
        return CalledOff(session)
    if session.status == Session.Status.COMPLETED:
        raise RuleError("completed", _("This session has taken place."))
    if by is not None and not is_active_admin(by) and session.has_ended():
        raise RuleError("over", _("This session is over. If it did not take place, an admin calls it off."))
    session.status = Session.Status.CANCELLED
    session.cancelled_at = clock.now()
    session.cancel_reason = reason
    session.seats_taken = session.seats_kept = 0
    session.save(update_fields=["status", "cancelled_at", "cancel_reason", "seats_taken", "seats_kept"])
    count_freed(session.pk)
    end_intro_of(session, by=by)

    live = Booking.objects.filter(session=session).live().select_for_update(of=("self",), no_key=True)
    bookings = list(live.select_related("line__order").order_by("id"))
    for booking in bookings:
        booking.session = session
    # Nobody has missed what does not take place.
    Miss.objects.filter(booking__in=bookings).delete()
    # An order that is not paid is one thing: what it holds in other sessions goes with it.
    unpaid = [booking.line.order_id for booking in bookings if booking.line and booking.state == Booking.State.HELD]
    beside = _held_beside(session, unpaid, locked) if len(locked) > 1 else []
    ended = _end([*bookings, *beside], by_host=True)
    released = [(booking, given) for booking, (given, _back) in zip(bookings, ended, strict=False)]
    back = {name: sum(getattr(given, name) for _booking, given in released) for name in BACK}
    record(
        "session.cancelled",
        by=by,
        on=session,
        after={"reason": reason, "bookings": len(released), **back},
    )
    record_all(
        [("booking.cancelled", booking, None, _given(booking, given)) for booking, given in released],
        by=by,
    )
    told_later = {"is_among_several": True} if among else {}
    publish("session.cancelled", subject=session, reason=reason, **who_did_it(session, by), **told_later)
    # Whoever ordered several is told once, with what came back of all.
    sums: dict[UUID, Counter[str]] = {}
    for booking, given in released:
        of_order = sums.setdefault(_ordered_by(booking), Counter())
        of_order.update({name: getattr(given, name) for name in BACK})
    record_all([("booking.cancelled", booking, None, _given(booking, NOTHING)) for booking in beside], by=by)
    nothing = dict.fromkeys(BACK, 0)
    # What is held in the others that are called off goes with those.
    with_them = [one for one in beside if one.session_id in among]
    said = [(one, told_later if one in with_them else {}) for one in beside]
    publish_all(
        [
            ("booking.cancelled", one, {"session_id": one.session_id, "by_host": True, **nothing, **more})
            for one, more in said
        ]
    )
    free_seats_of(beside, locked)
    facts = {"session_id": session.pk, "reason": reason, **nothing, **told_later}
    publish_all([("booking.session_cancelled", one, facts | sums[_ordered_by(one)]) for one, _given_back in released])
    return CalledOff(session, [*released, *((one, NOTHING) for one in with_them)])


def _held_beside(session: Session, order_ids: Sequence[UUID], locked: Mapping[UUID, Session]) -> list[Booking]:
    """What these orders hold in other sessions, locked."""
    rows = Booking.objects.filter(line__order_id__in=order_ids, state=Booking.State.HELD).exclude(session=session)
    found = rows.select_for_update(of=("self",), no_key=True).select_related("line__order").order_by("id")
    bookings = list(found)
    for booking in bookings:
        booking.session = locked[booking.session_id]
    return bookings


def _ordered_by(booking: Booking) -> UUID:
    """What was ordered together bears the same id."""
    return booking.line.order_id if booking.line else booking.pk


def _given(booking: Booking, given: GivenBack) -> dict[str, object]:
    return {
        "ending": booking.ending,
        "credit": given.credit,
        "wallet": given.wallet,
        "method": given.method,
        "company": given.company,
        **({"sponsor": given.sponsor} if given.sponsor else {}),
    }


def _paid(booking: Booking, given: GivenBack, back: ComesBack | None) -> dict[str, object]:
    """What whoever booked had paid of a place that they had, and how much of it comes back by which rule."""
    if booking.line is None or back is None:
        return {}
    return {"paid": parts_left(booking.line).buyers + given.buyers, "percent": back.percent}


def _said(back: ComesBack | None) -> dict[str, object]:
    return {"by_grace": True} if back is not None and back.by_grace else {}


def _end(
    bookings: Sequence[Booking], *, by_host: bool, is_waived: bool = False
) -> list[tuple[GivenBack, ComesBack | None]]:
    """End locked bookings of one session and settle their money: what each gave back, and by which rule if paid."""
    now = clock.now()
    lines = lock_lines([booking.line_id for booking in bookings if booking.line_id and booking.confirmed_at])
    paid, unpaid, rules = [], [], {}
    for booking in bookings:
        if booking.line is None:
            continue
        if booking.confirmed_at is None:
            unpaid.append(booking)
            continue
        booking.line = line = lines[booking.line.pk]
        rules[line.pk] = back = comes_back(booking, now=now, by_host=by_host, is_waived=is_waived)
        line.back_to = back.to
        paid.append((line, back.percent))
    end_bookings(bookings, Booking.Ending.BY_HOST if by_host else Booking.Ending.BY_MEMBER)
    with posted_together(), returned_together():
        given = dict(zip((line.pk for line, _percent in paid), give_back(paid, now=now), strict=True))
        void_orders(unpaid)
    found = [booking.line_id or booking.pk for booking in bookings]
    return [(given.get(id_, NOTHING), rules.get(id_)) for id_ in found]
