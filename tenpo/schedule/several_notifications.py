"""How sessions are told of in one notice, be it one of them or many: what is kept, and what is said."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenpo.notify.kinds import Facts, Words, path_to
from tenpo.schedule.models import Session
from tenpo.schedule.policy_notifications import back_sentence, sentences, session_facts, where_and_when

# So many are named in one notice; of more it is said how many there are.
NAMED = 20
_OF_ALL = ("session", "coach", "place")
_OF_EACH = ("session", "starts_at", "ends_at", "time_zone")


def facts_of_sessions(sessions: Sequence[Session]) -> dict[str, Any]:
    """What a notification says of sessions, in the order in which they come: of one as of any; of several what is
    alike, how many they are, and when each is.
    """
    facts = {**session_facts(sessions[0]), "times": len(sessions)}
    if len(sessions) == 1:
        return facts
    each = [session_facts(session) for session in sessions]
    alike = {name: facts[name] if all(one[name] == facts[name] for one in each) else None for name in _OF_ALL}
    return {**facts, **alike, "sessions": [{name: one[name] for name in _OF_EACH} for one in each[:NAMED]]}


def number_of(facts: Facts) -> int:
    """How many sessions are told of."""
    return facts.number("times") or len(_each(facts)) or 1


def which(facts: Facts) -> str:
    """What they are called; how many they are, where they are called differently."""
    is_alike = facts["session"] and all(one["session"] == facts["session"] for one in _each(facts))
    return facts["session"] if is_alike else _("%(n)s sessions") % {"n": number_of(facts)}


def when_of_all(facts: Facts) -> str:
    """When a session is; of several how many dates they are, and when the first of them is."""
    number = number_of(facts)
    if number == 1:
        return facts.when()
    return _("%(n)s dates, the first %(when)s") % {"n": number, "when": facts.when()}


def what_and_when(facts: Facts) -> tuple[tuple[str, str], ...]:
    """What a session is, with whom, when and where; of several what is alike, and when each is."""
    if number_of(facts) == 1:
        return where_and_when(facts)
    alike = [(_("With"), facts["coach"]), (_("Where"), facts["place"])]
    return (*((name, value) for name, value in alike if value), *each_with_when(facts))


def each_with_when(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Of several sessions what each is and when, as far as they are named; nothing of one."""
    rows = [(one["session"], one.when("starts_at", until="ends_at")) for one in _each(facts)]
    left = number_of(facts) - len(rows)
    return (*rows, (_("Sessions"), _("%(n)s more") % {"n": left})) if rows and left else tuple(rows)


def and_changed(facts: Facts) -> str:
    """How many others that somebody gives the same act changed; nothing where it changed none."""
    if not facts.has("changed"):
        return ""
    n = number_of(facts.part("changed"))
    words = ngettext("%(n)s more that you give has changed.", "%(n)s more that you give have changed.", n)
    return words % {"n": n}


def changed_with_when(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Which those are, and when each is."""
    if not facts.has("changed"):
        return ()
    changed = facts.part("changed")
    rows = each_with_when(changed) or ((changed["session"], changed.when("starts_at", until="ends_at")),)
    return tuple((_("Changed: %(session)s") % {"session": name}, when) for name, when in rows)


def say_several_called_off(facts: Facts) -> Words:
    """What whoever comes to some sessions reads when they are called off at once: the dates, and what came back."""
    n = number_of(facts)
    reason = _("The reason: %(reason)s") % {"reason": facts["reason"]} if facts.has("reason") else ""
    gone = _("They do not take place: %(when)s.") % {"when": when_of_all(facts)}
    return Words(
        title=ngettext("Called off: %(n)s of your sessions", "Called off: %(n)s of your sessions", n) % {"n": n},
        text="\n\n".join(filter(None, [sentences(gone, back_sentence(facts)), reason])),
        act=_("Find another session"),
        path=path_to("schedule:session-list"),
        facts=(*what_and_when(facts), *(((_("For"), facts["for"]),) if facts.has("for") else ())),
    )


def _each(facts: Facts) -> list[Facts]:
    found = facts.value("sessions")
    return [Facts(one) for one in found] if isinstance(found, list) else []
