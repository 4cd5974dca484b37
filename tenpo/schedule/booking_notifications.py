"""What is said of a booking and of its session: the words, and how each reaches whom it is for."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.notify.kinds import Audience, Facts, Kind, Words, path_to
from tenpo.schedule.given_up_notifications import (
    what_came_back,
    why_not_all,
)
from tenpo.schedule.mailed_calendar import calendar_of_bookings
from tenpo.schedule.policy_notifications import (
    back_sentence,
    booking_path,
    how_it_was_settled,
    policy_fact,
    roster_path,
    sentences,
    where_and_when,
)
from tenpo.schedule.several_notifications import number_of, say_several_called_off


def _session_path(facts: Facts) -> str:
    return path_to("schedule:session-detail", facts["session_id"])


def _say_confirmed(facts: Facts) -> Words:
    if dates := facts.dates():
        return Words(
            title=_("You are booked: %(session)s, %(n)s dates") % {"session": facts["session"], "n": len(dates)},
            text=_("With %(coach)s: %(dates)s.") % {"coach": facts["coach"], "dates": "; ".join(dates)},
            act=_("See your bookings"),
            path=path_to("schedule:booking-list"),
            facts=(*where_and_when(facts), *policy_fact(facts)),
        )
    return Words(
        title=_("You are booked: %(session)s") % {"session": facts["session"]},
        text=_("%(when)s with %(coach)s.") % {"when": _capital(facts.when()), "coach": facts["coach"]},
        act=_("See your booking"),
        path=booking_path(facts),
        facts=(*where_and_when(facts), *policy_fact(facts)),
    )


def _say_cancelled_by_host(facts: Facts) -> Words:
    return Words(
        title=_("Your place was cancelled: %(session)s") % {"session": facts["session"]},
        text=sentences(
            _("Your place on %(when)s was cancelled for you.") % {"when": "; ".join(facts.dates()) or facts.when()},
            how_it_was_settled(facts),
            what_came_back(facts),
        ),
        act=_("See your booking"),
        path=booking_path(facts),
        facts=(*where_and_when(facts), *why_not_all(facts)),
    )


def _say_session_cancelled(facts: Facts) -> Words:
    if number_of(facts) > 1:
        return say_several_called_off(facts)
    reason = _("The reason: %(reason)s") % {"reason": facts["reason"]} if "reason" in facts else ""
    return Words(
        title=_("Called off: %(session)s") % {"session": facts["session"]},
        text="\n\n".join(
            filter(
                None,
                [
                    sentences(
                        _("The session with %(coach)s on %(when)s does not take place.")
                        % {"coach": facts["coach"], "when": facts.when()},
                        back_sentence(facts),
                    ),
                    reason,
                ],
            )
        ),
        act=_("Find another session"),
        path=path_to("schedule:session-list"),
    )


def _say_offered_by_host(facts: Facts) -> Words:
    return Words(
        title=_("A place is kept for you: %(session)s") % {"session": facts["session"]},
        text=_("%(when)s with %(coach)s. It is yours if you want it; it is kept until %(until)s.")
        % {"when": _capital(facts.when()), "coach": facts["coach"], "until": facts.when("held_until")},
        act=_("Look at it"),
        path=booking_path(facts),
        facts=where_and_when(facts),
    )


def _say_hold_lapsed(facts: Facts) -> Words:
    return Words(
        title=_("Your seat was let go: %(session)s") % {"session": facts["session"]},
        text=sentences(
            _("It was not paid in time, so nothing was booked. If there are seats left, you can book again."),
            _("It was for %(dates)s.") % {"dates": "; ".join(facts.dates())} if facts.dates() else "",
        ),
        act=_("See the session"),
        path=_session_path(facts),
    )


def _say_reminder(facts: Facts) -> Words:
    return Words(
        title=_("Soon: %(session)s") % {"session": facts["session"]},
        text=_("We look forward to seeing you: %(when)s with %(coach)s.")
        % {"when": facts.when(), "coach": facts["coach"]},
        act=_("See your booking"),
        path=booking_path(facts),
        facts=where_and_when(facts),
    )


def _say_new_booking(facts: Facts) -> Words:
    if dates := facts.dates():
        return Words(
            title=_("%(person)s booked %(n)s dates of %(session)s")
            % {"person": facts["participant"], "n": len(dates), "session": facts["session"]},
            text=_capital("; ".join(dates)) + ".",
            act=_("See who comes"),
            path=roster_path(facts),
        )
    return Words(
        title=_("%(person)s booked %(session)s") % {"person": facts["participant"], "session": facts["session"]},
        text=_("%(when)s: %(taken)s of %(capacity)s seats are taken.")
        % {"when": _capital(facts.when()), "taken": facts["seats_taken"], "capacity": facts["capacity"]},
        act=_("See who comes"),
        path=roster_path(facts),
    )


def _say_full(facts: Facts) -> Words:
    return Words(
        title=_("Full: %(session)s") % {"session": facts["session"]},
        text=_("All %(capacity)s seats of your session are taken: %(when)s.")
        % {"capacity": facts["capacity"], "when": facts.when()},
        act=_("See who comes"),
        path=roster_path(facts),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


CONFIRMED = Kind(
    "booking.confirmed", gettext_lazy("A booking is confirmed"), Audience.MEMBER, _say_confirmed, icon="calendar-check",
    attaches=calendar_of_bookings,
)  # fmt: skip
REMINDER = Kind(
    "booking.reminder", gettext_lazy("A session is a day away"), Audience.MEMBER, _say_reminder, icon="clock"
)
SESSION_CANCELLED = Kind(
    "session.cancelled", gettext_lazy("A session that you booked is called off"), Audience.MEMBER,
    _say_session_cancelled, email_is_optional=False, icon="calendar-x", attaches=calendar_of_bookings,
)  # fmt: skip
CANCELLED_BY_HOST = Kind(
    "booking.cancelled_by_host", gettext_lazy("Your place is cancelled for you"), Audience.MEMBER,
    _say_cancelled_by_host, email_is_optional=False, icon="calendar-x", attaches=calendar_of_bookings,
)  # fmt: skip
OFFERED_BY_HOST = Kind(
    "booking.offered_by_host", gettext_lazy("A place is kept for you by your coach"), Audience.MEMBER,
    _say_offered_by_host, icon="ticket",
)  # fmt: skip
HOLD_LAPSED = Kind(
    "booking.hold_lapsed", gettext_lazy("A seat was let go, as it was not paid"), Audience.MEMBER, _say_hold_lapsed,
    icon="hourglass",
)  # fmt: skip
NEW_BOOKING = Kind(
    "coach.booked", gettext_lazy("Somebody books your session"), Audience.COACH, _say_new_booking, by_email=False,
    icon="user-plus",
)  # fmt: skip
SESSION_FULL = Kind(
    "coach.session_full", gettext_lazy("Your session is full"), Audience.COACH, _say_full, by_email=False, icon="users"
)
