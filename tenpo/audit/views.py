from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from tenpo.audit.actions import note_export
from tenpo.audit.forms import AuditForm
from tenpo.audit.models import AuditLog
from tenpo.audit.permissions import can_read_audit
from tenpo.audit.queries import CSV_HEADER, changes_of, csv_name, csv_rows, find_records
from tenpo.audit.words import VIA, say_action, say_actor, say_fact, say_object, say_value
from tenpo.core.business import current_business
from tenpo.core.csv import csv_answer
from tenpo.core.paging import Page, keyset_page


@dataclass(frozen=True)
class Shown:
    """A record in words."""

    record: AuditLog
    who: str
    what: str
    thing: str


@require_GET
@login_required
def log(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first; one of them opens beside the list. Admins only."""
    if not can_read_audit(request.user):
        raise Http404
    form = AuditForm(request.GET)
    rows = find_records(AuditLog.objects.visible_to(request.user), form.wanted())
    try:
        page: Page[AuditLog] = keyset_page(rows.defer("search"), order=("-id",), cursor=request.GET.get("cursor"))
    except ValidationError:
        raise Http404 from None
    context = {
        "form": form,
        "shown": [_shown(row) for row in page.items],
        "next_cursor": page.next_cursor,
        "is_filtered": any(value for key, value in request.GET.items() if key in form.fields),
        **_opened(request),
    }
    return render(request, "audit/log.html", context)


@require_POST
@login_required
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same records as a CSV file, written as it is read."""
    if not can_read_audit(request.user):
        raise Http404
    form = AuditForm(request.POST)
    rows = find_records(AuditLog.objects.visible_to(request.user), form.wanted())
    note_export(by=request.user, wanted={name: value for name, value in form.cleaned_data.items() if value})
    return csv_answer(csv_name(), CSV_HEADER, csv_rows(rows))


def _opened(request: HttpRequest) -> dict[str, Any]:
    if not request.GET.get("open"):
        return {"opened": None}
    try:
        opened = get_object_or_404(AuditLog.objects.visible_to(request.user), pk=request.GET["open"])
    except ValidationError:
        raise Http404 from None
    facts = {**(opened.before or {}), **(opened.after or {})}
    currency = str(facts.get("currency") or current_business().currency)
    changes = [
        {
            "name": say_fact(change.name),
            "before": say_value(change.before, change.name, currency),
            "after": say_value(change.after, change.name, currency),
            "differs": change.is_changed,
        }
        for change in changes_of(opened)
    ]
    via = VIA.get(opened.via, opened.via)
    return {"opened": _shown(opened), "changes": changes, "via": via, "has_before": opened.before is not None}


def _shown(record: AuditLog) -> Shown:
    return Shown(record, say_actor(record), say_action(record.action), say_object(record))
