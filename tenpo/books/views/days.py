"""The business's days: which are closed, and closing the next."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.books.actions.closing import close_days
from tenpo.books.models import DayClose
from tenpo.books.queries.days import days_to_close
from tenpo.core import charts
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.money import Money
from tenpo.core.words import say_money, say_short_date
from tenpo.people.http import PageRequest, admins_only, page_of

DAYS_DRAWN = 30


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def day_list(request: PageRequest) -> HttpResponse:
    """The closed days, the newest first; closes those that are over."""
    refusal = None
    if request.method == "POST":
        try:
            closed = {close.day for close in close_days(by=request.user)}
        except RuleError as error:
            refusal = error
        else:
            words = ngettext("%(n)s day is closed.", "%(n)s days are closed.", len(closed)) % {"n": len(closed)}
            messages.success(request, words)
            return redirect("books:day-list")
    closes = DayClose.objects.visible_to(request.user)
    page = page_of(request, closes.select_related("closed_by"), order=("-day", "-currency"))
    context = {
        "closes": page.items,
        "next_cursor": page.next_cursor,
        "chart": _chart(request),
        "waiting": days_to_close(),
        "refusal": refusal,
        "place": "days",
    }
    return render(request, "books/day_list.html", context, status=409 if refusal else 200)


@admins_only
@never_cache
@require_safe
def day_detail(request: PageRequest, close_id: UUID) -> HttpResponse:
    """One closed day: what each kind of account opened with, moved and closed with."""
    closes = DayClose.objects.visible_to(request.user).select_related("closed_by").prefetch_related("lines")
    close = get_object_or_404(closes, pk=close_id)
    lines = sorted(close.lines.all(), key=lambda line: str(line).lower())
    return render(request, "books/day_detail.html", {"close": close, "lines": lines})


def _chart(request: PageRequest) -> charts.Chart | None:
    """What moved on each of the last closed days, in the business's currency."""
    currency = current_business().currency
    closes = DayClose.objects.visible_to(request.user).filter(currency=currency)
    drawn = list(closes.order_by("-day")[:DAYS_DRAWN])[::-1]
    if not drawn:
        return None
    return charts.bar_chart(
        [say_short_date(close.day) for close in drawn],
        [charts.Series(_("Moved"), [close.amount for close in drawn])],
        say=lambda value: say_money(Money(round(value), currency), exact=False),
    )
