"""Files and links of a session: kept by its coach, and fetched by whoever may."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.people.models import User
from tenpo.schedule.actions.resources import add_file, add_link, change_resource, remove_resource
from tenpo.schedule.meeting_forms import ResourceForm
from tenpo.schedule.models import Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.resource_files import file_answer_of
from tenpo.schedule.resource_models import SessionResource
from tenpo.schedule.views.teaching import add_problems, managed_session, teacher


@login_required
@require_http_methods(["GET", "POST"])
def session_resources(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """What a session keeps, and a form for more."""
    user = teacher(request)
    session = managed_session(user, session_id)
    form = ResourceForm(request.POST or None, request.FILES or None, shown_to=user)
    if request.method == "POST" and form.is_valid():
        hit("upload-user", user.pk)
        hit("upload-user-day", user.pk)
        try:
            _add(session, form.cleaned_data, user)
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
        else:
            messages.success(request, _("Kept."))
            return redirect("schedule:session-resources", session.pk)
    context = {"session": session, "form": form, "resources": session.resources.order_by("id")}
    return render(request, "schedule/session_resources.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def resource_act(request: HttpRequest, resource_id: UUID) -> HttpResponse:
    """Show a file to everybody, or to those with a place alone; or take it away."""
    user = teacher(request)
    rows = SessionResource.objects.visible_to(user).select_related("session")
    resource = get_object_or_404(rows, pk=resource_id)
    act = request.POST.get("act", "")
    if not can_manage_session(user, resource.session) or act not in ("public", "private", "remove"):
        raise Http404
    if act == "remove":
        remove_resource(resource, by=user)
        messages.success(request, _("Taken away."))
    else:
        change_resource(resource, is_public=act == "public", by=user)
    return redirect("schedule:session-resources", resource.session_id)


@login_required
@require_safe
def resource_file(request: HttpRequest, resource_id: UUID) -> HttpResponse | FileResponse:
    """The file, to be kept and never shown by the browser as ours; a part of it where a part is asked for."""
    user = request.user
    assert isinstance(user, User)
    resource = get_object_or_404(SessionResource.objects.visible_to(user).exclude(file_key=""), pk=resource_id)
    return file_answer_of(request, resource)


def _add(session: Session, cleaned: dict[str, Any], by: User) -> None:
    names = ("kind", "name", "is_public", "once")
    terms: Any = {name: cleaned[name] for name in names}
    if cleaned["file"]:
        add_file(session, cleaned["file"], by=by, **terms)
    else:
        add_link(session, cleaned["link"], by=by, **terms)
