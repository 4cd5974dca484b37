"""What a provider of video rooms must offer. None is asked inside a transaction: it may wait for a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from tenpo.schedule.models import Session
from tenpo.schedule.video_models import VideoRoom, VideoRoomEvent


class VideoTimeout(Exception):
    """The provider did not answer, or not what it should: nobody knows what became of it."""


class BadSignature(Exception):
    """An event that the provider did not send, or that cannot be read."""


class VideoRole(StrEnum):
    """What somebody may do in a room."""

    HOST = "host"
    GUEST = "guest"


@dataclass(frozen=True)
class Person:
    """Who goes in, as the provider is told: by an id of ours, which it gives back, and a name that others see."""

    ref: str
    name: str
    role: VideoRole


@dataclass(frozen=True)
class RoomEvent:
    """One thing that was told of a room, in the words that all providers share."""

    event_id: str
    kind: VideoRoomEvent.Kind
    room_ref: str
    at: datetime
    person_ref: str = ""
    connection: str = ""


@dataclass(frozen=True)
class RoomRecording:
    """A recording that the provider keeps."""

    id: str
    link: str
    seconds: int | None


class VideoProvider(Protocol):
    """One way to meet by video. What it does not know (who is in, recordings) it answers with None, or nothing."""

    name: str
    label: Any

    def create(self, room: VideoRoom, session: Session) -> None:
        """Have the room at the provider; making it again makes none. Raises VideoTimeout."""

    def join_url(self, room: VideoRoom, person: Person, *, until: datetime) -> str:
        """The address by which one person goes in; where it can, it lets in nobody else, and nobody after `until`."""

    def end(self, room: VideoRoom) -> None:
        """Close the room for everybody; closing again closes nothing. Raises VideoTimeout."""

    def is_active(self, room: VideoRoom) -> bool | None:
        """Whether anybody could be in it now; None where the provider does not say. Raises VideoTimeout."""

    def people(self, room: VideoRoom) -> list[str] | None:
        """Who is in now, by the ids that we gave them; None where the provider does not say. Raises VideoTimeout."""

    def recordings(self, room: VideoRoom) -> list[RoomRecording]:
        """What was recorded and is ready to be seen. Raises VideoTimeout."""

    def read_event(self, headers: Mapping[str, str], body: bytes) -> Sequence[RoomEvent]:
        """Verify and read a webhook; empty where it tells nothing of ours. Raises BadSignature."""
