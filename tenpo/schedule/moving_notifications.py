"""What is told when somebody moves what they booked as a slot: to its coaches, and to themselves."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.schedule.models import Booking
from tenpo.schedule.policy_notifications import RESCHEDULED, roster_path, sentences, session_facts


def _say_moved(facts: Facts) -> Words:
    before, is_given_away = facts.part("before"), "is_given_away" in facts
    now_with = _("It is with %(coach)s now.") % {"coach": facts["coach"]} if is_given_away else ""
    return Words(
        title=_("%(person)s moved %(session)s") % {"person": facts["participant"], "session": facts["session"]},
        text=sentences(_("From %(before)s to %(when)s.") % {"before": before.when(), "when": facts.when()}, now_with),
        act=_("See your week") if is_given_away else _("See who comes"),
        path=path_to("schedule:week") if is_given_away else roster_path(facts),
    )


SLOT_MOVED = Kind(
    "coach.slot_moved", gettext_lazy("Somebody moves a time with you that they booked"), Audience.COACH, _say_moved,
    icon="calendar-clock",
)  # fmt: skip


def confirm_to_who_moved(message: OutboxMessage, notices: Sequence[Notice]) -> list[Notice]:
    """The same notices of a changed session, but for whoever moved it: what they did is confirmed to them."""
    by, before = message.payload.get("moved_by_id"), message.payload.get("before", {})
    if not by or "starts_at" not in before:
        return list(notices)
    return [_confirmed(one, before["starts_at"]) if str(one.user_id) == by else one for one in notices]


def _confirmed(notice: Notice, started_at: str) -> Notice:
    before = {"starts_at": started_at, "time_zone": notice.payload.get("time_zone", "")}
    return replace(notice, kind=RESCHEDULED, payload={**notice.payload, "before": before})


def tell_its_coaches(message: OutboxMessage, bookings: Sequence[Booking]) -> list[Notice]:
    """Those who give what was moved by whoever booked, and who gave it until then; never whoever moved it."""
    said = message.payload
    if not said.get("moved_by_id") or not bookings or "starts_at" not in said.get("before", {}):
        return []
    session = bookings[0].session
    zone = {"time_zone": session.time_zone}
    payload = {
        **session_facts(session),
        "participant": ", ".join(dict.fromkeys(one.participant.name for one in bookings)),
        "before": {"starts_at": said["before"]["starts_at"], **zone},
    }
    told = [Notice(SLOT_MOVED, one, payload) for one in session.coach_ids if str(one) != said["moved_by_id"]]
    gone = said.get("before_coach_id")
    if gone and gone != said["moved_by_id"] and gone not in map(str, session.coach_ids):
        told.append(Notice(SLOT_MOVED, UUID(gone), {**payload, "is_given_away": True}))
    return told
