from django.conf import settings

from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendars.base import CalendarKind
from tenpo.schedule.calendars.caldav import CalDav
from tenpo.schedule.calendars.feed import Feed
from tenpo.schedule.calendars.google import Google

_KINDS: dict[str, CalendarKind] = {kind.name: kind for kind in (Feed(), CalDav(), Google())}


def offers_google() -> bool:
    """Whether people can connect their Google calendars here."""
    return bool(settings.GOOGLE_CLIENT_ID and settings.GOOGLE_CLIENT_SECRET)


def kind_of(connection: CalendarConnection) -> CalendarKind:
    """How this calendar is reached."""
    return _KINDS[connection.kind]
