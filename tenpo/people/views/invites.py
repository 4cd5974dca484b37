from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.utils import perform_login
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.business import current_business
from tenpo.core.limits import give_back, hit
from tenpo.core.networks import counted, hit_from
from tenpo.people.actions.invites import (
    accept_invite,
    create_invite_link,
    decline_invite,
    invite_person,
    open_invite,
    renew_invite_link,
    resend_invite,
    revoke_invite,
)
from tenpo.people.forms import AcceptForm, InviteFilter, InviteForm
from tenpo.people.http import (
    PageRequest,
    admins_only,
    attempt,
    attempt_form,
    back_to,
    may_give,
    page_of,
    show_again,
    typed_before,
    visit_of,
)
from tenpo.people.models import Invite
from tenpo.people.queries import find_invites


@admins_only
@require_safe
def invite_list(request: PageRequest) -> HttpResponse:
    """Every invite with its state, the newest first."""
    form = InviteFilter(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    invites = find_invites(Invite.objects.visible_to(request.user), **asked).select_related("created_by", "accepted_by")
    page = page_of(request, invites, order=("-id",))
    context = {"form": form, "page": page, "is_filtered": any(asked.values())}
    return render(request, "people/invite_list.html", context)


@admins_only
@never_cache
@require_http_methods(["GET", "POST"])
def invite_create(request: PageRequest) -> HttpResponse:
    """Invite an address, or make a bare link, which is shown once."""
    form = InviteForm(request.POST or None, initial={"days": current_business().invite_days, **typed_before(request)})
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        if not may_give(request, asked["role"]):
            return show_again(request, typed=asked)
        hit("invite-send", request.user.pk)
        if made := attempt_form(form, lambda: _invite(request, **asked)):
            if isinstance(made, Invite):
                messages.success(request, _("We are writing to %(email)s.") % {"email": made.email})
                return redirect("people:invite-list")
            invite, link = made
            return render(request, "people/invite_link.html", {"invite": invite, "link": link})
    return render(request, "people/invite_create.html", {"form": form}, status=422 if form.errors else 200)


def _invite(request: PageRequest, *, email: str, **asked: Any) -> Invite | tuple[Invite, str]:
    if email:
        return invite_person(email, by=request.user, visit=visit_of(request), **asked)
    return create_invite_link(by=request.user, visit=visit_of(request), **asked)


@admins_only
@require_POST
def invite_resend(request: PageRequest, invite_id: str) -> HttpResponse:
    """Mail it again with a new link."""
    invite = _find(request, invite_id)
    if not may_give(request, invite.role):
        return show_again(request, back=reverse("people:invite-list"))
    hit("invite-send", request.user.pk)
    done = _("We are writing to %(email)s again. The old link does not work any more.") % {"email": invite.email}
    attempt(request, lambda: resend_invite(invite, by=request.user, visit=visit_of(request)), done=done)
    return back_to(request, "people:invite-list")


@admins_only
@require_POST
@never_cache
def invite_link(request: PageRequest, invite_id: str) -> HttpResponse:
    """Make a new link to hand over; shown once."""
    invite = _find(request, invite_id)
    if not may_give(request, invite.role):
        return show_again(request, back=reverse("people:invite-list"))
    made = attempt(request, lambda: renew_invite_link(invite, by=request.user, visit=visit_of(request)))
    if made is None:
        return redirect("people:invite-list")
    invite, link = made
    return render(request, "people/invite_link.html", {"invite": invite, "link": link})


@admins_only
@require_POST
def invite_revoke(request: PageRequest, invite_id: str) -> HttpResponse:
    """Make its link worthless."""
    invite = _find(request, invite_id)
    attempt(
        request, lambda: revoke_invite(invite, by=request.user), done=_("Revoked. Its link does not work any more.")
    )
    return redirect("people:invite-list")


def calm_when_over(view: Callable[[HttpRequest, str], HttpResponse]) -> Callable[[HttpRequest, str], HttpResponse]:
    """Answer a link that is not open with one page, whatever became of it: it says whom to ask, and nothing else."""

    @wraps(view)
    def shown(request: HttpRequest, token: str) -> HttpResponse:
        try:
            return view(request, token)
        except Http404:
            return _quiet(render(request, "people/invite_over.html", status=404))

    return shown


@never_cache
@calm_when_over
@sensitive_variables("token")
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def invite_open(request: HttpRequest, token: str) -> HttpResponse:
    """What somebody sees who follows the link: who invites them, to what; and the account that they make."""
    with counted(request, "invite-open"):
        invite = open_invite(token)
    form = AcceptForm(request.POST or None, invite=invite, initial={"name": invite.name})
    if request.method == "POST" and not request.user.is_authenticated:
        accepting = hit_from(request, "invite-accept")
        if form.is_valid() and (user := attempt_form(form, lambda: accept_invite(token, **form.cleaned_data))):
            give_back(*accepting)
            # Signs in at once, or asks for the code that shows the address is theirs.
            answer: HttpResponse = perform_login(
                request, user, email_verification=settings.ACCOUNT_EMAIL_VERIFICATION, email=user.email
            )
            return _quiet(answer)
    context = {"invite": invite, "form": form, "token": token}
    return _quiet(render(request, "people/invite_open.html", context, status=422 if form.errors else 200))


@never_cache
@calm_when_over
@sensitive_variables("token")
@require_POST
def invite_decline(request: HttpRequest, token: str) -> HttpResponse:
    """No, thank you."""
    with counted(request, "invite-open"):
        decline_invite(token)
    return _quiet(render(request, "people/invite_declined.html"))


def _find(request: PageRequest, invite_id: str) -> Invite:
    return get_object_or_404(Invite.objects.visible_to(request.user), pk=invite_id)


def _quiet(response: HttpResponse) -> HttpResponse:
    # The address is the secret: no other page may learn it. Not "no-referrer": browsers then send their forms from the
    # origin "null", which the CSRF check must refuse.
    response["Referrer-Policy"] = "strict-origin"
    response["X-Robots-Tag"] = "noindex"
    return response
