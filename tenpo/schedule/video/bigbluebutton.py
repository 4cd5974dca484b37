"""BigBlueButton's API, which PlugNmeet answers as well: signed addresses that answer with XML."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import httpx2
from django.conf import settings
from django.utils.translation import gettext_lazy

from tenpo.schedule.models import Session
from tenpo.schedule.video.base import BadSignature, Person, RoomEvent, RoomRecording, VideoRole, VideoTimeout
from tenpo.schedule.video_models import VideoRoom

SECONDS = 10.0
MAX_ANSWER = 1_000_000
NOT_FOUND = "notFound"
ROLES = {VideoRole.HOST: "MODERATOR", VideoRole.GUEST: "VIEWER"}
# So long after its planned end a room closes by itself at the provider.
SPARE_MINUTES = 30


class BigBlueButton:
    """A BigBlueButton server of the operator's. It is asked who is in, as its webhooks are signed by nobody."""

    name = "bigbluebutton"
    label: Any = gettext_lazy("BigBlueButton")

    def address(self) -> tuple[str, str]:
        """Where its API is, and the secret that signs what is asked."""
        return settings.BBB_URL.rstrip("/"), settings.BBB_SECRET

    def create(self, room: VideoRoom, session: Session) -> None:
        self._ask(
            "create",
            meetingID=room.reference,
            name=session.title,
            duration=session.minutes + SPARE_MINUTES,
            record="true",
            autoStartRecording="false",
            moderatorPW=self._password(room, VideoRole.HOST),
            attendeePW=self._password(room, VideoRole.GUEST),
        )

    def join_url(self, room: VideoRoom, person: Person, *, until: datetime) -> str:
        return self._url(
            "join",
            meetingID=room.reference,
            fullName=person.name,
            userID=person.ref,
            role=ROLES[person.role],
            password=self._password(room, person.role),
            redirect="true",
        )

    def end(self, room: VideoRoom) -> None:
        self._ask("end", meetingID=room.reference, password=self._password(room, VideoRole.HOST))

    def is_active(self, room: VideoRoom) -> bool | None:
        found = self._ask("isMeetingRunning", meetingID=room.reference)
        return found is not None and found.findtext("running") == "true"

    def people(self, room: VideoRoom) -> list[str] | None:
        found = self._ask("getMeetingInfo", meetingID=room.reference)
        if found is None:
            return []
        return [one.findtext("userID") or "" for one in found.iterfind("attendees/attendee")]

    def recordings(self, room: VideoRoom) -> list[RoomRecording]:
        found = self._ask("getRecordings", meetingID=room.reference, state="published")
        ready = [] if found is None else found.iterfind("recordings/recording")
        return [_recording(one) for one in ready if one.findtext("playback/format/url")]

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Sequence[RoomEvent]:
        raise BadSignature("BigBlueButton signs no events")

    def _password(self, room: VideoRoom, role: VideoRole) -> str:
        """What lets in as this role: the same each time, and known to nobody who does not know the secret."""
        secret = self.address()[1].encode()
        return hmac.new(secret, f"{role}:{room.reference}".encode(), hashlib.sha256).hexdigest()[:32]

    def _url(self, call: str, **parameters: Any) -> str:
        base, secret = self.address()
        query = urlencode(parameters)
        signed = hashlib.sha256(f"{call}{query}{secret}".encode()).hexdigest()
        return f"{base}/{call}?{query}&checksum={signed}"

    def _ask(self, call: str, **parameters: Any) -> ElementTree.Element | None:
        """What the server answers; None when it knows no such meeting. Raises VideoTimeout."""
        try:
            with open_client() as client:
                answer = client.get(self._url(call, **parameters))
        except httpx2.HTTPError as error:
            raise VideoTimeout(type(error).__name__) from error
        if answer.status_code != 200 or len(answer.content) > MAX_ANSWER or b"<!" in answer.content[:2_000]:
            raise VideoTimeout(f"{self.name} answers {answer.status_code}")
        try:
            # No document type came with it, so nothing in it can grow.
            found = ElementTree.fromstring(answer.content)  # noqa: S314 # nosec B314
        except ElementTree.ParseError:
            raise VideoTimeout(f"{self.name} answers no XML") from None
        if found.findtext("messageKey") == NOT_FOUND:
            return None
        if found.findtext("returncode") != "SUCCESS":
            raise VideoTimeout(f"{self.name} refuses: {(found.findtext('messageKey') or '')[:60]}")
        return found


def open_client() -> httpx2.Client:
    """A connection to the operator's server."""
    return httpx2.Client(timeout=SECONDS)


def _recording(found: ElementTree.Element) -> RoomRecording:
    minutes = found.findtext("playback/format/length") or ""
    return RoomRecording(
        id=found.findtext("recordID") or "",
        link=found.findtext("playback/format/url") or "",
        seconds=int(minutes) * 60 if minutes.isdigit() else None,
    )
