"""How the state of somebody's connected calendar is said: what is wrong, and what they can do about it."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from tenpo.schedule.calendar_models import CalendarConnection

_Problem = CalendarConnection.Problem

ADVICE: dict[str, Any] = {
    _Problem.NO_ANSWER: _("We go on asking. If the calendar has moved, disconnect it here and connect it anew."),
    _Problem.NOT_ALLOWED: _(
        "Disconnect it and connect it anew by an address that begins with https:// and that everybody can reach."
    ),
    _Problem.REFUSED: _("Get its private address once more where you keep the calendar, and connect it anew."),
    _Problem.NOT_THERE: _("Get its private address once more where you keep the calendar, and connect it anew."),
    _Problem.UNREADABLE: _(
        "The address may be the one of a web page. Look for the one that ends in .ics, often called “secret address in "
        "iCal format”, and connect it anew."
    ),
    _Problem.READ_ONLY: _("Give us the right to write where you keep it, or say here that nothing is written to it."),
    _Problem.TOO_LARGE: _("Connect a calendar that holds less, such as one for what is to come."),
}


def advice_for(problem: str) -> str:
    """What its owner can do about a problem; empty for none."""
    return str(ADVICE.get(problem, ""))
