"""What is told when somebody moves what they booked as a slot: to its coaches, and to themselves."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.people.models import User
from tenpo.schedule.models import Booking
from tenpo.schedule.policy_notifications import RESCHEDULED, roster_path, sentences, session_facts


def _say_moved(facts: Facts) -> Words:
    return Words(
        title=_("%(person)s moved %(session)s") % {"person": facts["participant"], "session": facts["session"]},
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


def confirm_to_who_moved(message: OutboxMessage, notices: Sequence[Notice]) -> list[Notice]:
    """The same notices of a changed session, but for whoever moved it: what they did is confirmed to them."""
    by = message.payload.get("moved_by_id")
    return [_confirmed(one) if by and str(one.user_id) == by else one for one in notices]


def _confirmed(notice: Notice) -> Notice:
    before = {**notice.payload["before"], "time_zone": notice.payload.get("time_zone", "")}
    return replace(notice, kind=RESCHEDULED, payload={**notice.payload, "before": before})


def tell_its_coaches(message: OutboxMessage, bookings: Sequence[Booking]) -> list[Notice]:
    """Those who give what was moved by whoever booked, and who gave it until then; never whoever moved it."""
    said = message.payload
    before, gone = said.get("before", {}), said.get("before_coach_id")
    if not said.get("moved_by_id") or not bookings or not (gone or "starts_at" in before):
        return []
    session = bookings[0].session
    payload = {
        **session_facts(session),
        "participant": ", ".join(dict.fromkeys(one.participant.name for one in bookings)),
        "before": {"starts_at": before.get("starts_at"), "time_zone": session.time_zone, "coach": name_before(message)},
    }
    told = [Notice(SLOT_MOVED, one, payload) for one in session.coach_ids if str(one) != said["moved_by_id"]]
    if gone and gone != said["moved_by_id"] and gone not in map(str, session.coach_ids):
        told.append(Notice(SLOT_MOVED, UUID(gone), {**payload, "is_given_away": True}))
    return told


def name_before(message: OutboxMessage) -> str:
    """Who gave it until then; nothing where that is who gives it now."""
    gone = message.payload.get("before_coach_id")
    return str(User.objects.get(pk=gone)) if gone else ""
