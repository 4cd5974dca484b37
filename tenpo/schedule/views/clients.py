from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenpo.people.http import page_of
from tenpo.schedule.forms import ClientFilter
from tenpo.schedule.guest_queries import clients_of
from tenpo.schedule.request_queries import requests_for
from tenpo.schedule.views.teaching import teacher


@login_required
@require_safe
def client_list(request: HttpRequest) -> HttpResponse:
    """Who was with me, how often, when last, and when they come next; an admin sees everybody's."""
    user = teacher(request)
    form = ClientFilter(request.GET, viewer=user)
    coach = form.chosen() if user.is_admin else user
    page = page_of(request, clients_of(coach, words=form.words()), order=("name", "id"))
    context = {
        "clients": page.items,
        "next": page.next_cursor,
        "form": form,
        "asked": requests_for(user).count(),
        "is_narrow": any(request.GET.get(name) for name in form.fields),
    }
    return render(request, "schedule/client_list.html", context)
