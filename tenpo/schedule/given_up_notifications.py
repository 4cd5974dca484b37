"""What whoever booked is told of a place that is given up, by themselves or for them: what comes back, and why."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.money import Money
from tenpo.core.words import say_money
from tenpo.notify.kinds import Audience, Facts, Kind, Words, path_to
from tenpo.orders.cancelling import MAX_HOURS_BEFORE, Policy, read_policy
from tenpo.orders.policy_words import describe_policy, say_policy
from tenpo.schedule.mailed_calendar import calendar_of_bookings
from tenpo.schedule.models import Booking
from tenpo.schedule.policy_notifications import (
    back_sentence,
    booking_path,
    how_it_was_settled,
    sentences,
    where_and_when,
)

# What came back, by where it went.
BACK = ("credit", "wallet", "method")
# All of it that is for the eyes of whoever paid.
OF_PAYER = (*BACK, "paid", "percent", "windows", "back_to")


def what_came_back(facts: Facts) -> str:
    """What of the money came back, or that nothing does; nothing said to those who did not pay."""
    if not facts.has("paid"):
        return back_sentence(facts)
    if not facts.number("paid"):
        return _("You paid nothing, so nothing comes back.")
    paid, back = facts.number("paid"), sum(facts.number(name) for name in BACK)
    if not back:
        return _("Nothing of the %(paid)s that you paid comes back.") % {"paid": facts.money("paid")}
    said = {"back": say_money(Money(back, facts["currency"]), exact=False), "paid": facts.money("paid")}
    part = _("That is %(back)s of the %(paid)s that you paid.") % said if back < paid else ""
    return sentences(back_sentence(facts), part)


def why_not_all(facts: Facts) -> tuple[tuple[str, str], ...]:
    """The windows of the policy that held, where not all came back by it."""
    windows = facts.value("windows")
    if not isinstance(windows, list) or facts.number("percent") == 100:
        return ()
    policy = windows_alone(read_policy(windows, {}))
    starts_at = facts.moment("starts_at")
    if facts.dates() or starts_at is None:
        said = describe_policy(policy)
    else:
        # All of it, whenever it was booked: also what was over by then says why so little comes back.
        since = starts_at - timedelta(hours=MAX_HOURS_BEFORE)
        said = say_policy(policy, starts_at, to=facts["back_to"], now=since, is_kept=True)
    return ((_("The policy"), said),)


def windows_alone(policy: Policy) -> Policy:
    """A policy without what it says of not coming, of what is free and of moving."""
    last = policy.windows[-1] if policy.windows else None
    return replace(policy, no_show_percent=last.percent if last and last.hours_before == 0 else 0, grace_count=0)


def _say_given_up(facts: Facts) -> Words:
    said: dict[str, Any] = {"session": facts["session"], "n": len(facts.dates())}
    if dates := facts.dates():
        title = _("Your places are given up: %(session)s, %(n)s dates") % said
        gone = _("They were for %(dates)s.") % {"dates": "; ".join(dates)}
        act, path = _("See your bookings"), path_to("schedule:booking-list")
    else:
        is_several = facts.has("for") and facts.number("places") > 1
        title = (
            _("Your places are given up: %(session)s") if is_several else _("Your place is given up: %(session)s")
        ) % said
        gone = _("It was for %(when)s.") % {"when": facts.when()}
        act, path = _("See your booking"), booking_path(facts)
    if facts.has("for"):
        title = _("%(title)s, for %(names)s") % {"title": title, "names": facts["for"]}
    return Words(
        title=title,
        text=sentences(gone, how_it_was_settled(facts), what_came_back(facts)),
        act=act,
        path=path,
        facts=(*where_and_when(facts), *why_not_all(facts)),
    )


GIVEN_UP = Kind(
    "booking.given_up", gettext_lazy("You cancelled a booking"), Audience.MEMBER, _say_given_up, icon="calendar-x",
    attaches=calendar_of_bookings,
)  # fmt: skip


def facts_of_money(booking: Booking, said: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of the money of a place that was had, or of several that were given up in one act (the first of
    them), as its event says it; nothing of one that was not had.
    """
    found = {name: said.get(name, 0) for name in BACK}
    if booking.confirmed_at is None or booking.line is None or "paid" not in said:
        return found
    percent = 100 if said.get("by_host") else said.get("percent", 100)
    return {**found, "paid": said["paid"], "percent": percent, **_terms(booking)}


def _terms(booking: Booking) -> dict[str, Any]:
    line = booking.line
    if line is None or not line.price or not booking.policy or booking.confirmed_at is None:
        return {}
    return {"windows": booking.policy, "back_to": line.back_to}
