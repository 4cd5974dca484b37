"""What is told when others give a session: to who gives it now, to who does not any more, and to who comes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.people.models import User
from tenpo.schedule.models import Session
from tenpo.schedule.policy_notifications import booking_path, roster_path, sentences
from tenpo.schedule.session_coach_queries import name_coaches
from tenpo.schedule.several_notifications import (
    and_changed,
    changed_with_when,
    each_with_when,
    facts_of_sessions,
    number_of,
    what_and_when,
    when_of_all,
    which,
)
from tenpo.schedule.together_notifications import SHARED
from tenpo.schedule.told_people import given_with_others, ids_of, places_of_each


def _say_given(facts: Facts) -> Words:
    return Words(
        title=_("You give %(session)s now") % {"session": which(facts)},
        text=sentences(_("It is taken in your calendar: %(when)s.") % {"when": when_of_all(facts)}, and_changed(facts)),
        act=_("See who comes"),
        path=roster_path(facts),
        facts=(*what_and_when(facts), *changed_with_when(facts)),
    )


def _say_let_go(facts: Facts) -> Words:
    return Words(
        title=_("You do not give %(session)s any more") % {"session": which(facts)},
        text=sentences(
            _("Your time is free again: %(when)s.") % {"when": when_of_all(facts)},
            _("It is with %(coach)s now.") % {"coach": facts["coach"]} if facts["coach"] else "",
        ),
        act=_("See your week"),
        path=path_to("schedule:week"),
        facts=each_with_when(facts),
    )


def _say_with_others(facts: Facts) -> Words:
    said = {"coach": facts["coach"], "when": when_of_all(facts)}
    given_by = _("It is given by %(coach)s now: %(when)s.") if said["coach"] else _("See who gives each now: %(when)s.")
    return Words(
        title=_("Who gives %(session)s has changed") % {"session": which(facts)},
        text=given_by % said,
        act=_("See your week") if number_of(facts) > 1 else _("See who comes"),
        path=path_to("schedule:week") if number_of(facts) > 1 else roster_path(facts),
        facts=what_and_when(facts),
    )


def _say_other_coach(facts: Facts) -> Words:
    is_one = number_of(facts) == 1
    said = {"session": which(facts), "before": facts["before"], "coach": facts["to"] or facts["coach"]}
    return Words(
        title=_("%(session)s: now with %(coach)s") % said,
        text=sentences(
            _("It was to be with %(before)s. Nothing else changes: %(when)s.") % {**said, "when": when_of_all(facts)},
            _("If that does not suit you, you can cancel: everything comes back.") if facts.has("gives_back") else "",
        ),
        act=_("See your booking") if is_one else _("See your bookings"),
        path=booking_path(facts) if is_one else path_to("schedule:booking-list"),
        facts=what_and_when(facts),
    )


GIVEN = Kind(
    "coach.session_given", gettext_lazy("You are to give a session of somebody else"), Audience.COACH, _say_given,
    icon="calendar-clock",
)  # fmt: skip
LET_GO = Kind(
    "coach.session_let_go", gettext_lazy("A session is no longer yours to give"), Audience.COACH, _say_let_go,
    icon="calendar-x",
)  # fmt: skip
WITH_OTHERS = Kind(
    "coach.session_coaches_changed", gettext_lazy("Who gives a session of yours changes"), Audience.COACH,
    _say_with_others, icon="users",
)  # fmt: skip
OTHER_COACH = Kind(
    "session.other_coach", gettext_lazy("Somebody else gives a session that you booked"), Audience.MEMBER,
    _say_other_coach, icon="users",
)  # fmt: skip
COACHES_KINDS = (OTHER_COACH, GIVEN, LET_GO, WITH_OTHERS)


def on_coaches_changed(message: OutboxMessage) -> list[Notice]:
    """Who gives it now, and who does not any more, but for whoever did it; who comes, where another one leads it.

    Nobody, where another notice tells it.
    """
    said = message.payload
    sessions = [] if said.get("is_told_elsewhere") else still_given([message.subject_id])
    notices = _to_coaches(sessions, {str(message.subject_id): said}, by=said["by_id"])
    for session in sessions:
        before = said["before_ids"][0]
        if str(session.coach_ids[0]) != before and not said.get("is_moved"):
            notices += to_who_comes([session], before=str(User.objects.get(pk=before)))
    return notices


def on_coaches_changed_together(message: OutboxMessage) -> list[Notice]:
    """Who gives some sessions now, and who does not any more, but for whoever did it: each once, with theirs, and with
    what else of theirs the same act changed.
    """
    said = message.payload
    given, changed = said["given"], said.get("changed", {})
    sessions = still_given({*given, *changed})
    of_each = {
        str(one): [each for each in theirs if str(one) not in changed[str(each.pk)]]
        for one, theirs in given_with_others(one for one in sessions if str(one.pk) in changed).items()
    }
    return _to_coaches([one for one in sessions if str(one.pk) in given], given, by=said["by_id"], changed=of_each)


def still_given(ids: Iterable[UUID | str]) -> list[Session]:
    """Those of some sessions that are not called off, by their starts, with who gives them."""
    rows = Session.objects.filter(pk__in=ids).exclude(status=Session.Status.CANCELLED).select_related("coach")
    sessions = list(rows.order_by("starts_at", "id"))
    name_coaches(sessions)
    return sessions


def _to_coaches(
    sessions: Sequence[Session],
    given: Mapping[str, Mapping[str, Any]],
    *,
    by: str,
    changed: Mapping[str, Sequence[Session]] | None = None,
) -> list[Notice]:
    """What becomes of sessions for those who give them, or gave them: `given` says who did before, and who came,
    `changed` what else each of them gives, and gave, that is another now.
    """
    changed = changed or {}
    told: dict[str, dict[Kind, list[Session]]] = {}
    for session in sessions:
        said, now = given[str(session.pk)], [str(one) for one in session.coach_ids]
        before, added = said["before_ids"], said["added_ids"]
        kinds = {one: SHARED if session.is_together else GIVEN for one in added if one in now}
        kinds |= {one: LET_GO for one in before if one not in now}
        # What else changed is told to those who give it together, with who they are.
        if not (said.get("is_moved") and session.is_together):
            kinds |= {one: WITH_OTHERS for one in before if one in now}
        for one, kind in kinds.items():
            if one != by:
                told.setdefault(one, {}).setdefault(kind, []).append(session)
    notices = []
    for one, theirs in told.items():
        # Of one act nobody reads twice: with whom they give the rest is less than what they have to give now.
        if len(theirs) > 1 or changed.get(one):
            theirs.pop(WITH_OTHERS, None)
        for kind, found in theirs.items():
            also = kind in (SHARED, GIVEN) and changed.get(one)
            more = {"changed": facts_of_sessions(also)} if also else {}
            notices.append(Notice(kind, UUID(one), {**facts_of_sessions(found), **more}))
    return notices


def to_who_comes(sessions: Iterable[Session], *, before: str, **more: Any) -> list[Notice]:
    """Tell everybody who has places in some sessions, or waits for some, each of them once, with whom it was to be."""
    by_pk = {session.pk: session for session in sessions}
    notices = []
    for person, places in places_of_each(by_pk.values()).items():
        theirs = [by_pk[pk] for pk in dict.fromkeys(one.session_id for one in places)]
        payload = {**facts_of_sessions(theirs), **ids_of(places), "before": before, **more}
        if all(one.was_moved for one in places):
            payload["gives_back"] = True
        notices.append(Notice(OTHER_COACH, person, payload))
    return notices


COACHES_TELLS = {
    "session.coaches_changed": on_coaches_changed,
    "session.coaches_changed_together": on_coaches_changed_together,
}
