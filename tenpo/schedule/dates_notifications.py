"""What is told a coach of several dates at once: one notice."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.notify.kinds import Audience, Facts, Kind, Words
from tenpo.schedule.policy_notifications import roster_path


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
