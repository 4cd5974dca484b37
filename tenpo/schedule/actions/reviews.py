"""What participants and coaches say of each other."""

from datetime import timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.jobs import each_by_itself
from tenpo.core.limits import REVIEWS_TAKEN_DAYS
from tenpo.core.models import check_fields
from tenpo.core.outbox import publish
from tenpo.people.models import User
from tenpo.schedule.actions.seats import lock_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_review, reviewer_id
from tenpo.schedule.review_models import SessionReview

Side = SessionReview.Side


@transaction.atomic
def write_review(booking: Booking, *, side: SessionReview.Side, rating: int, comment: str, by: User) -> SessionReview:
    """Say what one side thinks of the other; writing again changes it while the other side cannot read it.

    `rating` is one to five. Both read what the other said once both wrote, or seven days after the end. The audit says
    that something was written, not what. Raises ValidationError; RuleError own_place, not_attended, too_early,
    too_late, is_open.
    """
    session = lock_session(booking.session_id)
    booking = Booking.objects.select_related("participant").get(pk=booking.pk)
    booking.session = session
    if not can_review(by, booking, is_coach=side == Side.COACH):
        raise PermissionDenied
    subject_id = reviewer_id(booking) if side == Side.COACH else session.coach_id
    if subject_id == by.pk:
        raise RuleError("own_place", _("Nobody reviews themselves."))
    found = SessionReview.objects.filter(session=session, participant=booking.participant_id, side=side)
    review = found.first() or SessionReview(
        session=session, participant_id=booking.participant_id, side=side, author=by, subject_id=subject_id
    )
    is_new = review._state.adding
    if not is_new and (review.rating, review.comment) == (rating, comment):
        return review
    _check_time(session)
    if booking.state != Booking.State.ATTENDED:
        raise RuleError("not_attended", _("Only who was there can say how it was."))
    if not is_new and found.opened().exists():
        raise RuleError("is_open", _("The other side can read it already, so it stays as it is."))
    review.rating, review.comment = rating, comment
    check_fields(review, "rating", "comment")
    _save(review, is_new=is_new, by=by)
    if is_new:
        publish("review.written", subject=review, booking_id=booking.pk)
        _open(session)
    return review


def open_reviews(limit: int = 200) -> int:
    """Tell people of reviews that nobody is blind for any more; returns of how many sessions. A job runs it."""
    due = SessionReview.objects.opened().filter(told_at=None).values_list("session", flat=True)
    sessions = sorted(set(due.order_by()[:limit]))
    return len(each_by_itself(sessions, _open_of, failure="reviews_not_opened"))


def is_open_for_reviews(session: Session) -> bool:
    """Whether something can be said of a session now."""
    return session.has_ended() and clock.now() <= session.ends_at + timedelta(days=REVIEWS_TAKEN_DAYS)


def _check_time(session: Session) -> None:
    if not session.has_ended():
        raise RuleError("too_early", _("Say it once the session is over."))
    if not is_open_for_reviews(session):
        words = _("What is said of a session is said within %(n)s days of it.")
        raise RuleError("too_late", words % {"n": REVIEWS_TAKEN_DAYS})


def _save(review: SessionReview, *, is_new: bool, by: User) -> None:
    if is_new:
        review.save(force_insert=True)
        record("review.written", by=by, on=review)
        return
    review.edited_at = clock.now()
    review.save(update_fields=["rating", "comment", "edited_at"])
    record("review.changed", by=by, on=review)


@transaction.atomic
def _open_of(session_id: UUID) -> None:
    _open(lock_session(session_id))


def _open(session: Session) -> None:
    """Tell who can read something of this session now, and was not told. Its lock is held."""
    for review in SessionReview.objects.filter(session=session, told_at=None).opened().order_by("id"):
        review.told_at = clock.now()
        review.save(update_fields=["told_at"])
        publish("review.opened", subject=review)
