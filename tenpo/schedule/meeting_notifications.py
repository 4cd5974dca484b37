"""What is told about a session that took place, and to whom."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.schedule.models import Booking
from tenpo.schedule.permissions import reviewer_id
from tenpo.schedule.resource_models import PLACED, SessionResource
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


def _say_resource(facts: Facts) -> Words:
    return Words(
        title=_("New with %(session)s: %(name)s") % {"session": facts["session"], "name": facts["name"]},
        text=_("It stands with your booking."),
        act=_("Look at it"),
        path=path_to("schedule:booking-detail", facts["booking_id"]),
    )


REVIEW_WAITS = Kind(
    "review.waits", gettext_lazy("The other side wrote about a session"), Audience.MEMBER, _say_waits, by_email=False,
    icon="star",
)  # fmt: skip
REVIEW_OPENED = Kind(
    "review.opened", gettext_lazy("You can read what was written about you"), Audience.MEMBER, _say_opened,
    by_email=False, icon="star",
)  # fmt: skip
RESOURCE_ADDED = Kind(
    "resource.added", gettext_lazy("Something new is kept with a session that you booked"), Audience.MEMBER,
    _say_resource, by_email=False, icon="file-text",
)  # fmt: skip

MEETING_KINDS = (REVIEW_WAITS, REVIEW_OPENED, RESOURCE_ADDED)


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


def on_resource_added(message: OutboxMessage) -> list[Notice]:
    """Whoever has a place; of each kind once for a session, however many files follow."""
    resource = SessionResource.objects.select_related("session").filter(pk=message.subject_id).first()
    if resource is None:
        return []
    once = f"resource:{resource.session_id}:{resource.kind}"
    bookings = Booking.objects.filter(session=resource.session_id, state__in=PLACED).select_related("participant")
    facts = {"session": resource.session.title, "name": resource.name}
    people = {reviewer_id(booking): booking.pk for booking in bookings.order_by("-id")}
    return [Notice(RESOURCE_ADDED, who, {**facts, "booking_id": str(pk)}, once=once) for who, pk in people.items()]


MEETING_TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "review.written": on_review_written,
    "resource.added": on_resource_added,
    "review.opened": on_review_opened,
}
