"""A coach's earnings: what is theirs, what is to come, and from where."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenpo.checkout.queries.earnings import coming, earned_by_month, splits_of, taken_back
from tenpo.core import charts
from tenpo.core.business import current_business
from tenpo.core.days import business_zone, first_month
from tenpo.core.money import Money
from tenpo.core.words import say_money, say_month
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
    page = page_of(request, splits_of(user, business.currency), order=("-id",))
    context = {
        "there": payable(user, Payout.Source.EARNINGS, business.currency),
        "coming": coming(user, business.currency),
        "chart": charts.bar_chart(
            [say_month(month.month) for month in months],
            [charts.Series(_("Earned"), [month.amount for month in months])],
            say=lambda value: say_money(Money(round(value), business.currency), exact=False),
        )
        if months
        else None,
        "months": months[::-1],
        "splits": page.items,
        "taken_back": taken_back(user, business.currency),
        "next_cursor": page.next_cursor,
        "currency": business.currency,
    }
    return render(request, "checkout/earnings.html", context)
