"""Sessions by video: their room, the way in, and what the provider tells."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router

from tenpo.core.api import ApiRequest, InSchema, OutSchema, problem, problems
from tenpo.core.limits import hit
from tenpo.schedule.actions.video_rooms import (
    drop_video_room,
    end_video_room,
    join_session,
    receive_room_event,
    set_video_room,
)
from tenpo.schedule.api.sessions import managed, visible_session
from tenpo.schedule.video import VIDEO_PROVIDERS
from tenpo.schedule.video.base import BadSignature
from tenpo.schedule.video_models import VideoRoom
from tenpo.schedule.video_queries import joinable_by

router = Router(tags=["Sessions"])


class VideoRoomIn(InSchema):
    """By which provider a session is held."""

    model_config = {"json_schema_extra": {"example": {"provider": "jitsi"}}}

    provider: Annotated[str, Field(max_length=20, description="`plugnmeet`, `bigbluebutton` or `jitsi`.")]


class VideoRoomOut(OutSchema):
    """Where a session is held by video. How one gets in stands nowhere: each asks for their own way."""

    provider: str
    opened_at: datetime | None
    ended_at: datetime | None


class JoinOut(OutSchema):
    """One person's way in, for now."""

    url: Annotated[str, Field(description="For the caller alone; where the provider can, it works for five minutes.")]


@router.get(
    "/sessions/{uuid:session_id}/video-room",
    response={200: VideoRoomOut | None, **problems(403, 404)},
    summary="See where a session is held by video",
)
def get_video_room(request: ApiRequest, session_id: UUID) -> Any:
    """For the session's coach and admins; null where there is no room."""
    session = managed(request.user, session_id)
    return VideoRoom.objects.visible_to(request.user).filter(session=session).first()


@router.put(
    "/sessions/{uuid:session_id}/video-room",
    response={200: VideoRoomOut, **problems(403, 404, 409)},
    summary="Hold a session by video",
)
def put_video_room(request: ApiRequest, session_id: UUID, body: VideoRoomIn) -> Any:
    """In a room of this provider; it is opened when the first one goes in. 409 `not_offered`, `over`, `opened`."""
    return set_video_room(visible_session(request.user, session_id), body.provider, by=request.user)


@router.delete(
    "/sessions/{uuid:session_id}/video-room",
    response={204: None, **problems(403, 404, 409)},
    summary="Do without a video room",
)
def delete_video_room(request: ApiRequest, session_id: UUID) -> tuple[int, None]:
    """While nobody was in it. 409 `opened`."""
    drop_video_room(visible_session(request.user, session_id), by=request.user)
    return 204, None


@router.post(
    "/sessions/{uuid:session_id}/video-room/end",
    response={204: None, **problems(403, 404, 409)},
    summary="Close the video room",
)
def post_video_room_end(request: ApiRequest, session_id: UUID) -> tuple[int, None]:
    """For everybody. Closing again closes nothing. 409 `no_answer` when the provider does not answer."""
    end_video_room(visible_session(request.user, session_id), by=request.user)
    return 204, None


@router.post(
    "/sessions/{uuid:session_id}/join", response={200: JoinOut, **problems(404, 409)}, summary="Go into a session"
)
def post_session_join(request: ApiRequest, session_id: UUID) -> dict[str, str]:
    """For its coach and whoever has a place, from a quarter of an hour before the start until the end.

    409 `no_room`, `not_planned`, `too_early`, `too_late`, `no_answer`.
    """
    session = get_object_or_404(joinable_by(request.user), pk=session_id)
    hit("join-user", request.user.pk)
    return {"url": join_session(session, by=request.user)}


@router.post(
    "/video/webhooks/{provider}",
    auth=None,
    response={200: None, **problems(400, 404)},
    summary="Receive a room's event",
)
def receive_video_event(request: HttpRequest, provider: str) -> HttpResponse:
    """Where a provider of video rooms tells who came and went. Its signature says who it is; repeats do nothing."""
    if provider not in VIDEO_PROVIDERS:
        raise Http404
    try:
        receive_room_event(provider, request.headers, request.body)
    except BadSignature:
        return problem(400, "bad_signature", _("This event is not signed by the provider."))
    return HttpResponse(status=200)
