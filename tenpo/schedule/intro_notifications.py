"""What coaches are told about visitors. No word names them: that stands on the session's page, while it is kept."""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words
from tenpo.schedule.models import Intro
from tenpo.schedule.policy_notifications import roster_path, where_and_when


def _say_booked(facts: Facts) -> Words:
    return Words(
        title=_("A visitor booked %(session)s") % {"session": facts["session"]},
        text=_("They come without an account. Who it is stands with the session."),
        act=_("See who comes"),
        path=roster_path(facts),
        facts=where_and_when(facts),
    )


def _say_moved(facts: Facts) -> Words:
    return Words(
        title=_("A visitor moved %(session)s") % {"session": facts["session"]},
        text=_("It is at another time now."),
        act=_("See who comes"),
        path=roster_path(facts),
        facts=where_and_when(facts),
    )


def _say_gone(facts: Facts) -> Words:
    return Words(
        title=_("A visitor gave up %(session)s") % {"session": facts["session"]},
        text=_("Your time is free again."),
        act=_("See the session"),
        path=roster_path(facts),
        facts=where_and_when(facts),
    )


INTRO_BOOKED = Kind("intro.booked", gettext_lazy("A visitor booked a time with you"), Audience.COACH, _say_booked)
INTRO_MOVED = Kind("intro.moved", gettext_lazy("A visitor moved their time with you"), Audience.COACH, _say_moved)
INTRO_GONE = Kind("intro.gone", gettext_lazy("A visitor gave up their time with you"), Audience.COACH, _say_gone)

INTRO_KINDS = (INTRO_BOOKED, INTRO_MOVED, INTRO_GONE)


def _notice(kind: Kind, message: OutboxMessage) -> list[Notice]:
    intro = Intro.objects.select_related("session__coach").get(pk=message.subject_id)
    session = intro.session
    return [
        Notice(
            kind,
            session.coach_id,
            {
                "session_id": str(session.pk),
                "session": session.title,
                "coach": str(session.coach),
                "starts_at": session.starts_at.isoformat(),
                "time_zone": session.time_zone,
                "place": session.place,
            },
        )
    ]


def on_confirmed(message: OutboxMessage) -> list[Notice]:
    """The coach."""
    return _notice(INTRO_BOOKED, message)


def on_moved(message: OutboxMessage) -> list[Notice]:
    """The coach."""
    return _notice(INTRO_MOVED, message)


def on_cancelled(message: OutboxMessage) -> list[Notice]:
    """The coach, of what had been booked; what they call off themselves they know."""
    was_booked = Intro.objects.filter(pk=message.subject_id, confirmed_at__isnull=False).exists()
    is_theirs = message.payload.get("ending") == Intro.Ending.BY_VISITOR
    return _notice(INTRO_GONE, message) if was_booked and is_theirs else []


INTRO_TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "intro.confirmed": on_confirmed,
    "intro.moved": on_moved,
    "intro.cancelled": on_cancelled,
}
