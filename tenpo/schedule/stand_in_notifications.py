"""What is told when what a coach was to give while they are away is given by whoever stands in: once to each."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.people.models import User
from tenpo.schedule.coaches_notifications import WITH_OTHERS
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.policy_notifications import booking_path, roster_path, session_facts

# Sessions that are named in one notice; of more it is said how many there are.
NAMED = 20


def _of_each(facts: Facts) -> list[Facts]:
    return [Facts(one) for one in facts.value("sessions") or []]


def _listed(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Each session, with when it is."""
    return tuple((one["session"], one.when("starts_at", until="ends_at")) for one in _of_each(facts))


def _how_many(facts: Facts) -> str:
    """The session where it is one, otherwise how many they are."""
    number = facts.number("times")
    return facts["session"] if number == 1 else _("%(n)s sessions") % {"n": number}


def _when(facts: Facts) -> str:
    if facts.number("times") == 1:
        return facts.when()
    return _("the first %(when)s") % {"when": facts.when()}


def _say_stands_in(facts: Facts) -> Words:
    said = {"sessions": _how_many(facts), "coach": facts["before"], "when": _when(facts)}
    return Words(
        title=_("You give %(sessions)s in the place of %(coach)s") % said,
        text=_("It is taken in your calendar: %(when)s.") % said,
        act=_("See your week") if facts.number("times") > 1 else _("See who comes"),
        path=path_to("schedule:week") if facts.number("times") > 1 else roster_path(facts),
        facts=_listed(facts),
    )


def _say_given_away(facts: Facts) -> Words:
    said = {"sessions": _how_many(facts), "coach": facts["to"], "when": _when(facts)}
    return Words(
        title=_("%(sessions)s: now with %(coach)s") % said,
        text=_("Your time is free again: %(when)s. It is with %(coach)s now.") % said,
        act=_("See your week"),
        path=path_to("schedule:week"),
        facts=_listed(facts),
    )


def _say_other_coach(facts: Facts) -> Words:
    said = {"sessions": _how_many(facts), "before": facts["before"], "coach": facts["to"], "when": _when(facts)}
    is_one = facts.number("times") == 1
    return Words(
        title=_("%(sessions)s: now with %(coach)s") % said,
        text=_("It was to be with %(before)s. Nothing else changes: %(when)s.") % said,
        act=_("See your booking") if is_one else _("See your bookings"),
        path=booking_path(facts) if is_one else path_to("schedule:booking-list"),
        facts=_listed(facts),
    )


STANDS_IN = Kind(
    "coach.stands_in", gettext_lazy("You are to stand in for somebody"), Audience.COACH, _say_stands_in, icon="users"
)
GIVEN_AWAY = Kind(
    "coach.handed_over", gettext_lazy("Your sessions are given by whoever stands in"), Audience.COACH, _say_given_away,
    icon="users",
)  # fmt: skip
STOOD_IN = Kind(
    "session.stood_in", gettext_lazy("Somebody stands in for the coach with whom you booked"), Audience.MEMBER,
    _say_other_coach, icon="users",
)  # fmt: skip
STAND_IN_KINDS = (STOOD_IN, STANDS_IN, GIVEN_AWAY)


def on_handed_over(message: OutboxMessage) -> list[Notice]:
    """Who gives it now, who gave it, who gives it with them, and who comes where its lead is another one now; never
    whoever did it.
    """
    said = message.payload
    rows = Session.objects.select_related("coach").filter(pk__in=said["session_ids"]).order_by("starts_at", "id")
    sessions = [one for one in rows if one.status != Session.Status.CANCELLED]
    if not sessions:
        return []
    names = {str(one.pk): str(one) for one in User.objects.filter(pk__in=[said["from_id"], said["to_id"]])}
    who = {"before": names[said["from_id"]], "to": names[said["to_id"]]}
    coaches = [(STANDS_IN, said["to_id"]), (GIVEN_AWAY, said["from_id"])]
    notices = [Notice(kind, UUID(one), _payload(sessions, **who)) for kind, one in coaches]
    notices += _to_the_others(sessions, but={said["to_id"], said["from_id"]})
    led = [one for one in sessions if str(one.pk) in said["led_ids"]]
    notices += _to_who_comes(led, who)
    return [one for one in notices if str(one.user_id) != said["by_id"]]


def _payload(sessions: list[Session], **more: str) -> dict[str, Any]:
    named = [_short(one) for one in sessions[:NAMED]]
    return {**session_facts(sessions[0]), "times": len(sessions), "sessions": named, **more}


def _short(session: Session) -> dict[str, str]:
    facts = session_facts(session)
    return {name: facts[name] for name in ("session", "starts_at", "ends_at", "time_zone")}


def _to_the_others(sessions: Iterable[Session], *, but: set[str]) -> list[Notice]:
    """Those who give some of it with them, each once."""
    theirs: dict[UUID, list[Session]] = {}
    for session in sessions:
        for one in session.coach_ids if session.is_together else ():
            theirs.setdefault(one, []).append(session)
    return [Notice(WITH_OTHERS, one, _payload(found)) for one, found in theirs.items() if str(one) not in but]


def _to_who_comes(sessions: list[Session], who: dict[str, str]) -> list[Notice]:
    """Who has a place, or waits for one, once with all of theirs; whoever booked for others too."""
    by_pk = {one.pk: one for one in sessions}
    rows = Booking.objects.filter(session__in=sessions).live().select_related("participant")
    theirs: dict[UUID, dict[UUID, Booking]] = {}
    for booking in rows.order_by("session__starts_at", "id"):
        for person in (booking.booked_by_id, booking.participant.user_id):
            if person is not None:
                theirs.setdefault(person, {}).setdefault(booking.session_id, booking)
    return [
        Notice(
            STOOD_IN, person,
            _payload([by_pk[pk] for pk in places], **who) | {"booking_id": str(next(iter(places.values())).pk)},
        )
        for person, places in theirs.items()
    ]  # fmt: skip


STAND_IN_TELLS = {"time_off.handed_over": on_handed_over, "time_off.taken_back": on_handed_over}
