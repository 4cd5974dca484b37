from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tenpo.notify.actions.preferences import set_preferences, switch_off_email
from tenpo.notify.kinds import Audience, Kind, all_kinds
from tenpo.notify.models import Channel
from tenpo.notify.queries import preferences_of, read_unsubscribe_token
from tenpo.people.models import User


@login_required
@require_http_methods(["GET", "POST"])
def preference_list(request: HttpRequest) -> HttpResponse:
    """For each kind of news, by which channels it comes."""
    user = request.user
    assert isinstance(user, User)
    rows = preferences_of(user)
    if request.method == "POST":
        wanted = {
            (kind.code, channel): f"{channel}:{kind.code}" in request.POST
            for kind, _on in rows
            for channel in _choosable(kind)
        }
        set_preferences(user, wanted, by=user)
        messages.success(request, _("We tell you what you chose."))
        return redirect("notify:preferences")
    groups = [
        {"label": audience.label, "rows": [(kind, on) for kind, on in rows if kind.audience == audience]}
        for audience in Audience
    ]
    return render(request, "notify/preferences.html", {"groups": [group for group in groups if group["rows"]]})


def _choosable(kind: Kind) -> list[Channel]:
    return [Channel.IN_APP, Channel.EMAIL] if kind.email_is_optional else [Channel.IN_APP]


@csrf_exempt  # mail programs post this by themselves (RFC 8058); the signed token is what authorises it
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Switch one kind of mail off, signed in or not. Opening the link changes nothing: programs open links too."""
    found = read_unsubscribe_token(token)
    user = User.objects.filter(pk=found[0]).first() if found else None
    if found is None or user is None:
        raise Http404
    if request.method == "POST":
        switch_off_email(user, found[1])
    kind = all_kinds().get(found[1])
    context = {"label": kind.label if kind else found[1], "is_off": request.method == "POST"}
    return render(request, "notify/unsubscribe.html", context)
