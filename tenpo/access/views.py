from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from tenpo.access.actions.accounts import disable_user, enable_user, end_all_access, sign_out_device
from tenpo.access.actions.api_clients import create_api_client, revoke_api_client
from tenpo.access.forms import KeyForm
from tenpo.access.models import ApiClient
from tenpo.people.http import (
    PageRequest,
    admins_only,
    attempt,
    attempt_form,
    is_fresh,
    may_give,
    page_of,
    show_again,
    typed_before,
    url_to_show_again,
    visit_of,
)
from tenpo.people.models import User
from tenpo.people.queries import find_standing_access


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def key_list(request: PageRequest) -> HttpResponse:
    """My API keys; a new one is shown once, in the answer to the form."""
    # A key outlives the sign-in: nobody makes one who only sits at an open browser.
    may_make = is_fresh(request)
    form = KeyForm(request.POST or None, initial=typed_before(request))
    if request.method == "POST" and not may_make:
        return show_again(request, typed=form.cleaned_data if form.is_valid() else None)
    made = None
    if request.method == "POST" and form.is_valid():
        made = attempt_form(
            form,
            lambda: create_api_client(
                request.user,
                name=form.cleaned_data["name"],
                scopes=form.scopes(),
                expires_at=form.expires_at(),
                by=request.user,
                visit=visit_of(request),
            ),
        )
    keys = page_of(request, request.user.api_clients.all(), order=("-id",))
    context = {
        "form": KeyForm() if made else form,
        "page": keys,
        "key": made[0] if made else None,
        "secret": made[1] if made else "",
        "show_again_url": "" if may_make else url_to_show_again(request),
    }
    return render(request, "access/key_list.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def key_revoke(request: PageRequest, key_id: str) -> HttpResponse:
    """Make a key worthless: one's own, or, for an admin, somebody's."""
    key = get_object_or_404(ApiClient.objects.visible_to(request.user), pk=key_id)
    done = _("The key “%(name)s” does not work any more.") % {"name": key.name}
    attempt(request, lambda: revoke_api_client(key, by=request.user), done=done)
    if key.owner_id == request.user.pk:
        return redirect("access:key-list")
    return redirect("web:person", key.owner_id)


@login_required
@require_http_methods(["GET", "POST"])
def standing_access(request: PageRequest) -> HttpResponse:
    """What gets in without my password, and an end of all of it at once."""
    if request.method == "POST":
        # It shuts out whoever is signed in elsewhere: its owner, when somebody else sits at their open browser.
        if not is_fresh(request):
            return show_again(request)
        end_all_access(request.user, by=request.user, but=visit_of(request))
        messages.success(request, _("All of it is ended, and every other device is signed out."))
        return redirect("access:standing-access")
    standing = find_standing_access(request.user)
    context = {
        "ended": [one for one in standing if not one.stays],
        "passkeys": [one for one in standing if one.stays],
    }
    return render(request, "access/standing_access.html", context)


@login_required
@require_POST
def device_sign_out(request: PageRequest, device_id: int) -> HttpResponse:
    """Sign one of my devices out."""
    device = get_object_or_404(UserSession, pk=device_id, user=request.user)
    # Who only sits at an open browser does not shut its owner out elsewhere.
    if not is_fresh(request):
        return show_again(request, back=reverse("usersessions_list"))
    attempt(request, lambda: sign_out_device(device, by=request.user), done=_("Signed out there."))
    return redirect("usersessions_list")


@admins_only
@require_POST
def user_disable(request: PageRequest, user_id: str) -> HttpResponse:
    """Shut somebody out."""
    user = get_object_or_404(User.objects.visible_to(request.user), pk=user_id)
    if not may_give(request, *user.roles):
        return show_again(request, back=reverse("web:person", args=[user.pk]))
    done = _("%(name)s is signed out everywhere and cannot sign in.") % {"name": user}
    attempt(request, lambda: disable_user(user, by=request.user), done=done)
    return redirect("web:person", user.pk)


@admins_only
@require_POST
def user_enable(request: PageRequest, user_id: str) -> HttpResponse:
    """Let somebody in again."""
    user = get_object_or_404(User.objects.visible_to(request.user), pk=user_id)
    if not may_give(request, *user.roles):
        return show_again(request, back=reverse("web:person", args=[user.pk]))
    attempt(request, lambda: enable_user(user, by=request.user), done=_("%(name)s can sign in again.") % {"name": user})
    return redirect("web:person", user.pk)
