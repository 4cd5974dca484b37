from datetime import date, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenpo.people.models import User
from tenpo.schedule.forms import WeekForm
from tenpo.schedule.request_queries import requests_for
from tenpo.schedule.views.teaching import teacher
from tenpo.schedule.week_queries import week_of


@login_required
@never_cache
@require_safe
def week(request: HttpRequest) -> HttpResponse:
    """The week of a coach on one grid, and a day of it as a list; an admin sees any coach's."""
    user = teacher(request)
    form = WeekForm(request.GET, viewer=user)
    coach, day = form.whose(), form.which() or timezone.localdate()
    context: dict[str, Any] = {
        "form": form,
        "coach": coach,
        "day": day,
        "today": timezone.localdate(),
        "earlier": day - timedelta(days=7),
        "later": day + timedelta(days=7),
        "asked": requests_for(user).count(),
        **(_shown(coach, day, user) if coach else {}),
    }
    return render(request, "schedule/week.html", context)


def _shown(coach: User, day: date, viewer: User) -> dict[str, Any]:
    shown = week_of(coach, day, viewer=viewer)
    return {"week": shown, "chosen": next(one for one in shown.days if one.is_chosen)}
