"""What is told of sessions that are called off at once: to each person once, with all their dates."""

from collections.abc import Callable

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Notice
from tenpo.schedule.booking_notifications import SESSION_CANCELLED
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.session_coach_queries import name_coaches
from tenpo.schedule.several_notifications import facts_of_sessions
from tenpo.schedule.together_notifications import CALLED_OFF
from tenpo.schedule.told_people import for_whom_of, given_with_others, ids_of, of_each


def on_cancelled_together(message: OutboxMessage) -> list[Notice]:
    """Each whose places are gone with them, whoever booked with what came back of all; and who gives some with others,
    but for whoever called them off.
    """
    said = message.payload
    rows = Session.objects.filter(pk__in=said["session_ids"]).select_related("coach")
    sessions = list(rows.order_by("starts_at", "id"))
    name_coaches(sessions)
    reason = {"reason": said["reason"]} if said["reason"] else {}
    gone = Booking.objects.filter(pk__in=said["booking_ids"]).select_related("participant")
    notices = []
    for person, theirs in of_each(gone.order_by("session__starts_at", "id")).items():
        mine = {booking.session_id for booking in theirs}
        facts = facts_of_sessions([session for session in sessions if session.pk in mine])
        more = {**reason, **for_whom_of(person, theirs), **said["back"].get(str(person), {})}
        notices.append(Notice(SESSION_CANCELLED, person, {**facts, **more, **ids_of(theirs)}))
    for one, given in given_with_others(sessions).items():
        if str(one) != said["by_id"]:
            notices.append(Notice(CALLED_OFF, one, {**facts_of_sessions(given), **reason}))
    return notices


CALLED_OFF_TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "session.cancelled_together": on_cancelled_together,
}
