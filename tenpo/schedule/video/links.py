"""Rooms that are nothing but an address: Jitsi's, under a name that nobody guesses, and whatever link a coach gave."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy

from tenpo.core import clock
from tenpo.schedule.models import Session
from tenpo.schedule.video.base import BadSignature, Person, RoomEvent, RoomRecording, VideoRole
from tenpo.schedule.video_models import VideoRoom


class _Address:
    """What is not known of a room that is an address alone."""

    def create(self, room: VideoRoom, session: Session) -> None:
        """It is there as soon as somebody comes."""

    def end(self, room: VideoRoom) -> None:
        """Nobody can close it but those who are in."""

    def is_active(self, room: VideoRoom) -> bool | None:
        return None

    def people(self, room: VideoRoom) -> list[str] | None:
        return None

    def recordings(self, room: VideoRoom) -> list[RoomRecording]:
        return []

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Sequence[RoomEvent]:
        raise BadSignature("an address tells nothing")


class Jitsi(_Address):
    """A Jitsi server: the room's name lets in; by a token, where it asks for one, one person does, and not for long."""

    name = "jitsi"
    label: Any = gettext_lazy("Jitsi")

    def join_url(self, room: VideoRoom, person: Person, *, until: datetime) -> str:
        address = f"{settings.JITSI_URL.rstrip('/')}/{quote(room.reference)}"
        if not settings.JITSI_SECRET:
            return address
        return f"{address}?jwt={_token(room, person, until)}"


class Link(_Address):
    """The link that the session's coach gave."""

    name = "link"
    label: Any = gettext_lazy("The link to join")

    def join_url(self, room: VideoRoom, person: Person, *, until: datetime) -> str:
        return room.session.join_link


def _token(room: VideoRoom, person: Person, until: datetime) -> str:
    """A JSON Web Token as Jitsi's Prosody reads it (HS256)."""
    user = {"id": person.ref, "name": person.name, "moderator": person.role == VideoRole.HOST}
    claims = {
        "aud": "jitsi",
        "iss": settings.JITSI_APP_ID,
        "sub": urlsplit(settings.JITSI_URL).hostname,
        "room": room.reference,
        "nbf": int(clock.now().timestamp()) - 10,
        "exp": int(until.timestamp()),
        "context": {"user": user},
    }
    signed = b".".join(_encoded(json.dumps(one).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = hmac.new(settings.JITSI_SECRET.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + _encoded(signature)).decode()


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
