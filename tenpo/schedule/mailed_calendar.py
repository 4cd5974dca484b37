"""The calendar file that comes with a mail of a booking: what a calendar has to learn that our mails filled.

Several places in one session stand there once, as in the feed (`one_for_each_session`): somebody's own, or the first.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q

from tenpo.core.tokens import id_of
from tenpo.notify.kinds import Attached, Facts
from tenpo.people.models import User
from tenpo.schedule.ical import booking_event, mailed_file
from tenpo.schedule.models import Booking, BookingQuerySet
from tenpo.schedule.queries import dates_ordered_with, one_for_each_session


def calendar_of_bookings(facts: Facts, reader: User) -> Attached | None:
    """What a mail tells of, as it stands when the mail is sent; none of what was never theirs."""
    ids = [one for one in (id_of(facts["booking_id"]), *_ids(facts)) if one]
    theirs = Booking.objects.concerning(reader).filter(confirmed_at__isnull=False)
    theirs = theirs.select_related("session__coach", "participant", "line").order_by("session__starts_at", "id")
    # The first of several may only wait, or be gone by now.
    found = sorted(theirs.filter(pk__in=ids), key=lambda one: (one.state == Booking.State.CANCELLED, one.pk != ids[0]))
    if not found:
        return None
    told = found[0]
    is_gone = told.state == Booking.State.CANCELLED
    places = _gone(told, facts, reader, theirs) if is_gone else _standing(told, facts, reader, theirs)
    if not places:
        return None
    what = "booking" if len({one.session_id for one in places}) == 1 else "dates"
    content, mime_type = mailed_file([booking_event(one) for one in places])
    return Attached(f"{what}-{places[0].session.starts_at:%Y-%m-%d}.ics", content, mime_type)


def _standing(told: Booking, facts: Facts, reader: User, theirs: BookingQuerySet) -> Sequence[Booking]:
    """What holds of it: all dates that were booked at once, or all sessions that changed at once."""
    if facts.dates():
        return dates_ordered_with(told, reader)
    wanted = Q(session=told.session_id) | Q(session__in=Booking.objects.filter(pk__in=_ids(facts)).values("session"))
    before = facts.part("before").moment("starts_at")
    if before and told.line:
        # Who was not moved with it stays where it was, and stands there instead of it.
        wanted |= Q(session__starts_at=before, line__order=told.line.order_id)
    places = one_for_each_session(theirs.live().filter(wanted), reader)
    # It bears its own UID to where it was moved, also beside another place there.
    return [*places, told] if told.rescheduled_at and told not in places else places


def _ids(facts: Facts) -> list[UUID]:
    """All places that are told of at once, also those that the mail does not name."""
    found = facts.value("booking_ids")
    ids = map(id_of, found) if isinstance(found, list) else ()
    return [one for one in ids if one]


def _gone(told: Booking, facts: Facts, reader: User, theirs: BookingQuerySet) -> Sequence[Booking]:
    """What was given up in one act, where it stood there, and who stands there instead of it."""
    same_act = Q(session=told.session_id, cancelled_at=told.cancelled_at) | Q(pk__in=_ids(facts))
    gone = list(theirs.filter(same_act | Q(pk=told.pk), state=Booking.State.CANCELLED))
    sessions = {one.session_id for one in gone}
    standing = {one.session_id: one for one in one_for_each_session(theirs.live().filter(session__in=sessions), reader)}
    found = []
    for one in one_for_each_session(gone, reader):
        other = standing.get(one.session_id)
        if other is None:
            found.append(one)
        elif _stood_before(one, other, reader):
            found += [one, other]
    return found


def _stood_before(gone: Booking, other: Booking, reader: User) -> bool:
    """Whether the one that is given up stood there while both held."""

    def rank(place: Booking) -> tuple[bool, str]:
        return place.participant.user_id != reader.pk, str(place.pk)

    return rank(gone) < rank(other)
