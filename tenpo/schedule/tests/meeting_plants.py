"""Sessions that took place, and what breaks each of their invariants, for `tests/test_invariants.py`."""

from datetime import timedelta

from tenpo.people.models import User
from tenpo.schedule.actions.check_in import check_in, check_out
from tenpo.schedule.actions.notes import write_note
from tenpo.schedule.actions.resources import add_link
from tenpo.schedule.tests.meeting_make import make_attended, make_begun, make_video_room, review

HERE = "SELECT id FROM schedule_attendance WHERE left_at IS NULL ORDER BY id LIMIT 1"
REVIEW = "SELECT id FROM schedule_sessionreview ORDER BY id LIMIT 1"

MEETING_PLANTS: dict[str, str | list[str]] = {
    "stay-is-of-somebody-who-has-a-place": f"""
        UPDATE schedule_attendance SET participant_id = uuidv7() WHERE id = ({HERE})""",
    "nobody-is-there-twice-at-once": f"""
        INSERT INTO schedule_attendance (session_id, participant_id, source, joined_at, noted_by_id)
        SELECT session_id, participant_id, source, now(), noted_by_id FROM schedule_attendance WHERE id = ({HERE})""",
    "stay-ends-with-its-session": f"""
        UPDATE schedule_session SET starts_at = now() - interval '4 hours', ends_at = now() - interval '3 hours'
        WHERE id = (SELECT session_id FROM schedule_attendance WHERE id = ({HERE}))""",
    "who-was-checked-in-did-come": f"""
        WITH stay AS (SELECT session_id, participant_id FROM schedule_attendance WHERE id = ({HERE}))
        UPDATE schedule_booking b SET state = 'no_show' FROM stay
        WHERE b.session_id = stay.session_id AND b.participant_id = stay.participant_id""",
    "review-is-between-who-was-there": f"""
        UPDATE schedule_sessionreview SET author_id = uuidv7() WHERE id = ({REVIEW})""",
    "review-is-one-of-each-side": f"UPDATE schedule_sessionreview SET rating = 6 WHERE id = ({REVIEW})",
    "review-is-opened-in-time": f"""
        WITH old AS (UPDATE schedule_session
            SET starts_at = now() - interval '9 days', ends_at = now() - interval '8 days'
            WHERE id = (SELECT session_id FROM schedule_sessionreview WHERE id = ({REVIEW})) RETURNING id)
        UPDATE schedule_sessionreview SET told_at = NULL WHERE id = ({REVIEW})""",
    "note-is-its-coachs": "UPDATE schedule_sessionnote SET author_id = uuidv7()",
    "resource-is-a-file-or-a-link": "UPDATE schedule_sessionresource SET link = ''",
    "stay-in-a-room-was-told": "UPDATE schedule_videoroomevent SET at = at - interval '1 minute'",
    "video-room-is-over-after-its-session": """
        WITH old AS (UPDATE schedule_session
            SET starts_at = now() - interval '7 hours', ends_at = now() - interval '6 hours'
            WHERE id = (SELECT session_id FROM schedule_videoroom) RETURNING id)
        DELETE FROM schedule_attendance WHERE session_id IN (SELECT id FROM old)""",
    "video-room-event-counts-once": """
        INSERT INTO schedule_videoroomevent (room_id, event_id, kind, person_ref, connection, at)
        SELECT room_id, event_id, kind, person_ref, connection, at FROM schedule_videoroomevent LIMIT 1""",
}
# What cannot be broken alone: invariant → what its plant breaks as well.
MEETING_ALSO = {
    "review-is-opened-in-time": {"booking-claims-its-sessions-time", "past-session-is-completed"},
    "video-room-is-over-after-its-session": {"booking-claims-its-sessions-time"},
    "stay-ends-with-its-session": {"booking-claims-its-sessions-time"},
    "who-was-checked-in-did-come": {"booking-is-as-last-recorded"},
}


def make_meetings(admin: User) -> None:
    """A session under way: somebody is there, and somebody has gone."""
    first = make_begun(begun_ago=timedelta(minutes=20))
    check_in(first, by=admin)
    gone = make_begun(begun_ago=timedelta(minutes=20))
    check_in(gone, by=admin)
    check_out(gone, by=admin)
    make_video_room(gone)
    said = make_attended()
    review(said, by=said.booked_by)
    review(said, by=said.session.coach)
    add_link(said.session, "https://video.example.com/1", kind="recording", name="Film", by=admin)
    write_note(said.session, about=said.participant, text="Knee", by=said.session.coach)
