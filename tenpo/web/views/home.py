from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from tenpo.core import clock
from tenpo.core.charts import Chart, Series, bar_chart
from tenpo.core.money import Money, minor_digits
from tenpo.core.words import say_date, say_full_day, say_money, say_month, say_number, say_percent, say_short_date
from tenpo.people.required_factors import bound_from, has_factor
from tenpo.web.queries.attention import attention_for
from tenpo.web.queries.dashboard import Dashboard, Figure, Spend, Week, dashboard
from tenpo.web.queries.today import day_of, teaching_of


@dataclass(frozen=True)
class Shown:
    """A figure in words: its value, its change, and whether the change is good."""

    label: str
    value: str
    change: str
    trend: str
    kind: str
    route: str


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Today: what is next for whoever looks. The operator's numbers first, then teaching, then one's own seats."""
    user, now = request.user, clock.now()
    assert user.is_authenticated
    day = day_of(user, now=now)
    context: dict[str, Any] = {
        "now": now,
        "day_name": say_full_day(now),
        "day": day,
        "second_factor_from": None if has_factor(user) else bound_from(user),
        "credit_words": _("until %(day)s") % {"day": say_date(day.credit_ends_at)} if day.credit_ends_at else "",
    }
    if user.is_coach:
        context["teaching"] = teaching_of(user, now=now)
    if user.is_admin:
        numbers = dashboard(now=now)
        context |= {
            "figures": shown_figures(numbers),
            "spend": spend_chart(numbers.months, numbers.currency),
            "seats": seats_chart(numbers.weeks),
            "attention": attention_for(user, now=now),
        }
    return render(request, "web/home.html", context)


def shown_figures(numbers: Dashboard) -> list[Shown]:
    """The four figures, each with what changed."""
    currency = numbers.currency
    return [
        _figure(
            _("People"), say_number(numbers.people.value), numbers.people, "people:user-list",
            _("%(n)s more than 30 days ago"), _("%(n)s fewer than 30 days ago"), good=True,
        ),
        _figure(
            _("Sessions, next 30 days"), say_number(numbers.sessions.value), numbers.sessions, "schedule:calendar",
            _("%(n)s more than in the last 30"), _("%(n)s fewer than in the last 30"), good=True,
        ),
        _figure(
            _("Seats filled, last 30 days"), say_percent(numbers.filled.value / 100), numbers.filled,
            "schedule:session-list",
            ngettext("%(n)s point more than before", "%(n)s points more than before", numbers.filled.change),
            ngettext("%(n)s point less than before", "%(n)s points less than before", -numbers.filled.change),
            good=True,
        ),
        _figure(
            _("Company spend, last 30 days"), _whole(numbers.spend.value, currency),
            numbers.spend, "checkout:payment-list", _("%(n)s more than before"), _("%(n)s less than before"),
            said=_whole(abs(numbers.spend.change), currency),
        ),
    ]  # fmt: skip


def _whole(amount: int, currency: str) -> str:
    """An amount without its cents: a figure is read at a glance."""
    unit = 10 ** minor_digits(currency)
    return say_money(Money(round(amount / unit) * unit, currency), exact=False)


def _figure(
    label: str, value: str, figure: Figure, route: str, more: str, less: str, *, said: str = "", good: bool = False
) -> Shown:
    amount = {"n": said or say_number(abs(figure.change))}
    if figure.change == 0:
        return Shown(label, value, _("as before"), "", "", route)
    rises = figure.change > 0
    kind = ("good" if rises else "bad") if good else ""
    return Shown(label, value, (more if rises else less) % amount, "up" if rises else "down", kind, route)


def spend_chart(months: Sequence[Spend], currency: str) -> Chart | None:
    """What the company, sponsors and people paid, month by month; None while nobody paid anything.

    A month in which more went back than was paid has no bar.
    """
    if not any(month.company or month.people or month.sponsors for month in months):
        return None

    def say(amount: float) -> str:
        return say_money(Money(round(amount), currency), exact=False)

    series = [
        Series(_("Company"), [max(month.company, 0) for month in months]),
        Series(_("People"), [max(month.people, 0) for month in months]),
        *([Series(_("Sponsors"), sponsors)] if any(sponsors := [max(one.sponsors, 0) for one in months]) else []),
    ]
    return bar_chart([say_month(month.month) for month in months], series, say=say)


def seats_chart(weeks: Sequence[Week]) -> Chart | None:
    """How full the sessions of each week were, in percent; None while no seat was taken."""
    if not any(week.taken for week in weeks):
        return None
    series = [Series(_("Seats filled"), [week.percent for week in weeks])]
    return bar_chart(
        [say_short_date(week.monday) for week in weeks], series, say=lambda value: say_percent(value / 100)
    )
