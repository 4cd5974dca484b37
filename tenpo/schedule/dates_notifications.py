"""What is told of several dates at once: to whoever booked as a file beside the words, to the coach as one notice."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.tokens import id_of
from tenpo.notify.kinds import Attached, Audience, Facts, Kind, Words
from tenpo.people.models import User
from tenpo.schedule.ical import dates_file
from tenpo.schedule.models import Booking
from tenpo.schedule.policy_notifications import roster_path
from tenpo.schedule.queries import dates_ordered_with


def calendar_of_dates(facts: Facts, reader: User) -> Attached | None:
    """All dates that were booked at once as one file for the reader's calendar; none where it is one date."""
    booking_id = id_of(facts["booking_id"])
    if booking_id is None or not facts.dates():
        return None
    told = Booking.objects.concerning(reader).select_related("session__coach", "participant", "line")
    booking = told.filter(pk=booking_id, line__isnull=False).first()
    if booking is None:
        return None
    places = dates_ordered_with(booking, reader)
    return Attached(f"dates-{places[0].session.starts_at:%Y-%m-%d}.ics", dates_file(places), "text/calendar")


def _say_booking_cancelled(facts: Facts) -> Words:
    said = {"person": facts["participant"], "session": facts["session"]}
    if dates := facts.dates():
        text = "; ".join(dates)
        return Words(
            title=_("%(person)s cancelled %(n)s dates of %(session)s") % {**said, "n": len(dates)},
            text=f"{text[:1].upper()}{text[1:]}.",
            act=_("See who comes"),
            path=roster_path(facts),
        )
    when = facts.when()
    return Words(
        title=_("%(person)s cancelled %(session)s") % said,
        text=_("%(when)s: %(taken)s of %(capacity)s seats are taken.")
        % {"when": when[:1].upper() + when[1:], "taken": facts["seats_taken"], "capacity": facts["capacity"]},
        act=_("See who comes"),
        path=roster_path(facts),
    )


BOOKING_CANCELLED = Kind(
    "coach.booking_cancelled", gettext_lazy("Somebody cancels a place in your session"), Audience.COACH,
    _say_booking_cancelled, by_email=False, icon="user-x",
)  # fmt: skip
