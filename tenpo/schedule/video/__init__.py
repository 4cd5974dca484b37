"""Providers of video rooms behind one shape: those that Tenpo knows, and those that this installation offers."""

from django.conf import settings

from tenpo.schedule.video.base import VideoProvider
from tenpo.schedule.video.bigbluebutton import BigBlueButton
from tenpo.schedule.video.links import Jitsi, Link
from tenpo.schedule.video.plugnmeet import PlugNmeet

VIDEO_PROVIDERS: dict[str, VideoProvider] = {one.name: one for one in (PlugNmeet(), BigBlueButton(), Jitsi(), Link())}


def offered_video() -> dict[str, VideoProvider]:
    """What can be chosen for a session here: those whose address and secret are set."""
    is_on = {
        PlugNmeet.name: bool(settings.PLUGNMEET_URL and settings.PLUGNMEET_KEY and settings.PLUGNMEET_SECRET),
        BigBlueButton.name: bool(settings.BBB_URL and settings.BBB_SECRET),
        Jitsi.name: bool(settings.JITSI_URL),
    }
    return {name: one for name, one in VIDEO_PROVIDERS.items() if is_on.get(name)}


def video_provider_of(name: str) -> VideoProvider:
    """The provider of that name; KeyError for one that we do not have."""
    return VIDEO_PROVIDERS[name]
