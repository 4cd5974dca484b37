"""Providers' own lists beside the books: differences first."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.books.actions.reconciling import clear_difference, reconcile_provider
from tenpo.books.forms import ClearanceForm, ReconciliationForm
from tenpo.books.models import Difference, Reconciliation
from tenpo.checkout.queries.money import causes_of
from tenpo.core.errors import RuleError
from tenpo.people.http import PageRequest, admins_only, attempt_form, page_of

OPEN_SHOWN = 50


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def reconciliation_list(request: PageRequest) -> HttpResponse:
    """What is open, then the comparisons, the newest first; makes another one."""
    form = ReconciliationForm(request.POST if request.method == "POST" else None)
    refusal = None
    if form.is_valid():
        try:
            run = reconcile_provider(**form.cleaned_data, by=request.user)
        except RuleError as error:
            refusal = error
        else:
            return redirect("books:reconciliation-detail", run.pk)
    runs = Reconciliation.objects.visible_to(request.user).select_related("made_by")
    page = page_of(request, runs, order=("-id",))
    still_open = Difference.objects.visible_to(request.user).open()
    context = {
        "form": form,
        "refusal": refusal,
        "open": _with_words(still_open.select_related("transfer").order_by("-id")[:OPEN_SHOWN]),
        "open_count": still_open.count(),
        "runs": page.items,
        "next_cursor": page.next_cursor,
        "place": "reconciliation",
    }
    status = 409 if refusal else 422 if form.is_bound and not form.is_valid() else 200
    return render(request, "books/reconciliation_list.html", context, status=status)


@admins_only
@never_cache
@require_safe
def reconciliation_detail(request: PageRequest, reconciliation_id: UUID) -> HttpResponse:
    """One comparison: what it found, open first, and how the rest was cleared."""
    runs = Reconciliation.objects.visible_to(request.user).select_related("made_by")
    run = get_object_or_404(runs, pk=reconciliation_id)
    differences = _with_words(run.differences.select_related("cleared_by", "transfer").order_by("id"))
    context = {
        "run": run,
        "open": [one for one in differences if one.cleared_at is None],
        "cleared": [one for one in differences if one.cleared_at is not None],
    }
    return render(request, "books/reconciliation_detail.html", context)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def difference_detail(request: PageRequest, difference_id: UUID) -> HttpResponse:
    """What each side says of one reference; notes how that was cleared."""
    rows = Difference.objects.visible_to(request.user).select_related("cleared_by", "transfer")
    [difference] = _with_words([get_object_or_404(rows, pk=difference_id)])
    form = ClearanceForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and attempt_form(
        form, lambda: clear_difference(difference, note=form.cleaned_data["note"], by=request.user)
    ):
        messages.success(request, _("It is noted."))
        return redirect("books:reconciliation-list")
    context = {"difference": difference, "form": form}
    return render(request, "books/difference_detail.html", context, status=422 if form.errors else 200)


def _with_words(differences: Iterable[Difference]) -> list[Difference]:
    """Each with what it was for (`words`), where the books know it. Four statements, however many."""
    found = list(differences)
    causes = causes_of(one.transfer for one in found if one.transfer)
    for one in found:
        one.words = causes[one.transfer.pk].words if one.transfer else ""  # type: ignore[attr-defined]
    return found
