"""What is told to those who give a session with others: what one of them, or the business, did to it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.people.models import Import
from tenpo.schedule.models import Session
from tenpo.schedule.policy_notifications import (
    roster_path,
    sentences,
    session_facts,
    where_and_when,
)
from tenpo.schedule.session_coach_queries import name_coaches
from tenpo.schedule.several_notifications import (
    and_changed,
    changed_with_when,
    facts_of_sessions,
    number_of,
    what_and_when,
    when_of_all,
    which,
)


def _say_changed(facts: Facts) -> Words:
    if (n := number_of(facts)) > 1:
        return Words(
            title=_("Changed: %(n)s sessions that you give with others") % {"n": n},
            act=_("See your week"),
            path=path_to("schedule:week"),
            facts=what_and_when(facts),
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
    if (n := number_of(facts)) > 1:
        return Words(
            title=_("Called off: %(n)s sessions that you give with others") % {"n": n},
            text=sentences(_("They do not take place: %(when)s.") % {"when": when_of_all(facts)}, reason),
            act=_("See your week"),
            path=path_to("schedule:week"),
            facts=what_and_when(facts),
        )
    return Words(
        title=_("Called off: %(session)s, which you give with others") % {"session": facts["session"]},
        text=sentences(_("It does not take place on %(when)s.") % {"when": facts.when()}, reason),
        act=_("See the session"),
        path=roster_path(facts),
        facts=where_and_when(facts),
    )


def _say_shared(facts: Facts) -> Words:
    when = {"when": when_of_all(facts)}
    return Words(
        title=_("You give %(session)s with others") % {"session": which(facts)},
        text=sentences(_("It is on offer, and taken in your calendar: %(when)s.") % when, and_changed(facts)),
        act=_("See your week") if number_of(facts) > 1 else _("See who comes"),
        path=path_to("schedule:week") if number_of(facts) > 1 else roster_path(facts),
        facts=(*what_and_when(facts), *changed_with_when(facts)),
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

    Nobody where it goes on as it was: one of several places was given up; nor where all of one act is told at its end.
    """
    said = message.payload
    if "by_id" not in said or said.get("is_among_several"):
        return []
    session = session or Session.objects.select_related("coach").get(pk=message.subject_id)
    if not session.is_together:
        return []
    is_off = session.status == Session.Status.CANCELLED
    if not is_off and message.name not in ("session.created", "session.changed"):
        return []
    more: dict[str, Any] = {name: said[name] for name in ("before", "reason") if said.get(name)}
    kind = CALLED_OFF if is_off else SHARED if message.name == "session.created" else CHANGED
    # What is called off with several places at once is told once.
    once = f"off:{session.pk}" if is_off else ""
    # Whoever has only just come to it is told that.
    but = {said["by_id"], *said.get("added_ids", ())}
    payload = session_facts(session) | more
    return [Notice(kind, one, payload, once=once) for one in session.coach_ids if str(one) not in but]


def on_series_created(message: OutboxMessage) -> list[Notice]:
    """Those with whom a series is given, once with all of its dates."""
    said = message.payload
    return _to_who_came(
        Session.objects.filter(series=message.subject_id), said.get("beside_ids", ()), by=said.get("by_id", "")
    )


def on_import_finished(message: OutboxMessage) -> list[Notice]:
    """Those with whom the sessions of a calendar file are given, once with all that it made."""
    found = Import.objects.filter(pk=message.subject_id, kind=Import.Kind.SESSIONS).first()
    if found is None:
        return []
    uids = [row["data"]["uid"] for row in found.rows if not (row["problem"] or row["data"]["session_id"])]
    made = Session.objects.filter(coach=found.options["coach_id"], source_uid__in=uids)
    return _to_who_came(made, found.options.get("beside_ids", ()), by=str(found.created_by_id))


def _to_who_came(sessions: QuerySet[Session], beside: Iterable[str], *, by: str) -> list[Notice]:
    """Tell those who stand beside the lead of new sessions, but for whoever made them: each once, with theirs."""
    told = [one for one in beside if one != by]
    if not told:
        return []
    rows = list(sessions.exclude(status=Session.Status.CANCELLED).select_related("coach").order_by("starts_at", "id"))
    name_coaches(rows)
    theirs = {one: [session for session in rows if UUID(one) in session.coach_ids] for one in told}
    return [Notice(SHARED, UUID(one), facts_of_sessions(found)) for one, found in theirs.items() if found]


TOGETHER_TELLS = {
    "series.created": on_series_created,
    "import.finished": on_import_finished,
    "session.created": tell_who_is_beside,
    "session.cancelled": tell_who_is_beside,
}
