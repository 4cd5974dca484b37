"""Who was in a session, what was said of it and what is kept with it, as each source that has it shows it."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.people.tests.make import make_member
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.actions.resources import add_file, add_link
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.meeting_make import make_attended, make_stay, review

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def test_a_review_is_shown_once_it_can_be_read():
    booking = make_attended()
    member, coach = booking.booked_by, booking.session.coach
    review(booking, by=member, rating=4, comment="Calm")

    assert view_rows("peer_learning", "session_assessments") == []
    assert view_rows("fitness_coaching", "SessionParticipants")[0]["feedback_score"] is None
    review(booking, by=coach, rating=5)

    found = [
        (row["session_id"], row["assessor_id"], row["assessee_id"], row["rating"], row["comment"])
        for row in view_rows("peer_learning", "session_assessments")
    ]
    session = booking.session_id
    assert found == [(session, member.pk, coach.pk, 4, "Calm"), (session, coach.pk, member.pk, 5, None)]
    assert view_rows("fitness_coaching", "SessionParticipants") == [
        {"session_id": session, "customer_id": member.pk, "role": "PRIMARY", "attendance_status": "attended",
         "feedback_score": 4}
    ]  # fmt: skip


def test_a_review_of_long_ago_is_shown_alone():
    booking = make_attended()
    review(booking, by=booking.booked_by)
    long_ago = timezone.now() - timedelta(days=8)
    Session.objects.filter(pk=booking.session_id).update(starts_at=long_ago, ends_at=long_ago + timedelta(hours=1))

    assert [row["rating"] for row in view_rows("peer_learning", "session_assessments")] == [4]
    assert view_rows("fitness_coaching", "SessionParticipants")[0]["feedback_score"] == 4


def test_who_waits_is_on_the_waitlist():
    session = make_session(capacity=1)
    make_booking(session, make_member())
    waits = make_member()
    join_waitlist(session, participant=waits.participant, by=waits)

    [row] = view_rows("fitness_coaching", "SessionParticipants", customer_id=waits.pk)
    assert (row["role"], row["attendance_status"]) == ("WAITLIST", "waitlisted")


def test_a_stay_is_attendance():
    booking = make_attended()
    start = booking.session.starts_at
    make_stay(booking.session, booking.booked_by, joined_at=start, left_at=start + timedelta(minutes=5))
    make_stay(booking.session, booking.booked_by, joined_at=start + timedelta(minutes=9))

    found = view_rows("peer_learning", "session_attendance", user_id=booking.booked_by_id)

    assert [(row["joined_at"] - start, row["duration_seconds"]) for row in found] == [
        (timedelta(0), 300),
        (timedelta(minutes=9), None),
    ]


def test_files_and_links_are_resources():
    session = make_session()
    file = SimpleUploadedFile("slides.pdf", b"%PDF-1.7")
    kept = add_file(session, file, kind="slides", name="", by=session.coach)
    link = "https://video.example.com/1"
    add_link(session, link, kind="recording", name="Film", duration_seconds=90, is_public=True, by=session.coach)

    names = ("created_by", "type", "name", "r2_key", "size_bytes", "mime_type", "duration_seconds", "is_public")
    found = [tuple(row[name] for name in names) for row in view_rows("peer_learning", "session_resources")]

    coach = session.coach_id
    assert found == [
        (coach, "slide", "slides.pdf", kept.file_key, 8, "application/pdf", None, False),
        (coach, "recording", "Film", None, None, None, 90, True),
    ]
