"""What is told of several dates at once, beside the words."""

from tenpo.core.tokens import id_of
from tenpo.notify.kinds import Attached, Facts
from tenpo.people.models import User
from tenpo.schedule.ical import booking_event, calendar_file
from tenpo.schedule.models import Booking
from tenpo.schedule.queries import one_for_each_session


def calendar_of_dates(facts: Facts, reader: User) -> Attached | None:
    """All dates that were booked at once as one file for the reader's calendar; none where it is one date."""
    booking_id = id_of(facts["booking_id"])
    if booking_id is None or not facts.dates():
        return None
    told = Booking.objects.filter(pk=booking_id, line__isnull=False).values("line__order")
    rows = Booking.objects.concerning(reader).filter(line__order__in=told)
    rows = rows.select_related("session__coach", "participant").order_by("session__starts_at", "id")
    places = one_for_each_session(rows, reader)
    if not places:
        return None
    content = calendar_file(map(booking_event, places), name=facts["session"])
    return Attached(f"dates-{places[0].session.starts_at:%Y-%m-%d}.ics", content, "text/calendar")
