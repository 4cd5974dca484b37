from allauth.account.adapter import get_adapter
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from tenpo.people.http import PageRequest
from tenpo.people.models import User
from tenpo.people.required_factors import WANTED, has_factor, is_kept_out


@login_required
@require_safe
def second_factor(request: PageRequest) -> HttpResponse:
    """Set a second factor up, or show it, and go on to the page that was wanted."""
    if not is_kept_out(request):
        # Kept by us, for an address that was asked for here.
        return redirect(request.session.pop(WANTED, "/"))
    if has_factor(request.user):
        return redirect(f"{_where_to_show(request.user)}?{urlencode({'next': request.path})}")
    return render(request, "people/second_factor.html")


def _where_to_show(user: User) -> str:
    """By a code, if there is an app or a recovery code to have it from; the page offers the passkey too."""
    ways = [way for way in get_adapter().get_reauthentication_methods(user) if way["id"] != "reauthenticate"]
    return str(ways[0]["url"])
