"""What is told about calendars that people keep elsewhere."""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.schedule.calendar_models import CalendarConnection, WrittenEvent
from tenpo.schedule.calendar_words import advice_for


def _say_needs_attention(facts: Facts) -> Words:
    problem = dict(CalendarConnection.Problem.choices).get(facts["problem"], "")
    return Words(
        title=_("Your calendar “%(calendar)s” cannot be read") % {"calendar": facts["calendar"]},
        text=_("%(problem)s Until it can, what it said last goes on to keep your time free. %(advice)s")
        % {"problem": problem, "advice": advice_for(facts["problem"])},
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


NEEDS_ATTENTION = Kind(
    "calendar.needs_attention", gettext_lazy("A calendar that you connected cannot be read"), Audience.MEMBER,
    _say_needs_attention, icon="calendar-x",
)  # fmt: skip
DIFFERS = Kind(
    "calendar.differs", gettext_lazy("A session was changed in a calendar that you connected"), Audience.MEMBER,
    _say_differs, icon="calendar-clock",
)  # fmt: skip
CALENDAR_KINDS = (NEEDS_ATTENTION, DIFFERS)


def on_calendar_needs_attention(message: OutboxMessage) -> list[Notice]:
    """Whoever connected it, unless it is well again or gone by the time that we speak of it."""
    found = CalendarConnection.objects.filter(pk=message.subject_id).first()
    if found is None or not found.needs_its_owner:
        return []
    return [Notice(NEEDS_ATTENTION, found.user_id, {"calendar": found.label, "problem": found.problem})]


def on_calendar_differs(message: OutboxMessage) -> list[Notice]:
    """Whose calendar it is, unless they have decided by the time that we speak of it."""
    found = WrittenEvent.objects.in_conflict().select_related("connection").filter(pk=message.subject_id).first()
    if found is None:
        return []
    facts = {"event": str(found), "calendar": found.connection.label, "written_id": str(found.pk)}
    return [Notice(DIFFERS, found.connection.user_id, facts)]


CALENDAR_TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "calendar.needs_attention": on_calendar_needs_attention,
    "calendar.differs": on_calendar_differs,
}
