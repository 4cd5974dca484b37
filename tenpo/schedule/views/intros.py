"""A visitor's own pages, by their link: confirm, look at it, move it, give it up, go in; and the mark of its coach."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.limits import INTRO_HELD_MINUTES
from tenpo.core.networks import counted, hit_from
from tenpo.core.tokens import hash_token
from tenpo.people.http import attempt
from tenpo.schedule.actions.intros import cancel_intro, confirm_intro, mark_intro, move_intro
from tenpo.schedule.actions.video_rooms import JOIN_OPENS, is_joinable, join_intro
from tenpo.schedule.find_forms import WishForm
from tenpo.schedule.find_queries import Seeker, find_times, moment_of, with_offer
from tenpo.schedule.ical import intro_file
from tenpo.schedule.models import Intro, Service
from tenpo.schedule.video_queries import has_video
from tenpo.schedule.views.teaching import managed_session, teacher


class NoSuchLink(Http404):
    """A visitor's link that is not right, or whose time is long over: there is no account to go back to."""


def by_link(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A visitor's page by their link; who has a wrong one reads so, and where times are found."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NoSuchLink:
            return render(request, "schedule/intro_link_wrong.html", status=404)

    return guarded


@require_safe
def intro_asked(request: HttpRequest) -> HttpResponse:
    """What comes next for a visitor who asked for a time: whoever they are, and whatever their address was."""
    return render(request, "schedule/intro_asked.html", {"minutes": INTRO_HELD_MINUTES})


@require_http_methods(["GET", "POST"])
@never_cache
@by_link
def intro(request: HttpRequest, token: str) -> HttpResponse:
    """A visitor's intro. Looking at it confirms nothing: programs that read mails look at links as well."""
    found = _by_link(request, token)
    if request.method == "POST":
        attempt(request, lambda: confirm_intro(found), done=_("Confirmed. It is yours."))
        return redirect("schedule:intro", token)
    with timezone.override(ZoneInfo(found.time_zone)):
        return render(request, "schedule/intro.html", _context(found, token))


@require_POST
@by_link
def intro_cancel(request: HttpRequest, token: str) -> HttpResponse:
    """Give it up."""
    found = _by_link(request, token)
    attempt(request, lambda: cancel_intro(found), done=_("You gave this time up. It is free for others again."))
    return redirect("schedule:intro", token)


@require_http_methods(["GET", "POST"])
@never_cache
@by_link
def intro_move(request: HttpRequest, token: str) -> HttpResponse:
    """Choose another time with the same coach, look at it, and move it."""
    found = _by_link(request, token)
    service = _service_of(found)
    if found.state != Intro.State.CONFIRMED or found.session.has_started():
        return redirect("schedule:intro", token)
    with timezone.override(ZoneInfo(found.time_zone)):
        if request.method == "POST":
            return _move(request, found, token)
        context = {"intro": found, "session": found.session, "token": token, "service": service}
        if "start" in request.GET:
            at = moment_of(request.GET["start"])
            context |= {"at": at, "until": at + (found.session.ends_at - found.session.starts_at)}
            return render(request, "schedule/intro_move.html", context | {"at_name": request.GET["start"]})
        data = request.GET.copy()
        data["coach"], data["minutes"] = str(found.coach_id), str(found.session.minutes)
        wish = WishForm(data, service=service).wish()
        seeker = Seeker(moving=found.session_id, leaves=found.session.starts_at)
        context["times"] = find_times(seeker, service, wish)
        return render(request, "schedule/intro_move.html", context)


@require_safe
@never_cache
@by_link
def intro_ics(request: HttpRequest, token: str) -> HttpResponse:
    """As a file for a calendar program."""
    found = _by_link(request, token)
    if found.state == Intro.State.HELD:
        raise Http404
    response = HttpResponse(intro_file(found), content_type="text/calendar; charset=utf-8; method=PUBLISH")
    response["Content-Disposition"] = f'attachment; filename="booking-{found.session.starts_at:%Y-%m-%d}.ics"'
    return response


@require_POST
@by_link
def intro_join(request: HttpRequest, token: str) -> HttpResponse:
    """Go into the session."""
    found = _by_link(request, token)
    hit_from(request, "intro-join")
    try:
        address = join_intro(found)
    except RuleError as refusal:
        messages.error(request, str(refusal))
        return redirect("schedule:intro", token)
    # By a page of ours: no form may lead elsewhere.
    context = {"to": address, "session": found.session, "back": reverse("schedule:intro", args=[token])}
    return render(request, "schedule/session_leave.html", context)


@login_required
@require_POST
def intro_mark(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Whether the visitor came."""
    user = teacher(request)
    session = managed_session(user, session_id)
    found = get_object_or_404(Intro.objects.visible_to(user), session=session)
    attempt(request, lambda: mark_intro(found, state=request.POST.get("state", ""), by=user))
    return redirect("schedule:session-roster", session.pk)


def _by_link(request: HttpRequest, token: str) -> Intro:
    """The intro behind a link; `NoSuchLink` for whatever else, which counts."""
    with counted(request, "intro-open"):
        rows = Intro.objects.select_related("session__coach", "session__service", "participant")
        found = rows.filter(token_hash=hash_token(token)).first()
        if found is None:
            raise NoSuchLink
        return found


def _service_of(found: Intro) -> Service:
    return get_object_or_404(with_offer(Service.objects.all()), pk=found.session.service_id)


def _context(found: Intro, token: str) -> dict[str, Any]:
    session = found.session
    is_open = session.is_planned and not session.has_started()
    is_held = found.state == Intro.State.HELD and found.held_until is not None and found.held_until > clock.now()
    return {
        "intro": found,
        "session": session,
        "token": token,
        "waits": is_held and is_open and not found.is_repeat,
        "is_over": found.state == Intro.State.CANCELLED or (found.state == Intro.State.HELD and not is_held),
        "can_change": is_open and found.state == Intro.State.CONFIRMED,
        "has_video": has_video(session),
        "can_join": found.state in Intro.PLACED and has_video(session) and is_joinable(session),
        "opens_at": session.starts_at - JOIN_OPENS,
    }


def _move(request: HttpRequest, found: Intro, token: str) -> HttpResponse:
    at: datetime = moment_of(request.POST.get("start", ""))
    if attempt(request, lambda: move_intro(found, starts_at=at), done=_("Moved. The mail about it is on its way.")):
        return redirect("schedule:intro", token)
    return redirect("schedule:intro-move", token)
