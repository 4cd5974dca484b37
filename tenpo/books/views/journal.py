"""What goes to the accountants: the journal of a period, and the numbers that accounts have there."""

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.books.actions.numbers import set_account_numbers
from tenpo.books.forms import NumbersForm, PeriodForm
from tenpo.books.queries.journal import journal_header, journal_name, journal_rows, number_sums
from tenpo.books.queries.numbers import account_numbers
from tenpo.core.csv import csv_answer
from tenpo.people.http import PageRequest, admins_only, attempt_form


@admins_only
@never_cache
@require_safe
def journal(request: PageRequest) -> HttpResponse:
    """Choose a period, and see what it comes to before it is exported."""
    form = PeriodForm(request.GET)
    period = form.cleaned_data if form.is_valid() else None
    sums = number_sums(period["since"], period["until"]) if period else []
    context = {"form": form, "period": period, "sums": sums, "place": "journal"}
    return render(request, "books/journal.html", context)


@admins_only
@never_cache
@require_safe
def journal_csv(request: PageRequest) -> StreamingHttpResponse:
    """The journal of a period as a file, written as it is read."""
    form = PeriodForm(request.GET)
    if not form.is_valid():
        raise Http404
    since, until = form.cleaned_data["since"], form.cleaned_data["until"]
    return csv_answer(journal_name(since, until), journal_header(), journal_rows(since, until))


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def numbers(request: PageRequest) -> HttpResponse:
    """The number that each kind of account has in the business's own chart."""
    form = NumbersForm(request.POST or None, numbers=account_numbers())
    if form.is_valid() and attempt_form(form, lambda: set_account_numbers(form.cleaned_data, by=request.user)):
        messages.success(request, _("The account numbers are saved."))
        return redirect("books:journal")
    return render(request, "books/numbers.html", {"form": form}, status=422 if form.errors else 200)
