"""A coach's earnings: what is theirs, what is to come, and from where."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenpo.checkout.queries.earnings import (
    coming,
    earned_by_month,
    earned_by_source,
    next_payout,
    splits_of,
    taken_back,
)
from tenpo.core import charts
from tenpo.core.business import current_business
from tenpo.core.days import business_zone, first_month
from tenpo.core.money import Money
from tenpo.core.words import say_money, say_month
from tenpo.orders.models import Split
from tenpo.payments.models import Payout
from tenpo.payments.queries import payable
from tenpo.people.http import PageRequest, page_of


@login_required
@never_cache
@require_safe
def earnings(request: PageRequest) -> HttpResponse:
    """What somebody has earned, month by month, and each sale that it comes from."""
    user, business = request.user, current_business()
    months = earned_by_month(user, business.currency, since=first_month(), zone=business_zone())
    parts = [part for part in Split.Part if any(month.parts.get(part) for month in months)]
    there = payable(user, Payout.Source.EARNINGS, business.currency)
    page = page_of(request, splits_of(user, business.currency), order=("-id",))
    context = {
        "there": there,
        "next_payout": next_payout(user, there),
        "coming": coming(user, business.currency),
        "chart": charts.bar_chart(
            [say_month(month.month) for month in months],
            [charts.Series(str(part.label), [month.parts.get(part, 0) for month in months]) for part in parts],
            say=lambda value: say_money(Money(round(value), business.currency), exact=False),
        )
        if parts
        else None,
        "months": months[::-1],
        "sources": earned_by_source(user, business.currency, since=first_month()),
        "splits": page.items,
        "taken_back": taken_back(user, business.currency),
        "next_cursor": page.next_cursor,
        "currency": business.currency,
    }
    return render(request, "checkout/earnings.html", context)
