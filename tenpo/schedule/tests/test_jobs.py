"""What is done by itself for many: one that goes wrong keeps no other waiting, and is an error of ours."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from structlog.testing import capture_logs

from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION
from tenpo.people.tests.make import make_member
from tenpo.schedule import jobs
from tenpo.schedule.actions import check_in, lapsing, reviews, sessions
from tenpo.schedule.actions.sessions import complete_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.review_models import SessionReview
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.meeting_make import make_attended, make_begun, make_stay, move, review

pytestmark = pytest.mark.django_db
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def breaks_of(patch: pytest.MonkeyPatch, step: tuple[Any, str], session_id: UUID) -> None:
    """Let the database refuse whatever is done of one session, at its last step."""
    where, name = step
    do = getattr(where, name)

    def breaks(*args: Any, **kwargs: Any) -> Any:
        found = do(*args, **kwargs)
        if session_id in [getattr(one, "pk", one) for one in args]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return found

    patch.setattr(where, name, breaks)


def over_for(time: timedelta) -> Session:
    session = make_session()
    move(session, begun_ago=time)
    return session


def held() -> Session:
    return make_booking(make_session(), make_member(), card=NEEDS_CONFIRMATION).session


def was_there() -> Session:
    booking = make_begun(begun_ago=30 * MINUTE)
    make_stay(booking.session, booking.booked_by, joined_at=timezone.now() - 20 * MINUTE)
    return booking.session


def reviewed() -> Session:
    booking = make_attended()
    for who in (booking.booked_by, booking.session.coach):
        review(booking, by=who)
    SessionReview.objects.filter(session=booking.session).update(told_at=None)
    return booking.session


def is_completed(session: Session) -> bool:
    return Session.objects.get(pk=session.pk).status == "completed"


def is_released(session: Session) -> bool:
    return Session.objects.get(pk=session.pk).seats_taken == 0 and not session.bookings.live().exists()


def is_marked(session: Session) -> bool:
    return session.bookings.get().state == Booking.State.ATTENDED


def is_told(session: Session) -> bool:
    return not SessionReview.objects.filter(session=session, told_at=None).exists()


# What waits for a job, oldest first; the job, its last step, how long it waits, whether it was done, what is logged.
JOBS: list[tuple[Callable[[], Session], Any, tuple[Any, str], timedelta, Callable[[Session], bool], str]] = [
    (held, jobs.release_lapsed, (lapsing, "release_lapsed"), DAY, is_released, "hold_not_released"),
    (
        lambda: over_for(3 * DAY), jobs.complete_past_sessions, (sessions, "earn_splits"), timedelta(), is_completed,
        "session_not_completed",
    ),
    (was_there, jobs.settle_attendance, (check_in, "presence_in"), timedelta(), is_marked, "attendance_not_settled"),
    (reviewed, jobs.open_reviews, (reviews, "_open"), timedelta(), is_told, "reviews_not_opened"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "job", "step", "later", "is_done", "failure"), JOBS)
def test_one_that_goes_wrong_keeps_no_other_waiting(make, job, step, later, is_done, failure, monkeypatch):
    made = sorted((make() for _ in range(3)), key=lambda session: session.pk)
    assert not any(is_done(session) for session in made)

    with monkeypatch.context() as broken, capture_logs() as logs, time_machine.travel(timezone.now() + later):
        for session in made[:2]:
            breaks_of(broken, step, session.pk)
        job(0)

    assert [is_done(session) for session in made] == [False, False, True], "all or nothing of each"
    said = [line for line in logs if line["event"] == failure]
    assert {line["row_id"] for line in said} == {str(session.pk) for session in made[:2]}
    assert all(line["log_level"] == "error" and line["exc_info"] for line in said)
    # The next run makes up for it.
    with time_machine.travel(timezone.now() + later):
        job(0)
    assert all(is_done(session) for session in made)


def test_a_session_whose_people_are_being_marked_all_the_time_says_so(monkeypatch):
    session = over_for(2 * DAY)
    monkeypatch.setattr(sessions, "settle_no_shows", lambda _session, _absent: False)

    with pytest.raises(RuleError) as refusal:
        complete_session(session, by=None)

    assert refusal.value.code == "changed_meanwhile"
    assert not is_completed(session)
