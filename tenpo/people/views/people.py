from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.people.actions.accounts import grant_role, revoke_role, update_profile
from tenpo.people.forms import PeopleFilter, ProfileForm
from tenpo.people.http import PageRequest, admins_only, attempt, attempt_form, may_give, page_of, show_again, visit_of
from tenpo.people.models import Role, User
from tenpo.people.queries import find_people


@admins_only
@require_safe
def user_list(request: PageRequest) -> HttpResponse:
    """Everybody with an account; found as one types."""
    form = PeopleFilter(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    people = find_people(User.objects.visible_to(request.user), **asked).with_roles()
    page = page_of(request, people, order=("name", "id"))
    context = {"form": form, "page": page, "is_filtered": any(asked.values())}
    return render(request, "people/user_list.html", context)


@admins_only
@require_POST
def role_change(request: PageRequest, user_id: str) -> HttpResponse:
    """Give or take one role."""
    user = get_object_or_404(User.objects.visible_to(request.user), pk=user_id)
    role, act = request.POST.get("role", ""), request.POST.get("act", "")
    if role not in Role.values or act not in ("grant", "revoke"):
        messages.error(request, _("We do not know this role, or what to do with it. Nothing was changed."))
        return redirect("web:person", user.pk)
    if not may_give(request, role):
        return show_again(request, back=reverse("web:person", args=[user.pk]))
    words = {"name": user, "role": Role(role).label.lower()}
    if act == "revoke":
        done = _("%(name)s is no longer %(role)s.") % words
        was_done = attempt(request, lambda: revoke_role(user, role=role, by=request.user), done=done)
        if was_done and user == request.user and role == Role.ADMIN:
            # Who is no admin any more does not see this page.
            return redirect("web:home")
    else:
        done = _("%(name)s is now %(role)s.") % words
        attempt(request, lambda: grant_role(user, role=role, by=request.user, visit=visit_of(request)), done=done)
    return redirect("web:person", user.pk)


@login_required
@require_http_methods(["GET", "POST"])
def profile(request: PageRequest) -> HttpResponse:
    """What I say of myself, and where the rest of my account is."""
    form = ProfileForm(request.POST or None, user=request.user)
    if form.is_valid() and attempt_form(
        form, lambda: update_profile(request.user, by=request.user, **form.cleaned_data)
    ):
        # In the language that was just chosen.
        with translation.override(form.cleaned_data["locale"]):
            messages.success(request, _("Saved."))
        return redirect("people:profile")
    return render(request, "people/profile.html", {"form": form}, status=422 if form.errors else 200)
