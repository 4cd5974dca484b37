"""Standing in line for a full session, alone or as a party."""

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenpo.audit.actions import record_all
from tenpo.core import clock
from tenpo.core.errors import UNIQUE, RuleError, refuse_on
from tenpo.core.outbox import publish_all
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.lapsing import release_lapsed
from tenpo.schedule.actions.seats import already_booked, check_open, check_party, lock_with_held
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_book_for


def join_waitlist(session: Session, *, participant: Participant, by: User) -> Booking:
    """Stand in line for a full session; the first in line is offered the next free seat."""
    [booking] = join_waitlist_together(session, participants=[participant], by=by)
    return booking


@refuse_on(UNIQUE, "booking_one_live_per_participant", already_booked)
@transaction.atomic
def join_waitlist_together(session: Session, *, participants: Sequence[Participant], by: User) -> list[Booking]:
    """Stand in line for several seats at once, as a party: all of them are offered together, or none; see `waiting`.

    Raises RuleError not_full where there are enough free seats, party_too_large where the session has never so many,
    already_booked, started, not_planned, no_waitlist; ValidationError as `check_party`.
    """
    if not all(can_book_for(by, participant) for participant in participants):
        raise PermissionDenied
    check_party(participants)
    locked = lock_with_held(session.pk)
    session = locked[session.pk]
    check_open(session)
    if session.is_private:
        raise RuleError("no_waitlist", _("This was booked by somebody for themselves; there is no line for it."))
    release_lapsed(session, locked)
    number = len(participants)
    if session.seats_left >= number:
        raise RuleError("not_full", _("There is a free seat. You can book it.") if number == 1 else _enough())
    if number > session.capacity:
        words = ngettext("This session has only %(n)s seat.", "This session has only %(n)s seats.", session.capacity)
        raise RuleError("party_too_large", words % {"n": session.capacity})
    now = clock.now()
    bookings = [
        Booking(session=session, participant=one, booked_by=by, state=Booking.State.WAITLISTED, waitlisted_at=now)
        for one in participants
    ]
    Booking.objects.bulk_create(bookings)
    if number > 1:
        party = bookings[0].pk
        for booking in bookings:
            booking.party = party
        Booking.objects.filter(pk__in=[booking.pk for booking in bookings]).update(party=party)
    record_all([("booking.waitlisted", booking, None, {"session": session}) for booking in bookings], by=by)
    publish_all([("booking.waitlisted", booking, {"session_id": session.pk}) for booking in bookings])
    return bookings


def _enough() -> str:
    return _("There are enough free seats. You can book them.")
