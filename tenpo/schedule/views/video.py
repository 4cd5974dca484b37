"""Going into a session by video, and where it is held."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.people.models import User
from tenpo.schedule.actions.video_rooms import (
    JOIN_OPENS,
    drop_video_room,
    end_video_room,
    is_joinable,
    join_session,
    set_video_room,
)
from tenpo.schedule.video import offered_video
from tenpo.schedule.video_models import VideoRoom
from tenpo.schedule.video_queries import has_video, joinable_by
from tenpo.schedule.views.teaching import managed_session, teacher


@login_required
@require_http_methods(["GET", "POST"])
def session_join(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The door to the room, for its coach and whoever has a place; who goes through is sent on by a page of ours."""
    user = request.user
    assert isinstance(user, User)
    session = get_object_or_404(joinable_by(user), pk=session_id)
    if request.method == "POST":
        hit("join-user", user.pk)
        try:
            to = join_session(session, by=user)
        except RuleError as error:
            messages.error(request, str(error))
        else:
            return render(request, "schedule/session_leave.html", {"to": to, "session": session})
    context = {
        "session": session,
        "has_room": has_video(session),
        "is_open": is_joinable(session),
        "opens_at": session.starts_at - JOIN_OPENS,
    }
    return render(request, "schedule/session_join.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def session_video(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Where a session is held by video: chosen, dropped, or closed for everybody."""
    user = teacher(request)
    session = managed_session(user, session_id)
    offered = offered_video()
    if request.method == "POST":
        act = request.POST.get("act", "")
        if act not in ("drop", "end", *offered):
            raise Http404
        try:
            if act == "drop":
                drop_video_room(session, by=user)
            elif act == "end":
                end_video_room(session, by=user)
            else:
                set_video_room(session, act, by=user)
        except RuleError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("Saved."))
        return redirect("schedule:session-video", session.pk)
    room = VideoRoom.objects.filter(session=session).first()
    context = {"session": session, "room": room, "offered": offered.values(), "is_over": session.has_ended()}
    return render(request, "schedule/session_video.html", context)
