"""What those who wait in line are told; how many wait together is said where they are several."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.notify.kinds import Audience, Facts, Kind, Words, path_to
from tenpo.schedule.policy_notifications import booking_path, where_and_when


def _say_waitlisted(facts: Facts) -> Words:
    places = facts.number("places")
    together = _("We tell you as soon as %(n)s seats are free together.") % {"n": places}
    return Words(
        title=_("You are in line: %(session)s") % {"session": facts["session"]},
        text=together if places > 1 else _("We tell you as soon as a seat is free for you."),
        act=_("See your place in line"),
        path=booking_path(facts),
    )


def _say_offered(facts: Facts) -> Words:
    places, until = facts.number("places"), facts.when("held_until")
    if places > 1:
        title = _("%(n)s seats for you: %(session)s") % {"n": places, "session": facts["session"]}
        text = _(
            "%(n)s seats are held for you together until %(until)s. You take all of them or none; after that they go"
            " to the next in line."
        ) % {"n": places, "until": until}
    else:
        title = _("A seat for you: %(session)s") % {"session": facts["session"]}
        text = _("A seat became free and is held for you until %(until)s. After that it goes to the next in line.") % {
            "until": until
        }
    act = _("Take the seats") if places > 1 else _("Take the seat")
    return Words(title=title, text=text, act=act, path=booking_path(facts), facts=where_and_when(facts))


def _say_offer_lapsed(facts: Facts) -> Words:
    together = _("You did not take the seats in time, so they went to the next in line. You can join the line again.")
    alone = _("You did not take the seat in time, so it went to the next in line. You can join the line again.")
    return Words(
        title=_("The offer is over: %(session)s") % {"session": facts["session"]},
        text=together if facts.number("places") > 1 else alone,
        act=_("See the session"),
        path=path_to("schedule:session-detail", facts["session_id"]),
    )


WAITLISTED = Kind(
    "booking.waitlisted", gettext_lazy("You joined a waitlist"), Audience.MEMBER, _say_waitlisted, by_email=False,
    icon="hourglass",
)  # fmt: skip
OFFERED = Kind(
    "booking.offered", gettext_lazy("A seat is offered to you"), Audience.MEMBER, _say_offered, icon="ticket"
)
OFFER_LAPSED = Kind(
    "booking.offer_lapsed", gettext_lazy("An offer ran out"), Audience.MEMBER, _say_offer_lapsed, icon="hourglass"
)
