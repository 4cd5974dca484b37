"""What is told of times that wait for their coach's yes or no."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.notify.kinds import Audience, Facts, Kind, Words, path_to
from tenpo.schedule.policy_notifications import booking_path, where_and_when


def _say_requested(facts: Facts) -> Words:
    return Words(
        title=_("%(person)s asks for a time: %(session)s")
        % {"person": facts["participant"], "session": facts["session"]},
        text=_("%(when)s. It is held until %(until)s; please say yes or no.")
        % {"when": facts.when()[:1].upper() + facts.when()[1:], "until": facts.when("held_until")},
        act=_("Answer"),
        path=path_to("checkout:request-answer", facts["booking_id"]),
    )


def _say_approved(facts: Facts) -> Words:
    return Words(
        title=_("%(coach)s said yes: %(session)s") % {"coach": facts["coach"], "session": facts["session"]},
        text=_("Your time is held for you until %(until)s. Please pay for it by then.")
        % {"until": facts.when("held_until")},
        act=_("Pay and book"),
        path=booking_path(facts),
        facts=where_and_when(facts),
    )


def _say_declined(facts: Facts) -> Words:
    said = _("%(coach)s cannot give you this time. Nothing was paid.") % {"coach": facts["coach"]}
    reason = _("The reason: %(reason)s") % {"reason": facts["reason"]} if "reason" in facts else ""
    return Words(
        title=_("This time does not suit: %(session)s") % {"session": facts["session"]},
        text="\n\n".join(part for part in (said, reason) if part),
        act=_("See your booking"),
        path=booking_path(facts),
        facts=where_and_when(facts),
    )


def _say_request_lapsed(facts: Facts) -> Words:
    return Words(
        title=_("Nobody answered: %(session)s") % {"session": facts["session"]},
        text=_("You had no answer in time, so nothing was booked. Please ask for another time."),
        act=_("See your booking"),
        path=booking_path(facts),
        facts=where_and_when(facts),
    )


def _say_not_taken(facts: Facts) -> Words:
    return Words(
        title=_("%(person)s did not take the time that you gave: %(session)s")
        % {"person": facts["participant"], "session": facts["session"]},
        text=_("%(when)s. It was not paid in time, so it is free again.")
        % {"when": facts.when()[:1].upper() + facts.when()[1:]},
        act=_("See your week"),
        path=path_to("schedule:week"),
    )


APPROVED = Kind(
    "booking.approved", gettext_lazy("A coach says yes to a time that you asked for"), Audience.MEMBER, _say_approved,
    icon="ticket",
)  # fmt: skip
DECLINED = Kind(
    "booking.declined", gettext_lazy("A coach says no to a time that you asked for"), Audience.MEMBER, _say_declined,
    icon="calendar-x",
)  # fmt: skip
REQUEST_LAPSED = Kind(
    "booking.request_lapsed", gettext_lazy("Nobody answers to a time that you asked for"), Audience.MEMBER,
    _say_request_lapsed, icon="hourglass",
)  # fmt: skip
NOT_TAKEN = Kind(
    "coach.not_taken", gettext_lazy("A time that you gave somebody is not paid"), Audience.COACH, _say_not_taken,
    icon="calendar-x",
)  # fmt: skip
REQUESTED = Kind(
    "coach.requested", gettext_lazy("Somebody asks for a time of yours"), Audience.COACH, _say_requested,
    icon="hourglass",
)  # fmt: skip
