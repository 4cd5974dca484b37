"""What is told when others give a session: to who gives it now, to who does not any more, and to who comes."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.people.models import User
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.policy_notifications import (
    booking_path,
    roster_path,
    sentences,
    session_facts,
    told_with,
    when_of_all,
    where_and_when,
)
from tenpo.schedule.together_notifications import SHARED


def _say_given(facts: Facts) -> Words:
    return Words(
        title=_("You give %(session)s now") % {"session": facts["session"]},
        text=_("It is taken in your calendar: %(when)s.") % {"when": facts.when()},
        act=_("See who comes"),
        path=roster_path(facts),
        facts=where_and_when(facts),
    )


def _say_let_go(facts: Facts) -> Words:
    return Words(
        title=_("You do not give %(session)s any more") % {"session": facts["session"]},
        text=_("Your time is free again: %(when)s. It is with %(coach)s now.")
        % {"when": when_of_all(facts), "coach": facts["coach"]},
        act=_("See your week"),
        path=path_to("schedule:week"),
    )


def _say_with_others(facts: Facts) -> Words:
    return Words(
        title=_("Who gives %(session)s has changed") % {"session": facts["session"]},
        text=_("It is given by %(coach)s now: %(when)s.") % {"coach": facts["coach"], "when": when_of_all(facts)},
        act=_("See who comes"),
        path=roster_path(facts),
        facts=where_and_when(facts),
    )


def _say_other_coach(facts: Facts) -> Words:
    return Words(
        title=_("%(session)s is with %(coach)s now") % {"coach": facts["coach"], "session": facts["session"]},
        text=sentences(
            _("It was to be with %(before)s. Nothing else changes: %(when)s.")
            % {"before": facts["before"], "when": facts.when()},
            _("If that does not suit you, you can cancel: everything comes back.") if facts.has("gives_back") else "",
        ),
        act=_("See your booking"),
        path=booking_path(facts),
        facts=where_and_when(facts),
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
    session = Session.objects.select_related("coach").filter(pk=message.subject_id).first()
    if said.get("is_told") or session is None or session.status == Session.Status.CANCELLED:
        return []
    before, added = said["before_ids"], said["added_ids"]
    once, of_all = told_with(said)
    payload = session_facts(session) | of_all
    given_by = [str(one) for one in session.coach_ids]
    kinds = {one: SHARED if session.is_together else GIVEN for one in added if one in given_by}
    kinds |= {one: LET_GO for one in before if one not in given_by}
    # What else changed is told to those who give it together, with who they are.
    if not (said.get("is_moved") and session.is_together):
        kinds |= {one: WITH_OTHERS for one in before if one in given_by}
    notices = [Notice(kind, UUID(one), payload, once=once) for one, kind in kinds.items() if one != said["by_id"]]
    if given_by[0] != before[0] and not said.get("is_moved"):
        notices += to_who_comes(session, str(User.objects.get(pk=before[0])))
    return notices


def to_who_comes(session: Session, before: str, **more: Any) -> list[Notice]:
    """Tell everybody who has a place in a session, or waits for one, each of them once, with whom it was to be."""
    rows = Booking.objects.filter(session=session).live().select_related("participant").order_by("id")
    told: dict[UUID, Notice] = {}
    for booking in rows:
        payload = {**session_facts(session), "booking_id": str(booking.pk), "before": before, **more}
        if booking.was_moved:
            payload["gives_back"] = True
        for person in (booking.booked_by_id, booking.participant.user_id):
            if person is not None and person not in told:
                told[person] = Notice(OTHER_COACH, person, payload)
    return list(told.values())


COACHES_TELLS = {"session.coaches_changed": on_coaches_changed}
