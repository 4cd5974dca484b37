from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendars.base import CalendarKind
from tenpo.schedule.calendars.caldav import CalDav
from tenpo.schedule.calendars.feed import Feed

_KINDS: dict[str, CalendarKind] = {kind.name: kind for kind in (Feed(), CalDav())}


def kind_of(connection: CalendarConnection) -> CalendarKind:
    """How this calendar is reached."""
    return _KINDS[connection.kind]
