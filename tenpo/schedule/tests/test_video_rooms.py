"""Who goes into a session by video, and what its stays come to, whatever was told, lost, repeated or out of order."""

import base64
import hashlib
import itertools
import json
import time
from datetime import datetime, timedelta
from typing import Any

import httpx2
import jwt
import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import told
from tenpo.core.errors import RuleError
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule import jobs
from tenpo.schedule.actions import video_rooms
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.check_in import settle_attendance
from tenpo.schedule.actions.video_rooms import (
    drop_video_room,
    end_video_room,
    join_session,
    receive_room_event,
    set_video_room,
    take_in,
)
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.attendance_models import Attendance
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.resource_models import SessionResource
from tenpo.schedule.stays import room_stays
from tenpo.schedule.tests.make import set_times
from tenpo.schedule.tests.meeting_make import make_begun
from tenpo.schedule.tests.video_double import KEY, SECRET, URL, Double
from tenpo.schedule.video.base import RoomEvent
from tenpo.schedule.video_models import VideoRoom, VideoRoomEvent
from tests.at_once import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
JOINED, LEFT, ENDED = VideoRoomEvent.Kind


@pytest.fixture(autouse=True)
def server(settings, monkeypatch):
    settings.PLUGNMEET_URL, settings.PLUGNMEET_KEY, settings.PLUGNMEET_SECRET = URL, KEY, SECRET
    found = Double()
    transport = httpx2.MockTransport(found.answer)
    monkeypatch.setattr("tenpo.schedule.video.bigbluebutton.open_client", lambda: httpx2.Client(transport=transport))
    return found


def make_room(*, begun_ago: timedelta = 20 * MINUTE, **wanted: Any) -> tuple[Booking, VideoRoom]:
    """A session under way in a room into which its coach went."""
    booking = make_begun(begun_ago=begun_ago, **wanted)
    with time_machine.travel(booking.session.starts_at):
        room = set_video_room(booking.session, "plugnmeet", by=booking.session.coach)
        join_session(booking.session, by=booking.session.coach)
    room.refresh_from_db()
    return booking, room


def event(room: VideoRoom, booking: Booking, name: str, minute: float, **wanted: Any) -> dict[str, Any]:
    at = booking.session.starts_at + minute * MINUTE
    body = {
        "event": name,
        "id": f"{name}-{minute}-{wanted.get('sid', 'PA_1')}",
        "created_at": str(int(at.timestamp())),
        "room": {"room_id": room.reference},
    }
    if name != "room_finished":
        who = wanted.get("who", booking.participant_id.hex)
        body["participant"] = {"sid": wanted.get("sid", "PA_1"), "identity": who}
    return body


def signed(body: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    content = json.dumps(body).encode()
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    claims = {"iss": KEY, "exp": int(time.time()) + 300, "sha256": digest}
    return {"Authorization": jwt.encode(claims, SECRET, algorithm="HS256")}, content


def tell(body: dict[str, Any]) -> int:
    return receive_room_event("plugnmeet", *signed(body))


def stays_of(booking: Booking) -> list[tuple[int, int | None]]:
    """In minutes from the start."""
    start = booking.session.starts_at.replace(microsecond=0)
    rows = Attendance.objects.filter(participant=booking.participant_id).in_room().order_by("joined_at")
    return [(minutes(row.joined_at - start), minutes(row.left_at - start) if row.left_at else None) for row in rows]


def minutes(length: timedelta) -> int:
    return round(length.total_seconds() / 60)


def refused(code: str, act: Any) -> None:
    with pytest.raises(RuleError) as refusal:
        act()
    assert refusal.value.code == code


# Who goes in


def test_the_coach_and_whoever_has_a_place_go_in_each_by_their_own_way(server):
    booking = make_begun()
    session, coach = booking.session, booking.session.coach
    room = set_video_room(session, "plugnmeet", by=coach)
    assert set_video_room(session, "plugnmeet", by=coach).pk == room.pk

    urls = [join_session(session, by=who) for who in (booking.booked_by, coach, booking.booked_by)]

    assert list(server.meetings) == [room.reference]
    assert f"userID={booking.participant_id.hex}&role=VIEWER" in urls[0]
    assert f"userID={coach.participant.pk.hex}&role=MODERATOR" in urls[1]
    room.refresh_from_db()
    assert room.opened_at is not None
    assert AuditLog.objects.filter(action="video_room.set").count() == 1


def test_nobody_else_is_told_the_way(server):
    booking = make_begun(begun_ago=-5 * MINUTE)
    session = booking.session
    Session.objects.filter(pk=session.pk).update(capacity=1)
    set_video_room(session, "plugnmeet", by=session.coach)
    waits, gone = make_member(), booking.booked_by
    join_waitlist(session, participant=waits.participant, by=waits)

    for other in (waits, make_member(), make_coach(), make_admin()):
        with pytest.raises(Http404):
            join_session(session, by=other)
    cancel_booking(booking, by=gone)
    with pytest.raises(Http404):
        join_session(session, by=gone)
    assert server.asked == []


@pytest.mark.parametrize(
    ("begun_ago", "code"),
    [(-16 * MINUTE, "too_early"), (-14 * MINUTE, ""), (59 * MINUTE, ""), (61 * MINUTE, "too_late")],
)
def test_from_a_quarter_of_an_hour_before_until_the_end(begun_ago, code, server):
    booking = make_begun(begun_ago=-60 * MINUTE)
    set_video_room(booking.session, "plugnmeet", by=booking.session.coach)
    start = timezone.now() - begun_ago
    set_times(Session.objects.filter(pk=booking.session_id), starts_at=start, ends_at=start + 60 * MINUTE)
    booking.session.refresh_from_db()

    if code:
        refused(code, lambda: join_session(booking.session, by=booking.booked_by))
        assert server.asked == []
    else:
        assert join_session(booking.session, by=booking.booked_by).startswith(URL)


def test_without_a_room_the_sessions_link_is_the_way():
    booking = make_begun()
    refused("no_room", lambda: join_session(booking.session, by=booking.booked_by))

    Session.objects.filter(pk=booking.session_id).update(join_link="https://zoom.example/1")
    booking.session.refresh_from_db()

    assert join_session(booking.session, by=booking.booked_by) == "https://zoom.example/1"
    with pytest.raises(Http404):
        join_session(booking.session, by=make_member())


def test_a_server_that_is_down_lets_nobody_in_and_nothing_is_kept(server):
    booking = make_begun()
    room = set_video_room(booking.session, "plugnmeet", by=booking.session.coach)
    server.says = lambda request: httpx2.Response(502)

    refused("no_answer", lambda: join_session(booking.session, by=booking.booked_by))
    room.refresh_from_db()
    assert room.opened_at is None
    server.says = None
    assert join_session(booking.session, by=booking.booked_by)


def test_a_room_is_chosen_changed_and_dropped_until_somebody_was_in(settings):
    settings.JITSI_URL = "https://jitsi.example"
    booking = make_begun()
    session, coach = booking.session, booking.session.coach
    refused("not_offered", lambda: set_video_room(session, "bigbluebutton", by=coach))

    first = set_video_room(session, "jitsi", by=coach)
    second = set_video_room(session, "plugnmeet", by=coach)
    assert first.reference != second.reference
    drop_video_room(session, by=coach)
    drop_video_room(session, by=coach)
    set_video_room(session, "plugnmeet", by=make_admin())
    join_session(session, by=coach)

    refused("opened", lambda: drop_video_room(session, by=coach))
    refused("opened", lambda: set_video_room(session, "jitsi", by=coach))
    for other in (booking.booked_by, make_coach()):
        for act in (set_video_room, end_video_room, drop_video_room):
            arguments: tuple[Any, ...] = ("jitsi",) if act is set_video_room else ()
            with pytest.raises(PermissionDenied):
                act(session, *arguments, by=other)


# What is told


def test_several_joins_add_up_and_the_person_has_attended():
    booking, room = make_room(begun_ago=50 * MINUTE)
    for name, minute, sid in (
        ("participant_joined", -5, "PA_1"),
        ("participant_left", 10, "PA_1"),
        ("participant_joined", 15, "PA_2"),
        ("participant_joined", 18, "PA_3"),
        ("participant_left", 20, "PA_2"),
        ("participant_left", 30, "PA_3"),
        ("participant_joined", 40, "PA_4"),
    ):
        assert tell(event(room, booking, name, minute, sid=sid)) == 1

    assert stays_of(booking) == [(-5, 10), (15, 30), (40, None)]
    settle_attendance()
    assert Booking.objects.get(pk=booking.pk).state == Booking.State.ATTENDED


def test_any_order_and_any_repeat_come_to_the_same():
    booking, room = make_room(begun_ago=40 * MINUTE)
    told_of = [
        event(room, booking, "participant_joined", 0),
        event(room, booking, "participant_left", 10),
        event(room, booking, "participant_joined", 20, sid="PA_2"),
        event(room, booking, "room_finished", 30),
    ]

    for order in itertools.permutations(told_of):
        VideoRoomEvent.objects.all().delete()
        Attendance.objects.all().delete()
        assert [tell(body) for body in (*order, *order)] == [1, 1, 1, 1, 0, 0, 0, 0]
        assert stays_of(booking) == [(0, 10), (20, 30)]


def test_the_coach_is_there_too_and_strangers_are_not():
    booking, room = make_room()
    coach = booking.session.coach

    for who in (coach.participant.pk.hex, make_member().participant.pk.hex, "somebody", ""):
        tell(event(room, booking, "participant_joined", 1, who=who, sid=f"PA_{who}"))

    assert [stay.participant_id for stay in Attendance.objects.all()] == [coach.participant.pk]


def test_an_event_of_no_room_of_ours_or_without_a_beginning_says_nothing():
    booking, room = make_room()

    assert tell({**event(room, booking, "participant_joined", 1), "room": {"room_id": "another"}}) == 0
    tell(event(room, booking, "participant_left", 5))

    assert Attendance.objects.count() == 0


def test_what_is_open_ends_with_the_session_and_what_comes_late_changes_it():
    booking, room = make_room(begun_ago=50 * MINUTE)
    tell(event(room, booking, "participant_joined", 10))
    with time_machine.travel(booking.session.ends_at + MINUTE):
        settle_attendance()
        assert stays_of(booking) == [(10, 60)]
        tell(event(room, booking, "participant_left", 30))
        assert stays_of(booking) == [(10, 30)]


def test_a_check_in_by_hand_stands_beside_what_the_room_says():
    booking, room = make_room()
    Attendance.objects.create(
        session=booking.session, participant=booking.participant, source="hand", noted_by=booking.session.coach,
        joined_at=booking.session.starts_at,
    )  # fmt: skip

    tell(event(room, booking, "participant_joined", 1))

    assert sorted(Attendance.objects.values_list("source", flat=True)) == ["hand", "room"]


@pytest.mark.django_db(transaction=True)
def test_the_same_event_five_times_at_once_counts_once():
    booking, room = make_room()
    told_of = RoomEvent("one", JOINED, room.reference, timezone.now(), booking.participant_id.hex, "PA_1")

    results = at_once([lambda: take_in(room, [told_of])] * 5)

    assert sorted(results) == [0, 0, 0, 0, 1]
    assert Attendance.objects.count() == 1


def test_the_stays_are_pure_of_what_was_told():
    start = datetime.fromisoformat("2027-03-01T10:00:00+00:00")

    def at(minute: int, kind: VideoRoomEvent.Kind, connection: str = "a") -> VideoRoomEvent:
        return VideoRoomEvent(
            event_id=f"{minute}{kind}{connection}", kind=kind, person_ref="mina", connection=connection,
            at=start + minute * MINUTE,
        )  # fmt: skip

    def stays(*events: VideoRoomEvent, now: int = 30) -> list[tuple[int, int | None]]:
        found = room_stays(events, ends_at=start + 60 * MINUTE, now=start + now * MINUTE).get("mina", [])
        return [(minutes(since - start), minutes(until - start) if until else None) for since, until in found]

    assert stays(at(0, JOINED)) == [(0, None)]
    assert stays(at(0, JOINED), now=60) == [(0, 60)]
    # Nobody is there for no time at all, nor twice at once; overtime is what it is.
    assert stays(at(5, JOINED), at(5, LEFT)) == []
    assert stays(at(0, JOINED), at(3, JOINED), at(5, LEFT)) == [(0, 5)]
    assert stays(at(0, JOINED), at(5, LEFT), at(5, JOINED, "b"), at(9, LEFT, "b")) == [(0, 9)]
    assert stays(at(0, JOINED), at(2, JOINED, "b"), at(5, ENDED), at(6, JOINED), now=90) == [(0, 5), (6, 60)]
    assert stays(at(50, JOINED), at(75, LEFT), now=90) == [(50, 75)]
    assert stays(at(65, JOINED), now=90) == []
    assert stays(at(65, JOINED), at(70, LEFT), now=90) == [(65, 70)]


# What was lost


def test_the_poll_finds_who_came_and_went_without_a_word(server):
    booking, room = make_room(begun_ago=30 * MINUTE)
    tell(event(room, booking, "participant_joined", 5))
    coach = booking.session.coach.participant.pk.hex
    server.people[room.reference] = [coach]

    jobs.reconcile_video_rooms(0)
    jobs.reconcile_video_rooms(0)

    assert stays_of(booking) == [(5, 30)]
    coachs = Attendance.objects.get(participant=booking.session.coach.participant)
    assert (coachs.left_at, abs(coachs.joined_at - timezone.now()) < MINUTE) == (None, True)


def test_a_server_that_does_not_answer_ends_nobodys_stay(server):
    booking, room = make_room(begun_ago=30 * MINUTE)
    tell(event(room, booking, "participant_joined", 5))
    server.says = lambda request: httpx2.Response(500)

    jobs.reconcile_video_rooms(0)

    assert stays_of(booking) == [(5, None)]


@pytest.mark.parametrize(("after", "inside", "is_over"), [(1, False, True), (1, True, False), (121, True, True)])
def test_a_room_is_over_when_nobody_is_in_or_two_hours_after(after, inside, is_over, server):
    booking, room = make_room()
    server.people[room.reference] = [booking.participant_id.hex] if inside else []

    with time_machine.travel(booking.session.ends_at + after * MINUTE):
        jobs.reconcile_video_rooms(0)

    room.refresh_from_db()
    assert (room.ended_at is not None) == is_over


def test_a_coach_closes_the_room_for_everybody(server):
    booking, room = make_room()
    tell(event(room, booking, "participant_joined", 5))

    end_video_room(booking.session, by=booking.session.coach)
    end_video_room(booking.session, by=booking.session.coach)

    assert room.reference not in server.meetings
    assert stays_of(booking) == [(5, 20)]
    # Before the end of the session it can be opened again.
    assert join_session(booking.session, by=booking.booked_by)
    assert room.reference in server.meetings


def test_recordings_are_kept_once_for_those_with_a_place(server):
    booking, room = make_room()
    server.recorded[room.reference] = [
        ("rec-1", "https://meet.example/rec-1", 29),
        ("rec-2", "http://meet.example/plain", 1),
    ]
    for hour in (1, 2, 3, 80):
        with time_machine.travel(booking.session.ends_at + timedelta(hours=hour)):
            jobs.reconcile_video_rooms(0)

    kept = SessionResource.objects.get()
    assert (kept.kind, kept.link, kept.duration_seconds, kept.is_public) == (
        "recording",
        "https://meet.example/rec-1",
        1740,
        False,
    )
    assert told(booking.booked_by).count("resource.added") == 1
    # In the first three days, and no more.
    assert server.asked.count("getRecordings") == 3


# Pages and API


def test_the_join_page_sends_on_by_a_page_of_ours(server):
    booking = make_begun(begun_ago=-10 * MINUTE)
    address = f"/sessions/{booking.session_id}/join/"
    coach, member = signed_in(booking.session.coach), signed_in(booking.booked_by)
    assert "no video room" in member.get(address).content.decode()
    assert coach.post(f"/teaching/{booking.session_id}/video/", {"act": "plugnmeet"}).status_code == 302
    assert address in member.get(f"/bookings/{booking.pk}/").content.decode()
    assert address in member.get(f"/sessions/{booking.session_id}/").content.decode()

    door = member.get(address).content.decode()
    assert ("Go in" in door, URL in door) == (True, False)
    through = member.post(address)
    text = through.content.decode()
    assert f"0; url={URL}" in text
    assert "no-store" in through["Cache-Control"]
    for other in (make_member(), make_admin()):
        client = signed_in(other)
        assert (client.get(address).status_code, client.post(address).status_code) == (404, 404)
        assert address not in client.get(f"/sessions/{booking.session_id}/").content.decode()


def test_the_room_on_the_coachs_page(server, settings):
    booking = make_begun()
    address = f"/teaching/{booking.session_id}/video/"
    client = signed_in(booking.session.coach)
    assert address in client.get(f"/teaching/{booking.session_id}/").content.decode()

    assert "Meet here" in client.get(address).content.decode()
    client.post(address, {"act": "plugnmeet"})
    assert "opens when the first one goes in" in client.get(address).content.decode()
    client.post(address, {"act": "drop"})
    assert not VideoRoom.objects.exists()
    assert client.post(address, {"act": "bigbluebutton"}).status_code == 404
    client.post(address, {"act": "plugnmeet"})
    join_session(booking.session, by=booking.booked_by)
    client.post(address, {"act": "end"})
    assert VideoRoomEvent.objects.get().kind == "ended"
    settings.PLUGNMEET_URL = settings.JITSI_URL = ""
    assert "No video server" in client.get(address).content.decode()


def test_by_api(server):
    booking = make_begun()
    address = f"/api/v1/sessions/{booking.session_id}"
    coach, member = signed_in(booking.session.coach), signed_in(booking.booked_by)

    def put(client: Client, provider: str) -> Any:
        return client.put(f"{address}/video-room", {"provider": provider}, content_type="application/json")

    assert coach.get(f"{address}/video-room").json() is None
    assert put(coach, "nothing").json()["code"] == "not_offered"
    assert put(coach, "plugnmeet").json() == {"provider": "plugnmeet", "opened_at": None, "ended_at": None}
    assert put(member, "plugnmeet").status_code == 403
    assert member.post(f"{address}/join").json()["url"].startswith(URL)
    assert signed_in(make_admin()).post(f"{address}/join").status_code == 404
    assert coach.delete(f"{address}/video-room").json()["code"] == "opened"
    assert coach.post(f"{address}/video-room/end").status_code == 204


def test_the_webhook_takes_what_is_signed_and_nothing_else():
    booking, room = make_room()
    headers, body = signed(event(room, booking, "participant_joined", 1))
    address = "/api/v1/video/webhooks/plugnmeet"

    def post(where: str, content: bytes, sent: dict[str, str]) -> int:
        return Client().post(where, content, content_type="application/json", headers=sent).status_code

    assert post(address, body.replace(b"joined", b"left"), headers) == 400
    assert post(address, body, {}) == 400
    assert [post(f"/api/v1/video/webhooks/{name}", body, headers) for name in ("jitsi", "link", "none")] == [
        400,
        400,
        404,
    ]
    assert Attendance.objects.count() == 0
    assert [post(address, body, headers), post(address, body, headers)] == [200, 200]
    assert (VideoRoomEvent.objects.count(), Attendance.objects.count()) == (1, 1)


@pytest.mark.parametrize(("silent_after", "asked"), [(-1.0, 1), (2.0, 3)], ids=["waits", "answers nonsense at once"])
def test_who_lets_us_wait_is_not_asked_about_every_room(silent_after, asked, server, monkeypatch):
    rooms = [make_room()[1] for _number in range(2)]
    over = make_room()[1]
    set_times(
        Session.objects.filter(pk=over.session_id),
        starts_at=timezone.now() - 4 * HOUR,
        ends_at=timezone.now() - 3 * HOUR,
    )
    tried = []
    monkeypatch.setattr(video_rooms, "SILENT_AFTER_SECONDS", silent_after)

    def nothing(request: httpx2.Request) -> httpx2.Response:
        tried.append(request.url.path.rpartition("/")[2])
        raise httpx2.ConnectTimeout("no answer")

    server.says = nothing
    jobs.reconcile_video_rooms(0)

    assert tried.count("getMeetingInfo") == asked
    # Whatever is said, or not, what is over for so long is closed.
    over.refresh_from_db()
    assert over.ended_at
    assert [VideoRoom.objects.get(pk=room.pk).ended_at for room in rooms] == [None, None]
