from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.people.actions.imports import confirm_import, count_problems, preview_people_import, roles_given
from tenpo.people.forms import ImportForm
from tenpo.people.http import (
    PageRequest,
    admins_only,
    attempt,
    attempt_form,
    may_give,
    page_of,
    show_again,
    visit_of,
)
from tenpo.people.models import Import

ROWS_SHOWN = 200


@admins_only
@require_http_methods(["GET", "POST"])
def import_list(request: PageRequest) -> HttpResponse:
    """Every file that was read, and the form for the next one."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        if found := attempt_form(form, lambda: preview_people_import(file.name, file.read(), by=request.user)):
            return redirect("people:import-detail", found.pk)
    imports = Import.objects.visible_to(request.user).filter(kind=Import.Kind.PEOPLE).select_related("created_by")
    page = page_of(request, imports.defer("rows"), order=("-id",))
    return render(request, "people/import_list.html", {"form": form, "page": page}, status=422 if form.errors else 200)


@admins_only
@require_safe
def import_detail(request: PageRequest, import_id: str) -> HttpResponse:
    """The rows of a file with their problems before; how far it is during; what became of it after."""
    return _show(request, _find(request, import_id), "people/import_detail.html")


@admins_only
@require_safe
def import_progress(request: PageRequest, import_id: str) -> HttpResponse:
    """How far it is, asked for every second while it runs; at the end the page loads anew."""
    import_ = _find(request, import_id)
    response = _show(request, import_, "people/import_detail.html#progress")
    if import_.state == Import.State.DONE:
        response["HX-Refresh"] = "true"
    return response


@admins_only
@require_POST
def import_confirm(request: PageRequest, import_id: str) -> HttpResponse:
    """Go on with the rows that have no problem."""
    import_ = _find(request, import_id)
    if not may_give(request, *roles_given(import_)):
        return show_again(request, back=reverse("people:import-detail", args=[import_.pk]))
    done = _("We are inviting them.")
    attempt(request, lambda: confirm_import(import_, by=request.user, visit=visit_of(request)), done=done)
    return redirect("people:import-detail", import_.pk)


def _find(request: PageRequest, import_id: str) -> Import:
    people = Import.objects.visible_to(request.user).filter(kind=Import.Kind.PEOPLE).select_related("created_by")
    return get_object_or_404(people, pk=import_id)


def _show(request: PageRequest, import_: Import, template: str) -> HttpResponse:
    skipped = count_problems(import_.rows)
    # Rows with a problem first: they are what somebody looks for.
    rows = sorted(import_.rows, key=lambda row: not row["problem"])
    context = {
        "import": import_,
        "rows": rows[:ROWS_SHOWN],
        "more": max(0, len(rows) - ROWS_SHOWN),
        "total": len(rows),
        "skipped": skipped,
        "good": len(rows) - skipped,
    }
    return render(request, template, context)
