"""What is told to those who give a session with others: what one of them, or the business, did to it."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.core.words import EN_DASH
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.schedule.models import Session
from tenpo.schedule.policy_notifications import (
    roster_path,
    sentences,
    session_facts,
    several,
    told_with,
    when_of_all,
    where_and_when,
)


def _say_changed(facts: Facts) -> Words:
    if dates := several(facts):
        return Words(
            title=_("Changed: %(n)s sessions that you give with others") % {"n": len(dates)},
            act=_("See your week"),
            path=path_to("schedule:week"),
            facts=((_("Where"), facts["place"] or EN_DASH), *dates),
        )
    before = facts.part("before")
    moved = {"before": before.when(), "when": facts.when()}
    return Words(
        title=_("Changed: %(session)s, which you give with others") % {"session": facts["session"]},
        text=_("It was moved from %(before)s to %(when)s.") % moved if before.when() else _("When: %(when)s.") % moved,
        act=_("See who comes"),
        path=roster_path(facts),
        facts=where_and_when(facts),
    )


def _say_called_off(facts: Facts) -> Words:
    reason = _("The reason: %(reason)s") % {"reason": facts["reason"]} if facts.has("reason") else ""
    return Words(
        title=_("Called off: %(session)s, which you give with others") % {"session": facts["session"]},
        text=sentences(_("It does not take place on %(when)s.") % {"when": facts.when()}, reason),
        act=_("See the session"),
        path=roster_path(facts),
        facts=where_and_when(facts),
    )


def _say_shared(facts: Facts) -> Words:
    return Words(
        title=_("You give %(session)s with others") % {"session": facts["session"]},
        text=_("It is on offer, and taken in your calendar: %(when)s.") % {"when": when_of_all(facts)},
        act=_("See who comes"),
        path=roster_path(facts),
        facts=where_and_when(facts),
    )


SHARED = Kind(
    "coach.session_shared", gettext_lazy("You are to give a session with others"), Audience.COACH, _say_shared,
    icon="users",
)  # fmt: skip
CHANGED = Kind(
    "coach.session_changed", gettext_lazy("A session that you give with others changes"), Audience.COACH, _say_changed,
    icon="calendar-clock",
)  # fmt: skip
CALLED_OFF = Kind(
    "coach.session_cancelled", gettext_lazy("A session that you give with others is called off"), Audience.COACH,
    _say_called_off, icon="calendar-x",
)  # fmt: skip
TOGETHER_KINDS = (SHARED, CHANGED, CALLED_OFF)


def tell_who_is_beside(message: OutboxMessage, session: Session | None = None) -> list[Notice]:
    """The coaches of what several give, but for whoever did it; they alone know, where one coach gives it.

    Nobody where it goes on as it was: one of several places was given up.
    """
    said = message.payload
    if "by_id" not in said:
        return []
    session = session or Session.objects.select_related("coach").get(pk=message.subject_id)
    if not session.is_together:
        return []
    is_off = session.status == Session.Status.CANCELLED
    if not is_off and message.name not in ("session.created", "session.changed"):
        return []
    more: dict[str, Any] = {name: said[name] for name in ("before", "reason") if said.get(name)}
    kind = CALLED_OFF if is_off else SHARED if message.name == "session.created" else CHANGED
    once, of_all = told_with(said)
    # What is called off with several places at once is told once.
    once = f"off:{session.pk}" if is_off else once
    payload = session_facts(session) | more | of_all
    # Whoever has only just come to it is told that.
    but = {said["by_id"], *said.get("added_ids", ())}
    return [Notice(kind, one, payload, once=once) for one in session.coach_ids if str(one) not in but]


def on_series_created(message: OutboxMessage) -> list[Notice]:
    """Those with whom a series is given, once with all of its dates."""
    said = message.payload
    told = [one for one in said.get("beside_ids", ()) if one != said["by_id"]]
    rows = Session.objects.select_related("coach").filter(series=message.subject_id)
    first = rows.order_by("starts_at").first() if told else None
    if first is None:
        return []
    payload = session_facts(first) | {"times": said["sessions"]}
    return [Notice(SHARED, UUID(one), payload) for one in told]


TOGETHER_TELLS = {
    "series.created": on_series_created,
    "session.created": tell_who_is_beside,
    "session.cancelled": tell_who_is_beside,
}
