"""What is told about calendars that people keep elsewhere."""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.schedule.calendar_models import CalendarConnection
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


NEEDS_ATTENTION = Kind(
    "calendar.needs_attention", gettext_lazy("A calendar that you connected cannot be read"), Audience.MEMBER,
    _say_needs_attention, icon="calendar-x",
)  # fmt: skip
CALENDAR_KINDS = (NEEDS_ATTENTION,)


def on_calendar_needs_attention(message: OutboxMessage) -> list[Notice]:
    """Whoever connected it, unless it is well again or gone by the time that we speak of it."""
    found = CalendarConnection.objects.filter(pk=message.subject_id).first()
    if found is None or not found.needs_its_owner:
        return []
    return [Notice(NEEDS_ATTENTION, found.user_id, {"calendar": found.label, "problem": found.problem})]


CALENDAR_TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "calendar.needs_attention": on_calendar_needs_attention,
}
