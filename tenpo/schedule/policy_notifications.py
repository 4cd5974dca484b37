"""What is told of a policy: what came back, what was missed, what was moved. Also how bookings are spoken of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core import clock
from tenpo.notify.kinds import Audience, Facts, Kind, Words, path_to
from tenpo.orders.cancelling import read_policy
from tenpo.orders.policy_words import describe_policy, say_of_each, say_policy
from tenpo.schedule.mailed_calendar import calendar_of_bookings
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.policy_queries import count_misses


def session_facts(session: Session) -> dict[str, Any]:
    """What a notification says of a session."""
    return {
        "session_id": str(session.pk),
        "session": session.title,
        "starts_at": session.starts_at.isoformat(),
        "ends_at": session.ends_at.isoformat(),
        "time_zone": session.time_zone,
        "place": session.place,
        "coach": session.named_coaches,
        "currency": session.currency,
    }


def booking_path(facts: Facts) -> str:
    """Where a booking is read."""
    return path_to("schedule:booking-detail", facts["booking_id"])


def roster_path(facts: Facts) -> str:
    """Where a session's coach sees who comes."""
    return path_to("schedule:session-roster", facts["session_id"])


def where_and_when(facts: Facts) -> tuple[tuple[str, str], ...]:
    """What a session is, with whom, and when and where it takes place."""
    found = [
        (_("Session"), facts["session"]),
        (_("When"), "; ".join(facts.dates()) or facts.when("starts_at", until="ends_at")),
        (_("With"), facts["coach"]),
        (_("Where"), facts["place"]),
        (_("For"), facts["for"]),
    ]
    return tuple((name, value) for name, value in found if value)


def back_sentence(facts: Facts) -> str:
    """What came back, by where it went."""
    credit, wallet, method = "", "", ""
    if facts.number("credit"):
        credit = _("%(amount)s went back to you as credit; your next booking uses it first.") % {
            "amount": facts.money("credit")
        }
    if facts.number("wallet"):
        wallet = _("%(amount)s went back to your wallet.") % {"amount": facts.money("wallet")}
    if facts.number("method"):
        method = _("%(amount)s goes back the way it was paid.") % {"amount": facts.money("method")}
    return sentences(credit, wallet, method)


def how_it_was_settled(facts: Facts) -> str:
    """Why it cost nothing, where it did not."""
    if facts.has("waiver"):
        return _("You are let off what the policy says: %(reason)s") % {"reason": facts["waiver"]}
    return _("This time it costs nothing.") if facts.has("by_grace") else ""


def sentences(*parts: str) -> str:
    """Those that say something, after each other."""
    return " ".join(part for part in parts if part)


def _say_rescheduled(facts: Facts) -> Words:
    before = facts.part("before").when()
    moved = _("You moved it: from %(before)s to %(when)s.") % {"before": before, "when": facts.when()} if before else ""
    other = _("It is with %(coach)s now.") % {"coach": facts["coach"]} if facts.part("before")["coach"] else ""
    return Words(
        title=_("Moved: %(session)s") % {"session": facts["session"]},
        text=sentences(moved, other),
        act=_("See your booking"),
        path=booking_path(facts),
        facts=where_and_when(facts),
    )


def _say_person_moved(facts: Facts) -> Words:
    before = facts.part("before")
    return Words(
        title=_("%(person)s comes to %(session)s instead")
        % {"person": facts["participant"], "session": facts["session"]},
        text=_("From %(before)s to %(when)s.") % {"before": before.when(), "when": facts.when()},
        act=_("See who comes"),
        path=roster_path(facts),
    )


def _say_missed(facts: Facts) -> Words:
    words = {"session": facts["session"], "when": facts.when(), "name": facts["for"]}
    title, noted = _("You were missed: %(session)s"), _("You are noted as not having come on %(when)s.")
    if "for" in facts:
        title, noted = _("%(name)s was missed: %(session)s"), _("%(name)s is noted as not having come on %(when)s.")
    # Whoever did not pay is not told what came of the money.
    nothing_back = _("Nothing of what was paid comes back.") if facts.has("credit") else ""
    return Words(
        title=title % words,
        text=sentences(
            noted % words,
            how_it_was_settled(facts),
            back_sentence(facts) or nothing_back,
        ),
        act=_("See your booking"),
        path=booking_path(facts),
    )


def _say_waived(facts: Facts) -> Words:
    return Words(
        title=_("You are let off: %(session)s") % {"session": facts["session"]},
        text=sentences(
            _("You did not come on %(when)s, and it costs you nothing.") % {"when": facts.when()},
            back_sentence(facts),
            _("The reason: %(reason)s") % {"reason": facts["reason"]},
        ),
        act=_("See your booking"),
        path=booking_path(facts),
    )


def terms_of(booking: Booking, party: Sequence[Booking] = ()) -> dict[str, Any]:
    """The policy of a booking, as a notification keeps it, with what counts of whoever booked by now.

    Also that of each date of its `party`, where they are not all the same. Nothing where there is nothing to give back.
    """
    line = booking.line
    if line is None or not line.price or not booking.policy:
        return {}
    misses = count_misses(booking.terms, booking.booked_by_id, now=clock.now())
    terms = {"windows": booking.policy, "rules": booking.policy_rules, "to": line.back_to, "misses": misses}
    own = {one.session.starts_at.isoformat(): {"windows": one.policy, "rules": one.policy_rules} for one in party}
    if any(one["windows"] != booking.policy or one["rules"] != booking.policy_rules for one in own.values()):
        terms["dates"] = own
    return {"terms": terms}


def policy_fact(facts: Facts) -> tuple[tuple[str, str], ...]:
    """What holds of cancelling, said when it is read."""
    terms, starts_at = facts.value("terms"), facts.moment("starts_at")
    if not isinstance(terms, dict) or starts_at is None:
        return ()
    if facts.dates():
        return _policies_of_dates(facts, terms)
    if starts_at <= clock.now():
        return ()
    policy = read_policy(terms["windows"], terms["rules"])
    said = say_policy(policy, starts_at, to=terms["to"], misses=terms.get("misses", 0), is_kept=True)
    return ((_("Cancelling"), said),)


def _policies_of_dates(facts: Facts, terms: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The same of several dates, in hours before each of those that are to come."""
    own, now = terms.get("dates", {}), clock.now()
    each = []
    for date in cast(list[str], facts.value("dates")):
        starts_at, of_date = datetime.fromisoformat(date), own.get(date, terms)
        if starts_at > now:
            policy = read_policy(of_date["windows"], of_date["rules"])
            each.append((starts_at, describe_policy(policy, to=terms["to"], misses=terms.get("misses", 0))))
    return ((_("Cancelling"), say_of_each(each, is_kept=True)),) if each else ()


RESCHEDULED = Kind(
    "booking.rescheduled", gettext_lazy("You moved a booking"), Audience.MEMBER, _say_rescheduled,
    icon="calendar-clock", attaches=calendar_of_bookings,
)  # fmt: skip
PERSON_MOVED = Kind(
    "coach.booking_rescheduled", gettext_lazy("Somebody moves to another session of yours"), Audience.COACH,
    _say_person_moved, by_email=False, icon="calendar-clock",
)  # fmt: skip
MISSED = Kind(
    "booking.missed", gettext_lazy("You did not come to a session"), Audience.MEMBER, _say_missed, by_email=False,
    icon="user-x",
)  # fmt: skip
WAIVED = Kind(
    "booking.waived", gettext_lazy("You are let off what the policy says"), Audience.MEMBER, _say_waived,
    by_email=False, icon="user-check",
)  # fmt: skip

POLICY_KINDS = (MISSED, WAIVED, RESCHEDULED, PERSON_MOVED)
