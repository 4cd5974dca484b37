"""What is told about calendars that people keep elsewhere."""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.schedule.calendar_models import CalendarConnection, WrittenEvent
from tenpo.schedule.calendar_queries import taught_while_elsewhere
from tenpo.schedule.calendar_words import advice_for
from tenpo.schedule.policy_notifications import where_and_when


def _say_needs_attention(facts: Facts) -> Words:
    problem = dict(CalendarConnection.Problem.choices).get(facts["problem"], "")
    if facts["problem"] == CalendarConnection.Problem.NO_ANSWER and "failing_at" in facts:
        problem = _("It has not answered since %(moment)s.") % {"moment": facts.when("failing_at")}
    holds = _("Until it can, your time stays taken as it said last.")
    if facts.has("synced_at") and "synced_at" not in facts:
        holds = _("Until it can, nothing that stands in it takes your time.")
    return Words(
        title=_("Your calendar “%(calendar)s” cannot be read") % {"calendar": facts["calendar"]},
        text=" ".join(filter(None, [str(problem), holds, advice_for(facts["problem"])])),
        act=_("See your calendars"),
        path=path_to("schedule:calendar-list"),
    )


def _say_differs(facts: Facts) -> Words:
    return Words(
        title=_("“%(event)s” was changed in your calendar") % {"event": facts["event"]},
        text=_("“%(calendar)s” says something else than we do. Nothing moves before you decide which of both holds.")
        % {"calendar": facts["calendar"]},
        act=_("See both"),
        path=path_to("schedule:conflict-detail", facts["written_id"]),
    )


def _say_overlaps(facts: Facts) -> Words:
    n = facts.number("sessions")
    title = ngettext(
        "You are elsewhere when you teach %(session)s", "You are elsewhere when you teach %(n)s sessions", n
    )
    return Words(
        title=title % {"session": facts["session"], "n": n},
        text=_("“%(calendar)s” says that you are taken then. What is booked stays: only you know which of both holds.")
        % {"calendar": facts["calendar"]},
        act=_("See both"),
        path=path_to("schedule:calendar-list"),
        facts=where_and_when(facts) if n == 1 else (),
    )


NEEDS_ATTENTION = Kind(
    "calendar.needs_attention", gettext_lazy("A calendar that you connected cannot be read"), Audience.MEMBER,
    _say_needs_attention, icon="calendar-x",
)  # fmt: skip
DIFFERS = Kind(
    "calendar.differs", gettext_lazy("A session was changed in a calendar that you connected"), Audience.MEMBER,
    _say_differs, icon="calendar-clock",
)  # fmt: skip
OVERLAPS = Kind(
    "calendar.overlaps", gettext_lazy("A calendar of yours says that you are elsewhere when you teach"), Audience.COACH,
    _say_overlaps, icon="calendar-x",
)  # fmt: skip
CALENDAR_KINDS = (NEEDS_ATTENTION, DIFFERS, OVERLAPS)


def on_calendar_needs_attention(message: OutboxMessage) -> list[Notice]:
    """Whoever connected it, unless it is well again or gone by the time that we speak of it."""
    found = CalendarConnection.objects.filter(pk=message.subject_id).first()
    if found is None or not found.needs_its_owner:
        return []
    facts = {
        "calendar": found.label,
        "problem": found.problem,
        "failing_at": found.failing_at.isoformat() if found.failing_at else None,
        "synced_at": found.synced_at.isoformat() if found.synced_at else None,
    }
    return [Notice(NEEDS_ATTENTION, found.user_id, facts)]


def on_calendar_differs(message: OutboxMessage) -> list[Notice]:
    """Whose calendar it is, unless they have decided by the time that we speak of it."""
    found = WrittenEvent.objects.in_conflict().select_related("connection").filter(pk=message.subject_id).first()
    if found is None:
        return []
    facts = {"event": str(found), "calendar": found.connection.label, "written_id": str(found.pk)}
    return [Notice(DIFFERS, found.connection.user_id, facts)]


def on_calendar_overlaps(message: OutboxMessage) -> list[Notice]:
    """Whose calendar it is: of what one reading brought, as far as they are still in two places then."""
    found = CalendarConnection.objects.select_related("user").filter(pk=message.subject_id).first()
    if found is None:
        return []
    new = set(message.payload["session_ids"])
    sessions = [one for one in taught_while_elsewhere(found.user) if str(one.pk) in new]
    if not sessions:
        return []
    first = sessions[0]
    facts = {
        "calendar": found.label,
        "sessions": len(sessions),
        "session": first.title,
        "coach": str(found.user),
        "starts_at": first.starts_at.isoformat(),
        "ends_at": first.ends_at.isoformat(),
        "time_zone": first.time_zone,
        "place": first.place,
    }
    return [Notice(OVERLAPS, found.user_id, facts)]


CALENDAR_TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "calendar.needs_attention": on_calendar_needs_attention,
    "calendar.differs": on_calendar_differs,
    "calendar.overlaps": on_calendar_overlaps,
}
