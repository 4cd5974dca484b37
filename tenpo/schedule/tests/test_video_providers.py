"""Providers of video rooms: what they are asked, what they answer, and webhooks that nobody else can write."""

import base64
import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest
from django.utils import timezone
from livekit.api import AccessToken, TokenVerifier, WebhookReceiver

from tenpo.schedule.models import Session
from tenpo.schedule.tests.video_double import KEY, SECRET, URL, Double, xml
from tenpo.schedule.video import offered_video, video_provider_of
from tenpo.schedule.video.base import BadSignature, Person, VideoRole, VideoTimeout
from tenpo.schedule.video_models import VideoRoom

HOST = Person("cora", "Cora & Carl", VideoRole.HOST)
GUEST = Person("mina", "Mina <b>", VideoRole.GUEST)
BODY: dict[str, Any] = {
    "event": "participant_joined",
    "id": "0192-event",
    "created_at": "1795000000",
    "room": {"sid": "RM_1", "room_id": "room-1"},
    "participant": {"sid": "PA_1", "identity": "mina", "name": "Mina"},
}


@pytest.fixture(autouse=True)
def servers(settings):
    settings.PLUGNMEET_URL, settings.PLUGNMEET_KEY, settings.PLUGNMEET_SECRET = f"{URL}/", KEY, SECRET
    settings.BBB_URL, settings.BBB_SECRET = f"{URL}/bigbluebutton/api", SECRET
    settings.JITSI_URL, settings.JITSI_APP_ID, settings.JITSI_SECRET = "https://jitsi.example", "tenpo", ""


@pytest.fixture
def double(monkeypatch):
    found = Double()
    transport = httpx2.MockTransport(found.answer)
    monkeypatch.setattr("tenpo.schedule.video.bigbluebutton.open_client", lambda: httpx2.Client(transport=transport))
    return found


def room(provider: str = "plugnmeet") -> VideoRoom:
    return VideoRoom(session=session(), provider=provider, reference="room-1")


def session() -> Session:
    start = timezone.now()
    return Session(
        title="Breathing & rest", starts_at=start, ends_at=start + timedelta(hours=1), join_link=f"{URL}/own"
    )


def token(body: bytes, *, key: str = KEY, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """What PlugNmeet sends, signed by somebody else's code."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    usual = {"iss": key, "exp": int(time.time()) + 300, "nbf": int(time.time()), "sha256": digest}
    wanted = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(wanted, secret, algorithm=algorithm)


def read(body: bytes, sent: str, header: str = "Authorization") -> Any:
    return video_provider_of("plugnmeet").read_event({header: sent}, body)


@pytest.mark.parametrize("provider", ["plugnmeet", "bigbluebutton"])
def test_a_room_is_made_once_and_each_goes_in_as_who_they_are(provider, double):
    ours = video_provider_of(provider)
    for _ in range(2):
        ours.create(room(provider), session())
    assert (list(double.meetings), double.asked) == (["room-1"], ["create", "create"])

    until = timezone.now()
    urls = [urlsplit(ours.join_url(room(provider), person, until=until)) for person in (HOST, GUEST)]
    asked = [parse_qs(url.query) for url in urls]
    assert [(one["userID"], one["fullName"], one["role"]) for one in asked] == [
        (["cora"], ["Cora & Carl"], ["MODERATOR"]),
        (["mina"], ["Mina <b>"], ["VIEWER"]),
    ]
    meeting = double.meetings["room-1"]
    assert [one["password"][0] for one in asked] == [meeting["moderatorPW"], meeting["attendeePW"]]
    assert meeting["moderatorPW"] != meeting["attendeePW"]
    path = f"/{KEY}/bigbluebutton/api/join" if provider == "plugnmeet" else "/bigbluebutton/api/join"
    for url in urls:
        query, _, checksum = url.query.rpartition("&checksum=")
        assert (url.path, checksum) == (path, hashlib.sha256(f"join{query}{SECRET}".encode()).hexdigest())


def test_who_is_in_and_whether_it_is_over(double):
    ours = video_provider_of("bigbluebutton")
    assert (ours.people(room()), ours.is_active(room())) == ([], False)
    ours.create(room(), session())
    double.people["room-1"] = ["mina", "cora"]

    assert (ours.people(room()), ours.is_active(room())) == (["mina", "cora"], True)
    for _ in range(2):
        ours.end(room())
    assert "room-1" not in double.meetings


def test_recordings_that_can_be_seen(double):
    double.recorded["room-1"] = [("rec-1", "https://meet.example/rec-1", 29), ("rec-2", "", 0)]

    [found] = video_provider_of("bigbluebutton").recordings(room())

    assert (found.id, found.link, found.seconds) == ("rec-1", "https://meet.example/rec-1", 29 * 60)


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(500, text="down"),
        httpx2.Response(200, text="no XML"),
        httpx2.Response(200, text='<!DOCTYPE r [<!ENTITY a "b">]><response>&a;</response>'),
        httpx2.Response(200, content=b"<response>" + b" " * 1_000_001),
        xml("<returncode>FAILED</returncode><messageKey>checksumError</messageKey>"),
    ],
)
def test_what_is_no_answer_says_nothing(answer, double):
    double.says = lambda request: answer

    for ask in ("people", "is_active", "end", "recordings"):
        with pytest.raises(VideoTimeout):
            getattr(video_provider_of("bigbluebutton"), ask)(room())


def test_a_line_that_is_cut_says_nothing(double):
    def cut(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("cut")

    double.says = cut

    with pytest.raises(VideoTimeout):
        video_provider_of("plugnmeet").create(room(), session())


@pytest.mark.parametrize("header", ["Authorization", "Hash-Token"])
def test_an_event_that_was_signed_is_read(header):
    body = json.dumps(BODY).encode()

    [event] = read(body, token(body), header)

    assert (event.event_id, event.kind, event.room_ref) == ("0192-event", "joined", "room-1")
    assert (event.person_ref, event.connection, event.at) == ("mina", "PA_1", datetime.fromtimestamp(1795000000, UTC))


@pytest.mark.parametrize(
    ("name", "kind"), [("participant_left", "left"), ("room_finished", "ended"), ("track_published", None)]
)
def test_what_events_mean(name, kind):
    body = json.dumps({**BODY, "event": name}).encode()

    assert [event.kind for event in read(body, token(body))] == ([kind] if kind else [])


def test_what_was_forged_is_refused(settings):
    body = json.dumps(BODY).encode()
    unsigned = jwt.encode({"iss": KEY, "exp": time.time() + 60, "sha256": ""}, "", algorithm="none")
    old = int(time.time()) - 3_600
    wrong = {
        "another secret": token(body, secret=SECRET[::-1]),
        "another key": token(body, key="another"),
        "another body": token(body + b" "),
        "expired": token(body, exp=old),
        "not yet": token(body, nbf=int(time.time()) + 3_600),
        "for ever": token(body, exp=None),
        "another way to sign": token(body, algorithm="HS512"),
        "unsigned": unsigned,
        "nothing": "",
        "no token": "a.b.c",
        "no base64": "ä.ö.ü",
        "with a word before": f"Bearer {token(body)}",
        "long": token(body) + "A" * 5_000,
    }
    for what, sent in wrong.items():
        with pytest.raises(BadSignature):
            raise AssertionError(what, read(body, sent))

    settings.PLUGNMEET_SECRET = ""
    with pytest.raises(BadSignature):
        read(body, token(body))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"event": "participant_joined"}', json.dumps({**BODY, "created_at": "x"}).encode(),
     json.dumps({**BODY, "created_at": "9" * 30}).encode(), json.dumps({**BODY, "room": None}).encode(), b"\xff"],
)  # fmt: skip
def test_what_was_signed_and_cannot_be_read_is_refused(body):
    with pytest.raises(BadSignature):
        read(body, token(body))


def test_livekits_own_sender_is_understood_and_its_own_reader_agrees():
    body = json.dumps(BODY).encode()
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    sent = AccessToken(KEY, SECRET).with_sha256(digest).to_jwt()
    reader = WebhookReceiver(TokenVerifier(KEY, SECRET))

    [event] = read(body, sent)
    theirs = reader.receive(body.decode(), token(body))

    assert (event.event_id, event.connection) == (theirs.id, theirs.participant.sid)
    # What is not of this body both refuse.
    other = body.replace(b"mina", b"otto")
    with pytest.raises(BadSignature):
        read(other, sent)
    with pytest.raises(Exception, match="hash mismatch"):
        reader.receive(other.decode(), sent)


def test_jitsis_room_is_a_name_and_where_asked_for_a_token(settings):
    ours, until = video_provider_of("jitsi"), timezone.now() + timedelta(minutes=5)
    assert ours.join_url(room("jitsi"), GUEST, until=until) == "https://jitsi.example/room-1"

    settings.JITSI_SECRET = "jitsi secret of thirty-two bytes"
    for person, moderator in ((HOST, True), (GUEST, False)):
        address, _, sent = ours.join_url(room("jitsi"), person, until=until).partition("?jwt=")
        said = jwt.decode(sent, settings.JITSI_SECRET, algorithms=["HS256"], audience="jitsi", issuer="tenpo")
        assert (address, said["sub"], said["room"]) == ("https://jitsi.example/room-1", "jitsi.example", "room-1")
        assert said["context"]["user"] == {"id": person.ref, "name": person.name, "moderator": moderator}
        assert said["exp"] == int(until.timestamp())


def test_a_link_is_the_sessions_own():
    assert video_provider_of("link").join_url(room("link"), GUEST, until=timezone.now()) == f"{URL}/own"


def test_only_what_is_switched_on_is_offered(settings):
    assert set(offered_video()) == {"plugnmeet", "bigbluebutton", "jitsi"}

    settings.PLUGNMEET_SECRET = settings.BBB_URL = settings.JITSI_URL = ""

    assert set(offered_video()) == set()
