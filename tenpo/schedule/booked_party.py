"""Who else of those whom somebody booked comes to the same session, and what becomes of them when one of them goes."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from tenpo.core.words import say_names
from tenpo.people.models import User
from tenpo.schedule.models import Booking


def others_booked(booking: Booking) -> list[Booking]:
    """The other places in its session that whoever booked one has booked there: one statement.

    None where it is not booked: what waits, is offered or is held goes with all of its party.
    """
    if booking.state != Booking.State.CONFIRMED:
        return []
    rows = Booking.objects.filter(session=booking.session_id, booked_by=booking.booked_by_id, state=booking.state)
    return list(rows.exclude(pk=booking.pk).select_related("participant").order_by("id"))


def names_of(bookings: Sequence[Booking]) -> str:
    """Those who come by these bookings, each once."""
    return say_names(one.name for one in dict.fromkeys(booking.participant for booking in bookings))


def say_who_stays(booking: Booking, others: Sequence[Booking], reader: User) -> str:
    """That only one of several places is given up, and whose stay; empty where there are no others."""
    if not others:
        return ""
    said = {"name": booking.participant.name, "others": names_of(others)}
    if booking.participant.user_id == reader.pk:
        return _("Only your own place is given up. Still booked: %(others)s.") % said
    return _("Only the place of %(name)s is given up. Still booked: %(others)s.") % said


def say_who_is_left(booking: Booking, others: Sequence[Booking], reader: User) -> str:
    """The same of one that is moved to another session."""
    if not others:
        return ""
    said = {"name": booking.participant.name, "others": names_of(others)}
    if booking.participant.user_id == reader.pk:
        return _("Only your own place is moved. It stays as it is for: %(others)s.") % said
    return _("Only the place of %(name)s is moved. It stays as it is for: %(others)s.") % said
