"""What is told when what a coach was to give while they are away is given by whoever stands in: once to each."""

from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.people.models import User
from tenpo.schedule.coaches_notifications import WITH_OTHERS, still_given, to_who_comes
from tenpo.schedule.policy_notifications import roster_path
from tenpo.schedule.several_notifications import facts_of_sessions, number_of, what_and_when, when_of_all, which
from tenpo.schedule.told_people import given_with_others


def _say_stands_in(facts: Facts) -> Words:
    is_one = number_of(facts) == 1
    said = {"session": which(facts), "coach": facts["before"]}
    return Words(
        title=_("You give %(session)s in the place of %(coach)s") % said,
        text=_("It is taken in your calendar: %(when)s.") % {"when": when_of_all(facts)},
        act=_("See who comes") if is_one else _("See your week"),
        path=roster_path(facts) if is_one else path_to("schedule:week"),
        facts=what_and_when(facts),
    )


def _say_given_away(facts: Facts) -> Words:
    said = {"session": which(facts), "coach": facts["to"]}
    return Words(
        title=_("%(session)s: now with %(coach)s") % said,
        text=_("Your time is free again: %(when)s.") % {"when": when_of_all(facts)},
        act=_("See your week"),
        path=path_to("schedule:week"),
        facts=what_and_when(facts),
    )


STANDS_IN = Kind(
    "coach.stands_in", gettext_lazy("You are to stand in for somebody"), Audience.COACH, _say_stands_in, icon="users"
)
GIVEN_AWAY = Kind(
    "coach.handed_over", gettext_lazy("Your sessions are given by whoever stands in"), Audience.COACH, _say_given_away,
    icon="users",
)  # fmt: skip
STAND_IN_KINDS = (STANDS_IN, GIVEN_AWAY)


def on_handed_over(message: OutboxMessage) -> list[Notice]:
    """Who gives it now, who gave it, who gives it with them, and who comes where its lead is another one now; never
    whoever did it.
    """
    said = message.payload
    sessions = still_given(said["session_ids"])
    if not sessions:
        return []
    names = {str(one.pk): str(one) for one in User.objects.filter(pk__in=[said["from_id"], said["to_id"]])}
    who = {"before": names[said["from_id"]], "to": names[said["to_id"]]}
    coaches = [(STANDS_IN, said["to_id"]), (GIVEN_AWAY, said["from_id"])]
    notices = [Notice(kind, UUID(one), {**facts_of_sessions(sessions), **who}) for kind, one in coaches]
    others = given_with_others(sessions).items()
    notices += [
        Notice(WITH_OTHERS, one, facts_of_sessions(found))
        for one, found in others
        if str(one) not in (said["to_id"], said["from_id"])
    ]
    notices += to_who_comes([one for one in sessions if str(one.pk) in said["led_ids"]], **who)
    return [one for one in notices if str(one.user_id) != said["by_id"]]


STAND_IN_TELLS = {"time_off.handed_over": on_handed_over, "time_off.taken_back": on_handed_over}
