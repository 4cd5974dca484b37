from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.people.actions.imports import count_problems
from tenpo.people.http import attempt_form
from tenpo.people.models import Import, User
from tenpo.schedule.actions.imports import confirm_sessions_import, preview_sessions_import
from tenpo.schedule.forms import CalendarFileForm, ImportOptionsForm
from tenpo.schedule.views.teaching import teacher

EARLIER_SHOWN = 20


@login_required
@require_http_methods(["GET", "POST"])
def session_import(request: HttpRequest) -> HttpResponse:
    """Bring sessions in from a calendar file; and the files that were read before."""
    user = teacher(request)
    form = CalendarFileForm(request.POST or None, request.FILES or None, viewer=user)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        content, coach = file.read(), form.cleaned_data.get("coach") or user
        beside = list(form.cleaned_data.get("beside") or ())
        found = attempt_form(
            form, lambda: preview_sessions_import(file.name, content, coach=coach, by=user, beside=beside)
        )
        if found:
            return redirect("schedule:session-import-detail", found.pk)
    earlier = _visible(user).defer("rows").order_by("-id")[:EARLIER_SHOWN]
    status = 422 if form.errors else 200
    return render(request, "schedule/session_import.html", {"form": form, "imports": earlier}, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def session_import_detail(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Every event with what speaks against it; then how far it is; then what became of it."""
    user = teacher(request)
    import_ = get_object_or_404(_visible(user), pk=import_id)
    form = ImportOptionsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        terms = form.terms()
        if attempt_form(form, lambda: confirm_sessions_import(import_, by=user, **terms)):
            messages.success(request, _("We are making the sessions."))
            return redirect("schedule:session-import-detail", import_.pk)
    context = {**_context(import_), "form": form}
    return render(request, "schedule/session_import_detail.html", context, status=422 if form.errors else 200)


@login_required
@require_safe
def session_import_progress(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """How far it is, asked for every second while it runs; at the end the page loads anew."""
    import_ = get_object_or_404(_visible(teacher(request)), pk=import_id)
    response = render(request, "schedule/session_import_detail.html#progress", _context(import_))
    if import_.state == Import.State.DONE:
        response["HX-Refresh"] = "true"
    return response


def _visible(user: User) -> Any:
    return Import.objects.visible_to(user).filter(kind=Import.Kind.SESSIONS).select_related("created_by")


def _context(import_: Import) -> dict[str, Any]:
    skipped = count_problems(import_.rows)
    rows = [{**row, "starts_at": parse_datetime(row["data"]["starts_at"] or "")} for row in import_.rows]
    return {
        "import": import_,
        "rows": rows,
        "total": len(rows),
        "skipped": skipped,
        "good": len(rows) - skipped,
        "changed": sum(1 for row in rows if row["data"]["session_id"] and not row["problem"]),
    }
