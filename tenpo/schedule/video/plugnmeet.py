"""PlugNmeet: BigBlueButton's API under its key, and signed webhooks that say who came and went."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy

from tenpo.core import clock
from tenpo.schedule.video.base import BadSignature, RoomEvent
from tenpo.schedule.video.bigbluebutton import BigBlueButton
from tenpo.schedule.video_models import VideoRoomEvent

Kind = VideoRoomEvent.Kind
KINDS = {"participant_joined": Kind.JOINED, "participant_left": Kind.LEFT, "room_finished": Kind.ENDED}
# What two clocks may differ by.
LEEWAY = 60
HEADERS = ("Authorization", "Hash-Token")
MAX_TOKEN = 4_000


class PlugNmeet(BigBlueButton):
    """A PlugNmeet server of the operator's."""

    name = "plugnmeet"
    label: Any = gettext_lazy("PlugNmeet")

    def address(self) -> tuple[str, str]:
        key = settings.PLUGNMEET_KEY
        return f"{settings.PLUGNMEET_URL.rstrip('/')}/{key}/bigbluebutton/api", settings.PLUGNMEET_SECRET

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Sequence[RoomEvent]:
        token = next((headers[name] for name in HEADERS if headers.get(name)), "")
        check_token(token, body, key=settings.PLUGNMEET_KEY, secret=settings.PLUGNMEET_SECRET, now=clock.now())
        try:
            said = json.loads(body)
            kind = KINDS.get(said["event"])
            return [_event(said, kind)] if kind else []
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
            raise BadSignature("an event that cannot be read") from None


def check_token(token: str, body: bytes, *, key: str, secret: str, now: datetime) -> None:
    """Hold a webhook against its token: HS256, of this key, not expired, and of this very body. Raises BadSignature."""
    if not secret or len(token) > MAX_TOKEN:
        raise BadSignature("no secret, or no token")
    try:
        head, claims, signature = token.encode("ascii").split(b".")
        wanted = hmac.new(secret.encode(), head + b"." + claims, hashlib.sha256).digest()
        if not hmac.compare_digest(wanted, _decoded(signature)):
            raise BadSignature("signed by somebody else")
        if json.loads(_decoded(head)).get("alg") != "HS256":
            raise BadSignature("signed in another way")
        said = json.loads(_decoded(claims))
        moment = now.timestamp()
        is_now = float(said["exp"]) > moment - LEEWAY and float(said.get("nbf", 0)) < moment + LEEWAY
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if said["iss"] != key or not is_now or not hmac.compare_digest(digest, str(said["sha256"])):
            raise BadSignature("of another key, time or body")
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise BadSignature("no token") from None


def _decoded(part: bytes) -> bytes:
    return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _event(said: dict[str, Any], kind: VideoRoomEvent.Kind) -> RoomEvent:
    person = said.get("participant") or {}
    return RoomEvent(
        event_id=str(said["id"])[:120],
        kind=kind,
        room_ref=str(said["room"]["room_id"]),
        # Protobuf writes a whole number of 64 bits as text.
        at=datetime.fromtimestamp(int(said["created_at"]), UTC),
        person_ref=str(person.get("identity", "")) if kind != Kind.ENDED else "",
        connection=str(person.get("sid", ""))[:120] if kind != Kind.ENDED else "",
    )
