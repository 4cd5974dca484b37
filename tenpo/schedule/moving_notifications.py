"""What its coaches are told when somebody moves what they booked as a slot."""

from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.people.models import User
from tenpo.schedule.models import Booking
from tenpo.schedule.policy_notifications import roster_path, sentences, session_facts


def _say_moved(facts: Facts) -> Words:
    return Words(
        title=_("%(person)s moved %(session)s") % {"person": facts["participant"], "session": facts["session"]},
        text=sentences(_say_when(facts), _say_with_whom(facts)),
        act=_("See your week") if "is_given_away" in facts else _("See who comes"),
        path=path_to("schedule:week") if "is_given_away" in facts else roster_path(facts),
    )


def _say_handed_over(facts: Facts) -> Words:
    names = {"person": facts["participant"], "session": facts["session"]}
    if "is_given_away" in facts:
        title = _("You do not give %(session)s to %(person)s any more")
    else:
        title = _("You give %(session)s to %(person)s now")
    return Words(
        title=title % names,
        text=sentences(_say_when(facts), _say_with_whom(facts)),
        act=_("See your week") if "is_given_away" in facts else _("See who comes"),
        path=path_to("schedule:week") if "is_given_away" in facts else roster_path(facts),
    )


def _say_when(facts: Facts) -> str:
    before = facts.part("before").when()
    if before:
        return _("From %(before)s to %(when)s.") % {"before": before, "when": facts.when()}
    return _("When: %(when)s.") % {"when": facts.when()}


def _say_with_whom(facts: Facts) -> str:
    """Who gives it now, or gave it before, where that is another."""
    if "is_given_away" in facts:
        return _("It is with %(coach)s now.") % {"coach": facts["coach"]}
    before = facts.part("before")["coach"]
    return _("It was with %(coach)s before.") % {"coach": before} if before else ""


SLOT_MOVED = Kind(
    "coach.slot_moved", gettext_lazy("Somebody moves a time with you that they booked"), Audience.COACH, _say_moved,
    icon="calendar-clock",
)  # fmt: skip


HANDED_OVER = Kind(
    "coach.slot_handed_over", gettext_lazy("A time that somebody booked goes from one coach to another"),
    Audience.COACH, _say_handed_over, icon="calendar-clock",
)  # fmt: skip
MOVING_KINDS = (SLOT_MOVED, HANDED_OVER)


def tell_its_coaches(message: OutboxMessage, bookings: Sequence[Booking]) -> list[Notice]:
    """Those who give what was moved by whoever booked, or what goes to another coach, and who gave it until then.

    Never whoever did it.
    """
    said, before = message.payload, message.payload.get("before", {})
    gone = said.get("before_coach_id")
    by_id = said.get("moved_by_id") or (said.get("by_id", "") if gone else "")
    is_news = gone or (said.get("moved_by_id") and "starts_at" in before)
    if not is_news or not bookings:
        return []
    session = bookings[0].session
    payload = {
        **session_facts(session),
        "participant": ", ".join(dict.fromkeys(one.participant.name for one in bookings)),
        "before": {"starts_at": before.get("starts_at"), "time_zone": session.time_zone, "coach": name_before(message)},
    }
    kind = SLOT_MOVED if said.get("moved_by_id") else HANDED_OVER
    told = [Notice(kind, one, payload) for one in session.coach_ids if str(one) != by_id]
    if gone and gone != by_id and gone not in map(str, session.coach_ids):
        told.append(Notice(kind, UUID(gone), {**payload, "is_given_away": True}))
    return told


def name_before(message: OutboxMessage) -> str:
    """Who gave it until then; nothing where that is who gives it now."""
    gone = message.payload.get("before_coach_id")
    return str(User.objects.get(pk=gone)) if gone else ""
