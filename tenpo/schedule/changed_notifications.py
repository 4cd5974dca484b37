"""What is told of sessions that change, one of them or several at once: of several once, with all their dates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.schedule.mailed_calendar import calendar_of_bookings
from tenpo.schedule.models import Session
from tenpo.schedule.policy_notifications import booking_path, where_and_when
from tenpo.schedule.session_coach_queries import name_coaches
from tenpo.schedule.several_notifications import each_with_when, facts_of_sessions, number_of
from tenpo.schedule.together_notifications import CHANGED
from tenpo.schedule.told_people import for_whom_of, given_with_others, ids_of, places_of_each


def _say_session_changed(facts: Facts) -> Words:
    if (n := number_of(facts)) > 1:
        return Words(
            title=ngettext("Changed: %(n)s of your sessions", "Changed: %(n)s of your sessions", n) % {"n": n},
            text=_("Something about them is different now. Please look whether they still suit you."),
            act=_("See your bookings"),
            path=path_to("schedule:booking-list"),
            facts=(*_changes(facts), *each_with_when(facts), *(((_("For"), facts["for"]),) if "for" in facts else ())),
        )
    return Words(
        title=_("Changed: %(session)s") % {"session": facts["session"]},
        text=_("Something about your session is different now. Please look whether it still suits you."),
        act=_("See your booking"),
        path=booking_path(facts),
        facts=_changes(facts) or where_and_when(facts),
    )


def _changes(facts: Facts) -> tuple[tuple[str, str], ...]:
    """What changed of a session, as it was and as it is."""
    before = facts.part("before")
    found = []
    if "starts_at" in before or "ends_at" in before:
        now = facts.when("starts_at", until="ends_at")
        found.append((_("When"), f"{before.when()} → {now}" if "starts_at" in before else now))
    if before["coach"]:
        found.append((_("With"), f"{before['coach']} → {facts['coach']}"))
    # Where they are held in different places by now, each says its own.
    if before.has("place") and facts.value("place") is not None:
        now = facts["place"] or "–"
        found.append((_("Where"), now if before.value("place") is None else f"{before['place'] or '–'} → {now}"))
    if before.has("join_link"):
        found.append((_("Link to join"), _("There is a new one; it stands with your booking.")))
    return tuple(found)


SESSION_CHANGED = Kind(
    "session.changed", gettext_lazy("A session that you booked changes"), Audience.MEMBER, _say_session_changed,
    email_is_optional=False, icon="calendar-clock", attaches=calendar_of_bookings,
)  # fmt: skip


def on_changed_together(message: OutboxMessage) -> list[Notice]:
    """Everybody who has places in them or waits for some, and who gives them with others: each once, with the dates."""
    before: Mapping[str, Mapping[str, Any]] = message.payload["before"]
    sessions = list(Session.objects.filter(pk__in=before).select_related("coach").order_by("starts_at", "id"))
    name_coaches(sessions)
    notices = []
    for person, theirs in places_of_each(sessions).items():
        mine = {booking.session_id for booking in theirs}
        facts = _facts([session for session in sessions if session.pk in mine], before)
        more = {**for_whom_of(person, theirs), **ids_of(theirs)}
        notices.append(Notice(SESSION_CHANGED, person, {**facts, **more}))
    # Whoever has only just come to some is told of all by that (`coaches_notifications`).
    but = {message.payload["by_id"], *message.payload.get("came_ids", ())}
    coaches = [(one, theirs) for one, theirs in given_with_others(sessions).items() if str(one) not in but]
    return [*notices, *(Notice(CHANGED, one, _facts(theirs, before)) for one, theirs in coaches)]


def _facts(sessions: Sequence[Session], before: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What is told of them, and what all of them were before, where that was the same."""
    changes = [before[str(session.pk)] for session in sessions]
    # The link itself is for those who look at their booking, not for every mailbox on the way.
    names = dict.fromkeys(name for one in changes for name in one if name != "added_ids")
    was = {name: "" if name == "join_link" else _same([one.get(name) for one in changes]) for name in names}
    return {**facts_of_sessions(sessions), "before": was}


def _same(values: Sequence[Any]) -> Any:
    """What all of them are; None where they differ."""
    return values[0] if all(one == values[0] for one in values) else None


CHANGED_TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "session.changed_together": on_changed_together,
}
