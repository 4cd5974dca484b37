"""What is told about a session that took place, and to whom."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.schedule.models import Booking
from tenpo.schedule.review_models import SessionReview


def _review_path(facts: Facts) -> str:
    return path_to("schedule:booking-review", facts["booking_id"])


def _say_waits(facts: Facts) -> Words:
    return Words(
        title=_("%(person)s wrote about %(session)s") % {"person": facts["author"], "session": facts["session"]},
        text=_("Say how it was for you, and you both read what the other wrote."),
        act=_("Write yours"),
        path=_review_path(facts),
    )


def _say_opened(facts: Facts) -> Words:
    return Words(
        title=_("Read what %(person)s wrote about %(session)s")
        % {"person": facts["author"], "session": facts["session"]},
        text=_("Nobody can change it any more."),
        act=_("Read it"),
        path=_review_path(facts),
    )


REVIEW_WAITS = Kind(
    "review.waits", gettext_lazy("The other side wrote about a session"), Audience.MEMBER, _say_waits, by_email=False,
    icon="star",
)  # fmt: skip
REVIEW_OPENED = Kind(
    "review.opened", gettext_lazy("You can read what was written about you"), Audience.MEMBER, _say_opened,
    by_email=False, icon="star",
)  # fmt: skip

MEETING_KINDS = (REVIEW_WAITS, REVIEW_OPENED)


def _to_subject(kind: Kind, message: OutboxMessage) -> list[Notice]:
    rows = SessionReview.objects.select_related("session", "participant", "author")
    review = rows.get(pk=message.subject_id)
    bookings = Booking.objects.filter(session=review.session_id, participant=review.participant_id).live()
    booking = bookings.first()
    if booking is None:
        return []
    by_coach = review.side == SessionReview.Side.COACH
    payload: dict[str, Any] = {
        "booking_id": str(booking.pk),
        "session": review.session.title,
        "author": str(review.author) if by_coach else review.participant.name,
    }
    return [Notice(kind, review.subject_id, payload)]


def on_review_written(message: OutboxMessage) -> list[Notice]:
    """The other side, unless they wrote before: then both are told that they can read."""
    review = SessionReview.objects.get(pk=message.subject_id)
    return [] if review.told_at else _to_subject(REVIEW_WAITS, message)


def on_review_opened(message: OutboxMessage) -> list[Notice]:
    """Whom it is about."""
    return _to_subject(REVIEW_OPENED, message)


MEETING_TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "review.written": on_review_written,
    "review.opened": on_review_opened,
}
